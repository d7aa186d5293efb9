"""A stack removed with all that it has, in an order in which it can be broken off anywhere and begun again.

The bucket is retained by the template, so it goes last, when nothing writes to it any more; until then
CloudFormation's list of the deleted stack's resources says which it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stepherd.cloud.account import own_stacks
from stepherd.cloud.clients import aws_client
from stepherd.cloud.deployment import Deployer
from stepherd.cloud.emptying import contents_of, empty_repository, remove_bucket
from stepherd.cloud.git_secret import RECOVERY_DAYS, GitSecret
from stepherd.cloud.holdings import Holdings
from stepherd.cloud.run_census import stop_executions, stop_tasks
from stepherd.cloud.stack import Stack
from stepherd.cloud.stack_parts import parts_of_stack
from stepherd.cloud.staging import staging_name
from stepherd.cloud.task_definitions import remove_revisions
from stepherd.errors import StepherdError
from stepherd.services.aws.errors import error_code, translated

__all__ = ["Remaining", "Removal", "clear_failed"]

_MACHINES = "AWS::StepFunctions::StateMachine"
_SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a type


@dataclass(frozen=True, slots=True)
class Remaining:
    """Something that is still there."""

    what: str
    why: str
    command: str = ""
    error: StepherdError | None = None
    """The error that kept it from being removed; None where it stays by intent."""


@dataclass(slots=True)
class Removal:
    """Removes what was looked at. ``tell`` hears what is done."""

    holdings: Holdings
    deployer: Deployer
    tell: Callable[[str], None]
    remaining: list[Remaining] = field(default_factory=list)
    """The things that remain afterwards."""

    def run(self) -> None:
        """Remove everything. Raises what keeps the stack from going; what comes after is in ``remaining``."""
        if self.holdings.stack is not None:
            self._quieten()
            for repository in self.holdings.of_kind("AWS::ECR::Repository"):
                gone = empty_repository(self._client("ecr"), repository)
                if gone:
                    self.tell(f"Deleted {gone} images of {repository}.")
            self.tell(f"Deleting the stack {self.holdings.name}.")
            self.deployer.delete(self.holdings.stack)
        for bucket, _ in self.holdings.buckets:
            self._or_remain(f"the bucket {bucket}", f"aws s3 rb --force s3://{bucket}", self._bucket, bucket)
        for group in self.holdings.of_kind("AWS::Logs::LogGroup"):
            command = f"aws logs delete-log-group --log-group-name {group}"
            self._or_remain(f"the log group {group}", command, self._log_group, group)
        definitions = f"the task definitions of {self.holdings.name}"
        command = f"aws ecs list-task-definition-families --family-prefix {self.holdings.name}-"
        if self.holdings.stack or self.holdings.deleted:
            self._or_remain(definitions, command, self._definitions, self.holdings.name)
        staging = staging_name(self.holdings.account, self.holdings.region)
        self._or_remain(f"the bucket {staging}", f"aws s3 rb --force s3://{staging}", self._staging, staging)
        self._kept_secrets()
        # Last, because nothing else tells a later attempt that this one was not whole.
        for secret in filter(None, (self.holdings.agent_secret, self.holdings.secret)):
            command = f"aws secretsmanager delete-secret --secret-id {secret}"
            self._or_remain(f"the secret {secret}", command, self._secret, secret)

    def _quieten(self) -> None:
        """Runs first: their machines and their cluster cannot go before them."""
        machines = [machine for machine in self.holdings.of_kind(_MACHINES) if machine.startswith("arn:")]
        region = self.holdings.region
        stopped = sum(stop_executions(machine, region) for machine in machines)
        stopped_tasks = sum(
            stop_tasks(cluster, region) for cluster in self.holdings.of_kind("AWS::ECS::Cluster")
        )
        if stopped or stopped_tasks:
            self.tell(f"Stopped {stopped} executions and {stopped_tasks} tasks.")

    def _bucket(self, bucket: str) -> None:
        self.tell(f"Emptying the bucket {bucket}.")
        remove_bucket(self._client("s3"), bucket, self.holdings.account, _every_thousand(self.tell))

    def _log_group(self, group: str) -> None:
        """A function that ended later has made its group again, and nothing would expire that."""
        try:
            self._client("logs").delete_log_group(logGroupName=group)
        except Exception as error:
            if error_code(error) != "ResourceNotFoundException":
                raise

    def _definitions(self, stack: str) -> None:
        """Updates have left theirs, because runs may be redriven with them; now no run is left."""
        gone = remove_revisions(stack, self.holdings.region)
        if gone:
            self.tell(f"Deleted {gone} revisions of task definitions.")

    def _secret(self, name: str) -> None:
        GitSecret.of(name, self.holdings.name, self.holdings.region).remove()
        words = f"Secrets Manager keeps it for {RECOVERY_DAYS} days, during which it can be restored"
        command = f"aws secretsmanager restore-secret --secret-id {name}"
        self.remaining.append(Remaining(f"the secret {name}", words, command))

    def _kept_secrets(self) -> None:
        if self.holdings.kept_secret:
            command = f"aws secretsmanager delete-secret --secret-id {self.holdings.kept_secret}"
            what = f"the secret {self.holdings.kept_secret}"
            self.remaining.append(Remaining(what, self.holdings.kept_why, command))
        for secret in self.holdings.of_kind(_SECRET):
            words = "deleted with the stack; Secrets Manager may keep it for up to 30 days"
            self.remaining.append(Remaining(f"the secret {secret.rpartition(':')[2]}", words))

    def _staging(self, bucket: str) -> None:
        others = [stack["StackName"] for stack in own_stacks(self.holdings.region)]
        others = [name for name in others if name != self.holdings.name]
        if others:
            words = f"the stack {others[0]} uses it, too"
            self.remaining.append(Remaining(f"the bucket {bucket}", words))
            return
        remove_bucket(self._client("s3"), bucket, self.holdings.account, _every_thousand(self.tell))

    def _or_remain(self, what: str, command: str, remove: Callable[[str], None], name: str) -> None:
        """One thing that does not go does not keep the others."""
        try:
            with translated(what):
                remove(name)
        except StepherdError as error:
            self.remaining.append(Remaining(what, error.message, command, error))

    def _client(self, service: str) -> Any:
        return aws_client(service, self.holdings.region)


def clear_failed(stack: Stack, deployer: Deployer) -> None:
    """Delete a stack that can only be deleted, so that it can be made again; a bucket with objects stays.

    Raises what keeps it from going.
    """
    client = aws_client("cloudformation", stack.region)
    parts = [part for part in parts_of_stack(client, stack.arn) if part.id]
    ecr, s3 = aws_client("ecr", stack.region), aws_client("s3", stack.region)
    for part in parts:
        if part.kind == "AWS::ECR::Repository":
            empty_repository(ecr, part.id)
    deployer.delete(stack)
    for part in parts:
        contents = contents_of(s3, part.id, stack.account) if part.kind == "AWS::S3::Bucket" else None
        if contents is not None and contents.versions == 0:
            remove_bucket(s3, part.id, stack.account, lambda _: None)


def _every_thousand(tell: Callable[[str], None]) -> Callable[[int], None]:
    def told(gone: int) -> None:
        if gone % 1000 == 0 or gone < 1000:
            tell(f"Deleted {gone:,} versions of objects.")

    return told
