"""From a request as it was given to a run folder that the steps can work from. Nothing is paid for before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stepherd.agents.command_line import split_command
from stepherd.agents.credentials import sole_secrets
from stepherd.agents.registry import get_agent
from stepherd.errors import CannotCreateError, ConfigurationError, StepherdError, TemporaryError
from stepherd.logins.kinds import DATA_VARIABLE, DEFAULT_KIND, login_kind
from stepherd.remedies import Remedy
from stepherd.repositories.address import parse_repository
from stepherd.repositories.allow import parse_allow
from stepherd.repositories.refs import check_branch, check_ref, run_branch
from stepherd.runs.folder import RunFolder, run_folder
from stepherd.runs.front_matter import split_front_matter
from stepherd.runs.ids import check_run_id
from stepherd.runs.instructions import Instructions, find_instructions, frozen_digest, title_of
from stepherd.runs.kept_limits import check_kept_limits
from stepherd.runs.network import checked_network
from stepherd.runs.reply import OWN_FILES, REPLY_TO, reply_folder
from stepherd.runs.request import DEFAULT_TIMEOUT_SECONDS, InvalidRequest, Request, check_request
from stepherd.runs.result import Failure, Result
from stepherd.runs.secret_names import check_secret_names
from stepherd.runs.variables import check_variables
from stepherd.text.moments import now

if TYPE_CHECKING:
    from stepherd.services.store.contract import Store

__all__ = [
    "Digests",
    "check_images",
    "check_whole_request",
    "machine_facts",
    "merged_settings",
    "prepare_run",
]


def prepare_run(
    run_id: str, given: object, store: Store, *, login_database: str = "", default_agent: str = ""
) -> dict[str, Any]:
    """Check ``given``, freeze its instructions in ``store`` and return what the state machine needs to know.

    ``login_database`` is where the login of Amazon Q is kept; empty: in ``store``, as that of other agents.
    ``default_agent`` works where a request names neither an agent nor a command; empty: then it is refused.
    A second call with the same request returns what the first one did, whatever became of the
    instructions since. Raises the errors of ``check_whole_request``; CannotCreateError when the run id
    belongs to another request; TemporaryError for what may pass. A failure is kept for the report.
    """
    folder = run_folder(store, check_run_id(run_id)).listed()
    digest = hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()
    before = folder.read_result("prepare")
    if before is not None and before.succeeded:
        if before.facts["request_digest"] != digest:
            raise CannotCreateError(
                f"The run id '{run_id}' already belongs to another request.", remedy="Choose another --name."
            )
        digests = Digests(folder.request_digest(), frozen_digest(folder.instructions()))
        return machine_facts(folder.read_request(digests.request), digests, folder, store, login_database)
    started = now()

    def finish(error: StepherdError | None) -> None:
        status, failure = ("succeeded", None) if error is None else ("failed", Failure.of(error))
        runs = 1 if before is None else before.runs + 1
        facts = {"request_digest": digest, REPLY_TO: reply_folder(given)}
        folder.write_result(Result("prepare", "", runs, status, started, now(), failure, facts))  # type: ignore[arg-type]

    request, digests = _prepare(run_id, given, folder, finish, default_agent)
    return machine_facts(request, digests, folder, store, login_database)


@dataclass(frozen=True, slots=True)
class Digests:
    """Digests of files in the run folder: the execution carries them, and each later step compares them."""

    request: str
    instructions: str


def _prepare(
    run_id: str,
    given: object,
    folder: RunFolder,
    finish: Callable[[StepherdError | None], None],
    default_agent: str,
) -> tuple[Request, Digests]:
    try:
        request, instructions = check_whole_request(
            run_id, given, allow_local=_is_local(folder), default_agent=default_agent
        )
        frozen = instructions.freeze(folder.instructions())
        digests = Digests(folder.write_request(request), frozen)
    except StepherdError as error:
        finish(error)
        if error.retryable:
            raise TemporaryError(error.message, remedy=error.remedy) from None
        raise
    finish(None)
    return request, digests


def check_images(said: str) -> None:
    """Whether the tasks of a run have images; ``said`` is ``none`` where they do not. Raises
    ConfigurationError: a task that cannot start would be tried again for minutes."""
    if said == "none":
        raise ConfigurationError(
            "The stack has no images yet, so no task of a run can start.",
            remedy=Remedy("Build them: ", ("init",), ", and wait until it ends."),
        )


def check_whole_request(
    run_id: str, given: object, *, allow_local: bool = True, default_agent: str = ""
) -> tuple[Request, Instructions]:
    """The request with front matter and defaults filled in, and its instructions; nothing is written.

    Given fields win over front matter. ``allow_local`` is false where the disk is not the caller's: then
    paths and file:// are refused. Raises InvalidRequest and UsageError for fields, InstructionsNotFound,
    InvalidFrontMatter and DataError for instructions.
    """
    explicit = check_request(given)
    instructions = find_instructions(explicit["instructions"], allow_local=allow_local)
    head, text = split_front_matter(instructions.text())
    if REPLY_TO in explicit:
        # In its folder our own last answers lie beside the instructions.
        instructions = instructions.without(*OWN_FILES)
    fields = check_request(merged_settings(head, explicit))
    check_secret_names(fields)
    check_variables(fields)
    if "repo" not in fields:
        raise InvalidRequest(
            "No repository is named.", remedy="Set it with --repo, or as 'repo:' in front matter."
        )
    request = Request(
        run_id=run_id,
        instructions=fields["instructions"],
        repo=parse_repository(fields["repo"], allow_local=allow_local).url,
        base=check_ref(fields["base"]) if "base" in fields else None,
        branch=check_branch(fields["branch"]) if "branch" in fields else run_branch(run_id),
        agent=_checked_agent(fields, default_agent),
        command=fields.get("command"),
        message=fields.get("message") or f"{title_of(text) or 'Carry out the instructions'}\n",
        timeout_seconds=fields.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS),
        push=fields.get("push", "branch"),
        verify=fields.get("verify"),
        verify_required=fields.get("verify_required", False),
        verify_rounds=fields.get("verify_rounds", 0),
        git_credentials=fields.get("git_credentials"),
        agent_credentials=fields.get("agent_credentials"),
        env=fields.get("env", {}),
        secrets=fields.get("secrets", {}),
        model=fields.get("model"),
        max_turns=fields.get("max_turns"),
        max_cost_usd=fields.get("max_cost_usd"),
        silence_seconds=fields.get("silence_seconds"),
        automation_changes=fields.get("automation_changes", "report"),
        submodules=fields.get("submodules", False),
        commits=fields.get("commits", "one"),
        git_token_host=fields.get("git_token_host"),
        network=checked_network(fields.get("network"), allow_local=allow_local),
        allow=", ".join(parse_allow(fields.get("allow"))) or None,
    )
    return request, instructions


def merged_settings(head: Mapping[str, Any], explicit: Mapping[str, Any]) -> dict[str, Any]:
    """Explicit fields win; an agent or command that was given also over the other half in front matter."""
    chosen = {"agent", "command"} if explicit.keys() & {"agent", "command"} else set()
    return {**{name: value for name, value in head.items() if name not in chosen}, **explicit}


def _checked_agent(fields: Mapping[str, Any], default: str) -> str:
    """The agent's name; the command lines are good ones."""
    name = fields.get("agent") or ("command" if "command" in fields else default or None)
    if name is None:
        raise InvalidRequest(
            "No agent is named.", remedy="Give --agent NAME, or --command for your own command."
        )
    agent = get_agent(name)
    agent.check(fields.get("command"))
    check_kept_limits(agent, fields)
    if (fields.get("agent_credentials") or "none") != "none" and not agent.secret_names:
        raise InvalidRequest(
            f"The agent '{agent.name}' takes no agent credentials.",
            remedy="Give it what it needs by name: --secret NAME=REF.",
            field="agent_credentials",
        )
    if agent.login is not None:
        _check_place_of_login(agent.name, fields)
    if "verify" in fields:
        split_command(fields["verify"], "--verify")
    for field in ("verify_required", "verify_rounds"):
        if fields.get(field) and "verify" not in fields:
            raise InvalidRequest(
                f"{field} is set without a verify command.", remedy="Give --verify COMMAND.", field=field
            )
    return str(name)


