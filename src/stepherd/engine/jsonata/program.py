"""Compiled expressions: calls, lambdas, transforms and regular expressions on top of paths; and running
them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from stepherd.engine.jsonata.calling import TailCall, call
from stepherd.engine.jsonata.compiler import Code
from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.matching import matcher
from stepherd.engine.jsonata.nodes import Node, nodes_of
from stepherd.engine.jsonata.paths import PathCompiler
from stepherd.engine.jsonata.regex import compile_regex
from stepherd.engine.jsonata.scope import Run, Scope
from stepherd.engine.jsonata.signature import Signature
from stepherd.engine.jsonata.simplify import syntax_tree
from stepherd.engine.jsonata.texts import copied
from stepherd.engine.jsonata.values import UNDEFINED, Function, Lambda, Native

__all__ = ["Program"]

_FRAMES = 15_000
"""Python's frames in one evaluation: MAX_DEPTH calls have about a dozen each."""
_TRANSFORM = Signature("<(oa):o>")


class Program:
    """One expression, parsed at once and compiled when it is first run.

    Raises JsonataError, RecursionError for one nested too deeply.
    """

    __slots__ = ("_code", "tree")

    def __init__(self, source: str) -> None:
        self._code: Code | None = None
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, _FRAMES))
        try:
            self.tree = syntax_tree(source)
        finally:
            sys.setrecursionlimit(limit)
        for node in nodes_of(self.tree):
            if node.kind == "regex":
                compile_regex(*node.value)

    def run(self, bindings: Mapping[str, Any], run: Run, functions: Mapping[str, Any]) -> Any:
        """The value, UNDEFINED for nothing.

        Raises JsonataError; RecursionError and MemoryError where Python's own limits are met first.
        """
        run.depth = run.around = 0
        scope = Scope(dict(bindings), Scope(functions, None, run), run)
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, _FRAMES))
        try:
            if self._code is None:
                self._code = _Compiler().code(self.tree)
            return self._code(UNDEFINED, scope)
        finally:
            sys.setrecursionlimit(limit)


class _Body:
    """What a function does. Where little room is left for it, other code takes its place, which fails beyond
    that room: so parts are counted when an expression is compiled, and not again when it runs."""

    __slots__ = ("_narrow", "_node", "code", "deepest")

    def __init__(self, node: Node) -> None:
        compiler = _Compiler()
        self._node = node
        self._narrow: dict[int, Code] = {}
        self.code = compiler.inside(compiler.tail, node)
        self.deepest = compiler.deepest

    def within(self, room: int) -> Code:
        """The code that fails where it is deeper than the room that is left."""
        code = self._narrow.get(room)
        if code is None:
            compiler = _Compiler(room)
            code = self._narrow[room] = compiler.inside(compiler.tail, self._node)
        return code


