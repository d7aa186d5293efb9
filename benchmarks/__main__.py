"""``python -m benchmarks [NAME …]``: measure, print the table, write benchmarks/latest.json."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.cold_import import cold_import_figures
from benchmarks.engine_calls import call_figures
from benchmarks.engine_speed import engine_figures
from benchmarks.figures import Figure, print_table, write_json
from benchmarks.growth import growth_figures
from benchmarks.hand_off import hand_off_figures
from benchmarks.large import large_figures
from benchmarks.memory import memory_figures
from benchmarks.pipeline import pipeline_figures
from benchmarks.redaction import redaction_figures
from benchmarks.remote import remote_figures
from benchmarks.sandbox import sandbox_figures

_PARTS = {
    "engine": engine_figures,
    "calls": call_figures,
    "pipeline": pipeline_figures,
    "sandbox": sandbox_figures,
    "hand-off": hand_off_figures,
    "cold-import": cold_import_figures,
    "redaction": redaction_figures,
    "remote": remote_figures,
    "large": large_figures,
    "memory": memory_figures,
    "growth": growth_figures,
}


def main() -> int:
    """Measure the parts that are named, all of them by default; 1 when an aim is missed."""
    wanted = sys.argv[1:] or list(_PARTS)
    figures: list[Figure] = []
    for name in wanted:
        print(f"measuring {name} …", file=sys.stderr)
        figures += _PARTS[name]()
    print_table(figures)
    if wanted == list(_PARTS):
        write_json(figures, Path(__file__).with_name("latest.json"))
    return 0 if all(figure.met for figure in figures) else 1


sys.exit(main())
