"""Values that no field of a definition or a request expects, and every place in a JSON value to put them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        0.5,
        1e300,
        10**29,
        2**63,
        "",
        " ",
        "x",
        "x" * 300,
        "\u0000",
        "\ud800",
        "é",
    ),
    *(
        [],
        [[]],
        [None],
        {},
        {"": {}},
        {"a": [1, {"b": None}]},
        "States.ALL",
        ["States.ALL"],
        "{%%}",
        "{% 1 %}",
    ),
    *(
        "{% ( %}",
        "{% $x %}",
        "{% [1!2] %}",
        "{% /(?<a>b)/ %}",
        "{% function($a)<q:n>{1} %}",
        "{%",
        "%}",
        "$.a",
    ),
    *("{% $states.input %}", "{% $$ %}", "{% \ud800 %}", "JSONata", "JSONPath", "2020-01-01T00:00:00Z", "A"),
)
"""Kinds that are wrong almost everywhere, and right nearly nowhere."""
REMOVED: Any = object()
Place = tuple[str | int, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """The path of a value and of everything inside it."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*at, key))


def replaced(value: Any, at: Place, new: Any) -> Any:
    """A copy with another value in a place, or without it."""
    if not at:
        return None if new is REMOVED else new
    copied = copy.deepcopy(value)
    inside = copied
    for key in at[:-1]:
        inside = inside[key]
    if new is REMOVED:
        del inside[at[-1]]
    else:
        inside[at[-1]] = new
    return copied


def real_machines() -> dict[str, Any]:
    """Stepherd's own machines, each resource one that the engine runs."""
    found = {}
    for path in sorted((ROOT / "statemachines").glob("*.asl.json")):
        text = path.read_text(encoding="utf-8")
        found[path.stem] = json.loads(text)
    return found


def real_states(states: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """All states below a ``States`` object, those of branches and items included."""
    for name, state in states.items():
        yield name, state
        for body in [*state.get("Branches", []), state.get("ItemProcessor")]:
            if body:
                yield from real_states(body["States"])
