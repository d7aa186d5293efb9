"""``stepherd``: finds the command, shows errors in words, gives the exit code."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from importlib import import_module

import click

from stepherd import __version__
from stepherd.cli.output import show_error, silence
from stepherd.errors import StepherdError, UsageError
from stepherd.leaving import leave
from stepherd.services.disk import NO_ROOM, disk_error
from stepherd.services.file_modes import keep_files_private
from stepherd.services.standard_streams import open_standard_streams

__all__ = ["main", "program"]

COMMANDS = {
    "run": "Run an agent from instructions to a pushed branch.",
    "list": "List runs, newest first.",
    "status": "Show a run's states, branch and error.",
    "watch": "Follow a run until it ends.",
    "logs": "Show the output of a run's tasks.",
    "diff": "Show what a run changed.",
    "open": "Open the page of a run's branch, or name its report.",
    "history": "Print a run's execution history as JSON.",
    "stop": "Stop a run and everything it started.",
    "redrive": "Run again what a failed run left undone.",
    "resume": "Continue runs that were interrupted, such as by a crash.",
    "prune": "Remove old runs from this machine's home.",
    "pull": "Bring a run's changes into the current clone as a branch.",
    "login": "Log in to an agent's service; status of logins.",
    "export-token": "Print the access token of a login as JSON.",
    "user": "Same as export-token: user export-token.",
    "agents": "List the agents, their logins, and what is missing.",
    "init": "Deploy Stepherd into your AWS account; run again to update.",
    "configure": "Find a deployed stack and save it as a context.",
    "destroy": "Remove the stack with everything in it.",
    "context": "List contexts, or choose one: this machine or a stack.",
    "doctor": "Check this machine, and the home or the stack where runs are.",
    "keys": "Create, list and revoke API keys of the HTTP API.",
    "engine": "Serve the embedded Step Functions on loopback.",
}
_GROUPS = (
    ("Runs", ("run", "list", "status", "watch", "logs", "diff", "open", "history")),
    ("Control", ("stop", "redrive", "resume", "pull", "prune")),
    ("Agents", ("agents", "login", "export-token")),
    ("Deployed stack", ("init", "configure", "context", "keys", "destroy")),
    ("Engine", ("engine", "doctor")),
)
_EPILOG = """\b
Start with:
  stepherd run --repo PATH_OR_URL --instructions FILE --command CMD
\b
Completion of commands, options and runs, for bash (or zsh, fish):
  eval "$(_STEPHERD_COMPLETE=bash_source stepherd)"
"""


class _Lazy(click.Group):
    """Loads a command's module when it is asked for, so that ``--help`` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"stepherd.cli.commands.{name.replace('-', '_')}").command
        command.short_help = COMMANDS[name]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise _unknown(args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for title, names in _GROUPS:
            with formatter.section(title):
                formatter.write_dl([(name, COMMANDS[name]) for name in names])


_MEANT = {"logout": ["login status"]}
"""Where what is looked for can be found, though it has another name."""


def _unknown(name: str) -> UsageError:
    close = _MEANT.get(name) or get_close_matches(name, COMMANDS, n=1)
    remedy = f"Did you mean: stepherd {close[0]}" if close else "See: stepherd --help"
    return UsageError(f"There is no command '{name}'.", remedy=remedy)


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
    invoke_without_command=True,
)
@click.version_option(__version__, prog_name="stepherd")
@click.pass_context
def cli(context: click.Context) -> None:
    """Runs headless coding agents from written instructions to a pushed branch."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def program() -> None:
    """The program ``stepherd``, from start to exit."""
    keep_files_private()
    open_standard_streams()
    leave(main())


def main() -> int:
    """Run the command line and return its exit code: never a traceback for an error that a person can fix."""
    _write_what_the_terminal_can_show()
    try:
        code = cli.main(prog_name="stepherd", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        code = 130
    except click.UsageError as error:
        code = _show(_from_click(error))
    except StepherdError as error:
        code = _show(error)
    except OSError as error:  # Of --help or a completion, which are written to a file.
        if error.errno not in NO_ROOM:
            raise
        silence(sys.stdout)
        code = _show(disk_error(error, "Writing", "standard output"))
    return code if isinstance(code, int) else 0


def _show(error: StepherdError) -> int:
    # No command could be built, so that --json was asked for stands on the command line alone.
    return show_error(error, error.remedy, as_json="--json" in sys.argv[1:])


def _from_click(error: click.UsageError) -> UsageError:
    command = error.ctx.command_path if error.ctx else "stepherd"
    message = error.format_message()
    return UsageError(
        message if message.endswith((".", "?")) else f"{message}.", remedy=f"See: {command} --help"
    )


def _write_what_the_terminal_can_show() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
