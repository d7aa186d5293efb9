"""A deployed stack as the backend of runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stepherd.backends.client import KEEP, LOGIN, PIPELINE, Call
from stepherd.backends.kept_work import look
from stepherd.backends.stack.logs import open_stack_logs
from stepherd.cloud.contexts import Context, use
from stepherd.cloud.stack import Stack, find_stack
from stepherd.errors import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    StepherdError,
    TemporaryError,
    UsageError,
)
from stepherd.logins.kinds import DEFAULT_KIND
from stepherd.remedies import Remedy
from stepherd.runs.folder import run_folder
from stepherd.services.aws.installed import needs_boto3
from stepherd.services.store.opening import open_store

if TYPE_CHECKING:
    from stepherd.backends.beginning import Beginning
    from stepherd.backends.kept_work import Kept
    from stepherd.backends.stack.logs import StackLogs
    from stepherd.backends.stack.source import StackSource  # for its start-up time
    from stepherd.engine.local import LocalEngine
    from stepherd.engine.runners.choice import RunnerChoice
    from stepherd.runs.request import Request
    from stepherd.services.store.contract import Store

__all__ = ["StackBackend"]

_MACHINES: Final = {PIPELINE: "PipelineArn", LOGIN: "LoginArn", KEEP: "KeepArn"}
"""The outputs of the stack that name them."""
_CONSOLES: Final = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}
_STOP_SECONDS: Final = 30.0


class StackBackend:
    """See ``Backend``. The stack is looked up when it is first needed.

    Each method may raise NotFoundError for a stack that is not there, TemporaryError for one that is being
    made, ConfigurationError for one that failed or is not Stepherd's, and CredentialsError.
    """

    def __init__(self, home: Path, context: Context) -> None:
        self._home = home
        self._context = context
        use(context)

    @property
    def context(self) -> str:
        return self._context.name

    @property
    def title(self) -> str:
        return f"the stack '{self._context.stack}'"

    @property
    def where(self) -> str:
        one = self._context
        return f"{self.title} (context {one.name}, account {one.account}, {one.region})"

    @property
    def background(self) -> str:
        return f"in {self.title}"

    @cached_property
    def stack(self) -> Stack:
        """The stack, whose account is the context's."""
        one = self._context
        try:
            stack = find_stack(one.stack, one.region)
        except NotFoundError as error:
            if f" {one.account} " in error.message:
                raise
            words = f"{error.message} The context '{one.name}' is for the account {one.account}."
            raise NotFoundError(words, remedy=_OTHER_ACCOUNT) from error
        if stack.account != one.account:
            words = (
                f"The credentials in use are for the account {stack.account}, "
                f"but the context '{one.name}' is for {one.account}."
            )
            raise CredentialsError(words, remedy=_OTHER_ACCOUNT)
        return stack

    def output(self, name: str) -> str:
        """One of the stack's outputs."""
        value = self.stack.outputs.get(name)
        if not value:
            raise _lacks(self.stack, name)
        return value

    def machine_arn(self, machine: str = PIPELINE) -> str:
        return self.output(_MACHINES[machine])

    def execution_arn(self, name: str, machine: str = PIPELINE) -> str:
        return f"{self.machine_arn(machine).replace(':stateMachine:', ':execution:')}:{name}"

    def knows(self, arn: str) -> bool:
        return arn.split(":")[:5] == self.machine_arn().split(":")[:5]

    def console(self, run_id: str) -> str | None:
        arn = self.execution_arn(run_id)
        partition, region = arn.split(":")[1], arn.split(":")[3]
        host = _CONSOLES.get(partition, "console.aws.amazon.com")
        return f"https://{region}.{host}/states/home?region={region}#/v2/executions/details/{arn}"

    @cached_property
    def call(self) -> Call:
        """The way to the stack's Step Functions. Raises ConfigurationError without boto3."""
        with needs_boto3("A deployed stack"):
            from stepherd.backends.stack.calls import open_stack_call  # for its start-up time
        return open_stack_call(self._context.stack)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Call]:
        yield self.call

    def store(self) -> Store:
        return open_store(self.output("StoreUri"))

    def login_database(self, kind: str, given: str | None) -> str:
        """``given``, else the stack's parameter for ``q``. Raises UsageError for one on this machine."""
        if given and not given.startswith("s3://"):
            raise UsageError(
                f"The database {given} is on this machine, where {self.title} cannot read it.",
                remedy="Leave --database out, or use s3://bucket/key.",
            )
        return given or (self.stack.parameters.get("LoginDatabaseUri", "") if kind == DEFAULT_KIND else "")

    def keys_secret(self) -> str | None:
        return self.output("ApiKeysSecretId")

    def task_lines(self, run_id: str, only: str | None) -> StackLogs:
        return open_stack_logs(self.stack.name, run_folder(self.store(), run_id), only)

    async def attach(self, engine: LocalEngine | None = None) -> StackSource:  # noqa: ARG002
        from stepherd.backends.stack.source import StackSource  # for its start-up time

        return StackSource(self.call)

    async def find(self, seconds: float) -> StackSource | None:  # noqa: ARG002
        return await self.attach()

    def check_can_start(self) -> None:
        """Raises TemporaryError when the stack is being removed, ConfigurationError without images."""
        if self.stack.status.startswith("DELETE"):
            raise _lacks(self.stack, "")
        images = [self.stack.parameters.get(name) for name in ("GitImage", "AgentImage")]
        if "" in images:
            raise ConfigurationError(
                f"{self.title[0].upper()}{self.title[1:]} has no images yet, so no task of a run can start.",
                remedy=Remedy("Build them: ", ("init", "--name", self.context), ", and wait until it ends."),
            )

    def runner(self, kind: str | None, image: str | None) -> RunnerChoice | None:
        if kind or image:
            option = "--runner" if kind else "--image"
            raise UsageError(
                f"{option} is only for runs on this machine, but this one would run in {self.title}.",
                remedy="Leave it out, or use --context local.",
            )
        return None

    def runner_of(self, run_id: str) -> RunnerChoice | None:  # noqa: ARG002
        return None

    def check_push(self, request: Request, base_commit: str | None) -> None:  # noqa: ARG002
        return None  # Its credentials are for its tasks alone: the push finds out.

    def prepare(
        self,
        run_id: str,
        request: dict[str, Any],
        runner: RunnerChoice | None,  # noqa: ARG002
        *,
        detach: bool,  # noqa: ARG002
    ) -> Beginning:
        from stepherd.backends.stack.start import prepare_on_stack  # for its start-up time

        return prepare_on_stack(self, run_id, request)

    def begin(self, beginning: Beginning) -> Call:
        beginning(self.call)
        return self.call

    def stop(self, run_id: str, request: Mapping[str, str], tell: Callable[[str], None]) -> Kept | None:
        self.call("StopExecution", request)
        deadline = time.monotonic() + _STOP_SECONDS
        asked = {"executionArn": request["executionArn"]}
        while self.call("DescribeExecution", asked)["status"] == "RUNNING" and time.monotonic() < deadline:
            time.sleep(1.0)
        tell("Its tasks have two minutes to save their work, which is then pushed.")
        tell("Ctrl-C leaves the rest to the stack.")
        kept = look(self.call, self, run_id)
        while kept is not None and not kept.over:
            time.sleep(2.0)
            kept = look(self.call, self, run_id)
        return kept


_OTHER_ACCOUNT: Final = Remedy(
    "Log in to that account (aws sso login), unset AWS_ACCESS_KEY_ID if it belongs to another, "
    "or choose a stack: ",
    ("configure",),
)


def _lacks(stack: Stack, output: str) -> StepherdError:
    """Why a stack cannot be used as it is."""
    status = stack.status
    if status.startswith("DELETE") and status != "DELETE_FAILED":
        return TemporaryError(
            f"The stack '{stack.name}' is being deleted ({status}).",
            remedy=Remedy(
                "Choose another: ", ("context",), ". Or deploy it again once it is gone: ", ("init",)
            ),
        )
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        words = f"The stack '{stack.name}' is being created ({status})."
        return TemporaryError(words, remedy=Remedy("Try again when it is ready: ", ("doctor",)))
    if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}:
        words = f"The stack '{stack.name}' has no output {output}: it is not Stepherd's, or is older."
        return ConfigurationError(words, remedy=Remedy("Find the right one: ", ("configure",)))
    words = f"The stack '{stack.name}' cannot be used: it is {status}."
    return ConfigurationError(words, remedy=Remedy("Deploy it again: ", ("init",)))
