"""Checks of a deployed stack: what it says of itself, and what it waits for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepherd.application import application_root
from stepherd.backends.stack.backend import StackBackend
from stepherd.cloud.contexts import Context, use
from stepherd.doctor.access import look_at_keys, look_at_mail, look_at_secrets
from stepherd.doctor.account import look_at_caller, look_at_quotas
from stepherd.doctor.checked_stack import CheckedStack, stack_check
from stepherd.doctor.checkup import Check, Finding
from stepherd.doctor.home import login_findings
from stepherd.doctor.images import look_at_images
from stepherd.services.aws.errors import translated
from stepherd.services.template_text import read_template

if TYPE_CHECKING:
    from stepherd.cloud.stack import Stack

__all__ = ["stack_checks"]

_WELL: Final = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}
_ROLLED_BACK: Final = {"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}
_SECONDS: Final = 25.0


def stack_checks(home: Path, context: Context) -> tuple[Check, ...]:
    """All checks of a context's stack, in the order in which they are shown.

    The AWS settings of this process become the context's.
    """
    use(context)
    checked = CheckedStack(home, context)
    return (
        Check("credentials", partial(look_at_caller, checked), _SECONDS),
        Check("stack", partial(_look_at_stack, checked), _SECONDS),
        stack_check("parameters", checked, _look_at_parameters),
        stack_check("images", checked, look_at_images),
        stack_check("secrets", checked, look_at_secrets),
        stack_check("login mail", checked, look_at_mail),
        stack_check("logins", checked, _look_at_logins),
        stack_check("api keys", checked, look_at_keys),
        stack_check("dead letters", checked, _look_at_dead_letters),
        stack_check("alarms", checked, _look_at_alarms),
        stack_check("quotas", checked, look_at_quotas),
    )


def _look_at_stack(checked: CheckedStack, _: Path) -> Iterator[Finding]:
    stack = checked.stack()
    words = f"{stack.name} in {stack.region}, account {stack.account}: {stack.status}"
    if stack.status in _WELL:
        yield Finding("stack", "ok", words)
    elif stack.status in _ROLLED_BACK:
        yield Finding("stack", "warning", f"{words}. Its last update was rolled back.", checked.own("init"))
    elif stack.status.endswith("_IN_PROGRESS"):
        wait = checked.aws(f"cloudformation describe-stack-events --stack-name {stack.name} --max-items 5")
        yield Finding("stack", "warning", f"{words}. It is being changed right now.", wait)
    elif stack.status == "UPDATE_ROLLBACK_FAILED":
        yield Finding("stack", "problem", f"{words}. It is stuck between two versions.", checked.own("init"))
    elif stack.status == "DELETE_FAILED":
        yield Finding("stack", "problem", f"{words}. Parts of it remain.", checked.own("destroy"))
    else:
        told = f"{words}. It was never complete and has to be created again."
        yield Finding("stack", "problem", told, checked.own("init"))


def _look_at_parameters(checked: CheckedStack, stack: Stack) -> Iterator[Finding]:
    """Those of the deployed template against those of ours, and values that leave something unwatched."""
    ours = _parameters_of_template()
    lacking = sorted(ours - stack.parameters.keys())
    foreign = sorted(stack.parameters.keys() - ours)
    if lacking or foreign:
        told = [f"lacks {', '.join(lacking)}"] * bool(lacking) + [f"has {', '.join(foreign)}"] * bool(foreign)
        words = f"The stack was deployed by another version: it {' and '.join(told)}."
        yield Finding("parameters", "warning", words, checked.own("init"))
    elif stack.parameters.get("LoginSubscribers") == "UNCHECKED":
        words = "LoginSubscribers is UNCHECKED: if no one is subscribed, a login waits silently."
        check = checked.own("init --parameter LoginSubscribers=CHECKED")
        yield Finding("parameters", "warning", words, check)
    else:
        yield Finding("parameters", "ok", "They match this version.")


def _parameters_of_template() -> set[str]:
    path = application_root() / "template.yaml"
    return set(read_template(path.read_text(encoding="utf-8"), str(path))["Parameters"])


def _look_at_logins(checked: CheckedStack, stack: Stack) -> Iterator[Finding]:
    yield from login_findings(
        StackBackend(checked.home, checked.context), stack.parameters.get("DefaultAgent", "")
    )


def _look_at_dead_letters(checked: CheckedStack, _: Stack) -> Iterator[Finding]:
    found = False
    for logical, what in _DEAD_LETTERS:
        queue = checked.part(logical)
        count = _waiting(checked, queue)
        if count:
            found = True
            look = f"sqs receive-message --queue-url {queue} --attribute-names All --visibility-timeout 0"
            yield Finding("dead letters", "warning", f"{count} {what}", checked.aws(look))
    if not found:
        yield Finding("dead letters", "ok", "None is waiting.")


_DEAD_LETTERS: Final = (
    ("DeadLetterQueue", "could not be delivered: events or notices without a handler."),
    ("RunDeadLetterQueue", "asked for runs and could not be processed: the function RequestQueued logs why."),
)


def _waiting(checked: CheckedStack, queue: str) -> int:
    name = "ApproximateNumberOfMessages"
    with translated(f"the queue {queue}"):
        answer = checked.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=[name])
    return int(answer["Attributes"][name])


def _look_at_alarms(checked: CheckedStack, stack: Stack) -> Iterator[Finding]:
    # CloudFormation names them <stack>-<logical id>-<its own letters>; other stacks may begin like this one.
    ours = re.compile(rf"{re.escape(stack.name)}-[A-Za-z0-9]+-[A-Za-z0-9]+")
    with translated("the alarms of the stack"):
        pages = checked.client("cloudwatch").get_paginator("describe_alarms")
        alarms = [
            alarm
            for page in pages.paginate(AlarmNamePrefix=f"{stack.name}-")
            for alarm in page["MetricAlarms"]
            if ours.fullmatch(alarm["AlarmName"])
        ]
    raised = [alarm for alarm in alarms if alarm["StateValue"] == "ALARM"]
    for alarm in raised:
        look = f"cloudwatch describe-alarm-history --alarm-name {alarm['AlarmName']} --max-items 3"
        words = alarm.get("AlarmDescription") or alarm["AlarmName"]
        yield Finding("alarm", "warning", words, checked.aws(look))
    if not raised:
        yield Finding("alarms", "ok", f"{len(alarms)}, none of them raised.")
