"""References of an expression to names that do not exist: Step Functions refuses such a definition.

An expression has no document of its own. The input is ``$states.input`` and a variable is ``$name``; a name
that stands alone reads nothing. Source: facts/histories.md 5.7.
"""

from __future__ import annotations

from collections.abc import Iterator

from stepherd.engine.jsonata.nodes import Node, nodes_of

__all__ = ["unsupported_references"]

_SIDES = ("left", "right", "other")
_OF_SIDES = frozenset({"binary", "piped", "condition", "bind"})


def unsupported_references(tree: Node, allowed: frozenset[str]) -> list[str]:
    """AWS's words for each reference that it does not take, once, as they are written.

    ``allowed`` are the members of $states that the field may use beside those that are not told apart here.
    """
    words = [
        "Reference to '$$' is not supported."
        if name == "$$"
        else f"Reference to '{name}' at the top level is not supported."
        for name in _top_level(tree)
    ]
    words += [
        f"Field '$states.{member}' does not exist."
        for member in _members_of_states(tree)
        if member in ("result", "errorOutput") and member not in allowed
    ]
    return list(dict.fromkeys(words))


def _top_level(node: Node) -> Iterator[str]:
    """The names that are read where there is nothing to read them from.

    Only the first step of a path is: later steps, predicates, orders and groups have what came before them,
    and so has a transform. The body of a function has what is around the function.
    """
    if node.kind == "name":
        yield str(node.value)
    elif node.kind == "variable" and node.value in ("", "$"):
        yield f"${node.value}"
    elif node.kind == "path":
        yield from _top_level(node.items[0])
    else:
        for part in _parts(node):
            yield from _top_level(part)


def _parts(node: Node) -> Iterator[Node]:
    if node.kind in ("function", "partial"):
        yield from (part for part in (node.left, *node.items) if part is not None)
    elif node.kind in ("block", "unary") and node.value != "-":
        yield from node.items
        for pair in node.pairs:
            yield from pair
    elif node.kind in ("unary", "definition") and node.left is not None:
        yield node.left
    elif node.kind in _OF_SIDES:
        yield from (part for side in _SIDES if (part := getattr(node, side)) is not None)


def _members_of_states(tree: Node) -> Iterator[str]:
    for node in nodes_of(tree):
        if node.kind != "path" or len(node.items) < 2:
            continue
        first, second = node.items[:2]
        if first.kind == "variable" and first.value == "states" and second.kind == "name":
            yield str(second.value)
