"""The result of a step: result.json, whose schema is result.schema.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from stepherd.errors import DataError, StepherdError
from stepherd.remedies import Command, Remedy, changed, commands_in, known_remedy
from stepherd.runs.fact_types import misfit
from stepherd.text.moments import now, seconds_between
from stepherd.text.plain import one_paragraph, plain

__all__ = ["Failure", "Result", "Status"]

Status = Literal["succeeded", "failed", "interrupted"]
_MOST_DETAILS: Final = 65_536
_STATUSES: Final = ("succeeded", "failed", "interrupted")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step did not succeed, in words for a person."""

    category: str
    message: str
    remedy: str = ""
    retryable: bool = False
    details: str = ""
    """All that a server said, in lines; the message has its beginning."""
    commands: tuple[Command, ...] = ()
    """The commands of ours that the remedy names. Results of earlier versions do not say them."""

    def __post_init__(self) -> None:
        """Keep what the remedy knows, and what was read, in one form."""
        known = commands_in(known_remedy(self.remedy, self.commands or commands_in(self.remedy)))
        object.__setattr__(self, "commands", known)

    @property
    def advice(self) -> str:
        """The remedy with its commands."""
        return known_remedy(self.remedy, self.commands)

    @classmethod
    def of(cls, error: StepherdError) -> Failure:
        """The failure that ``error`` describes, without control characters."""
        return cls(
            error.category,
            one_paragraph(error.message, 2000),
            changed(error.remedy, lambda text: one_paragraph(text, 1000)),
            error.retryable,
            plain(error.details)[:_MOST_DETAILS],
        )


@dataclass(frozen=True, slots=True)
class Result:
    """How a step ended. Times are ISO 8601, UTC, with milliseconds."""

    step: str
    attempt: str
    runs: int
    status: Status
    started: str
    finished: str
    error: Failure | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether the step did what it was for."""
        return self.status == "succeeded"

    @property
    def seconds(self) -> float:
        """The time from start to end, in seconds."""
        return seconds_between(self.started, self.finished)

    def to_json(self) -> dict[str, Any]:
        """The fields as result.json holds them."""
        return {**asdict(self), "facts": dict(self.facts)}

    @classmethod
    def from_json(cls, fields: Any) -> Result:
        """The result that ``fields`` hold. Raises DataError when they are not one."""
        try:
            error = fields["error"]
            made = cls(**{**fields, "error": None if error is None else Failure(**error)})
            made._check()
        except (TypeError, KeyError, ValueError) as error:
            raise DataError(
                f"A result.json cannot be read: {error}.",
                remedy=Remedy("Start the run again with: ", ("run",)),
            ) from None
        return made

    def _check(self) -> None:
        """Raise ValueError or TypeError for a value that another than a step must have written."""
        texts = [self.step, self.attempt, self.started, self.finished]
        if self.error is not None:
            texts += [self.error.category, self.error.message, self.error.remedy, self.error.details]
        if not all(isinstance(text, str) for text in texts) or not isinstance(self.runs, int):
            raise ValueError("a field has the wrong type")
        if self.status not in _STATUSES or not isinstance(self.facts, dict):
            raise ValueError("status or facts")
        if self.step == "agent" and (name := misfit(self.facts)) is not None:
            raise ValueError(f"the fact {name} is not what a step writes")
        for moment in (self.started, self.finished):
            # Without a time zone it is a TypeError.
            seconds_between(moment, now())
