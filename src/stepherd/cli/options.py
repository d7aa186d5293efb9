"""How a command is declared, and the options that all of them have."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import click

from stepherd.backends.choice import default_home
from stepherd.backends.home.home_check import check_home
from stepherd.cli.invocation import Invocation
from stepherd.cli.subcommands import Subcommands
from stepherd.cloud.contexts import LOCAL, read_contexts
from stepherd.errors import StepherdError, UsageError
from stepherd.services.disk import disk_error, is_of_disk
from stepherd.services.step_functions.errors import NoSuchRun

__all__ = ["complete_run", "command", "complete_context", "group", "home_path", "run_argument"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Body = Callable[..., int]
_NO_THREAD = "can't start new thread"
"""What Python says, with a RuntimeError."""


def command(
    name: str,
    *,
    examples: tuple[str, ...] = (),
    contexts: bool = True,
    any_home: bool = False,
    names_run: bool = False,
    kind: type[click.Command] = click.Command,
) -> Callable[[Body], click.Command]:
    """Declare a command. Its body gets an Invocation, then its own options by name, and gives the exit code.

    Every command has --home and --json, and --context unless it has nothing to do with runs: ``contexts``.
    A home that others could change is refused, but for a command that says what is wrong: ``any_home``.
    ``names_run``: it shows the run's id itself, so that one that was meant by a part of it is not said twice.
    ``kind``: a class of commands of its own. An error that the body raises is shown with its next command,
    and one of the disk in words.
    """

    def declare(body: Body) -> click.Command:
        invoked = _invoked(body, any_home=any_home, names_run=names_run)
        declared = click.command(name, cls=kind, epilog=_epilog(examples))(invoked)
        declared.params += [*([_context_option()] if contexts else []), _json_option(), _home_option()]
        return declared

    return declare


def group(
    name: str, *, subcommands: dict[str, tuple[str, str]], examples: tuple[str, ...] = ()
) -> Callable[[Body], click.Group]:
    """Declare a command that has commands of its own, and does something by itself without one of them.

    ``subcommands``: name → module and short help.
    """

    def declare(body: Body) -> click.Group:
        command = _invoked(body)

        @functools.wraps(command)
        def invoke(**given: Any) -> int:
            return 0 if click.get_current_context().invoked_subcommand else command(**given)

        how = {"epilog": _epilog(examples), "invoke_without_command": True, "modules": subcommands}
        declared: click.Group = click.command(name, cls=Subcommands, **how)(invoke)
        declared.params += [_context_option(), _json_option(), _home_option()]
        return declared

    return declare


def _invoked(body: Body, *, any_home: bool = False, names_run: bool = False) -> Body:
    @functools.wraps(body)
    def invoke(home: str | None, as_json: bool, context: str | None = None, **given: Any) -> int:
        call = Invocation(home_path(home), as_json=as_json, context=context)
        try:
            if not any_home:
                check_home(call.home)
            return _with_meant_run(call, body, given, names_run=names_run)
        except StepherdError as error:
            return call.output.error(error)
        except OSError as error:
            return call.output.error(_explained(error, call.home))
        except RuntimeError as error:
            if str(error) != _NO_THREAD:
                raise
            return call.output.error(disk_error(OSError(errno.EAGAIN, _NO_THREAD), "Working in", call.home))

    return invoke


def _with_meant_run(call: Invocation, body: Body, given: dict[str, Any], *, names_run: bool) -> int:
    """Ask for the run that is meant where none has the id that was given: a good id costs nothing."""
    try:
        return body(call, **given)
    except NoSuchRun:
        meant = _runs().meant_run(call, str(given["run_id"])) if given.get("run_id") else None
        if meant is None:
            raise
        if not names_run:
            call.output.note(f"Run {meant}")
        return body(call, **{**given, "run_id": meant})


def _explained(error: OSError, home: Path) -> StepherdError:
    """An error that a person can fix, in words; any other is a fault in Stepherd, and is raised as it is."""
    if isinstance(error, FileNotFoundError) and not _has_folder():
        return UsageError(
            "The current folder no longer exists.",
            remedy="Change into another one (cd), then run the same command again.",
        )
    if not is_of_disk(error):
        raise error
    return disk_error(error, "Working in", error.filename or home)


def _has_folder() -> bool:
    try:
        return bool(os.getcwd())  # noqa: PTH109 - asked for its failure alone
    except FileNotFoundError:
        return False


def _epilog(examples: tuple[str, ...]) -> str | None:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in examples) if examples else None


def _home_option() -> click.Option:
    words = "The folder where everything is stored. Default: STEPHERD_HOME, or ~/.stepherd."
    return click.Option(["--home"], metavar="DIR", help=words)


def _context_option() -> click.Option:
    words = "Where the runs are: local, or a stack. Default: STEPHERD_CONTEXT; see 'stepherd context'."
    return click.Option(["--context"], metavar="NAME", help=words, shell_complete=complete_context)


def _json_option() -> click.Option:
    return click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object.")


def run_argument(decorated: Decorated) -> Decorated:
    """The argument RUN: an id, the beginning of one, or ``latest``; completes to the runs of the context."""
    return click.argument("run_id", metavar="RUN", shell_complete=complete_run)(decorated)


def home_path(given: str | None) -> Path:
    """The home as an absolute path; nothing is written outside it. Raises UsageError for an empty name."""
    if given is None:
        return default_home()
    if not given or "\0" in given:
        raise UsageError("--home is empty.", remedy="Give a path, or leave it out.")
    return Path(os.path.abspath(Path(given).expanduser()))  # noqa: PTH100 - links stay


def complete_run(context: click.Context, _argument: click.Parameter, incomplete: str) -> list[str]:
    """The ids of runs that begin so."""
    try:
        call = Invocation(home_path(context.params.get("home")), context=context.params.get("context"))
        return [run for run in _runs().run_ids(call, 100) if run.startswith(incomplete)]
    except StepherdError:
        return []


def _runs() -> ModuleType:
    from stepherd.cli import meant_run  # for the start-up time of whoever gives a whole id

    return meant_run


def complete_context(context: click.Context, _argument: click.Parameter, incomplete: str) -> list[str]:
    """The names of contexts that begin so."""
    try:
        names = [LOCAL, *read_contexts(home_path(context.params.get("home"))).known]
    except StepherdError:
        names = [LOCAL]
    return [name for name in names if name.startswith(incomplete)]
