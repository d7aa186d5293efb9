"""The pipeline's executions, by the Step Functions API: of AWS, or of an embedded engine's endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from stepherd.api.problems import InvalidCall, NoSuchThing, NotPossible
from stepherd.services.aws.clients import new_client
from stepherd.services.aws.errors import aws_error, error_code

__all__ = ["Execution", "Executions"]

_EVENTS_A_PAGE: Final = 1000
_MOST_EVENTS: Final = 25_000  # of one execution, by Step Functions


@dataclass(frozen=True, slots=True)
class Execution:
    """What is known of an execution. Times are ISO 8601, UTC."""

    run_id: str
    status: str
    """RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED or PENDING_REDRIVE."""
    started: str
    stopped: str | None
    redrives: int
    error: str = ""
    cause: str = ""

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.status in {"RUNNING", "PENDING_REDRIVE"}


@dataclass(frozen=True, slots=True)
class Executions:
    """The executions of one state machine."""

    client: Any
    machine: str
    """Its ARN."""

    @classmethod
    def open(cls, machine: str) -> Executions:
        """The executions of the state machine with this ARN."""
        return cls(new_client("stepfunctions", region=machine.split(":")[3]), machine)

    def start(self, run_id: str, request: Mapping[str, Any]) -> None:
        """Start a run; starting the same run again changes nothing, however it went on since."""
        with self._about(run_id, accepted={"ExecutionAlreadyExists"}):
            self.client.start_execution(
                stateMachineArn=self.machine, name=run_id, input=json.dumps(request, ensure_ascii=False)
            )

    def find(self, run_id: str) -> Execution:
        """One execution. Raises NotFoundError."""
        with self._about(run_id):
            return _execution(self.client.describe_execution(executionArn=self._arn(run_id)))

    def page(self, *, status: str | None, most: int, token: str | None) -> tuple[list[Execution], str | None]:
        """Executions of everybody, newest first, and the token of the next page. Raises InvalidCall."""
        options = {"statusFilter": status, "nextToken": token}
        given = {name: value for name, value in options.items() if value}
        with self._about("runs"):
            answer = self.client.list_executions(stateMachineArn=self.machine, maxResults=most, **given)
        return [_execution(each) for each in answer["executions"]], answer.get("nextToken")

    def stop(self, run_id: str, cause: str) -> None:
        """Abort a run; one that has ended stays as it is. Raises NotFoundError."""
        with self._about(run_id):
            self.client.stop_execution(executionArn=self._arn(run_id), error="Stopped", cause=cause)

    def redrive(self, run_id: str, token: str | None) -> None:
        """Run again what did not succeed, once for each ``token``. Raises NotFoundError, NotPossible."""
        given = {"clientToken": token} if token else {}
        with self._about(run_id):
            self.client.redrive_execution(executionArn=self._arn(run_id), **given)

    def history(self, run_id: str) -> Iterator[dict[str, Any]]:
        """The events of a run, in order. Raises NotFoundError."""
        request = {"executionArn": self._arn(run_id), "maxResults": _EVENTS_A_PAGE}
        for _ in range(_MOST_EVENTS // _EVENTS_A_PAGE + 1):
            with self._about(run_id):
                answer = self.client.get_execution_history(**request)
            yield from answer["events"]
            if not answer.get("nextToken"):
                return
            request["nextToken"] = answer["nextToken"]

    def _arn(self, run_id: str) -> str:
        return f"{self.machine.replace(':stateMachine:', ':execution:', 1)}:{run_id}"

    @contextmanager
    def _about(self, run_id: str, accepted: frozenset[str] | set[str] = frozenset()) -> Iterator[None]:
        """Raise what boto3 raises inside the block as an error about this run."""
        try:
            yield
        except ClientError as error:
            code = error_code(error)
            if code in accepted:
                return
            if code == "ExecutionDoesNotExist":
                raise no_run(run_id) from error
            if code == "ExecutionNotRedrivable":
                words = str(error.response["Error"].get("Message", "The run cannot be redriven."))
                raise NotPossible(words, remedy="Start another run with: POST /executions") from error
            if code == "InvalidToken":
                raise InvalidCall(
                    "The cursor is none that this list gave, or too old.",
                    remedy="Begin again without a cursor.",
                    field="cursor",
                ) from error
            raise aws_error(error, f"the execution {run_id}") from error
        except BotoCoreError as error:
            raise aws_error(error, f"the execution {run_id}") from error


def no_run(run_id: str) -> NoSuchThing:
    """The error for a run that is not there, or not the caller's."""
    return NoSuchThing(f"There is no run '{run_id}'.", remedy="See the runs there are: GET /executions")


def _execution(fields: Mapping[str, Any]) -> Execution:
    return Execution(
        str(fields["name"]),
        str(fields["status"]),
        moment_text(fields["startDate"]),
        moment_text(fields["stopDate"]) if fields.get("stopDate") else None,
        int(fields.get("redriveCount", 0)),
        str(fields.get("error", "")),
        str(fields.get("cause", "")),
    )


def moment_text(moment: datetime) -> str:
    """A time of boto3 as ISO 8601, UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
