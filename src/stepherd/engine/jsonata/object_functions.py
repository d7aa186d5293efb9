"""The functions of objects, of truth, and of types."""

from __future__ import annotations

from typing import Any

from stepherd.engine.jsonata.calling import call_with
from stepherd.engine.jsonata.compiler import lookup
from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.operators import boolean
from stepherd.engine.jsonata.scope import Scope
from stepherd.engine.jsonata.string_functions import Implementation, when_given
from stepherd.engine.jsonata.texts import copied
from stepherd.engine.jsonata.values import UNDEFINED, Function, Lambda, Sequence, is_numeric, keys_in_order

__all__ = ["OBJECT_FUNCTIONS"]


def _keys(scope: Scope, arguments: list[Any]) -> Any:
    names: dict[str, bool] = {}
    merged = _collect(arguments[0], names, scope)
    return Sequence(keys_in_order(names) if merged else names)


def _collect(value: Any, names: dict[str, bool], scope: Scope) -> bool:
    if isinstance(value, list):
        for item in value:
            scope.run.step()
            _collect(item, names, scope)
        return True
    if isinstance(value, dict):
        scope.run.make(16 * len(value))
        names.update(dict.fromkeys(keys_in_order(value), True))
    return False


def _lookup(scope: Scope, arguments: list[Any]) -> Any:
    value, key = arguments[:2]
    if key is UNDEFINED:
        return Sequence() if isinstance(value, list) else UNDEFINED
    return lookup(value, key, scope)


def _spread(scope: Scope, arguments: list[Any]) -> Any:
    value = arguments[0]
    if isinstance(value, list):
        found: list[Any] = []
        for item in value:
            scope.run.make(16)
            part = _spread(scope, [item])
            if isinstance(part, list):
                found += part
            elif part is not UNDEFINED:
                found.append(part)
        return found if found else Sequence()
    if isinstance(value, dict):
        scope.run.make(100 * len(value))
        return Sequence({key: value[key]} for key in keys_in_order(value))
    return value if not isinstance(value, Function) or isinstance(value, Lambda) else Sequence()


def _merge(scope: Scope, values: list[Any], *_: Any) -> Any:
    result: dict[str, Any] = {}
    for value in values:
        scope.run.make(16 + 16 * len(value))
        result.update(value)
    return result


def _each(scope: Scope, arguments: list[Any]) -> Any:
    value, function = arguments[:2]
    found = Sequence()
    for key in keys_in_order(value) if isinstance(value, dict) else []:
        result = call_with(function, scope, value[key], key, value)
        if result is not UNDEFINED:
            found.append(result)
    return found


def _sift(scope: Scope, arguments: list[Any]) -> Any:
    value, function = arguments[:2]
    result: dict[str, Any] = {}
    for key in keys_in_order(value) if isinstance(value, dict) else []:
        answer = call_with(function, scope, value[key], key, value)
        if isinstance(answer, Function) or boolean(answer, scope.run) is True:
            result[key] = value[key]
    return result or UNDEFINED


def _error(_scope: Scope, arguments: list[Any]) -> Any:
    raise JsonataError("D3137", message=arguments[0] or "$error() function evaluated")


def _assert(_scope: Scope, arguments: list[Any]) -> Any:
    if arguments[0] is not True:
        raise JsonataError("D3141", message=arguments[1] or "$assert() statement failed")
    return UNDEFINED


def _type(_scope: Scope, arguments: list[Any]) -> Any:  # noqa: PLR0911
    value = arguments[0]
    if value is UNDEFINED:
        return UNDEFINED
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    if isinstance(value, Function):
        return "function"
    return "number" if is_numeric(value) else "object"


def _not(scope: Scope, value: Any, *_: Any) -> bool:
    return boolean(value, scope.run) is not True


OBJECT_FUNCTIONS: dict[str, tuple[str, int, Implementation]] = {
    "boolean": ("<x-:b>", 1, lambda scope, arguments: boolean(arguments[0], scope.run)),
    "not": ("<x-:b>", 1, when_given(_not)),
    "exists": ("<x:b>", 1, lambda _scope, arguments: arguments[0] is not UNDEFINED),
    "keys": ("<x-:a<s>>", 1, _keys),
    "lookup": ("<x-s:x>", 2, _lookup),
    "spread": ("<x-:a<o>>", 1, _spread),
    "merge": ("<a<o>:o>", 1, when_given(_merge)),
    "each": ("<o-f:a>", 2, _each),
    "sift": ("<o-f?:o>", 2, _sift),
    "error": ("<s?:x>", 1, _error),
    "assert": ("<bs?:x>", 2, _assert),
    "type": ("<x:s>", 1, _type),
    "clone": ("<(oa)-:o>", 1, when_given(lambda scope, value, *_: copied(value, scope.run))),
}
