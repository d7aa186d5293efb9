"""The nodes of the syntax tree that the parser makes and the compiler reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepherd.engine.jsonata.signature import OwnSignature

__all__ = ["Node", "Slot", "Stage", "nodes_of"]


@dataclass(slots=True)
class Slot:
    """Where a ``%`` finds the object around a step: how many steps up, and the name that step binds it to.

    ``shared`` is the slot of another ``%`` that means the same step.
    """

    name: str
    level: int = 1
    shared: Slot | None = None

    @property
    def label(self) -> str:
        """The name under which the object is bound."""
        return self.name if self.shared is None else self.shared.label


@dataclass(slots=True)
class Stage:
    """A stage after a step: a predicate, or the name of an index (``#$i``)."""

    predicate: Node | None
    index: str = ""


@dataclass(slots=True)
class Node:
    """One part of an expression. ``kind`` says which of the other members mean something.

    The parser's tree has binary operators for everything; the tree after ``simplify`` has paths with steps.
    """

    kind: str
    value: Any = None
    left: Node | None = None
    right: Node | None = None
    other: Node | None = None
    items: list[Node] = field(default_factory=list)
    """Arguments of a call, elements of an array, expressions of a block, steps of a path, parameters."""
    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    """Members of an object; the terms of a sort as pairs of expression and direction."""
    signature: OwnSignature | None = None
    keep_array: bool = False
    keep_singleton: bool = False
    constructs: bool = False
    tuple: bool = False
    focus: str | None = None
    index: str | None = None
    slot: Slot | None = None
    ancestor: Slot | None = None
    seeking: list[Slot] | None = None
    predicates: list[Stage] | None = None
    stages: list[Stage] | None = None
    group: Node | None = None


def nodes_of(root: Node) -> Iterator[Node]:
    """Every node of a tree, the root first."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [part for part in (node.left, node.right, node.other, node.group) if part is not None]
        waiting += node.items
        waiting += [part for pair in node.pairs for part in pair]
        for stage in (node.predicates or []) + (node.stages or []):
            if stage.predicate is not None:
                waiting.append(stage.predicate)
