"""Expressions by chance: every operator, every function, regular expressions, pictures."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from stepherd.engine.jsonata.library import BUILT_IN

__all__ = ["BINDINGS", "regular_expressions", "sources", "words"]

BINDINGS: dict[str, Any] = {
    "o": {
        "id": 7,
        "name": "Ann",
        "tags": ["p", "q", "p"],
        "addr": {"city": "X", "zip": "01"},
        "n": None,
        "orders": [
            {"id": 1, "items": [{"sku": "a", "qty": 2, "price": 1.5}, {"sku": "b", "qty": 1, "price": 10}]},
            {"id": 2, "items": {"sku": "c", "qty": 5, "price": 0.25}},
            {"id": 3, "items": []},
        ],
        "m": [[1, 2], [3, [4]]],
    },
    "k": [3, 1, 2, 2],
    "s": "hello World",
    "t": True,
}
_CHANGING = {"now", "millis", "random", "shuffle"}
_NAMES = ["id", "name", "tags", "addr", "orders", "items", "sku", "qty", "price", "n", "m", "nope"]
_LEAVES = [
    "0", "1", "-1", "2.5", "1e21", '"a"', '""', '"abc"', '"a b"', "true", "false", "null", "[]", "[1,2,3]",
    "{}", '{"a":1}', "$nothing", "$o", "$k", "$s", "$t", "$", "$v", "$i", "/[a-c]+/", '"#,##0.00"',
    '"[Y0001]-[M01]"', '"2018-01-02T03:04:05Z"', "function($a,$b){$a}", "function($a){$a}", "$sum", *_NAMES,
]  # fmt: skip
_OPERATORS = ["+", "-", "*", "/", "%", "=", "!=", "<", "<=", ">", ">=", "&", "in", "and", "or", "~>", "."]
_FUNCTIONS = sorted(BUILT_IN.keys() - _CHANGING)


def _filled(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda given: template.format(*given))


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    name, operator = st.sampled_from(_NAMES), st.sampled_from(_OPERATORS)
    direction = st.sampled_from(["", "<", ">"])
    return st.one_of(
        _filled("({} {} {})", inner, operator, inner),
        _filled("{}.{}", inner, name),
        _filled("{}.{}[{}]", inner, name, inner),
        _filled("$o.orders.items.{}[]", name),
        _filled("$o.{}.{}", name, inner),
        _filled("$o.orders#$i.items@$v.{}", inner),
        _filled("$o.orders.items.{}", st.sampled_from(["%.id", "%.%.name", "**", "*", "$"])),
        _filled("{}^({}{})", inner, direction, name),
        _filled("{}{{$string({}): {}}}", inner, name, inner),
        _filled("({} ? {} : {})", inner, inner, inner),
        _filled("($v := {}; {})", inner, inner),
        _filled("[{}, {}]", inner, inner),
        _filled("[{}..{}]", inner, inner),
        _filled('{{"a": {}, "b": {}}}', inner, inner),
        _filled("$map({}, function($v, $i) {{ {} }})", inner, inner),
        _filled("$reduce({}, function($i, $v) {{ {} }})", inner, inner),
        _filled("({} ~> |{}|{{'z': {}}}|)", inner, name, inner),
        _filled("${}({})", st.sampled_from(_FUNCTIONS), st.lists(inner, max_size=4).map(",".join)),
    )


def sources() -> st.SearchStrategy[str]:
    """Expressions; most of them mean something."""
    return st.recursive(st.sampled_from(_LEAVES), _larger, max_leaves=8).filter(lambda text: len(text) < 400)


def words() -> st.SearchStrategy[str]:
    """Texts made of the words of the language, most of which are no expression."""
    pieces = [
        *_LEAVES,
        *_OPERATORS,
        *"()[]{},;:?!@#^|<>`'\"\\/",
        "function",
        ":=",
        "..",
        "<n-s?:x>",
        "$f",
        "(?<n>a)",
    ]
    return st.lists(st.sampled_from(pieces), max_size=12).map(" ".join)


def regular_expressions() -> st.SearchStrategy[str]:
    """Calls with a regular expression of JavaScript's dialect."""
    atoms = [
        "a",
        "b",
        "A",
        "1",
        " ",
        r"\d",
        r"\w",
        r"\s",
        r"\b",
        ".",
        "^",
        "$",
        "[abc]",
        "[^a]",
        r"[\d_-]",
        r"\1",
    ]
    times = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,2}", "*?", "+?"])
    pattern = st.recursive(
        _filled("{}{}", st.sampled_from(atoms), times),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map("".join),
            _filled("({}){}", inner, times),
            _filled("(?:{}|{}){}", inner, inner, times),
            _filled(
                "(?{}{})",
                st.sampled_from(["=", "!", "<=", "<!", "<n>"]),
                st.sampled_from(["a", "ab", "[ab]"]),
            ),
        ),
        max_leaves=6,
    )
    text = st.sampled_from(["aab1 Ab_c", "abcabc", "", "a\nb\nc", "1a2b", "\u00e9a"]).map(json.dumps)
    call = ["$match({},/{}/{})", '$replace({},/{}/{},"[$0|$1]")', "$split({},/{}/{})", "$contains({},/{}/{})"]
    flags = st.sampled_from(["", "i", "m", "im"])
    return st.one_of(*(_filled(template, text, pattern, flags) for template in call))
