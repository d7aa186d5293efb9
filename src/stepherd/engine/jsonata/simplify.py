"""From the parser's tree to the one that is compiled: paths with steps, and where each ``%`` finds its
object."""

from __future__ import annotations

from itertools import count

from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.nodes import Node, Slot, Stage
from stepherd.engine.jsonata.parser import parse

__all__ = ["syntax_tree"]

_PLAIN = frozenset(
    ["string", "number", "value", "wildcard", "descendant", "variable", "regex", "placeholder"]
)


def syntax_tree(source: str) -> Node:
    """The tree of an expression. Raises JsonataError, RecursionError for one nested too deeply."""
    tree = _Simplifier().node(parse(source))
    if tree.kind == "parent" or tree.seeking is not None:
        raise JsonataError("S0217", token=tree.kind)
    return tree


class _Simplifier:
    def __init__(self) -> None:
        self._labels = count()

    def node(self, tree: Node) -> Node:
        result = self._node(tree)
        if tree.keep_array:
            result.keep_array = True
        return result

    def _node(self, tree: Node) -> Node:  # noqa: PLR0911
        kind = tree.kind
        if kind in _PLAIN:
            return tree
        if kind in ("name", "operator"):
            return Node(
                "path",
                items=[Node("name", tree.value, keep_array=tree.keep_array)],
                keep_singleton=tree.keep_array,
            )
        if kind == "parent":
            return Node("parent", slot=Slot(f"!{next(self._labels)}"))
        if kind == "end":
            raise JsonataError("S0207", token="(end)")  # noqa: S106
        if kind == "definition":
            return Node("definition", items=tree.items, left=self.node(_left(tree)), signature=tree.signature)
        if kind == "block":
            return self._block(tree)
        if kind == "unary":
            return self._unary(tree)
        if kind == "binary":
            return self._binary(tree)
        return self._parts(tree)

    def _parts(self, tree: Node) -> Node:
        """A call, a condition, a transform or an operator: the parts one by one."""
        result = Node(tree.kind, tree.value)
        if tree.kind in ("function", "partial"):
            result.items = [self._within(result, item) for item in tree.items]
            result.left = self.node(_left(tree))
            return result
        within = tree.kind != "transform"
        for side in ("left", "right", "other"):
            part = getattr(tree, side)
            if part is not None:
                setattr(result, side, self._within(result, part) if within else self.node(part))
        return result

    def _within(self, outer: Node, tree: Node) -> Node:
        part = self.node(tree)
        _hand_on(outer, part)
        return part

    def _block(self, tree: Node) -> Node:
        result = Node("block")
        for item in tree.items:
            part = self._within(result, item)
            if part.constructs or (part.kind == "path" and part.items[0].constructs):
                result.constructs = True
            result.items.append(part)
        return result

    def _unary(self, tree: Node) -> Node:
        result = Node("unary", tree.value)
        if tree.value == "[":
            result.items = [self._within(result, item) for item in tree.items]
        elif tree.value == "{":
            result.pairs = self._pairs(result, tree)
        else:
            part = self.node(_left(tree))
            if part.kind == "number":
                return Node("number", -part.value)
            _hand_on(result, part)
            result.left = part
        return result

    def _pairs(self, result: Node, tree: Node) -> list[tuple[Node, Node]]:
        return [(self._within(result, key), self._within(result, value)) for key, value in tree.pairs]

    def _binary(self, tree: Node) -> Node:  # noqa: PLR0911
        match tree.value:
            case ".":
                return self._path(tree)
            case "[":
                return self._predicate(tree)
            case "{":
                result = self.node(_left(tree))
                if result.group is not None:
                    raise JsonataError("S0210")
                group = Node("group")
                group.pairs = [(self.node(key), self.node(value)) for key, value in tree.pairs]
                result.group = group
                return result
            case "^":
                return self._sort(tree)
            case "@":
                return self._focus(tree)
            case "#":
                return self._index(tree)
            case ":=":
                result = Node("bind", _left(tree).value)
                result.right = self._within(result, _right(tree))
                return result
            case "~>":
                left, right = self.node(_left(tree)), self.node(_right(tree))
                return Node("piped", left=left, right=right, keep_array=left.keep_array or right.keep_array)
        return self._parts(tree)

    def _path(self, tree: Node) -> Node:
        first = self.node(_left(tree))
        path = first if first.kind == "path" else Node("path", items=[first])
        if first.kind == "parent" and first.slot is not None:
            path.seeking = [first.slot]
        rest = self.node(_right(tree))
        if rest.kind == "path":
            path.items += rest.items
        else:
            if rest.predicates is not None:
                rest.stages, rest.predicates = rest.predicates, None
            path.items.append(rest)
        for step in path.items:
            if step.kind in ("number", "value"):
                raise JsonataError("S0213", value=step.value)
            if step.kind == "string":
                step.kind = "name"
        if any(step.keep_array for step in path.items):
            path.keep_singleton = True
        for step in (path.items[0], path.items[-1]):
            if step.kind == "unary" and step.value == "[":
                step.constructs = True
        _resolve(path)
        return path

    def _predicate(self, tree: Node) -> Node:
        result = self.node(_left(tree))
        step = result.items[-1] if result.kind == "path" else result
        if step.group is not None:
            raise JsonataError("S0209")
        predicate = self.node(_right(tree))
        if predicate.seeking is not None:
            for slot in predicate.seeking:
                if slot.level == 1:
                    _seek(step, slot)
                else:
                    slot.level -= 1
            _hand_on(step, predicate)
        stage = Stage(predicate)
        if result.kind == "path":
            step.stages = [*(step.stages or []), stage]
        else:
            step.predicates = [*(step.predicates or []), stage]
        return result

    def _sort(self, tree: Node) -> Node:
        result = self.node(_left(tree))
        if result.kind != "path":
            result = Node("path", items=[result])
        step = Node("sort")
        step.pairs = [(self._within(step, term), direction) for term, direction in tree.pairs]
        result.items.append(step)
        _resolve(result)
        return result

    def _focus(self, tree: Node) -> Node:
        result = self.node(_left(tree))
        step = result.items[-1] if result.kind == "path" else result
        if step.stages is not None or step.predicates is not None:
            raise JsonataError("S0215")
        if step.kind == "sort":
            raise JsonataError("S0216")
        if tree.keep_array:
            step.keep_array = True
        step.focus = str(_right(tree).value)
        step.tuple = True
        return result

    def _index(self, tree: Node) -> Node:
        result = self.node(_left(tree))
        if result.kind == "path":
            step = result.items[-1]
        else:
            step = result
            result = Node("path", items=[step])
            if step.predicates is not None:
                step.stages, step.predicates = step.predicates, None
        name = str(_right(tree).value)
        if step.stages is None:
            step.index = name
        else:
            step.stages.append(Stage(None, name))
        step.tuple = True
        return result


