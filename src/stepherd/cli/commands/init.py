"""The command ``stepherd init``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stepherd.application import Project, find_project
from stepherd.cli.deploy.agent_keys import given_keys
from stepherd.cli.deploy.git_access import TOKEN_VARIABLE, given_access
from stepherd.cli.deploy.parameter_values import check_rules
from stepherd.cli.deploy.plan import answer, show_git, show_plan, show_result
from stepherd.cli.deploy.request import checked_request, completed
from stepherd.cli.deploy.resume_hint import resume_hint, this_command
from stepherd.cli.deploy.target import Target, choose_target, target_options
from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.cloud.contexts import check_context_name, prove_writable
from stepherd.cloud.git_secret import GitSecret
from stepherd.cloud.holdings import made_by_stepherd
from stepherd.cloud.stack_status import FAILED_CREATION
from stepherd.cloud.template import resource_counts, template_of
from stepherd.errors import UsageError
from stepherd.remedies import Remedy
from stepherd.services.aws.installed import require_boto3

if TYPE_CHECKING:
    from stepherd.cli.deploy.request import InitRequest
    from stepherd.cloud.template import Template

__all__ = ["command"]


@declared(
    "init",
    examples=(
        "stepherd init --region eu-west-1 --email you@example.com",
        "stepherd init --yes --no-git --agents claude --agent-key claude=file:key",
        "stepherd init --yes --no-git --parameter AgentMemory=16384",
    ),
    contexts=False,
)
@target_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--email", metavar="ADDRESS", help="Mail address for login approvals and alarms.")
@click.option(
    "--agents",
    metavar="LIST",
    help="Agents in the image: claude, codex, opencode, each =VERSION; q, kiro =URL#sha256=DIGEST. "
    "Default: those that the image has.",
)
@click.option(
    "--agent-key",
    "agent_keys",
    multiple=True,
    metavar="AGENT=REF",
    help="An agent's key for all runs, as env:NAME or file:PATH; repeatable.",
)
@click.option("--no-image", is_flag=True, help="Do not build images.")
@click.option(
    "--git-token-file",
    metavar="PATH",
    help=f"A token for https remotes, or {TOKEN_VARIABLE} in the environment.",
)
@click.option(
    "--git-hosts",
    metavar="LIST",
    help="Hosts that the token or key is for. Default: the host of the token's prefix, or of DefaultRepo.",
)
@click.option("--git-ssh-key-file", metavar="PATH", help="A private key without passphrase, for ssh remotes.")
@click.option("--no-git", is_flag=True, help="No git credentials: public repositories, and no push.")
@click.option(
    "--wait-for-runs", is_flag=True, help="Wait until no run is under way before changing the stack."
)
@click.option("--no-api-key", is_flag=True, help="Do not create a key for the HTTP API.")
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the stack; repeatable.",
)
def command(
    call: Invocation,
    name: str | None,
    stack: str | None,
    region: str | None,
    profile: str | None,
    yes: bool,
    email: str | None,
    agents: str | None,
    agent_keys: tuple[str, ...],
    no_image: bool,
    git_token_file: str | None,
    git_hosts: str | None,
    git_ssh_key_file: str | None,
    no_git: bool,
    wait_for_runs: bool,
    no_api_key: bool,
    parameters: tuple[str, ...],
) -> int:
    """Deploy Stepherd into your AWS account, or update it; asks first.

    If interrupted, run it again: it continues where it stopped. Tokens and keys are only stored in Secrets
    Manager.
    """
    if not yes and not call.output.can_ask:
        raise UsageError(
            "init asks before it changes an AWS account, but there is no terminal to ask at.",
            remedy=f"To go ahead without asking: {this_command('--yes')}",
        )
    require_boto3("An AWS account")
    if name is not None:
        check_context_name(name)
    project = find_project()
    template = template_of(project)
    request = checked_request(
        template, git=given_access(git_token_file, git_ssh_key_file, none=no_git), hosts=git_hosts,
        parameters=parameters, email=email, agents=agents, image=not no_image, api_key=not no_api_key,
        keys=given_keys(agent_keys), wait_for_runs=wait_for_runs,
    )  # fmt: skip
    with resume_hint(call.output):
        target = choose_target(call.home, name, stack, region, profile)
        return _carry_out(call, target, project, request, template, yes=yes)


def _carry_out(
    call: Invocation, target: Target, project: Project, request: InitRequest, template: Template, *, yes: bool
) -> int:
    # Only now: it needs bcrypt, and that it is missing was said in words before.
    from stepherd.cli.deploy.steps import Initialising

    check_context_name(target.context)
    attempt = Initialising(call, target, project, this_command())
    found = attempt.deployer.find()
    if found is not None and not made_by_stepherd(found):
        # An update would take away all that the other template has made.
        raise UsageError(
            f"The stack {found.name} in {target.region} was not deployed by Stepherd; nothing was changed.",
            remedy=Remedy("Choose another name: ", ("init", "--stack-name", "NAME")),
        )
    had = dict(found.parameters) if found else {}
    failed = found is not None and found.status in FAILED_CREATION
    check_rules(template, {**({} if failed else had), **request.parameters})
    secret = GitSecret.of(request.secret_name(had), target.stack, target.region)
    there = secret.state() == "there"
    show_plan(call.output, target, found, resource_counts(template))
    if yes:
        request = request.bound(had, secret_there=there, ask=False)
    else:
        request = completed(request, had, secret_there=there)
    show_git(call.output, request)
    _ask(yes, f"{'Delete what is left and deploy' if failed else 'Deploy'} this?")
    prove_writable(call.home)
    before = attempt.settle()
    if before is not None and before.status in FAILED_CREATION:
        if not failed:
            _ask(yes, f"The stack has ended in {before.status}. Delete it and create it again?")
        attempt.clear(before)
        before = None
    result = attempt.run(request, before, secret_there=there)
    if call.output.as_json:
        call.output.json(answer(target, result))
    else:
        show_result(call, target, result)
    return 0


def _ask(yes: bool, question: str) -> None:
    if not yes:
        click.confirm(question, abort=True, err=True)
