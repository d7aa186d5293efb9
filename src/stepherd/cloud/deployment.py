"""A stack brought to what a template says: by a change set, with its resources followed one by one.

It can be ended at any moment and begun again: it continues from whatever state an earlier attempt has left
the stack in. Source: CloudFormation user guide, "Stack status codes", and the reference of its API.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from stepherd.cloud.clients import aws_client
from stepherd.cloud.polling import moments
from stepherd.cloud.stack import Stack, find_stack
from stepherd.cloud.stack_events import Change, Events, first_failure
from stepherd.cloud.stack_failures import stack_failure
from stepherd.cloud.stack_status import EMPTY, under_way
from stepherd.errors import ConfigurationError, NotFoundError, StepherdError
from stepherd.services.aws.errors import is_refusal, translated

__all__ = ["Deployer", "Outcome", "Wish"]

Outcome = Literal["created", "updated", "unchanged"]

_NO_CHANGES: Final = re.compile(r"didn't contain changes|No updates are to be performed", re.I)
_CAPABILITIES: Final = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
_GOOD: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
_DELETED: Final = "DELETE_COMPLETE"


@dataclass(frozen=True, slots=True)
class Wish:
    """The desired state of a stack."""

    template: str
    """The address of the template; empty for the one that the stack has."""
    parameters: Mapping[str, str]
    """Those that are said; any other keeps its value, or gets the template's default."""
    known: frozenset[str]
    """The names of all parameters of the template."""


class Deployer:
    """Deploys, waits for and deletes one stack. ``tell`` hears of each change of a resource.

    ``again`` is the command line that errors suggest.
    """

    def __init__(self, name: str, region: str, tell: Callable[[Change | None], None], again: str) -> None:
        self._client: Any = aws_client("cloudformation", region)
        self._name, self._region, self._tell, self._again = name, region, tell, again

    def find(self, arn: str = "") -> Stack | None:
        """The stack as it is, by its name or this ARN; None when there is none."""
        try:
            return find_stack(arn or self._name, self._region)
        except NotFoundError:
            return None

    def settle(self) -> Stack | None:
        """Wait until CloudFormation rests; None when there is no stack then. How it ended is no error."""
        stack = self.find()
        if stack is None or not under_way(stack.status):
            return self._unstick(stack)
        events = Events(self._client, stack.arn)
        with translated(self._what):
            events.skip()
        return self._unstick(self._rest(stack.arn, events))

    def apply(self, wish: Wish, tags: Mapping[str, str]) -> Outcome:
        """Create or update the stack, and wait for it; to be called when it has settled.

        Raises the error of what failed first, CredentialsError, TemporaryError, ConfigurationError.
        """
        before = self.find()
        creating = before is None or before.status == EMPTY
        with translated(self._what):
            change_set = self._change_set(wish, tags, before, creating=creating)
            if change_set is None:
                return "unchanged"
            arn = str(change_set["StackId"])
            events = Events(self._client, arn)
            events.skip()
            self._client.execute_change_set(ChangeSetName=change_set["ChangeSetId"])
        after = self._rest(arn, events)
        if after is None or after.status not in _GOOD:
            done = "created" if creating else "updated"
            raise self._failure(f"The stack {self._name} could not be {done}", arn)
        return "created" if creating else "updated"

    def delete(self, stack: Stack) -> None:
        """Delete the stack and wait until it is gone. Raises the error of what could not be deleted first."""
        events = Events(self._client, stack.arn)
        with translated(self._what):
            events.skip()
            self._client.delete_stack(StackName=stack.arn)
        after = self._rest(stack.arn, events)
        if after is not None:
            raise self._failure(f"The stack {self._name} could not be deleted", stack.arn)

    @property
    def _what(self) -> str:
        return f"the stack {self._name}"

    def _unstick(self, stack: Stack | None) -> Stack | None:
        """A rollback of an update that failed itself is taken up again: nothing else can be done with it."""
        if stack is None or stack.status != "UPDATE_ROLLBACK_FAILED":
            return stack
        events = Events(self._client, stack.arn)
        with translated(self._what):
            events.skip()
            self._client.continue_update_rollback(StackName=stack.arn)
        after = self._rest(stack.arn, events)
        if after is not None and after.status == "UPDATE_ROLLBACK_FAILED":
            raise self._failure(f"The stack {self._name} could not be rolled back", stack.arn)
        return after

    def _rest(self, arn: str, events: Events) -> Stack | None:
        """Follow the stack until it rests; ``tell`` gets None after every look."""
        for _ in moments():
            with translated(self._what):
                status = self._status(arn)
                changes = events.new()
            for change in changes:
                self._tell(change)
            self._tell(None)
            if not under_way(status):
                return self.find(arn)
        raise AssertionError

    def _status(self, arn: str) -> str:
        """By its ARN a deleted stack is found, too."""
        return str(self._client.describe_stacks(StackName=arn)["Stacks"][0]["StackStatus"])

    def _failure(self, doing: str, arn: str) -> StepherdError:
        with translated(self._what):
            changes = Events(self._client, arn).of_last_operation()
        return stack_failure(doing, first_failure(changes), self._again)

    def _change_set(
        self, wish: Wish, tags: Mapping[str, str], before: Stack | None, *, creating: bool
    ) -> dict[str, Any] | None:
        """A change set that can be executed; None when there is nothing to change."""
        had = before.parameters if before is not None and not creating else {}
        template = {"TemplateURL": wish.template} if wish.template else {"UsePreviousTemplate": True}
        made = self._client.create_change_set(
            StackName=self._name,
            ChangeSetName=f"stepherd-{uuid.uuid4().hex}",
            ChangeSetType="CREATE" if creating else "UPDATE",
            Capabilities=_CAPABILITIES,
            Parameters=_parameters(wish, had),
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            **template,
        )
        for _ in moments():
            found: dict[str, Any] = self._client.describe_change_set(ChangeSetName=made["Id"])
            self._tell(None)
            if found["Status"] == "CREATE_COMPLETE":
                return found
            if found["Status"] == "FAILED":
                self._drop(made["Id"])
                if _NO_CHANGES.search(found.get("StatusReason", "")):
                    return None
                raise ConfigurationError(
                    f"CloudFormation does not accept the template: {found.get('StatusReason', '')}".rstrip(
                        "."
                    )
                    + ".",
                    remedy=f"Fix that, then run: {self._again}",
                )
        raise AssertionError

    def _drop(self, change_set: str) -> None:
        try:
            self._client.delete_change_set(ChangeSetName=change_set)
        except Exception as error:
            if not is_refusal(error):
                raise
            # It goes with the stack; what there is to say is why it failed.
            return


def _parameters(wish: Wish, had: Mapping[str, str]) -> list[dict[str, Any]]:
    said = [{"ParameterKey": key, "ParameterValue": value} for key, value in wish.parameters.items()]
    kept = sorted((wish.known & had.keys()) - wish.parameters.keys())
    return [*said, *({"ParameterKey": key, "UsePreviousValue": True} for key in kept)]
