"""Calling functions. A call in last position of a function replaces it, so tail recursion needs no depth."""

from __future__ import annotations

from typing import Any

from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.scope import MAX_NESTING, Run, Scope
from stepherd.engine.jsonata.values import UNDEFINED, Function, Lambda, Native

__all__ = ["TailCall", "call", "call_with"]


class TailCall:
    """A call that is still to be made, with its arguments evaluated."""

    __slots__ = ("arguments", "context", "function", "token")

    def __init__(self, function: Any, arguments: list[Any], context: Any, token: str | None) -> None:
        self.function = function
        self.arguments = arguments
        self.context = context
        self.token = token


def call(function: Any, arguments: list[Any], context: Any, scope: Scope, token: str | None = None) -> Any:
    """The result of a function; raises T1006 when the value is not a function."""
    run = scope.run
    run.deeper()
    result = _once(function, arguments, context, scope, token)
    while type(result) is TailCall:
        result = _once(result.function, result.arguments, context, scope, result.token)
    run.depth -= 1
    return result


def _once(function: Any, arguments: list[Any], context: Any, scope: Scope, token: str | None) -> Any:
    run = scope.run
    run.left -= 1
    if run.left < 0:
        run.look()
    if type(function) is Lambda:
        if function.signature is not None:
            arguments = _checked(function, arguments, context, token, run)
        names = dict(zip(function.parameters, arguments, strict=False))
        for name in function.parameters[len(arguments) :]:
            names[name] = UNDEFINED
        body, room = function.body, MAX_NESTING - run.around
        code = body.code if body.deepest <= room else body.within(max(room, 0))
        return code(function.context, Scope(names, function.scope, run))
    if isinstance(function, Native):
        try:
            if function.signature is not None:
                arguments = function.signature.check(arguments, context)
            missing = function.arity - len(arguments)
            return function.implementation(
                scope, arguments + [UNDEFINED] * missing if missing > 0 else arguments
            )
        except JsonataError as error:
            raise error.of(token) from None
    raise JsonataError("T1006").of(token)


def _checked(function: Lambda, arguments: list[Any], context: Any, token: str | None, run: Run) -> list[Any]:
    assert function.signature is not None
    try:
        return function.signature.check_paid(arguments, context, run)
    except JsonataError as error:
        raise error.of(token) from None


def call_with(function: Any, scope: Scope, *arguments: Any) -> Any:
    """Call a function that was given as an argument, with as many arguments as it takes, at least one."""
    taken = max(function.arity, 1) if isinstance(function, Function) else 1
    return call(function, list(arguments[:taken]), None, scope)
