"""``stepherd``: finds the command, shows errors in words, gives the exit code."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from stepherd import __version__
from stepherd.cli.output import show_error
from stepherd.errors import InternalError, StepherdError

__all__ = ["main"]

COMMANDS = {
    "run": "Run an agent from instructions to a pushed branch.",
    "list": "List runs, newest first.",
    "status": "Show a run: its states, its branch, its error.",
    "watch": "Follow a run until it ends.",
    "logs": "Show what a run's tasks wrote.",
    "history": "Print a run's execution history as JSON.",
    "stop": "Stop a run and everything it started.",
    "redrive": "Run again what a failed run left undone.",
    "resume": "Go on with what a dead engine left.",
    "pull": "Bring a run's changes into the current clone as a branch.",
    "engine": "Serve the embedded Step Functions on loopback.",
}
_GROUPS = (
    ("Runs", ("run", "list", "status", "watch", "logs", "history")),
    ("Control", ("stop", "redrive", "resume", "pull")),
    ("Engine", ("engine",)),
)


class _Lazy(click.Group):
    """Loads a command's module when it is asked for, so that ``--help`` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"stepherd.cli.{name}_command").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for title, names in _GROUPS:
            with formatter.section(title):
                formatter.write_dl([(name, COMMANDS[name]) for name in names])


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: stepherd run --repo PATH_OR_URL --instructions FILE --agent NAME",
)
@click.version_option(__version__, prog_name="stepherd")
def cli() -> None:
    """Runs headless coding agents from written instructions to a pushed branch."""


def main() -> None:
    """The program: never a traceback for what a person can mend."""
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        code = 130
    except click.UsageError as error:
        code = show_error(_from_click(error))
    except StepherdError as error:
        code = show_error(error)
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _from_click(error: click.UsageError) -> StepherdError:
    from stepherd.errors import UsageError

    command = error.ctx.command_path if error.ctx else "stepherd"
    message = error.format_message()
    return UsageError(message if message.endswith(".") else f"{message}.", remedy=f"See: {command} --help")


def internal(message: str) -> InternalError:
    """A fault of Stepherd itself, with where to say so."""
    return InternalError(message, remedy="Please report it, with the output of: stepherd --version")
