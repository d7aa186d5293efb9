"""The parts of a stack, looked at before it is removed. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from stepherd.cloud.account import TAGS, own_stacks
from stepherd.cloud.clients import aws_client
from stepherd.cloud.costs import spent
from stepherd.cloud.emptying import Contents, contents_of, images_in
from stepherd.cloud.git_secret import GitSecret
from stepherd.cloud.run_census import Census, count_runs
from stepherd.cloud.stack import Stack
from stepherd.cloud.stack_parts import Part, last_deleted, parts_of_stack
from stepherd.cloud.staging import staging_name
from stepherd.cloud.task_definitions import revisions_of
from stepherd.errors import CredentialsError
from stepherd.services.aws.errors import translated

__all__ = ["Holdings", "holdings_of", "made_by_stepherd"]

_KEPT_MEANWHILE = "DELETE_COMPLETE"
_PIPELINE = "PipelineStateMachine"


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything that belongs to a stack, also to one that is half deleted, or has left something behind."""

    name: str
    region: str
    account: str
    stack: Stack | None
    """None when CloudFormation has deleted it, or never had it."""
    parts: tuple[Part, ...] = ()
    """The objects that are not deleted yet."""
    buckets: tuple[tuple[str, Contents], ...] = ()
    images: int = 0
    runs: Census = field(default_factory=Census)
    logins: int = 0
    """Login databases in the buckets."""
    staging: bool = False
    """Whether the staging bucket is there and no other stack of Stepherd needs it."""
    revisions: int = 0
    """Revisions of its task definitions, those of earlier updates too; 0 where they may not be listed."""
    deleted: bool = False
    """Whether CloudFormation has deleted a stack of this name and still knows it."""
    secret: str = ""
    """The git credentials, when they were made for this stack and no other uses them."""
    agent_secret: str = ""
    """The agents' keys, when they were made for this stack and no other uses them."""
    kept_secret: str = ""
    """The git credentials that stay, with the reason in ``kept_why``."""
    kept_why: str = ""

    def of_kind(self, kind: str) -> list[str]:
        """The physical ids of the parts of a kind."""
        return [part.id for part in self.parts if part.kind == kind and part.id]

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to remove."""
        left = (self.buckets, self.secret, self.agent_secret, self.staging, self.revisions)
        return self.stack is None and not any(left)

    def about_spent(self) -> float:
        """US dollars, by docs/costs.md; 0 for a stack that is gone."""
        if self.stack is None:
            return 0.0
        hours = (datetime.now(UTC) - self.stack.created).total_seconds() / 3600
        return spent(stack_hours=max(0.0, hours), runs=self.runs.total, run_hours=self.runs.hours)


def made_by_stepherd(stack: Stack) -> bool:
    """Whether a stack is one of Stepherd's: by what it consists of, or by its tag where little was made."""
    client = aws_client("cloudformation", stack.region)
    return _is_ours(client, stack.arn, parts_of_stack(client, stack.arn))


def _is_ours(client: Any, arn: str, parts: Sequence[Part]) -> bool:
    if not parts or any(part.name == _PIPELINE for part in parts):
        return True
    with translated(f"the stack {arn}"):
        (found,) = client.describe_stacks(StackName=arn)["Stacks"]
    return TAGS.items() <= {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}.items()


def holdings_of(name: str, region: str, account: str, stack: Stack | None) -> Holdings:
    """Look at everything of a stack that is there, was deleted, or never came to be.

    A deployment that failed early has left the staging bucket.
    """
    client = aws_client("cloudformation", region)
    arn = stack.arn if stack else last_deleted(client, name)
    known = parts_of_stack(client, arn) if arn else []
    if stack is None and arn and not _is_ours(client, arn, known):
        # Somebody else's stack of this name: what it has left is not ours to remove.
        arn, known = None, []
    parts = tuple(part for part in known if part.status != _KEPT_MEANWHILE)
    bare = Holdings(name, region, account, stack, parts)
    s3 = aws_client("s3", region)
    looked_at = ((bucket, contents_of(s3, bucket, account)) for bucket in bare.of_kind("AWS::S3::Bucket"))
    buckets = tuple((bucket, contents) for bucket, contents in looked_at if contents is not None)
    return Holdings(
        name, region, account, stack, parts,
        buckets=buckets,
        logins=sum(_logins(s3, bucket, account) for bucket, _ in buckets),
        images=_images(bare),
        runs=_runs(bare),
        staging=_staging(bare),
        revisions=_revisions(bare) if arn else 0,
        deleted=stack is None and arn is not None,
        agent_secret=_agent_secret(bare),
        **_secrets(bare),
    )  # fmt: skip


def _images(holdings: Holdings) -> int:
    ecr = aws_client("ecr", holdings.region)
    return sum(len(images_in(ecr, repository)) for repository in holdings.of_kind("AWS::ECR::Repository"))


def _logins(s3: Any, bucket: str, account: str) -> int:
    with translated(f"the bucket {bucket}"):
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix="logins/", ExpectedBucketOwner=account
        )
        return sum(item["Key"].endswith(".sqlite3") for page in pages for item in page.get("Contents", []))


def _runs(holdings: Holdings) -> Census:
    machines = [part.id for part in holdings.parts if part.name == "PipelineStateMachine" and part.id]
    return count_runs(machines[0], holdings.region) if machines and holdings.stack else Census()


def _staging(holdings: Holdings) -> bool:
    s3 = aws_client("s3", holdings.region)
    there = contents_of(s3, staging_name(holdings.account, holdings.region), holdings.account)
    return there is not None and not _others(holdings)


def _revisions(holdings: Holdings) -> int:
    """A user that may not list them removes the rest all the same, and is told of them afterwards."""
    try:
        return len(revisions_of(holdings.name, holdings.region))
    except CredentialsError:
        return 0


def _secrets(holdings: Holdings) -> dict[str, str]:
    """The secret with the git credentials: to be removed, or kept and why. Once the stack is gone, its name
    is not known any more."""
    stack = holdings.stack
    name = (stack.parameters.get("GitCredentialsSecretId", "") if stack else "") or DEFAULT_SECRET
    secret = GitSecret.of(name, holdings.name, holdings.region)
    if not secret.is_ours():
        stays = bool(stack) and secret.state() == "there"
        return {"kept_secret": name, "kept_why": "it was not created for this stack"} if stays else {}
    users = [other["StackName"] for other in _others(holdings) if name in _values(other)]
    if users:
        return {"kept_secret": name, "kept_why": f"the stack {users[0]} uses it, too"}
    return {"secret": name}


def _agent_secret(holdings: Holdings) -> str:
    """The agents' keys, by the stack's parameter or by the name that init gives them."""
    stack = holdings.stack
    name = (stack.parameters.get("AgentCredentialsSecretId", "") if stack else "") or (
        f"{holdings.name}/agents/keys"
    )
    if not GitSecret.of_agents(name, holdings.name, holdings.region).is_ours():
        return ""
    return "" if any(name in _values(other) for other in _others(holdings)) else name


def _values(stack: Mapping[str, Any]) -> set[str]:
    return {pair.get("ParameterValue", "") for pair in stack.get("Parameters", [])}


def _others(holdings: Holdings) -> list[dict[str, Any]]:
    return [stack for stack in own_stacks(holdings.region) if stack["StackName"] != holdings.name]


DEFAULT_SECRET = "amazon-q-headless/git-credentials"  # noqa: S105 - a name
"""The default of the template's parameter GitCredentialsSecretId."""
