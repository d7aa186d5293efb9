"""One vocabulary for the events of every agent: the lines of events.jsonl."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal, TypeAlias, dataclass_transform

__all__ = [
    "EVENTS",
    "Event",
    "FileChanged",
    "Finished",
    "Limit",
    "LoginEvent",
    "Message",
    "Output",
    "Retry",
    "Started",
    "ToolUse",
    "Usage",
]

EVENTS: Final = "events.jsonl"
"""Their key in the folder of a run."""


@dataclass_transform(frozen_default=True)
class _Event:
    """An event without its time, which whoever records it adds. A frozen dataclass to the type checker.

    Ten real ones take ten milliseconds to make, at the start of every agent's step; these take one.
    """

    kind: ClassVar[str]
    _names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._names = tuple(name for name in cls.__annotations__ if name != "kind")

    def __init__(self, *values: Any, **named: Any) -> None:
        given = {**dict(zip(self._names, values, strict=False)), **named}
        for name in self._names:
            if name not in given and not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} needs {name!r}")
        if len(values) + len(named) != len(given) or not given.keys() <= set(self._names):
            raise TypeError(f"{type(self).__name__} takes {', '.join(self._names)}")
        self.__dict__.update(given)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self.kind, *(getattr(self, name) for name in self._names)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in list(self.to_json().items())[1:])
        return f"{type(self).__name__}({shown})"

    def to_json(self) -> dict[str, Any]:
        """Its type and what is known; what is None is left out."""
        known = ((name, getattr(self, name)) for name in self._names)
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in known}
        return {"type": self.kind, **{name: value for name, value in listed.items() if value is not None}}


class Started(_Event):
    """A process began to work: the agent, or the verify command."""

    kind: ClassVar[str] = "started"
    name: str
    argv: tuple[str, ...] | None = None
    limit_seconds: float | None = None
    version: str | None = None
    model: str | None = None
    session: str | None = None


class Message(_Event):
    """Something that the agent said, or thought aloud."""

    kind: ClassVar[str] = "message"
    text: str
    thought: bool | None = None


class ToolUse(_Event):
    """A tool that the agent used: once when it begins, and once more with how it went, under the same id."""

    kind: ClassVar[str] = "tool_use"
    tool: str
    id: str | None = None
    input: str | None = None
    """In one line, shortened."""
    status: Literal["started", "succeeded", "failed", "denied"] = "started"
    output: str | None = None


class FileChanged(_Event):
    """A file of the workspace that is part of the agent's changes."""

    kind: ClassVar[str] = "file_changed"
    path: str
    status: str | None = None
    added: int | None = None
    deleted: int | None = None


class Usage(_Event):
    """The agent's use of its model so far, in all. Money in US dollars, as the agent itself reckons it."""

    kind: ClassVar[str] = "usage"
    turns: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost_usd: float | None = None
    credits: float | None = None


class Limit(_Event):
    """A limit came near (``reached`` false) or was reached."""

    kind: ClassVar[str] = "limit"
    name: Literal["time", "silence", "turns", "cost", "output"]
    limit: float
    reached: bool
    value: float | None = None


class Retry(_Event):
    """Something is tried again: a call of the model, most often."""

    kind: ClassVar[str] = "retry"
    reason: str
    attempt: int | None = None
    most: int | None = None
    wait_seconds: float | None = None


class LoginEvent(_Event):
    """A login was found good, is waited for, was asked of a person, or was refused."""

    kind: ClassVar[str] = "login"
    agent: str
    status: Literal["valid", "refreshed", "held", "asked", "approved", "declined", "expired", "persisted"]
    text: str
    """For a person: its holder, until when it is good, where to approve it. Never a token."""


class Finished(_Event):
    """A process ended, and how that is judged."""

    kind: ClassVar[str] = "finished"
    name: str
    outcome: Literal["succeeded", "failed", "interrupted"]
    ending: str | None = None
    exit_code: int | None = None
    seconds: float | None = None
    text: str | None = None


class Output(_Event):
    """A line that no one understood, kept as it was printed."""

    kind: ClassVar[str] = "output"
    stream: str
    text: str


Event: TypeAlias = (
    Started | Message | ToolUse | FileChanged | Usage | Limit | Retry | LoginEvent | Finished | Output
)
