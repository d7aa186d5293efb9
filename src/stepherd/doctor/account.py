"""Checks of the AWS account under a deployed stack: credentials, a clock that agrees, room in the quotas."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from stepherd.doctor.checkup import Finding
from stepherd.errors import StepherdError
from stepherd.remedies import Remedy
from stepherd.services.aws.clients import credentials_expire
from stepherd.services.aws.errors import is_refusal, translated
from stepherd.text.durations import seconds_text
from stepherd.text.moments import until_text

if TYPE_CHECKING:
    from pathlib import Path

    from stepherd.cloud.stack import Stack
    from stepherd.doctor.checked_stack import CheckedStack

__all__ = ["clock_finding", "look_at_caller", "look_at_quotas"]

_SKEW_REFUSED: Final = 300.0
"""Seconds; AWS refuses signatures that are older [docs, Signature Version 4]."""
_SKEW_NOTICED: Final = 30.0
_SOON: Final = 900.0
_GIT_TASK_CPUS: Final = 0.5
"""Of the tasks that clone and push; they run after or before the agent's."""
_FEW_FUNCTIONS: Final = 50
"""Concurrent functions of an account: new ones may have 10, which other applications share."""


def look_at_caller(checked: CheckedStack, _: Path) -> Iterator[Finding]:
    """Owner, account and end of the credentials, and AWS's time, even where AWS refuses."""
    began, answer = time.time(), None
    try:
        with translated("the caller's identity"):
            answer = checked.client("sts").get_caller_identity()
        yield _account_finding(checked, answer)
    except StepherdError as error:
        yield Finding("credentials", "problem", error.message, error.remedy)
        cause: Any = error.__cause__
        if cause is not None and is_refusal(cause):
            answer = getattr(cause, "response", None)
    if answer is not None:
        yield from clock_finding(answer, began, time.time())


def _account_finding(checked: CheckedStack, identity: Mapping[str, Any]) -> Finding:
    context, account = checked.context, str(identity["Account"])
    if account != context.account:
        words = (
            f"They are of the account {account}; the stack of the context '{context.name}' "
            f"is in {context.account}."
        )
        return Finding(
            "credentials",
            "problem",
            words,
            Remedy("Choose others with AWS_PROFILE, or run: ", ("configure",)),
        )
    return _expiry_finding(f"{identity['Arn']}, {context.region}")


def _expiry_finding(who: str) -> Finding:
    until = credentials_expire()
    if until is None:
        return Finding("credentials", "ok", who)
    if (until - datetime.now(UTC)).total_seconds() < _SOON:
        words = f"{who}, until {until_text(until)}. Runs continue without them."
        return Finding(
            "credentials", "warning", words, "aws sso login, or get new ones the way you got these."
        )
    return Finding("credentials", "ok", f"{who}, until {until_text(until)}")


def clock_finding(answer: Mapping[str, Any], began: float, ended: float) -> Iterator[Finding]:
    """Our clock against the Date of an answer of AWS, which was asked for and got at these times of ours."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if not date:
        return
    theirs = parsedate_to_datetime(date).timestamp()
    # A Date has whole seconds, and was written at some moment between asking and getting.
    ahead = began - (theirs + 1) if began > theirs + 1 else min(0.0, ended - theirs)
    words = f"This clock is {seconds_text(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} that of AWS."
    remedy = "Set the clock: timedatectl set-ntp true"
    if abs(ahead) > _SKEW_REFUSED:
        yield Finding("aws clock", "problem", f"{words} AWS refuses requests signed with it.", remedy)
    elif abs(ahead) > _SKEW_NOTICED:
        yield Finding("aws clock", "warning", words, remedy)
    else:
        yield Finding("aws clock", "ok", "It agrees with AWS's.")


def look_at_quotas(checked: CheckedStack, stack: Stack) -> Iterator[Finding]:
    """How many runs the account has room for at a time."""
    cpus = int(stack.parameters.get("AgentCpu") or 2048) / 1024
    kind = "Spot" if stack.parameters.get("AgentCapacity") == "FARGATE_SPOT" else "On-Demand"
    fargate = _quota(checked, "fargate", f"Fargate {kind} vCPU resource count")
    if fargate:
        yield _fargate_finding(checked, fargate, cpus)
    functions = _quota(checked, "lambda", "Concurrent executions")
    if functions:
        value = int(functions["Value"])
        words = f"Lambda runs {value:,} functions at a time, including those of other applications."
        status = "warning" if value < _FEW_FUNCTIONS else "ok"
        remedy = _increase(checked, functions, 1000) if status == "warning" else ""
        yield Finding("quota lambda", status, words, remedy)  # type: ignore[arg-type]
    yield from _build_findings(checked, stack)
    executions = _quota(checked, "states", "open executions")
    if executions:
        words = f"Step Functions keeps {int(executions['Value']):,} executions open; a run is one or two."
        yield Finding("quota states", "ok", words)


def _build_findings(checked: CheckedStack, stack: Stack) -> Iterator[Finding]:
    """New accounts may build nothing at all, and then 'init' makes no images."""
    machine = "Linux/Small" if stack.parameters.get("Architecture") == "X86_64" else "ARM/Small"
    builds = _quota(checked, "codebuild", f"running builds for {machine} environment")
    if builds:
        value = int(builds["Value"])
        words = f"CodeBuild runs {value} builds on {machine} at a time; the images need one."
        status = "warning" if value < 1 else "ok"
        remedy = _increase(checked, builds, 1) if value < 1 else ""
        yield Finding("quota codebuild", status, words, remedy)  # type: ignore[arg-type]


def _fargate_finding(checked: CheckedStack, quota: Mapping[str, Any], cpus: float) -> Finding:
    value, needed = float(quota["Value"]), max(cpus, _GIT_TASK_CPUS)
    at_once = int(value // needed)
    words = f"Fargate has {value:g} vCPU, and an agent takes {cpus:g}: {at_once} runs at a time."
    if at_once < 1:
        return Finding(
            "quota fargate", "problem", words, _increase(checked, quota, max(16, round(4 * needed)))
        )
    status = "warning" if at_once < 2 else "ok"
    remedy = _increase(checked, quota, round(8 * needed)) if status == "warning" else ""
    return Finding("quota fargate", status, words, remedy)  # type: ignore[arg-type]


def _increase(checked: CheckedStack, quota: Mapping[str, Any], value: int) -> str:
    return checked.aws(
        f"service-quotas request-service-quota-increase --service-code {quota['ServiceCode']} "
        f"--quota-code {quota['QuotaCode']} --desired-value {value}"
    )


def _quota(checked: CheckedStack, service: str, name: str) -> Mapping[str, Any] | None:
    """The quota of a service whose name has these words; AWS documents names, not codes. None: not told."""
    with translated(f"the quotas of {service}"):
        pages = checked.client("service-quotas").get_paginator("list_service_quotas")
        for page in pages.paginate(ServiceCode=service):
            for quota in page["Quotas"]:
                if name.lower() in quota.get("QuotaName", "").lower():
                    found: Mapping[str, Any] = quota
                    return found
    return None