def _check_place_of_login(agent: str, fields: Mapping[str, Any]) -> None:
    """The login is put where the agent looks for it by its home alone (``user_database``)."""
    for field in ("env", "secrets"):
        if DATA_VARIABLE in fields.get(field, {}):
            raise InvalidRequest(
                f"The variable {DATA_VARIABLE} cannot be set for the agent '{agent}': it would look for its "
                "login there, and find none.",
                remedy="Leave it out, or set it for one program: env NAME=VALUE PROGRAM.",
                field=field,
            )


def _is_local(folder: RunFolder) -> bool:
    # A run that can read the folder's disk can read the caller's: with a store on S3 that is not known.
    return folder.reference.startswith("file://")


def machine_facts(
    request: Request, digests: Digests, folder: RunFolder, store: Store, login_database: str
) -> dict[str, Any]:
    """The facts of a run for the state machine."""
    return {
        "run_id": request.run_id,
        "folder": folder.reference,
        "request_digest": digests.request,
        "instructions_digest": digests.instructions,
        "agent": request.agent,
        "login": _login_facts(request, store, login_database),
        "push": request.push,
        "git_credentials": request.git_credentials or "",
        "agent_credentials": request.agent_credentials or "",
        "agent_variables": _variables_of_secrets(request),
        "timeout_seconds": request.timeout_seconds,
        "agent_task_seconds": request.agent_task_seconds,
    }


def _variables_of_secrets(request: Request) -> str:
    """Those that its secrets are read from, for the engine: a task gets no others of it."""
    return " ".join(sorted({ref for ref in request.secrets.values() if ref.startswith("env:")}))


def _login_facts(request: Request, store: Store, login_database: str) -> dict[str, Any]:
    """Whether the login machine comes first, which kind of login it is, and where its database is."""
    agent = get_agent(request.agent)
    if agent.login is None or not agent.needs_login(has_secret=request.has_key(sole_secrets(agent))):
        return {"needed": False, "kind": "", "database": ""}
    # Only now: a run without a login can do without SQLite.
    from stepherd.logins.opening import open_location

    reference = login_database if agent.login == DEFAULT_KIND else ""
    place = open_location(login_kind(agent.login), reference or None, store)
    return {"needed": True, "kind": agent.login, "database": place.reference}
