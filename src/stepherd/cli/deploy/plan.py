"""The texts that 'stepherd init' shows before and after its work."""

from __future__ import annotations

import getpass
import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from stepherd.cli.deploy.agent_keys import key_variable
from stepherd.cli.deploy.request import InitRequest
from stepherd.cli.deploy.target import Target, show_target
from stepherd.cli.invocation import Invocation
from stepherd.cli.output import Output
from stepherd.cloud.costs import HALF_AN_HOUR, IDLE_A_MONTH
from stepherd.cloud.stack import Stack
from stepherd.cloud.stack_status import FAILED_CREATION, under_way

if TYPE_CHECKING:
    from stepherd.cli.deploy.steps import Result

__all__ = ["answer", "key_owner", "show_git", "show_plan", "show_result"]

_NAMED: Final = {
    "AWS::Serverless::Function": "functions",
    "AWS::Serverless::StateMachine": "state machines",
    "AWS::ECS::TaskDefinition": "task definitions",
    "AWS::IAM::Role": "roles",
    "AWS::S3::Bucket": "bucket",
    "AWS::ECR::Repository": "image repository",
    "AWS::Serverless::HttpApi": "HTTP API",
    "AWS::EC2::VPC": "VPC without NAT",
    "AWS::CloudWatch::Alarm": "alarms",
}


def show_plan(output: Output, target: Target, stack: Stack | None, kinds: Counter[str]) -> None:
    """Where, what, and about what it costs."""
    show_target(output, target, _state(stack))
    some = ", ".join(f"{kinds[kind]} {words}" for kind, words in _NAMED.items() if kinds[kind])
    output.note(f"Makes    {kinds.total()} resources of the template: {some}")
    output.note("         and, once for all stacks in the region, a staging bucket")
    output.note(
        f"Costs    about ${IDLE_A_MONTH:.2f} a month while nothing runs, {HALF_AN_HOUR * 100:.0f} cents for"
    )
    output.note("         a run of half an hour, and the model (docs/costs.md)")


def show_git(output: Output, request: InitRequest) -> None:
    """The chosen git access, after the question."""
    if request.git.choice != "unsaid":
        output.note(f"Git      {request.git.words}")


def _state(stack: Stack | None) -> str:
    if stack is None:
        return "new"
    if stack.status in FAILED_CREATION:
        return f"{stack.status}: it can only be deleted, and is created again"
    return f"there, {stack.status}{': waits until it is over' if under_way(stack.status) else ''}"


def show_result(call: Invocation, target: Target, result: Result) -> None:
    """Show the stack as it is now, and the next commands. Only the key goes to standard output."""
    state = result.outcome if result.outcome != "unchanged" else "as it should be"
    call.output.note(f"The stack {target.stack} is {state}.")
    outputs = result.stack.outputs
    call.output.note(f"  API      {outputs.get('ApiEndpoint', '')}")
    call.output.note(f"  inbox    {outputs.get('InboxUri', '')}")
    call.output.note(f"  context  {target.context}, now the default ({call.home / 'config.yaml'})")
    for address in result.unconfirmed:
        call.output.note(
            f"  {address} must confirm the subscription: AWS has sent a mail with a link.", fg="yellow"
        )
    if result.key:
        call.output.note("The API key, shown only once: save it now.")
        call.output.data(result.key)
    elif result.keys:
        call.output.note("There is an API key already; create another: stepherd keys create --owner NAME")
    name = f" --name {target.context}" if target.context != "aws" else ""
    if all(result.stack.parameters.get(image) for image in ("GitImage", "AgentImage")):
        call.output.note("  next     stepherd run --repo URL --instructions FILE --agent NAME")
    else:
        call.output.note(f"  next     stepherd init{name}   (builds the images, without which no run starts)")
    if not result.stack.parameters.get("GitCredentialsSecretId"):
        call.output.note(f"           stepherd init{name} --git-token-file FILE   (to let runs push)")
    lacking = result.keyless
    if lacking and not result.stack.parameters.get("AgentCredentialsSecretId"):
        key = f"--agent-key {lacking[0]}=env:{key_variable(lacking[0])}"
        call.output.note(f"           stepherd init{name} {key}   (the key of {lacking[0]})")
    call.output.note("           stepherd doctor")
    call.output.note(f"           stepherd destroy{name}   (removes everything)")


def answer(target: Target, result: Result) -> Mapping[str, Any]:
    """The object that ``init --json`` prints."""
    stack = result.stack
    return {
        "stack": stack.name,
        "arn": stack.arn,
        "account": stack.account,
        "region": stack.region,
        "outcome": result.outcome,
        "context": target.context,
        "outputs": dict(stack.outputs),
        "images": {name: stack.parameters.get(name, "") for name in ("GitImage", "AgentImage")},
        "git_credentials": stack.parameters.get("GitCredentialsSecretId") or None,
        "api_key": result.key or None,
        "unconfirmed": list(result.unconfirmed),
    }


def key_owner() -> str:
    """The owner of the first API key: this user."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = ""
    return re.sub(r"[^A-Za-z0-9_.@-]", "", name).lstrip("_.@-")[:64] or "owner"
