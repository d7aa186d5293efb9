"""What must not be pushed: secrets, huge files, nested repositories, links that point outside (faults 76),
and by a request's choice what runs by itself (``automation``).

It runs twice: where the changes are recorded, for an early report, and before the push, where the agent
cannot reach.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from stepherd.errors import DataError
from stepherd.repositories.automation import Automation
from stepherd.repositories.filtered import split_filtered
from stepherd.repositories.git import LARGE_FILE, Git
from stepherd.repositories.gitlinks import split_pairs
from stepherd.repositories.known_secrets import KnownSecrets, LineSearch
from stepherd.repositories.large_files import blob_sizes, judge_new_lines, lines_with_secrets, tree_without
from stepherd.repositories.raw_changes import RawChange, read_blobs
from stepherd.repositories.secret_patterns import SecretPatterns
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from stepherd.repositories.agent_lines import OtherWork

__all__ = [
    "LARGEST_FILE",
    "ChangesBlocked",
    "Finding",
    "scan_changes",
]

LARGEST_FILE: Final = 100 * 1000 * 1000  # bytes; GitHub refuses above 100 MB
_MOST_FINDINGS: Final = 100
_HUNK: Final = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_LONGEST_LINE: Final = 1 << 20
_ESCAPES: Final = {b"n": b"\n", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"r": b"\r", b"v": b"\v"}
_LINK, _NESTED = "120000", "160000"

What = Literal[
    "secret",
    "too large",
    "nested repository",
    "link outwards",
    "forbidden name",
    "automation",
    "submodule",
    "filter",
]
_OWN: Final = "a secret of this run"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that blocks a push. ``line`` counts from 1; None when it is about the whole file."""

    path: str
    line: int | None
    what: What
    detail: str

    def __str__(self) -> str:
        """Where and what, on one line."""
        where = one_paragraph(self.path, 200) + (f":{self.line}" if self.line is not None else "")
        return f"{where}: {self.detail}"


class ChangesBlocked(DataError):
    """The changes hold what must not be pushed; ``findings`` says what and where, never the secret."""

    other: OtherWork | None = None
    """What the agent made beside them, when the recording found it."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        shown = "; ".join(str(finding) for finding in findings[:5])
        more = f"; and {len(findings) - 5} more" if len(findings) > 5 else ""
        super().__init__(
            f"The changes are not pushed: {shown}{more}.",
            remedy="The work is kept in the run's bundle. Fix the instructions so that these files stay out "
            "(or are ignored by git), and run again; a secret that was real should be replaced.",
        )
        self.findings = findings


def scan_changes(
    git: Git,
    base: str,
    tree: str,
    changes: Collection[RawChange],
    *,
    known: KnownSecrets,
    automation: Iterable[Automation] = (),
) -> tuple[Finding, ...]:
    """Judge everything that ``tree`` has more than ``base``. Deletions are never judged.

    ``known`` are the run's own secrets; ``automation`` is what else is refused, by the request's choice.
    """
    added = [change for change in changes if change.status != "D"]
    sizes = blob_sizes(git, [each for change in added for each in (change.object_id, change.old_id)])
    findings = [*_links(git, added), *_large(added, sizes), *_named(added, known)]
    findings += [Finding(found.path, None, "automation", f"it is {found.what}") for found in automation]
    if added:
        findings += _secrets(git, base, tree, added, sizes, known)
    findings += [
        Finding(path, None, "filter", reason) for path, reason in split_filtered(git, base, tree, changes)
    ]
    apart = split_pairs(git, base, tree, changes, {finding.path for finding in findings})
    findings = [*(Finding(path, None, "submodule", reason) for path, reason in apart), *findings]
    return tuple(_masked(finding, known) for finding in findings[:_MOST_FINDINGS])


def _named(added: list[RawChange], known: KnownSecrets) -> list[Finding]:
    return [
        Finding(change.path, None, "secret", f"its name holds {_OWN}")
        for change in added
        if known.held_by(change.path)
    ]


def _masked(finding: Finding, known: KnownSecrets) -> Finding:
    return replace(finding, path=known.mask(finding.path)) if known.held_by(finding.path) else finding


def _links(git: Git, added: list[RawChange]) -> list[Finding]:
    links = [change for change in added if change.mode == _LINK]
    return [
        Finding(change.path, None, "link outwards", "it is a symbolic link that leads out of the tree")
        for change, target in zip(links, read_blobs(git, [change.object_id for change in links]), strict=True)
        if leads_outside(change.path, target)
    ]


def leads_outside(path: str, target: str) -> bool:
    """Whether a link at ``path`` to ``target`` leaves the tree, enters ``.git``, or hides where it goes.

    A '..' after a name is refused: the name may itself be a link, and then the way is another than it reads.
    """
    if target.startswith("/") or "\\" in target:
        return True
    parts = [part for part in target.split("/") if part not in {"", "."}]
    climbs = 0
    while climbs < len(parts) and parts[climbs] == "..":
        climbs += 1
    rest = parts[climbs:]
    return climbs > path.count("/") or ".." in rest or any(part.lower() == ".git" for part in rest)


def _large(added: list[RawChange], sizes: Mapping[str, int]) -> list[Finding]:
    blobs = [change for change in added if change.mode not in {_NESTED, _LINK}]
    return [
        Finding(change.path, None, "too large", f"its {size / 1e6:.0f} MB are more than 100 MB")
        for change in blobs
        if (size := sizes.get(change.object_id, 0)) > LARGEST_FILE
    ]


def _secrets(
    git: Git,
    base: str,
    tree: str,
    added: list[RawChange],
    sizes: Mapping[str, int],
    known: KnownSecrets,
) -> list[Finding]:
    """In new lines. Large files are left out of git's diff; what is too large is not read at all."""
    large = [
        change
        for change in added
        if max(sizes.get(change.object_id, 0), sizes.get(change.old_id, 0)) > LARGE_FILE
    ]
    if large:
        tree = tree_without(git, tree, [change.path for change in large])
    patterns = SecretPatterns()
    reader = _DiffReader(patterns, known.search())
    git.run(
        "Scanning",
        "diff-tree",
        "-r",
        "-p",
        "--unified=0",
        "--diff-filter=d",
        "--text",
        "--no-renames",
        "--ignore-submodules=none",
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        "--end-of-options",
        base,
        tree,
        sink=reader.feed,
    )
    reader.end()
    return reader.findings + [
        finding for change in large for finding in _in_large(git, change, sizes, patterns, known)
    ]


