"""The workspace hand-off beside tar piped to zstd."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, median_seconds

__all__ = ["hand_off_figures"]

_MEGABYTES = 200


def hand_off_figures() -> Iterator[Figure]:
    """Pack and unpack of a 200 MB tree: 4,000 source-like files and some large binary ones."""
    from stepherd.repositories.unpack import unpack
    from stepherd.repositories.workspace import pack

    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        tree = place / "tree"
        _make_tree(tree)
        archive, out = place / "ours.tar.zst", place / "out"

        def ours() -> None:
            pack(tree, archive)
            shutil.rmtree(out, ignore_errors=True)
            unpack(archive, out)

        tar, unpacked = place / "theirs.tar.zst", place / "theirs"

        def theirs() -> None:
            _pipe(["tar", "-C", str(tree), "-cf", "-", "."], ["zstd", "-q", "-T0", "-f", "-o", str(tar)])
            shutil.rmtree(unpacked, ignore_errors=True)
            unpacked.mkdir()
            _pipe(["zstd", "-q", "-dc", str(tar)], ["tar", "-C", str(unpacked), "-xf", "-"])

        value, baseline = median_seconds(ours, 5), median_seconds(theirs, 5)
    yield Figure.of(
        "workspace hand-off of a 200 MB tree, pack and unpack", value, "s",
        "≤ 1.5 times tar | zstd -T0", value <= 1.5 * baseline, baseline,
    )  # fmt: skip


def _make_tree(tree: Path) -> None:
    source = random.Random(7)
    words = [
        bytes(source.choices(b"abcdefghijklmnopqrstuvwxyz", k=source.randint(2, 10))) for _ in range(4_000)
    ]
    for index in range(4_000):
        path = tree / f"d{index % 80}" / f"f{index}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b" ".join(source.choices(words, k=5_500)))
    left = _MEGABYTES * 1_000_000 - sum(f.stat().st_size for f in tree.rglob("*") if f.is_file())
    for index in range(10):
        (tree / f"large{index}.bin").write_bytes(os.urandom(max(0, left) // 10))


def _pipe(first: list[str], second: list[str]) -> None:
    with subprocess.Popen(first, stdout=subprocess.PIPE) as producer:
        subprocess.run(second, stdin=producer.stdout, check=True)
    if producer.returncode:
        raise RuntimeError(f"{first[0]} failed")
