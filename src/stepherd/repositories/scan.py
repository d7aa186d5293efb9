"""The scan for content that must not be pushed: secrets, huge files, nested repositories, links that point
outside (fault 76), and by a request's choice files that run by themselves (``automation``). Content that the
base holds already is allowed.

It runs twice (``parting``): where the changes are recorded, and before the push, where no agent can reach.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from stepherd.errors import DataError
from stepherd.remedies import RUN, Remedy
from stepherd.repositories.allow import pattern_of
from stepherd.repositories.automation import Automation
from stepherd.repositories.base_contents import BaseContents, new_lines_of_copies
from stepherd.repositories.filtered import split_filtered
from stepherd.repositories.git import LARGE_FILE, Git
from stepherd.repositories.gitlinks import split_pairs
from stepherd.repositories.known_secrets import KnownSecrets, LineSearch
from stepherd.repositories.large_files import blob_sizes, judge_new_lines, lines_with_secrets, tree_without
from stepherd.repositories.raw_changes import RawChange, read_blobs
from stepherd.repositories.secret_patterns import SecretPatterns
from stepherd.text.plain import one_paragraph

__all__ = [
    "ALLOWABLE",
    "LARGEST_FILE",
    "ChangesBlocked",
    "Finding",
    "What",
    "filter_findings",
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
    "own secret",
    "too large",
    "environment",
    "nested repository",
    "link outwards",
    "forbidden name",
    "odd kind",
    "unreadable",
    "refused by git",
    "automation",
    "submodule",
    "filter",
    "unknown filter",
]
ALLOWABLE: Final = frozenset(
    {
        "secret",
        "too large",
        "nested repository",
        "link outwards",
        "automation",
        "environment",
        "unknown filter",
    }
)
"""Findings that a person may let through by a path. Never those that would break the repository, a secret of
the run, or content that an encrypting filter should have hidden."""
_UNRUN: Final = "unknown filter"
_OWN: Final = "a secret of this run"
_MOST_SHOWN: Final = 5


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
    """The push lacks the files of ``findings``, which say what was found and where, never the secret."""

    category = "left_out"

    def __init__(self, findings: Sequence[Finding], *, all_of_it: bool = False) -> None:
        shown = "; ".join(str(finding) for finding in findings[:_MOST_SHOWN])
        more = f"; and {len(findings) - _MOST_SHOWN} more" if len(findings) > _MOST_SHOWN else ""
        head = "Nothing is pushed" if all_of_it else "Not everything is pushed"
        patterns = (pattern_of(each.path) for each in findings if each.what in ALLOWABLE)
        pattern = next((each for each in patterns if each is not None), None)
        allow = (
            Remedy("Push it anyway: ", ("redrive", RUN, "--allow", pattern), ". ")
            if pattern is not None
            else ""
        )
        secret = any(each.what in ("secret", "own secret") for each in findings)
        real = "; a secret that was real should be replaced" if secret else ""
        super().__init__(
            f"{head}: {shown}{more}.",
            remedy=Remedy(
                "Bring all of the work into your clone with: ",
                ("pull", RUN),
                ". ",
                allow,
                f"Files that should stay out belong in .gitignore{real}.",
            ),
        )
        self.findings = tuple(findings)


def scan_changes(
    git: Git,
    base: str,
    tree: str,
    changes: Collection[RawChange],
    *,
    known: KnownSecrets,
    automation: Iterable[Automation] = (),
    contents: BaseContents | None = None,
    allowed: Callable[[Finding], bool] = lambda _finding: False,
) -> tuple[Finding, ...]:
    """Judge everything that ``tree`` has more than ``base``. Deletions are never judged, nor is what lies in
    the base already (``contents``).

    ``known`` are the run's own secrets; ``automation`` is what else is refused, by the request's choice. A
    finding that is ``allowed`` is not returned. Each path to leave out has at least one; paths are not
    masked.
    """
    contents = contents or BaseContents.read(git, base)
    added = [change for change in changes if change.status != "D"]
    news = [change for change in added if not contents.hold(change)]
    sizes = blob_sizes(git, [each for change in news for each in (change.object_id, change.old_id)])
    large = [finding for finding in _large(news, sizes) if not allowed(finding)]
    findings = [*_links(git, news), *large, *_named(added, known)]
    findings += [Finding(found.path, None, "automation", f"it is {found.what}") for found in automation]
    if news:
        unread = [finding.path for finding in large]
        unread += [change.path for change in added if contents.hold(change)]
        findings += _secrets(git, base, tree, news, sizes, known, frozenset(unread))
    findings = [finding for finding in findings if not allowed(finding)]
    findings += filter_findings(git, base, tree, changes, allowed)
    apart = split_pairs(git, base, tree, changes, {finding.path for finding in findings})
    return (*(Finding(path, None, "submodule", reason) for path, reason in apart), *findings)


def filter_findings(
    git: Git, base: str, tree: str, changes: Collection[RawChange], allowed: Callable[[Finding], bool]
) -> Iterator[Finding]:
    """Yield findings for files that belong through a filter of ``base`` or ``tree`` and are not
    ``allowed``."""
    unfit = split_filtered(git, base, tree, changes, lambda path: allowed(Finding(path, None, _UNRUN, "")))
    for each in unfit:
        what: What = _UNRUN if each.may_hide and not each.encrypts else "filter"
        yield Finding(each.path, None, what, each.reason)


def _named(added: list[RawChange], known: KnownSecrets) -> list[Finding]:
    return [
        Finding(change.path, None, "own secret", f"its name holds {_OWN}")
        for change in added
        if known.held_by(change.path)
    ]


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
    unread: frozenset[str],
) -> list[Finding]:
    """In new lines of all but the ``unread`` files. Large ones are left out of git's diff."""
    large = [
        change
        for change in added
        if max(sizes.get(change.object_id, 0), sizes.get(change.old_id, 0)) > LARGE_FILE
    ]
    if large or unread:
        tree = tree_without(git, tree, {*(change.path for change in large), *unread})
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
    findings = [*reader.findings]
    for change in large:
        if change.path not in unread:
            findings += _in_large(git, change, sizes, patterns, known)
    return _without_old_lines(git, base, added, findings, patterns)