def _left(tree: Node) -> Node:
    assert tree.left is not None
    return tree.left


def _right(tree: Node) -> Node:
    assert tree.right is not None
    return tree.right


def _hand_on(outer: Node, part: Node) -> None:
    """Pass on the parents (``%``) that ``part`` seeks above itself: ``outer`` has to seek them, too."""
    if part.seeking is None and part.kind != "parent":
        return
    slots = list(part.seeking or [])
    if part.kind == "parent" and part.slot is not None:
        slots.append(part.slot)
    outer.seeking = [*(outer.seeking or []), *slots]


def _resolve(path: Node) -> None:
    """Find the steps that the last step's ``%`` mean; those further up are sought outside of the path."""
    last = path.items[-1]
    slots = list(last.seeking or [])
    if last.kind == "parent" and last.slot is not None:
        slots.append(last.slot)
    for slot in slots:
        index = len(path.items) - 2
        while slot.level > 0:
            if index < 0:
                path.seeking = [*(path.seeking or []), slot]
                break
            step = path.items[index]
            index -= 1
            while index >= 0 and step.focus is not None and path.items[index].focus is not None:
                step = path.items[index]
                index -= 1
            _seek(step, slot)


def _seek(node: Node, slot: Slot) -> None:
    match node.kind:
        case "name" | "wildcard":
            slot.level -= 1
            if slot.level == 0:
                if node.ancestor is None:
                    node.ancestor = slot
                elif slot is not node.ancestor:
                    slot.shared = node.ancestor
                node.tuple = True
        case "parent":
            slot.level += 1
        case "block":
            if node.items:
                node.tuple = True
                _seek(node.items[-1], slot)
        case "path":
            node.tuple = True
            index = len(node.items) - 1
            _seek(node.items[index], slot)
            while slot.level > 0 and index > 0:
                index -= 1
                _seek(node.items[index], slot)
        case _:
            raise JsonataError("S0217", token=node.kind)
