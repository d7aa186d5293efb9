"""The figures of imports: circles, fan-out, imports inside of functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace

from tools.shape.imports import NO_REASON, Import, imports_of
from tools.shape.sources import Source
from tools.shape.table import Section, percentiles

__all__ = ["circles", "import_sections"]

Graph = Mapping[str, Set[str]]
_WIDEST = 10


def import_sections(sources: Sequence[Source]) -> Iterator[Section]:
    """All that is known of the imports of a package."""
    found = imports_of(sources)
    every = _graph(sources, found)
    at_load = _graph(sources, [one for one in found if not one.deferred])
    packages = {source.module: source.package for source in sources}
    modules = _circle_section("circles of modules", at_load, every)
    yield replace(modules, named=(*modules.named, *_closing(circles(every), found)))
    yield _circle_section("circles of packages", _folded(at_load, packages), _folded(every, packages))
    yield _pair_section(every, packages)
    yield _fan_out_section(at_load, every)
    yield _deferred_section([one for one in found if one.deferred])


def circles(graph: Graph) -> list[list[str]]:
    """The groups of names that all reach each other, largest first."""
    reached = {name: _reached(name, graph) for name in graph}
    groups = {
        frozenset(other for other in reached[name] if name in reached[other])
        for name in graph
        if name in reached[name]
    }
    return sorted((sorted(group) for group in groups), key=lambda group: (-len(group), group))


def _reached(start: str, graph: Graph) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


def _graph(sources: Iterable[Source], found: Iterable[Import]) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {source.module: set() for source in sources}
    for one in found:
        graph[one.source.module] |= one.ours
    return graph


def _folded(graph: Graph, packages: Mapping[str, str]) -> dict[str, set[str]]:
    """The graph of packages. A module beside the packages stands for itself."""
    names = {module: module if package == "(top)" else package for module, package in packages.items()}
    folded: dict[str, set[str]] = {name: set() for name in names.values()}
    for module, imported in graph.items():
        folded[names[module]] |= {names[other] for other in imported} - {names[module]}
    return folded


def _circle_section(title: str, at_load: Graph, every: Graph) -> Section:
    found = {"when modules load": circles(at_load), "with imports in functions": circles(every)}
    rows = {
        name: (len(groups), sum(map(len, groups)), max(map(len, groups), default=0))
        for name, groups in found.items()
    }
    named = [
        f"{name}, {len(group)}: {', '.join(group)}" for name, groups in found.items() for group in groups
    ]
    return Section(title, ("circles", "in circles", "largest"), rows, tuple(named))


def _closing(groups: Sequence[Sequence[str]], found: Iterable[Import]) -> Iterator[str]:
    """The imports in functions between modules of one circle: only they close it."""
    for group in groups:
        for one in found:
            for other in sorted(one.ours & set(group)):
                if one.deferred and one.source.module in group:
                    yield f"in a function, {one.source.path}:{one.line} imports {other}"


def _pair_section(graph: Graph, packages: Mapping[str, str]) -> Section:
    """Imports from one package into the other, where both import each other."""
    edges = Counter(
        (packages[module], packages[other])
        for module, imported in graph.items()
        for other in imported
        if packages[module] != packages[other] and "(top)" not in (packages[module], packages[other])
    )
    pairs = sorted((one, other) for one, other in edges if one < other and (other, one) in edges)
    rows = {f"{one}, {other}": (edges[one, other], edges[other, one]) for one, other in pairs}
    return Section("packages that import each other", ("there", "back"), rows)


def _fan_out_section(at_load: Graph, every: Graph) -> Section:
    rows = {
        name: percentiles([len(imported) for imported in graph.values()])
        for name, graph in (("when modules load", at_load), ("with imports in functions", every))
    }
    widest = sorted(every, key=lambda module: (-len(every[module]), module))[:_WIDEST]
    named = tuple(f"{len(every[module])} {module}" for module in widest)
    return Section("fan-out: our modules per module", ("50 %", "90 %", "99 %", "max"), rows, named)


def _deferred_section(found: Sequence[Import]) -> Section:
    ours = [one for one in found if one.ours]
    without = [one for one in found if one.reason == NO_REASON]
    rows = {
        "all": (len(found), len(without)),
        "of our modules": (len(ours), sum(one.reason == NO_REASON for one in ours)),
    }
    reasons = Counter(one.reason for one in found if one.reason != NO_REASON)
    files = Counter(one.source.path for one in without)
    named = [f"{count} {reason}" for reason, count in reasons.most_common()]
    named += [f"{count} {NO_REASON}: {path}" for path, count in files.most_common(_WIDEST)]
    return Section("imports in functions", ("statements", "no reason"), rows, tuple(named))