def _without_old_lines(
    git: Git, base: str, added: list[RawChange], findings: list[Finding], patterns: SecretPatterns
) -> list[Finding]:
    """The findings; in files that were moved or copied, only those in lines that the original has not."""
    suspects = {finding.path for finding in findings if finding.what == "secret"}
    files = [change for change in added if change.path in suspects]
    copies = new_lines_of_copies(git, base, files, patterns.kind_of)
    rest = [each for each in findings if each.what != "secret" or each.path not in copies]
    return rest + [_secret(path, line, kind) for path, lines in copies.items() for line, kind in lines]


def _secret(path: str, line: int, kind: str) -> Finding:
    return Finding(path, line, "secret", f"it contains what looks like {kind}")


def _in_large(
    git: Git, change: RawChange, sizes: Mapping[str, int], patterns: SecretPatterns, known: KnownSecrets
) -> Iterator[Finding]:
    if change.mode == _NESTED:
        return
    old = change.old_id if sizes.get(change.old_id, LARGEST_FILE + 1) <= LARGEST_FILE else None
    for line, kind in judge_new_lines(git, old, change.object_id, patterns.kind_of):
        yield _secret(change.path, line, kind)
    own = lines_with_secrets(git, change.object_id, known)
    # Secrets that the base holds already do not count.
    if own and (old is None or len(own) > len(lines_with_secrets(git, old, known))):
        yield from (Finding(change.path, line, "own secret", f"it holds {_OWN}") for line in own)


@dataclass(slots=True)
class _DiffReader:
    """Reads a unified diff in pieces and looks at every added line: by patterns up to 1 MiB of it, for known
    secrets at all of it, also across lines. A link's target is a line, too."""

    patterns: SecretPatterns
    known: LineSearch
    findings: dict[Finding, None] = field(default_factory=dict)
    """In their order, each once."""
    _found_in: set[tuple[str, What]] = field(default_factory=set)
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
        if not self._added_left or not line.startswith(b"+"):
            return
        if not self._has_enough(self._path, "secret"):
            kind = self.patterns.kind_of(line[1:])
            if kind is not None:
                self._find(_secret(self._path, self._line, kind))
        self._tell(self.known.add((self._path, self._line), line[max(1, self._searched) :]))

    def _tell(self, places: Iterable[tuple[str, int]]) -> None:
        for path, line in places:
            self._find(Finding(path, line, "own secret", f"it holds {_OWN}"))

    def _find(self, finding: Finding) -> None:
        if not self._has_enough(finding.path, finding.what):
            self.findings[finding] = None
            self._found_in.add((finding.path, finding.what))

    def _has_enough(self, path: str, what: What) -> bool:
        """Every file with a secret of either kind is named, but not every line of them all."""
        return len(self.findings) >= _MOST_FINDINGS and (path, what) in self._found_in


def _path_of(name: bytes) -> str:
    """The path in a ``+++`` line: git quotes odd names as C does, and puts a tab behind names with spaces."""
    name = name.removesuffix(b"\t")
    if name.startswith(b'"') and name.endswith(b'"'):
        name = re.sub(rb"\\([0-7]{3}|.)", _unescape, name[1:-1])
    return name.removeprefix(b"b/").decode("utf-8", "surrogateescape")


def _unescape(match: re.Match[bytes]) -> bytes:
    letter = match[1]
    return bytes([int(letter, 8) & 0xFF]) if len(letter) == 3 else _ESCAPES.get(letter, letter)
