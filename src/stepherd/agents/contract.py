"""The contract of an agent: what it needs, how it is started, and how its outcome is judged.

The step ``agent`` calls an agent in this order::

    check     whether it can work on such a request
    prepare   its home, in which an earlier attempt's ``session_paths`` and its login database lie already
    plan      its command line; the environment is the step's, then ``context.secrets``, then the launch's
    reader    fed with every line while the process runs, and asked for notices at 80 % of a limit
    judge     once the process has ended and its changes are recorded

Whatever a reader gets, and whatever it or the judgement says, is redacted: known secrets are ``***`` in it.
An error in a reader or a judgement fails the step as an internal error; the work is kept all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from stepherd.errors import StepherdError
from stepherd.events.vocabulary import Event, Output
from stepherd.processes.tree import Proof

__all__ = [
    "Agent",
    "AgentContext",
    "AgentFailed",
    "Archive",
    "BasicAgent",
    "BasicReader",
    "Ending",
    "Evidence",
    "Kept",
    "Launch",
    "Outcome",
    "Pinned",
    "PlainReader",
    "Reader",
    "Stream",
]

Ending = Literal["exited", "deadline", "silence", "turns", "cost", "interrupted", "lingered", "not_started"]
"""``exited``: by itself; ``lingered``: it had said that it was done, and was ended after a grace time;
``turns`` and ``cost``: it was ended at that limit; ``interrupted``: it was asked to stop from outside."""
Stream = Literal["out", "err"]
Kept = Literal["model", "max_turns", "max_cost_usd", "verify_rounds"]
"""Fields that not every agent can keep. Time and silence are the supervisor's, for each of them."""


class AgentFailed(StepherdError):
    """The agent ran and did not do its work."""

    category = "agent"


@dataclass(frozen=True, slots=True)
class AgentContext:
    """The run as an agent gets it."""

    run_id: str
    workspace: Path
    """A clone of the repository; the current folder of the agent."""
    instructions: Path
    """A folder with instructions.md."""
    command: str | None = None
    """The request's command line."""
    home: Path | None = None
    """Its HOME, empty but for what ``prepare`` put there; the login database of an agent with a login is in
    its place below it before ``plan`` is called."""
    model: str | None = None
    """The model that the request names."""
    max_turns: int | None = None
    max_cost_usd: float | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Of its ``secret_names``, those that the request gives. The step puts them into the agent's environment,
    and nowhere else; a launch's environment overrides them."""
    session: str = ""
    """A UUID made from the run id: the same when a run is redriven."""
    feedback: str = ""
    """Why the agent is started once more in the same place: what a verify command said of its work. It also
    stands at the end of instructions.md."""
    resume: bool = False
    """Whether an earlier attempt of this run left a session behind: ``home`` then holds its
    ``session_paths`` again, ``workspace`` has the path that it had and what the agent had changed in it."""
    empty_submodules: str = ""
    """The names of submodules that were not cloned."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start an agent: words, not a line for a shell, and what its environment gets on top."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes | None = None
    """Its input; then the end of the file, unless its reader takes notices. None: nothing at all."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Observations of an agent from outside."""

    ending: Ending
    exit_code: int | None
    """As a shell gives it: 128 plus the number for a signal. None when it never started."""
    seconds: float
    last_lines: tuple[str, ...] = ()
    """The end of what it printed, without control characters."""
    limit_seconds: float | None = None
    """The limit in seconds that was reached, when one was."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Facts that the agent's reader has found, for the judgement and for the report."""
    changed_files: int | None = None
    """How many files of the workspace it changed; None when that could not be told."""
    reader_error: str | None = None
    """The error of the reader: ``facts`` are not to be trusted then, and no one judges."""
    proof: Proof | None = None
    """The state of its tree after the end; None when it never started."""


class Reader(Protocol):
    """Turns what an agent prints into events, as it comes, and keeps what its judgement needs."""

    @property
    def needs_all(self) -> bool:
        """Whether it must see every line (of the first 4 MiB each). False: none once output is too much
        to be kept."""
        ...

    @property
    def takes_notices(self) -> bool:
        """Whether ``notice`` can give something: stdin then stays open until the agent is done."""
        ...

    def feed(self, stream: Stream, line: str) -> Sequence[Event]:
        """The events of one line, without its end. A line that means nothing is an Output."""
        ...

    @property
    def done(self) -> bool:
        """Whether the agent has said that it is done: it then has a grace time to end by itself."""
        ...

    @property
    def turns(self) -> int:
        """Turns so far; 0 when it does not report them."""
        ...

    @property
    def cost_usd(self) -> float:
        """Cost so far in US dollars; 0.0 when it does not report it."""
        ...

    def notice(self, text: str) -> bytes | None:
        """The bytes for the agent's stdin so that it takes ``text`` as a word from its user; None when
        this agent cannot be told anything while it works."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """For Evidence.facts, once it has ended."""
        ...


class BasicReader:
    """A reader with nothing of its own: every line is output, nothing is known of the work."""

    needs_all: bool = True
    takes_notices: bool = False
    done: bool = False
    turns: int = 0
    cost_usd: float = 0.0

    def feed(self, stream: Stream, line: str) -> Sequence[Event]:
        """The line itself, as output."""
        return (Output(stream, line),)

    def notice(self, text: str) -> bytes | None:  # noqa: ARG002
        """Return None: such an agent takes no messages while it works."""
        return None

    def facts(self) -> Mapping[str, Any]:
        """There are no facts in plain lines."""
        return {}


class PlainReader(BasicReader):
    """For agents whose output has no form, and is no evidence."""

    needs_all = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the agent's work is judged."""

    status: Literal["succeeded", "failed", "interrupted"]
    error: StepherdError | None = None


