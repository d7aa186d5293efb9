"""The steps of 'stepherd init'. Each of them finds out what an earlier attempt has done."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stepherd.api_keys.ring import KeyRing
from stepherd.application import Project
from stepherd.cli.deploy.plan import key_owner
from stepherd.cli.deploy.progress import StackProgress
from stepherd.cli.deploy.request import InitRequest
from stepherd.cli.deploy.target import Target
from stepherd.cli.invocation import Invocation
from stepherd.cloud.account import TAGS
from stepherd.cloud.clients import aws_client
from stepherd.cloud.contexts import keep_context
from stepherd.cloud.deployment import Deployer, Wish
from stepherd.cloud.git_secret import GitSecret
from stepherd.cloud.image_source import image_source
from stepherd.cloud.images import Images, image_parameters
from stepherd.cloud.packaging import package
from stepherd.cloud.polling import moments
from stepherd.cloud.removal import clear_failed
from stepherd.cloud.run_census import count_under_way
from stepherd.cloud.service_role import prepare_ecs
from stepherd.cloud.stack import Stack
from stepherd.cloud.staging import Staging
from stepherd.cloud.template import template_of
from stepherd.errors import InternalError
from stepherd.services.aws.errors import translated
from stepherd.services.secrets.opening import open_document

if TYPE_CHECKING:
    from stepherd.cloud.deployment import Deployer, Outcome, Wish
    from stepherd.cloud.image_source import ImageSource
    from stepherd.cloud.staging import Staging

__all__ = ["Initialising", "Result"]


@dataclass(frozen=True, slots=True)
class Result:
    """The stack after the steps, and what its owner still has to be told."""

    stack: Stack
    outcome: Outcome
    key: str = ""
    """A new API key, to be shown this once."""
    keys: int = 0
    """How many keys there were already."""
    unconfirmed: tuple[str, ...] = ()
    """Mail addresses that have not confirmed their subscription."""
    keyless: tuple[str, ...] = ()
    """Agents that were chosen for the image, cannot do without a key, and were given none."""


class Initialising:
    """One attempt. ``again`` is the command that repeats it."""

    _request: InitRequest

    def __init__(self, call: Invocation, target: Target, project: Project, again: str) -> None:
        self._call, self._output = call, call.output
        self._target, self._project, self._again = target, project, again
        self._progress = StackProgress(self._output)
        self.deployer: Deployer = Deployer(target.stack, target.region, self._progress, again)

    def settle(self) -> Stack | None:
        """Wait for what CloudFormation is at, whoever has begun it."""
        try:
            return self.deployer.settle()
        finally:
            self._progress.end()

    def clear(self, failed: Stack) -> None:
        """Delete a stack that can only be deleted."""
        self._output.note(f"Deleting the stack {failed.name}, which is in {failed.status}.")
        try:
            clear_failed(failed, self.deployer)
        finally:
            self._progress.end()

    def run(self, request: InitRequest, before: Stack | None, *, secret_there: bool) -> Result:
        """Everything, for a stack that has settled and can be updated, or is not there."""
        self._request = request
        caller = self._target.caller
        staging = Staging.of(caller.account, caller.region, caller.partition)
        had = dict(before.parameters) if before else {}
        parameters = self._request.stack_parameters(had, secret_there=secret_there)
        if request.keys.fields:
            name = request.keys.secret_name({**had, **parameters}, self._target.stack)
            parameters["AgentCredentialsSecretId"] = name
        with tempfile.TemporaryDirectory(prefix="stepherd-init-") as name:
            scratch = Path(name)
            self._output.note("Preparing the staging bucket.")
            staging.prepare()
            wish = self._packaged(staging, scratch, parameters, had)
            if before is not None:
                self._mind_runs(before)
            else:
                prepare_ecs(self._target.region, self._output.note)
            outcome = self._apply(self._with_known_images(before, wish, scratch))
            keep_context(self._call.home, self._target.to_context(), default=True)
            key = {**had, **parameters}.get("SecretsKeyArn", "")
            self._keep_git_access(had, key)
            self._keep_agent_keys(parameters, key)
            outcome = self._with_new_images(wish, scratch, outcome)
        stack = self._stack()
        key, keys = self._api_key(stack) if self._request.api_key else ("", 0)
        return Result(stack, outcome, key, keys, self._unconfirmed(stack), request.keyless)

    def _architecture(self, parameters: Mapping[str, str]) -> str:
        default: str = template_of(self._project)["Parameters"]["Architecture"]["Default"]
        return parameters.get("Architecture") or default

    def _mind_runs(self, before: Stack) -> None:
        """Say what is under way, and wait until it is over when that was asked for."""
        machine, told = before.outputs.get("PipelineArn", ""), -1
        for _ in moments():
            count = count_under_way(machine, before.region) if machine else 0
            if count and count != told:
                runs = f"{count} run{'s are' if count > 1 else ' is'} under way"
                self._output.note(f"{runs}{self._words_of_waiting()}", fg="yellow")
            told = count
            if not count or not self._request.wait_for_runs:
                return

    def _words_of_waiting(self) -> str:
        if self._request.wait_for_runs:
            return ": waiting until none is."
        return (
            ", and will continue with its own tasks and the new functions. "
            "A change of subnets, login topic or architecture could end it; to wait: --wait-for-runs"
        )

    def _packaged(
        self, staging: Staging, scratch: Path, parameters: Mapping[str, str], had: Mapping[str, str]
    ) -> Wish:
        known = frozenset(template_of(self._project)["Parameters"])
        folder = scratch / "package"
        folder.mkdir()
        architecture = self._architecture({**had, **parameters})
        packed = package(self._project, staging, folder, self._output.note, architecture)
        return Wish(packed, parameters, known)

    def _apply(self, wish: Wish) -> Outcome:
        self._output.note(f"Deploying the stack {self._target.stack}.")
        try:
            return self.deployer.apply(wish, TAGS)
        finally:
            self._progress.end()

    # -- images --------------------------------------------------------------------------------------

    def _source(self, stack: Stack, scratch: Path) -> ImageSource:
        arguments = self._request.arguments
        arguments = Images(stack).last_arguments() if arguments is None else arguments
        wanted = self._architecture({**stack.parameters, **self._request.parameters})
        return image_source(self._project, arguments, scratch, wanted)

    def _with_known_images(self, before: Stack | None, wish: Wish, scratch: Path) -> Wish:
        """When the images of this source are there already, one deployment is enough."""
        if not self._request.image or before is None or "ImageRepositoryUri" not in before.outputs:
            return wish
        images = Images(before)
        tag, there = images.find(self._source(before, scratch))
        if not there:
            return wish
        return replace(wish, parameters={**wish.parameters, **image_parameters(images.repository, tag)})

    def _with_new_images(self, wish: Wish, scratch: Path, outcome: Outcome) -> Outcome:
        """Build what is not there, and let the tasks use it."""
        if not self._request.image:
            return outcome
        images = Images(self._stack())
        source = self._source(images.stack, scratch)
        tag, there = images.find(source)
        if not there:
            self._output.note("Building the images in CodeBuild; the first time takes some ten minutes.")
            images.build(source, tag, self._log, self._again)
        wanted = image_parameters(images.repository, tag)
        if wanted.items() <= images.stack.parameters.items():
            return outcome
        self._apply(replace(wish, parameters={**wish.parameters, **wanted}))
        return outcome if outcome != "unchanged" else "updated"

    def _log(self, line: str) -> None:
        self._output.note(f"  {line}", dim=True)

    # -- the rest ------------------------------------------------------------------------------------

    def _keep_git_access(self, had: Mapping[str, str], key: str) -> None:
        if self._request.git.choice != "given":
            return
        name = self._request.secret_name(had)
        GitSecret.of(name, self._target.stack, self._target.region).keep(self._request.git.fields, key)
        self._output.note(f"Stored {self._request.git.words} in the secret {name}.")

    def _keep_agent_keys(self, parameters: Mapping[str, str], key: str) -> None:
        keys = self._request.keys
        if not keys.fields:
            return
        name = parameters["AgentCredentialsSecretId"]
        GitSecret.of_agents(name, self._target.stack, self._target.region).keep(keys.fields, key)
        self._output.note(f"Stored the keys of {', '.join(keys.agents)} in the secret {name}.")

    def _api_key(self, stack: Stack) -> tuple[str, int]:
        ring = KeyRing(open_document(stack.outputs["ApiKeysSecretId"]))
        there = [entry for entry in ring.entries() if entry.revoked is None]
        if there:
            return "", len(there)
        return ring.create(key_owner(), "runs:write")[0], 0

    def _unconfirmed(self, stack: Stack) -> tuple[str, ...]:
        client = aws_client("sns", stack.region)
        with translated("the login topic"):
            pages = client.get_paginator("list_subscriptions_by_topic").paginate(
                TopicArn=stack.outputs["LoginTopicArn"]
            )
            found = [each for page in pages for each in page["Subscriptions"]]
        by_mail = [each for each in found if each["Protocol"] == "email"]
        return tuple(each["Endpoint"] for each in by_mail if each["SubscriptionArn"] == "PendingConfirmation")

    def _stack(self) -> Stack:
        stack = self.deployer.find()
        if stack is None:
            raise InternalError(
                f"The stack {self._target.stack} has disappeared.", remedy=f"Run: {self._again}"
            )
        return stack