def _in_large(
    git: Git, change: RawChange, sizes: Mapping[str, int], patterns: SecretPatterns, known: KnownSecrets
) -> Iterator[Finding]:
    if change.mode == _NESTED or sizes.get(change.object_id, 0) > LARGEST_FILE:
        return
    old = change.old_id if sizes.get(change.old_id, LARGEST_FILE + 1) <= LARGEST_FILE else None
    for line, kind in judge_new_lines(git, old, change.object_id, patterns.kind_of):
        yield Finding(change.path, line, "secret", f"it holds what looks like {kind}")
    own = lines_with_secrets(git, change.object_id, known)
    # What the base holds is no news.
    if own and (old is None or len(own) > len(lines_with_secrets(git, old, known))):
        yield from (Finding(change.path, line, "secret", f"it holds {_OWN}") for line in own)


@dataclass(slots=True)
class _DiffReader:
    """Reads a unified diff in pieces and looks at every added line: by patterns up to 1 MiB of it, for known
    secrets at all of it, also across lines. A link's target is a line, too."""

    patterns: SecretPatterns
    known: LineSearch
    findings: list[Finding] = field(default_factory=list)
    _rest: bytes = b""
    _searched: int = 0
    """How much of ``_rest`` known secrets were looked for in."""
    _path: str = ""
    _line: int = 0
    _removed_left: int = 0
    _added_left: int = 0

    def feed(self, chunk: bytes) -> None:
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._take(line)
        if len(self._rest) > _LONGEST_LINE:
            self._judge(self._rest)
            self._rest = self._rest[:1] + self._rest[-512:]
            self._searched = len(self._rest)

    def end(self) -> None:
        if self._rest:
            self._take(self._rest)
        self._tell(self.known.end())

    def _take(self, line: bytes) -> None:
        if self._removed_left and line.startswith(b"-"):
            self._removed_left -= 1
        elif self._added_left and line.startswith(b"+"):
            self._judge(line + b"\n")
            self._added_left -= 1
            self._line += 1
        elif match := _HUNK.match(line):
            self._removed_left = int(match[1] or 1)
            self._line = int(match[2])
            self._added_left = int(match[3] or 1)
        elif line.startswith(b"+++ "):
            self._path = _path_of(line[4:])
        self._searched = 0

    def _judge(self, line: bytes) -> None:
        if not self._added_left or not line.startswith(b"+") or len(self.findings) >= _MOST_FINDINGS:
            return
        kind = self.patterns.kind_of(line[1:])
        if kind is not None:
            self._find(self._path, self._line, kind)
        self._tell(self.known.add((self._path, self._line), line[max(1, self._searched) :]))

    def _tell(self, places: Iterable[tuple[str, int]]) -> None:
        for path, line in places:
            self._find(path, line, _OWN)

    def _find(self, path: str, line: int, kind: str) -> None:
        what = f"it holds {kind}" if kind == _OWN else f"it holds what looks like {kind}"
        finding = Finding(path, line, "secret", what)
        if finding not in self.findings and len(self.findings) < _MOST_FINDINGS:
            self.findings.append(finding)


def _path_of(name: bytes) -> str:
    """The path in a ``+++`` line: git quotes odd names as C does, and puts a tab behind names with spaces."""
    name = name.removesuffix(b"\t")
    if name.startswith(b'"') and name.endswith(b'"'):
        name = re.sub(rb"\\([0-7]{3}|.)", _unescape, name[1:-1])
    return name.removeprefix(b"b/").decode("utf-8", "surrogateescape")


def _unescape(match: re.Match[bytes]) -> bytes:
    letter = match[1]
    return bytes([int(letter, 8) & 0xFF]) if len(letter) == 3 else _ESCAPES.get(letter, letter)