@dataclass(frozen=True, slots=True)
class Pinned:
    """How a container's image gets a program that npm's registry has."""

    argument: str
    """Of the image's build, which takes a version."""
    version: str
    """The one that is tested, and installed where no other is named."""


@dataclass(frozen=True, slots=True)
class Archive:
    """How a container's image gets a program that is on no registry: from an address, by a checksum."""

    argument: str
    """Of the image's build: ``<argument>_URL`` and ``<argument>_SHA256``."""


class Agent(Protocol):
    """One kind of agent: a module whose ``AGENT`` is its class, and a line in the registry.

    All that is known of it stands in these fields; no other module names it.
    """

    name: ClassVar[str]
    login: ClassVar[str | None]
    """The kind of login database that it works with, a name of ``logins.kinds``; None: it has no login."""
    secret_names: ClassVar[tuple[str, ...]]
    """Environment variables by which it takes credentials; of the request's secret it gets these alone."""
    binaries: ClassVar[tuple[str, ...]]
    """Programs that must be on PATH where the agent runs."""
    install: ClassVar[str]
    """How a person installs the first of them: a command, or where to read about it."""
    image: ClassVar[Pinned | Archive | None]
    """How a container's image gets it; None: it is part of Stepherd."""
    keeps: ClassVar[frozenset[Kept]]
    """The fields of a request that count for this agent: because it has a flag for them, or because it
    reports what it uses and the supervisor keeps the limit. A request that sets another one is refused."""
    session_paths: ClassVar[tuple[str, ...]]
    """Below its home, what it needs to resume: folders or files. After an attempt that did not succeed they
    are kept in the run folder, up to 64 MiB, and the next attempt of the run finds them again
    (``AgentContext.resume``). Credentials must not be below them."""

    def model_hosts(self, secrets: Mapping[str, str]) -> tuple[str, ...]:
        """Where its model is, as URLs or host names: what a limited network must let through. ``secrets`` as
        in the context."""
        ...

    def needs_login(self, *, has_secret: bool) -> bool:
        """Whether the pipeline runs the login machine first; ``has_secret``: the request has credentials."""
        ...

    def check(self, command: str | None) -> None:
        """Whether this agent can work on such a request. Raises UsageError; asked before anything starts."""
        ...

    def prepare(self, context: AgentContext) -> None:
        """Write what it wants to find in its home: settings, most often. Called before ``plan``, before the
        folders are given to the agent's own user. Raises CredentialsError when it could only hang."""
        ...

    def plan(self, context: AgentContext) -> Launch:
        """Return the words of its command line, its input, and variables on top of its environment."""
        ...

    def reader(self) -> Reader:
        """A new reader of its output, for one start."""
        ...

    def judge(self, evidence: Evidence) -> Outcome:
        """Whether it did its work: from evidence, because exit codes lie."""
        ...


class BasicAgent:
    """An agent with nothing of its own: without login, credentials, preparation or form."""

    login: ClassVar[str | None] = None
    secret_names: ClassVar[tuple[str, ...]] = ()
    binaries: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = ""
    image: ClassVar[Pinned | Archive | None] = None
    keeps: ClassVar[frozenset[Kept]] = frozenset()
    session_paths: ClassVar[tuple[str, ...]] = ()
    service_hosts: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The hosts of its model, by the variable with a base URL that stands for them; "": there is none."""

    def model_hosts(self, secrets: Mapping[str, str]) -> tuple[str, ...]:
        """The base URLs among ``secrets``, and its usual hosts where none is given."""
        given = ((secrets.get(variable), usual) for variable, usual in self.service_hosts.items())
        return tuple(host for url, usual in given for host in ((url,) if url else usual))

    def needs_login(self, *, has_secret: bool) -> bool:
        """When it has a login, and the request names no credentials that stand in for it."""
        return self.login is not None and not has_secret

    def prepare(self, context: AgentContext) -> None:
        """There is nothing to prepare."""

    def reader(self) -> Reader:
        """A reader that passes lines on as output."""
        return PlainReader()
