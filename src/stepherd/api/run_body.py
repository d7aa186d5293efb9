"""The run that a body asks for, be it of a call or of a queued message: ``{"run": {…}}``, maybe with its
instructions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stepherd.api.problems import InvalidCall
from stepherd.errors import CredentialsError, DataError, NotFoundError, UsageError
from stepherd.runs.fields import check_fields
from stepherd.runs.request import InvalidRequest
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from stepherd.services.store.contract import Store

__all__ = ["RunBody", "read_run_body"]

_OPEN_PLACES: Final = ("inbox", "instructions")
"""Where instructions may lie in the store itself: the rest belongs to runs, owners and logins."""
_NOT_BY_CALL: Final = frozenset({"reply_to", "git_token_host"})
"""Fields that others set: the inbox says where in the store its answer is written, and the command line which
host the owner of a git token has typed. A caller need not be the owner."""
_SHAPE: Final = 'Send {"run": {…}}, and "instructions" as well unless they are on S3.'


@dataclass(frozen=True, slots=True)
class RunBody:
    """A body of the right shape: a run, and maybe its instructions."""

    run: Mapping[str, Any]
    text: str | None
    """Instructions that came along."""
    store: Store
    allow_local: bool

    def request(self, run_id: str) -> dict[str, Any]:
        """The pipeline's input, the same whenever it is made for this run."""
        if self.text is None:
            return dict(self.run)
        return {**self.run, "instructions": f"{self.store.reference}/{self._given(run_id)}"}

    def bring(self, run_id: str) -> None:
        """Put the instructions that came along where the run finds them."""
        if self.text is not None:
            self.store.put(self._given(run_id), self.text.encode())

    def forget(self, run_id: str) -> None:
        """Take back what ``bring`` did, for a run that was not started."""
        if self.text is not None:
            self.store.delete(self._given(run_id))

    def check(self, run_id: str) -> None:
        """Read the instructions and check the whole request. Raises InvalidCall naming the field."""
        # Only now: calls that start no run can do without it, and it loads jsonschema.
        from stepherd.runs.prepare import check_whole_request

        where = "run.instructions" if self.text is None else "instructions"
        try:
            check_whole_request(run_id, self.request(run_id), allow_local=self.allow_local)
        except InvalidRequest as error:
            raise _of_run(error) from error
        except (NotFoundError, DataError, CredentialsError) as error:
            raise InvalidCall(error.message, remedy=error.remedy, field=where) from error
        except UsageError as error:
            raise InvalidCall(error.message, remedy=error.remedy, field="run") from error

    def _given(self, run_id: str) -> str:
        # By its content: another text that is sent for the same run does not replace what the run is to read.
        digest = hashlib.sha256((self.text or "").encode()).hexdigest()
        return f"runs/{run_id}/given/{digest[:16]}/instructions.md"


def read_run_body(body: Mapping[str, Any], store: Store, *, allow_local: bool) -> RunBody:
    """Check ``body`` and return the run that it asks for; its instructions are not read yet. Raises
    InvalidCall naming the field."""
    unknown = next((name for name in body if name not in {"run", "instructions"}), None)
    if unknown is not None:
        words = f"The field '{one_paragraph(unknown, 60)}' is unknown."
        raise InvalidCall(words, remedy=_SHAPE, field=unknown)
    run, text = body.get("run"), body.get("instructions")
    if not isinstance(run, dict):
        raise InvalidCall("The field 'run' must be an object.", remedy=_SHAPE, field="run")
    if "instructions" in body:
        if not isinstance(text, str) or not text.strip():
            raise InvalidCall(
                "The field 'instructions' must be the text of instructions.md.",
                remedy=_SHAPE,
                field="instructions",
            )
        if "instructions" in run:
            words = "The body has instructions, and the run names some, too."
            raise InvalidCall(words, remedy="Send one of them.", field="run.instructions")
    taken = RunBody(run, text, store, allow_local)
    _check_place(run.get("instructions"), taken)
    _check_run(taken)
    return taken


def _check_run(body: RunBody) -> None:
    request = body.request("run_")
    for name in _NOT_BY_CALL & request.keys():
        words = f"The field '{name}' cannot be set by a caller."
        raise InvalidCall(words, remedy="Leave it out.", field=f"run.{name}")
    try:
        check_fields(request, allow_local=body.allow_local)
    except InvalidRequest as error:
        raise _of_run(error) from error


def _of_run(error: InvalidRequest) -> InvalidCall:
    field = f"run.{error.field}" if error.field else "run"
    return InvalidCall(error.message, remedy=error.remedy, field=field)


def _check_place(reference: object, body: RunBody) -> None:
    """Refuse instructions among the store's own objects, which PrepareRun would read for whoever asks."""
    bucket, _, prefix = body.store.reference.removeprefix("s3://").partition("/")
    place = f"s3://{bucket}"
    if body.allow_local or not isinstance(reference, str) or not f"{reference}/".startswith(f"{place}/"):
        return
    key = reference.removeprefix(place).removeprefix("/")
    home = f"{prefix}/" if prefix else ""
    allowed = [f"{home}{name}" for name in _OPEN_PLACES]
    if not any(key == name or key.startswith(f"{name}/") for name in allowed):
        raise InvalidCall(
            "Instructions in the service's own bucket are only allowed below certain prefixes.",
            remedy=f"Put them under {' or '.join(f'{place}/{name}/' for name in allowed)}, or send the text.",
            field="run.instructions",
        )