class _Compiler(PathCompiler):
    def _definition(self, node: Node) -> Code:
        assert node.left is not None
        names = tuple(str(parameter.value) for parameter in node.items)
        body, signature = _Body(node.left), node.signature
        return lambda context, scope: Lambda(names, body, context, scope, signature)

    def _tail(self, node: Node) -> Code:
        return self.inside(self.tail, node)

    def tail(self, node: Node) -> Code:
        """The code of what a function ends with: a call there is handed back to be made by the caller."""
        if node.kind == "function" and not node.predicates and node.group is None:
            return self._call(node, tail=True)
        if node.predicates or node.group is not None or node.keep_array:
            return self._compiled(node)
        if node.kind == "condition":
            return self._condition(node, self._tail)
        if node.kind == "block" and node.items:
            first = [self.code(item) for item in node.items[:-1]]
            last = self._tail(node.items[-1])

            def run(context: Any, scope: Scope) -> Any:
                inner = Scope({}, scope, scope.run)
                for part in first:
                    part(context, inner)
                return last(context, inner)

            return run
        return self._compiled(node)

    def _function(self, node: Node) -> Code:
        return self._call(node, tail=False)

    def _call(self, node: Node, *, tail: bool, applied: Code | None = None) -> Code:
        around = self.at
        # The caller of a function makes the call that the function ends with: its parts stand there.
        self.at = 0 if tail else around
        procedure, token = self._procedure(node, "T1005")
        arguments = [self.code(item) for item in node.items]
        self.at = around
        if applied is not None:
            arguments.insert(0, applied)

        def run(context: Any, scope: Scope) -> Any:
            function = procedure(context, scope)
            values = [argument(context, scope) for argument in arguments]
            if tail:
                return TailCall(function, values, context, token)
            budget = scope.run
            budget.around += around
            result = call(function, values, context, scope, token)
            budget.around -= around
            return result

        return run

    def _procedure(self, node: Node, code: str) -> tuple[Code, str | None]:
        procedure = node.left
        assert procedure is not None
        bare = self.code(procedure)
        if procedure.kind != "path":
            return bare, str(procedure.value) if procedure.kind == "variable" else None
        name = procedure.items[0].value

        def run(context: Any, scope: Scope) -> Any:
            function = bare(context, scope)
            if function is UNDEFINED and isinstance(name, str) and scope.find(name) is not UNDEFINED:
                raise JsonataError(code, token=name)
            return function

        return run, name if isinstance(name, str) else None

    def _partial(self, node: Node) -> Code:
        procedure, _ = self._procedure(node, "T1007")
        arguments = [None if item.kind == "placeholder" else self.code(item) for item in node.items]

        def run(context: Any, scope: Scope) -> Any:
            given = [None if code is None else (code(context, scope),) for code in arguments]
            function = procedure(context, scope)
            if not isinstance(function, Function):
                raise JsonataError("T1008")
            return _partial(function, given)

        return run

    def _piped(self, node: Node) -> Code:
        assert node.left is not None
        assert node.right is not None
        left = self.code(node.left)
        if node.right.kind == "function" and not node.right.predicates and node.right.group is None:
            return self._call(node.right, tail=False, applied=left)
        right, around = self.code(node.right), self.at

        def run(context: Any, scope: Scope) -> Any:
            value = left(context, scope)
            function = right(context, scope)
            if not isinstance(function, Function):
                raise JsonataError("T2006", value=None)
            if isinstance(value, Function):
                return _chain(value, function)
            budget = scope.run
            budget.around += around
            result = call(function, [value], None, scope)
            budget.around -= around
            return result

        return run

    def _transform(self, node: Node) -> Code:
        assert node.left is not None
        assert node.right is not None
        around, self.at = self.at, 0
        pattern, update = self.code(node.left), self.code(node.right)
        delete = None if node.other is None else self.code(node.other)
        self.at = around

        def run(_context: Any, scope: Scope) -> Any:
            def implementation(caller: Scope, arguments: list[Any]) -> Any:
                if arguments[0] is UNDEFINED:
                    return UNDEFINED
                made: set[int] = set()
                result = copied(arguments[0], caller.run, made)
                matches = pattern(result, scope)
                for match in matches if isinstance(matches, list) else [matches]:
                    caller.run.step()
                    if match is not UNDEFINED:
                        # A pattern may lead out of the copy, to a variable: that is left as it is.
                        own = match if id(match) in made or not isinstance(match, dict) else {}
                        _update(own, update(match, scope), caller.run)
                        _delete(own, UNDEFINED if delete is None else delete(match, scope), caller.run)
                return result

            return Native(implementation, 1, _TRANSFORM)

        return run

    def _regex(self, node: Node) -> Code:
        regex = compile_regex(*node.value)
        return lambda _context, _scope: matcher(regex)


def _partial(function: Function, given: list[tuple[Any] | None]) -> Function:
    if isinstance(function, Lambda):
        names = dict(
            zip(function.parameters, [UNDEFINED if one is None else one[0] for one in given], strict=False)
        )
        open_ = [at >= len(given) or given[at] is None for at in range(len(function.parameters))]
        left = tuple(name for name, is_open in zip(function.parameters, open_, strict=True) if is_open)
        bound = {name: value for name, value in names.items() if name not in left}
        return Lambda(left, function.body, function.context, function.scope.inner(bound))
    assert isinstance(function, Native)
    native, arity = function, max(function.arity, len(given))
    open_at = [at for at in range(arity) if at >= len(given) or given[at] is None]

    def implementation(caller: Scope, arguments: list[Any]) -> Any:
        values = [UNDEFINED if at >= len(given) else (given[at] or (UNDEFINED,))[0] for at in range(arity)]
        for at, value in zip(open_at, arguments, strict=False):
            values[at] = value
        return native.implementation(caller, values)

    return Native(implementation, len(open_at))


def _chain(first: Function, second: Function) -> Function:
    def implementation(caller: Scope, arguments: list[Any]) -> Any:
        return call(second, [call(first, [arguments[0]], None, caller)], None, caller)

    return Native(implementation, 1)


def _update(match: Any, update: Any, run: Run) -> None:
    if update is UNDEFINED:
        return
    if not isinstance(update, dict):
        raise JsonataError("T2011", value=None if isinstance(update, Function) else update)
    if isinstance(match, dict):
        run.make(100 * len(update))
        match.update(update)
    elif update and not isinstance(match, (list, Function)):
        raise ValueError(f"Cannot create property '{next(iter(update))}' on what is no object")


def _delete(match: Any, names: Any, run: Run) -> None:
    if names is UNDEFINED:
        return
    listed = names if isinstance(names, list) else [names]
    run.step(len(listed))
    if not all(isinstance(name, str) for name in listed):
        raise JsonataError("T2012", value=names)
    if isinstance(match, dict):
        for name in listed:
            match.pop(name, None)
