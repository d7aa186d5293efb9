"""From a tree to Python functions: each node becomes ``code(context, scope)``, compiled once, run often."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from stepherd.engine.jsonata.errors import ExpressionTooLongError, JsonataError
from stepherd.engine.jsonata.nodes import Node, Stage
from stepherd.engine.jsonata.operators import BINARY, negated, truth
from stepherd.engine.jsonata.scope import MAX_NESTING, NESTED_TOO_DEEPLY, Scope
from stepherd.engine.jsonata.values import UNDEFINED, Sequence, keys_in_order, one_or_all

__all__ = ["Code", "Compiler"]

Code = Callable[[Any, Scope], Any]


def lookup(value: Any, name: str, scope: Scope) -> Any:
    """The member of an object; of an array, the members of all its objects."""
    if type(value) is dict:
        return value.get(name, UNDEFINED)
    if not isinstance(value, list):
        return UNDEFINED
    found = Sequence()
    run = scope.run
    run.make(16 * len(value))
    for item in value:
        run.left -= 1
        if run.left < 0:
            run.look()
        member = lookup(item, name, scope)
        if isinstance(member, list):
            run.make(16 * len(member))
            found += member
        elif member is not UNDEFINED:
            found.append(member)
    return found


class Compiler(ABC):
    """Compiles one tree. Its subclasses add paths and calls."""

    def __init__(self, room: int = MAX_NESTING) -> None:
        """``room``: so many parts may stand inside of each other; deeper ones fail when evaluated."""
        self._codes: dict[int, Code] = {}
        self._room = room
        self.at = 0
        """How many parts there are around what is compiled, itself included."""
        self.deepest = 0

    def code(self, node: Node) -> Code:
        """The code of a node with its predicates, its group, and the collapse of its sequence.

        Compiled once: a path asks for its first step more than once, and paths can be first steps of paths.
        """
        code = self._codes.get(id(node))
        if code is None:
            code = self._codes[id(node)] = self.inside(self._compiled, node)
        return code

    def inside(self, compiled: Callable[[Node], Code], node: Node) -> Code:
        """The code of a part that stands inside of the one that is compiled now."""
        self.at += 1
        self.deepest = max(self.deepest, self.at)
        code = compiled(node) if self.at <= self._room else _too_deep
        self.at -= 1
        return code

    def _compiled(self, node: Node) -> Code:
        bare: Code = getattr(self, f"_{node.kind}")(node)
        predicates = [self.filter(stage.predicate) for stage in node.predicates or [] if stage.predicate]
        group = self.group(node.group) if node.group is not None and node.kind != "path" else None
        keep = node.keep_array
        if not predicates and group is None and node.kind in _NEVER_SEQUENCES:
            return bare

        def run(context: Any, scope: Scope) -> Any:
            result = bare(context, scope)
            for predicate in predicates:
                result = predicate(result, scope)
            if group is not None:
                result = group(result, scope)
            if type(result) is Sequence and result.collapses and not result.tuples:
                if keep:
                    result.keep = True
                return one_or_all(result)
            return result

        return run

    @abstractmethod
    def filter(self, predicate: Node) -> Callable[[Any, Scope], Any]:
        """Compile a predicate: the code gives the items of a value that it keeps."""

    @abstractmethod
    def group(self, group: Node) -> Code:
        """An object, one member for each key that the pairs give."""

    @abstractmethod
    def stages(self, stages: list[Stage]) -> Code:
        """The predicates and indices after a step, one after the other."""

    # Literals and names

    def _string(self, node: Node) -> Code:
        value = node.value
        return lambda _context, _scope: value

    _number = _value = _string

    def _placeholder(self, _: Node) -> Code:
        raise JsonataError("S0201", token="?")  # noqa: S106

    def _name(self, node: Node) -> Code:
        name = node.value

        def run(context: Any, scope: Scope) -> Any:
            if type(context) is dict:
                return context.get(name, UNDEFINED)
            return lookup(context, name, scope)

        return run

    def _variable(self, node: Node) -> Code:
        name = node.value
        if name == "":
            return lambda context, _scope: context
        return lambda _context, scope: scope.find(name)

    def _parent(self, node: Node) -> Code:
        slot = node.slot
        assert slot is not None
        return lambda _context, scope: scope.find(slot.label)

    def _wildcard(self, _: Node) -> Code:
        def run(context: Any, scope: Scope) -> Any:
            found = Sequence()
            if isinstance(context, dict):
                values = [context[key] for key in keys_in_order(context)]
            else:
                values = context if isinstance(context, list) else []
            for value in values:
                scope.run.make(16)
                if isinstance(value, list):
                    found += _flat(value, scope)
                else:
                    found.append(value)
            return found

        return run

    def _descendant(self, _: Node) -> Code:
        def run(context: Any, scope: Scope) -> Any:
            if context is UNDEFINED:
                return UNDEFINED
            found = Sequence(_descendants(context, scope))
            return found[0] if len(found) == 1 else found

        return run

    # Operators

    def _unary(self, node: Node) -> Code:
        if node.value == "[":
            return self._array(node)
        if node.value == "{":
            return self.group(node)
        assert node.left is not None
        part = self.code(node.left)
        return lambda context, scope: negated(part(context, scope))

    def _array(self, node: Node) -> Code:
        items = [(self.code(item), item.value == "[") for item in node.items]
        constructs = node.constructs

        def run(context: Any, scope: Scope) -> Any:
            result: list[Any] = []
            scope.run.make(16 * len(items) + 16)
            for code, nested in items:
                value = code(context, scope)
                if value is UNDEFINED:
                    continue
                if nested or not isinstance(value, list):
                    result.append(value)
                else:
                    scope.run.make(16 * len(value))
                    result += value
            if constructs:
                made = Sequence(result, collapses=False)
                made.constructed = True
                return made
            return result

        return run

    def _binary(self, node: Node) -> Code:
        assert node.left is not None
        assert node.right is not None
        left, right = self.code(node.left), self.code(node.right)
        if node.value == "and":
            return lambda context, scope: (
                truth(left(context, scope), scope) and truth(right(context, scope), scope)
            )
        if node.value == "or":
            return lambda context, scope: (
                truth(left(context, scope), scope) or truth(right(context, scope), scope)
            )
        operate = BINARY[node.value]
        return lambda context, scope: operate(left(context, scope), right(context, scope), scope.run)

    def _condition(self, node: Node, branch: Callable[[Node], Code] | None = None) -> Code:
        assert node.left is not None
        assert node.right is not None
        compiled = branch or self.code
        test, then = self.code(node.left), compiled(node.right)
        otherwise = None if node.other is None else compiled(node.other)

        def run(context: Any, scope: Scope) -> Any:
            if truth(test(context, scope), scope):
                return then(context, scope)
            return UNDEFINED if otherwise is None else otherwise(context, scope)

        return run

    def _bind(self, node: Node) -> Code:
        assert node.right is not None
        name, right = node.value, self.code(node.right)

        def run(context: Any, scope: Scope) -> Any:
            value = right(context, scope)
            scope.put(name, value)
            return value

        return run

    def _block(self, node: Node) -> Code:
        parts = [self.code(item) for item in node.items]

        def run(context: Any, scope: Scope) -> Any:
            inner = Scope({}, scope, scope.run)
            result: Any = UNDEFINED
            for part in parts:
                result = part(context, inner)
            return result

        return run


def _too_deep(_context: Any, _scope: Scope) -> Any:
    raise ExpressionTooLongError(NESTED_TOO_DEEPLY)


_NEVER_SEQUENCES = frozenset(["string", "number", "value", "name_", "definition"])


def _flat(value: list[Any], scope: Scope) -> list[Any]:
    flat: list[Any] = []
    waiting = [iter(value)]
    while waiting:
        for item in waiting[-1]:
            scope.run.make(16)
            if isinstance(item, list):
                waiting.append(iter(item))
                break
            flat.append(item)
        else:
            waiting.pop()
    return flat


def _descendants(value: Any, scope: Scope) -> list[Any]:
    found: list[Any] = []
    waiting = [value]
    while waiting:
        scope.run.make(16)
        item = waiting.pop()
        if isinstance(item, list):
            waiting += reversed(item)
            continue
        found.append(item)
        if isinstance(item, dict):
            waiting += [item[key] for key in reversed(keys_in_order(item))]
    return found
