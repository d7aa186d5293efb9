"""Runs all benchmarks, prints a table and writes latest.json; exits with 1 when an aim is missed."""

from __future__ import annotations

import sys
from pathlib import Path

from memory import flat_memory
from report import show, write


def main() -> int:
    """Run the benchmarks; memory goes first, as its measure is the peak of the process."""
    results = [flat_memory()]

    from concurrency import concurrent_streams
    from construction import construction_after_cancel
    from decoding import decoding_speed
    from importing import import_time
    from latency import first_event

    results += [decoding_speed(size) for size in (None, 64, 1024, 64 * 1024)]
    results += [first_event(), import_time(), construction_after_cancel(), *concurrent_streams()]
    print(show(results))
    write(results, Path(__file__).parent / "latest.json")
    return 0 if all(result.met for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
