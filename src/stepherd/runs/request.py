"""A request: as it was given, and as it is kept in request.json once every default is filled in."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from stepherd.errors import DataError, UsageError
from stepherd.remedies import Remedy
from stepherd.repositories.binding import typed_host
from stepherd.runs.request_check import follows
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

__all__ = [
    "DEFAULT_TIMEOUT_SECONDS",
    "InvalidRequest",
    "Request",
    "check_request",
    "request_schema",
    "request_validator",
]

DEFAULT_TIMEOUT_SECONDS: Final = 3600
MOST_VERIFY_ROUNDS: Final = 10
_GRACE_SECONDS: Final = 900
_LONGEST_VERIFY_SECONDS: Final = 1800


class InvalidRequest(UsageError):
    """A request that cannot be run however often it is tried; the pipeline does not retry it."""

    def __init__(self, message: str, *, remedy: str = "", field: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.field = field
        """The field that is to be fixed; empty when it is not one field."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request with every decision made: what request.json holds and every step reads."""

    run_id: str
    instructions: str
    """Where the instructions came from; the frozen copy in the run folder is what counts."""
    repo: str
    base: str | None
    """None: the default branch of the repository."""
    branch: str
    agent: str
    command: str | None
    message: str
    timeout_seconds: int
    """Of the agent alone, in seconds."""
    push: Literal["branch", "none"]
    verify: str | None
    verify_required: bool
    git_credentials: str | None
    """A reference for ``services.read_secret``; None: what the step's environment says."""
    agent_credentials: str | None = None
    """A reference, too: API keys and the like, for the agent's environment; None: as above."""
    model: str | None = None
    max_turns: int | None = None
    max_cost_usd: float | None = None
    silence_seconds: int | None = None
    """How long the agent may print nothing; None: half an hour, in which it has no child that works."""
    automation_changes: Literal["report", "refuse"] = "report"
    """How to treat changed files that run by themselves, such as a workflow of the forge."""
    git_token_host: str | None = None
    """The host of the repository where a person has typed its address, and not instructions named it."""
    verify_rounds: int = 0
    """How often the agent is told of a verify command that failed, in all."""
    network: str | None = None
    """The network that the agent gets: "on", "off", or hosts as ``check_network`` gives them; None: on."""
    submodules: bool = False
    """Whether the submodules are cloned, too."""
    commits: Literal["one", "keep"] = "one"
    """Whether one commit is pushed, or the agent's own."""
    allow: str | None = None
    """Paths that are pushed whatever the scan says of them, as ``parse_allow`` reads them; None: none."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables of the agent and of the verify command."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """More of them: name → a reference for ``services.read_secret``."""

    def has_key(self, names: Iterable[str]) -> bool:
        """Whether the request gives its agent, which takes keys by these variables, one."""
        given = self.env.keys() | self.secrets.keys()
        return (self.agent_credentials or "none") != "none" or not given.isdisjoint(names)

    @property
    def verify_seconds(self) -> int:
        """How long the verify command may take; 0 without one."""
        return min(self.timeout_seconds, _LONGEST_VERIFY_SECONDS) if self.verify else 0

    @property
    def agent_task_seconds(self) -> int:
        """How long the state RunAgent may take: the agent, the verify command of each round, and the
        hand-offs around."""
        return self.timeout_seconds + self.verify_seconds * (1 + self.verify_rounds) + _GRACE_SECONDS

    def to_json(self) -> dict[str, Any]:
        """The fields as request.json holds them."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Request:
        """The request of a request.json that ``prepare`` wrote. Raises DataError when it is not one."""
        if "git_token_host" not in fields:
            # Of a version that asked for no host: its runs end as they began.
            fields = {**fields, "git_token_host": typed_host(str(fields.get("repo", "")))}
        try:
            request = cls(**fields)
            request._check_numbers()
            request._check_variables()
        except (TypeError, ValueError) as error:
            raise DataError(
                f"request.json is not one of this version: {error}.",
                remedy=Remedy("Start the run again with: ", ("run",)),
            ) from None
        return request

    def _check_numbers(self) -> None:
        """Its limits count only as numbers; the schema is not loaded for them, that takes too long here."""
        if self.timeout_seconds is None:
            raise ValueError("timeout_seconds is missing")
        if type(self.verify_rounds) is not int or not 0 <= self.verify_rounds <= MOST_VERIFY_ROUNDS:
            raise ValueError("verify_rounds is not a number of rounds")
        for name in ("timeout_seconds", "max_turns", "silence_seconds", "max_cost_usd"):
            value = getattr(self, name)
            kinds = (int, float) if name == "max_cost_usd" else (int,)
            if value is not None and not (type(value) in kinds and _is_finite(value) and value > 0):
                raise ValueError(f"{name} is not a number above 0")

    def _check_variables(self) -> None:
        for name in ("env", "secrets"):
            given = getattr(self, name)
            if not isinstance(given, dict) or not all(type(value) is str for value in given.values()):
                raise ValueError(f"{name} is not an object of texts")


