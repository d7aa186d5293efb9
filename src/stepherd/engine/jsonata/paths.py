"""Paths: steps, predicates, sorting, grouping, and the bindings of ``@``, ``#`` and ``%``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from stepherd.engine.jsonata.compiler import Code, Compiler
from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.nodes import Node, Stage
from stepherd.engine.jsonata.operators import append, text_order, truth
from stepherd.engine.jsonata.scope import Run, Scope
from stepherd.engine.jsonata.sorting import merge_sorted
from stepherd.engine.jsonata.values import UNDEFINED, Function, Sequence, is_numeric, keys_in_order

__all__ = ["PathCompiler"]

_HERE = "@"
_Step = Callable[[list[Any], Scope, bool], Any]


class PathCompiler(Compiler):
    """Adds paths to the compiler."""

    def _path(self, node: Node) -> Code:
        steps = node.items
        if len(steps) == 1 and not _special(node, steps[0]):
            return self._single(steps[0])
        tuples = any(step.tuple for step in steps)
        walk = self._tuple_walk(node) if tuples else self._plain_walk(node)
        from_array = steps[0].kind != "variable"
        keep, group = node.keep_singleton, None if node.group is None else self.group(node.group)

        def run(context: Any, scope: Scope) -> Any:
            given = context if from_array and isinstance(context, list) else Sequence((context,))
            result = walk(given, scope)
            if keep and isinstance(result, list):
                if not isinstance(result, Sequence) or not result.collapses:
                    result = Sequence([result] if getattr(result, "constructed", False) else result)
                result.keep = True
            return result if group is None else group(result, scope)

        return run

    def _single(self, step: Node) -> Code:
        """A path of one name: the usual case, without the list in between."""
        step_code, last = self.code(step), True

        def run(context: Any, scope: Scope) -> Any:
            if isinstance(context, list):
                return _stepped(step_code, [], context, scope, last)
            value = step_code(context, scope)
            return value if not isinstance(value, list) else _stepped_value(value)

        return run

    def _plain_walk(self, node: Node) -> Code:
        final = len(node.items) - 1
        first_constructs = node.items[0].constructs
        first = self.code(node.items[0])
        steps = [self._step(step) for step in node.items]

        def walk(given: Any, scope: Scope) -> Any:
            value = given
            for at, step in enumerate(steps):
                value = (
                    first(value, scope) if at == 0 and first_constructs else step(value, scope, at == final)
                )
                if not isinstance(value, list) or not value:
                    # Only an array with items has something for further steps.
                    return value if at == final or isinstance(value, list) else UNDEFINED
            return value

        return walk

    def _step(self, node: Node) -> _Step:
        if node.kind == "sort":
            sort, after = self._sorter(node), self.stages(node.stages or [])
            return lambda given, scope, _: after(sort(given, scope), scope)
        code = self.code(node)
        predicates = [self.filter(stage.predicate) for stage in node.stages or [] if stage.predicate]
        return lambda given, scope, last: _stepped(code, predicates, given, scope, last)

    # Steps that carry bindings

    def _tuple_walk(self, node: Node) -> Code:
        plain = [self._step(step) for step in node.items]
        bound = [self._tuple_step(step) for step in node.items]
        first = self.code(node.items[0])
        final = len(node.items) - 1

        def walk(given: Any, scope: Scope) -> Any:
            value, tuples = given, None
            for at, step in enumerate(node.items):
                if at == 0 and step.constructs:
                    value = first(value, scope)
                elif tuples is not None or step.tuple:
                    tuples = bound[at](value, tuples, scope)
                    continue
                else:
                    value = plain[at](value, scope, at == final)
                if not isinstance(value, list) or not value:
                    return value
            if tuples is None:
                return value
            carried = node.tuple or node.group is not None
            return tuples if carried else Sequence([item[_HERE] for item in tuples])

        return walk

    def _tuple_step(self, node: Node) -> Callable[[Any, Any, Scope], Any]:
        after = self.stages(node.stages or [])
        if node.kind == "sort":
            sort = self._sorter(node)

            def sorted_tuples(given: Any, tuples: Any, scope: Scope) -> Any:
                if tuples is not None:
                    result = sort(tuples, scope)
                else:
                    items = enumerate(sort(given, scope))
                    result = Sequence(({_HERE: item, str(node.index): at} for at, item in items), tuples=True)
                return after(_as_tuples(result), scope)

            return sorted_tuples
        code = self.code(node)

        def run(given: Any, tuples: Any, scope: Scope) -> Any:
            found = Sequence(tuples=True)
            for one in [{_HERE: item} for item in given] if tuples is None else tuples:
                _extend(found, node, one, code(one[_HERE], scope.inner(one)), scope)
            return after(found, scope)

        return run

    def stages(self, stages: list[Stage]) -> Code:
        """The predicates and indices after a step, one after the other."""
        codes = [(stage.index, self.filter(stage.predicate) if stage.predicate else None) for stage in stages]

        def run(value: Any, scope: Scope) -> Any:
            for index, predicate in codes:
                if predicate is not None:
                    value = predicate(value, scope)
                else:
                    for at, item in enumerate(value):
                        item[index] = at
            return value

        return run

    # Predicates

    def filter(self, predicate: Node) -> Code:
        """Compile a predicate: it keeps the item with its number, or those items for which it is true."""
        if predicate.kind == "number":
            index = math.floor(predicate.value)
            return lambda value, _: _item(value, index)
        code = self.code(predicate)

        def run(value: Any, scope: Scope) -> Any:
            tuples = isinstance(value, Sequence) and value.tuples
            items = value if isinstance(value, list) else [value]
            found = Sequence(tuples=tuples)
            budget = scope.run
            for at, item in enumerate(items):
                budget.left -= 1
                if budget.left < 0:
                    budget.look()
                answer = code(item[_HERE], scope.inner(item)) if tuples else code(item, scope)
                numbers = _numbers(answer, scope)
                if numbers is None:
                    if truth(answer, scope):
                        found.append(item)
                else:
                    for one in numbers:
                        whole = math.floor(one)
                        if (whole + len(items) if whole < 0 else whole) == at:
                            found.append(item)
            return found

        return run

    # Sorting and grouping

    def _sort(self, node: Node) -> Code:
        raise AssertionError(node.kind)

    def _sorter(self, node: Node) -> Callable[[Any, Scope], Any]:
        terms = [(self.code(term), direction.value) for term, direction in node.pairs]

        def run(items: Any, scope: Scope) -> Any:
            tuples = isinstance(items, Sequence) and items.tuples

            def after(left: Any, right: Any) -> bool:
                one, other = (left[_HERE], right[_HERE]) if tuples else (left, right)
                inner, outer = (scope.inner(left), scope.inner(right)) if tuples else (scope, scope)
                for code, descending in terms:
                    order = _order(code(one, inner), code(other, outer), descending, scope.run)
                    if order:
                        return order > 0
                return False

            return merge_sorted(items, after, scope.run)

        return run

    def group(self, group: Node) -> Code:
        """An object, one member for each key that the pairs give for the items."""
        pairs = [(self.code(key), self.code(value)) for key, value in group.pairs]

        def run(value: Any, scope: Scope) -> Any:
            tuples = isinstance(value, Sequence) and value.tuples
            items = value if isinstance(value, list) else [value]
            if tuples and not items:
                raise ValueError("Cannot group what a path with bindings has not found")
            groups = _Groups()
            for item in items if items else [UNDEFINED]:
                for at, (key_code, _) in enumerate(pairs):
                    inner = scope.inner(item) if tuples and item else scope
                    key = key_code(item[_HERE] if tuples and item else item, inner)
                    _put(groups, key, at, item, scope)
            result: dict[str, Any] = {}
            for key in keys_in_order(groups):
                at, data = groups[key]
                context, inner = _reduced(data, scope) if tuples else (data, scope)
                member = pairs[at][1](context, inner)
                if member is not UNDEFINED:
                    result[key] = member
            return result

        return run


def _special(node: Node, step: Node) -> bool:
    plain = step.kind == "name" and not step.stages and not step.predicates and step.group is None
    return not plain or step.tuple or node.keep_singleton or node.group is not None or step.keep_array


def _stepped_value(value: list[Any]) -> Any:
    """One value of a step, as the result of a path: a plain array stays as it is."""
    if type(value) is list:
        return value
    return Sequence(value) if getattr(value, "collapses", False) else value


def _stepped(code: Code, predicates: list[Code], given: list[Any], scope: Scope, last: bool) -> Any:
    results: list[Any] = []
    run = scope.run
    for item in given:
        run.left -= 1
        if run.left < 0:
            run.look()
        value = code(item, scope)
        for predicate in predicates:
            value = predicate(value, scope)
        if value is not UNDEFINED:
            results.append(value)
    if last and len(results) == 1 and isinstance(results[0], list) and not _is_sequence(results[0]):
        return results[0]
    flat = Sequence()
    for value in results:
        if isinstance(value, list) and not getattr(value, "constructed", False):
            run.make(16 * len(value))
            flat += value
        else:
            flat.append(value)
    run.make(16 * len(flat))
    return flat


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and value.collapses


def _as_tuples(value: Any) -> Any:
    return value if isinstance(value, Sequence) and value.tuples else Sequence(value, tuples=True)


def _extend(found: Sequence, node: Node, one: dict[str, Any], value: Any, scope: Scope) -> None:
    if value is UNDEFINED:
        return
    items = value if isinstance(value, list) else [value]
    merges = isinstance(value, Sequence) and value.tuples
    for at, item in enumerate(items):
        scope.run.make(16 * len(one) + 64)
        bound = dict(one)
        if merges:
            bound.update(item)
        elif node.focus is not None:
            bound[node.focus] = item
            bound[_HERE] = one[_HERE]
        else:
            bound[_HERE] = item
            if node.index is not None:
                bound[node.index] = at
            if node.ancestor is not None:
                bound[node.ancestor.label] = one[_HERE]
            found.append(bound)
            continue
        if not merges and node.index is not None:
            bound[node.index] = at
        if not merges and node.ancestor is not None:
            bound[node.ancestor.label] = one[_HERE]
        found.append(bound)


def _item(value: Any, index: int) -> Any:
    items = value if isinstance(value, list) else [value]
    found = Sequence(tuples=isinstance(value, Sequence) and value.tuples)
    at = index + len(items) if index < 0 else index
    if not 0 <= at < len(items) or items[at] is UNDEFINED:
        return found
    if isinstance(items[at], list):
        return items[at]
    found.append(items[at])
    return found


def _numbers(answer: Any, scope: Scope) -> list[Any] | None:
    if isinstance(answer, list):
        scope.run.step(len(answer))
        return answer if all(_is_number(item) for item in answer) else None
    return [answer] if _is_number(answer) else None


def _is_number(value: Any) -> bool:
    return (type(value) is int or type(value) is float) and is_numeric(value)


def _order(left: Any, right: Any, descending: bool, run: Run) -> int:
    if left is UNDEFINED or right is UNDEFINED:
        return 0 if left is right else 1 if left is UNDEFINED else -1
    for value in (left, right):
        if not isinstance(value, (str, int, float)) or isinstance(value, bool):
            raise JsonataError("T2008", value=value)
    if isinstance(left, str) != isinstance(right, str):
        raise JsonataError("T2007", value=left, value2=right)
    order = text_order(left, right, run) if isinstance(left, str) else (left > right) - (left < right)
    return -order if descending else order


def _put(groups: _Groups, key: Any, at: int, item: Any, scope: Scope) -> None:
    if key is UNDEFINED:
        return
    if not isinstance(key, str):
        raise JsonataError("T1003", value=None if isinstance(key, Function) else key)
    scope.run.make(100)
    known = groups.get(key)
    if known is None:
        groups[key] = (at, item)
    elif known[0] != at:
        raise JsonataError("D1009", value=key)
    else:
        groups[key] = (at, _gathered(known[1], item, groups.owner, scope))


class _Groups(dict[str, tuple[int, Any]]):
    """The pair and the items of each key."""

    __slots__ = ("owner",)

    def __init__(self) -> None:
        super().__init__()
        self.owner = object()


class _Gathered(list[Any]):
    """The items of a group, while it grows. Once it is a value it is another group's item and stays as it is:
    ``owner`` says where it grows."""

    __slots__ = ("owner",)
    owner: Any


def _gathered(known: Any, item: Any, owner: object, scope: Scope) -> Any:
    """Two values as one, as ``append`` makes them, without a new list for each of a group's items."""
    if known is UNDEFINED or item is UNDEFINED:
        return append(known, item)
    scope.run.make(16 * (len(item) if isinstance(item, list) else 1))
    if type(known) is _Gathered and known.owner is owner:
        known += item if isinstance(item, list) else [item]
        return known
    scope.run.make(16 * (len(known) if isinstance(known, list) else 1))
    made = _Gathered(append(known, item))
    made.owner = owner
    return made


def _reduced(data: Any, scope: Scope) -> tuple[Any, Scope]:
    """The bindings of a group's items as one: each name with the values of all."""
    tuples = data if isinstance(data, list) else [data]
    result, owner = dict(tuples[0]), object()
    for one in tuples[1:]:
        for name, value in one.items():
            result[name] = _gathered(result.get(name, UNDEFINED), value, owner, scope)
    return result.pop(_HERE, UNDEFINED), scope.inner(result)