def request_schema() -> dict[str, Any]:
    """The published JSON Schema of a request as it is given."""
    text = Path(__file__).with_name("request.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@cache
def _schema() -> dict[str, Any]:
    return request_schema()


@cache
def request_validator() -> Draft202012Validator:
    """The validator of that schema, made once; asking for it loads jsonschema.

    NaN is no number to it. jsonschema's own takes it for one that is within every bound.
    """
    # Only now: it takes a tenth of a second to load, and is asked for reasons alone (``request_check``).
    from jsonschema import Draft202012Validator, validators

    own = Draft202012Validator.TYPE_CHECKER
    kinds = own.redefine("number", lambda _, value: own.is_type(value, "number") and _is_finite(value))
    validator: type[Draft202012Validator] = validators.extend(Draft202012Validator, type_checker=kinds)  # type: ignore[no-untyped-call]
    return validator(request_schema())


def _is_finite(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def check_request(given: object) -> dict[str, Any]:
    """``given`` when it follows the schema. Raises InvalidRequest naming the first field that does not."""
    if not follows(given, _schema()):
        errors = sorted(request_validator().iter_errors(given), key=_order)
        if errors:
            raise _refusal(errors[0])
    assert isinstance(given, dict)
    return {name: _as_whole(name, value) for name, value in given.items()}


def _as_whole(name: str, value: Any) -> Any:
    # To JSON Schema 60.0 is an integer; to what counts with it, it would not be one.
    kind = _schema()["properties"][name].get("type")
    return int(value) if kind == "integer" else value


def _order(error: ValidationError) -> tuple[int, str]:
    # An unknown field is most often a misspelt known one, so it is said before "missing".
    return (error.validator != "additionalProperties", ".".join(str(part) for part in error.path))


def _refusal(error: ValidationError) -> InvalidRequest:
    if not error.path:
        return _refusal_of_whole(error)
    field = str(error.path[0])
    shown = _shown(".".join(str(part) for part in error.path))
    words = f"The field '{shown}' is not acceptable: {_reason(error)}."
    return InvalidRequest(words, remedy=_REMEDIES[field], field=field)


def _refusal_of_whole(error: ValidationError) -> InvalidRequest:
    known: dict[str, Any] = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        unknown = sorted(str(name) for name in error.instance if name not in known)[0]
        words, remedy = f"The field '{_shown(unknown)}' is unknown.", _suggestion(unknown, known)
        return InvalidRequest(words, remedy=remedy, field=unknown)
    if error.validator == "required":
        words, field = "The field 'instructions' is missing.", "instructions"
        return InvalidRequest(words, remedy=_REMEDIES[field], field=field)
    return InvalidRequest(
        f"A request is a JSON object, not {_kind(error.instance)}.", remedy=_REMEDIES["instructions"]
    )


def _suggestion(unknown: str, known: Iterable[str]) -> str:
    close = get_close_matches(unknown, list(known), n=1)
    return f"Did you mean '{close[0]}'?" if close else f"The fields are {', '.join(known)}."


def _reason(error: ValidationError) -> str:
    limit = error.validator_value
    reasons = {
        "type": f"it must be {_TYPES.get(str(limit), str(limit))}, not {_kind(error.instance)}",
        "enum": f"'{_shown(error.instance)}' is not one of {', '.join(_words(limit))}",
        "exclusiveMinimum": f"{_shown(error.instance)} is not more than {limit}",
        "minimum": f"{_shown(error.instance)} is less than {limit}",
        "maximum": f"{_shown(error.instance)} is more than {limit}",
        "minLength": "it is empty",
        "maxLength": f"it is longer than {limit} characters",
        "maxProperties": f"it has more than {limit} variables",
        "pattern": _REASONS_OF_PATTERNS.get(str(error.path[0]), "").format(_shown(error.instance)),
    }
    return reasons[str(error.validator)]


_REASONS_OF_PATTERNS: Final = {
    "reply_to": "it is not a folder below inbox/",
    "env": "'{}' is not the name of a variable",
    "secrets": "'{}' is not the name of a variable",
}


def _words(values: object) -> list[str]:
    return [str(value) for value in values] if isinstance(values, list) else [str(values)]


def _shown(value: object) -> str:
    return one_paragraph(str(value), 60)


def _kind(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return _shown(value)
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return "nothing" if value is None else names.get(type(value), f"a {type(value).__name__}")


_TYPES: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
}
_REMEDIES: Final = {
    "instructions": "Give the instructions with --instructions PATH or s3://bucket/key.",
    "repo": "Give the repository with --repo URL or PATH.",
    "base": "Give a branch, tag or commit with --base REF.",
    "branch": "Give a branch name with --branch NAME.",
    "agent": "Give the agent's name with --agent NAME.",
    "command": "Give the command line with --command 'PROGRAM ARGUMENTS'.",
    "message": "Give a commit message of up to 10,000 characters with --message TEXT.",
    "timeout_seconds": "Give a time of up to 23h with --timeout TIME, such as 600 or 10m.",
    "push": "Give --push branch or --push none.",
    "verify": "Give the command line with --verify 'PROGRAM ARGUMENTS'.",
    "verify_required": "Give true or false.",
    "verify_rounds": "Give a number of rounds with --verify-rounds N, 0 to 10.",
    "git_credentials": "Give a Secrets Manager id, env:NAME, file:PATH or none.",
    "agent_credentials": "Give a Secrets Manager id, env:NAME, file:PATH or none.",
    "env": "Give each variable with --env NAME=VALUE.",
    "secrets": "Give each with --secret NAME=REF: a Secrets Manager id, env:NAME or file:PATH.",
    "model": "Give the model's name with --model NAME.",
    "max_turns": "Give a number of turns with --max-turns N, 1 to 10000.",
    "max_cost_usd": "Give US dollars with --max-cost USD, more than 0.",
    "silence_seconds": "Give a time of up to 23h with --silence TIME, such as 600 or 10m.",
    "automation_changes": "Give --automation-changes report or --automation-changes refuse.",
    "submodules": "Give true or false.",
    "commits": "Give --commits one or --commits keep.",
    "git_token_host": "Give the host of the repository, such as github.com, or leave it out.",
    "network": "Give on, off, or hosts with --network HOST,HOST.",
    "allow": "Give each path with --allow PATH, such as tests/key.pem or '**/*.pem'.",
    "reply_to": "Give a folder of the store such as inbox/name, or leave it out.",
}
