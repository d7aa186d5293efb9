"""``stepherd pull``: a run's changes as a branch of the current clone, no forge needed."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument

__all__ = ["command"]


@declared(
    "pull",
    examples=(
        "cd my-clone && stepherd pull RUN",
        "stepherd pull RUN --into my-clone --branch try-1",
        "stepherd pull RUN --kept fix",
    ),
)
@run_argument
@click.option("--branch", metavar="NAME", help="Branch to create. Default: the run's own.")
@click.option(
    "--into", metavar="DIR", type=click.Path(path_type=Path), default=Path(), help="The clone. Default: here."
)
@click.option("--kept", metavar="NAME", help="Other work that the report names, such as another branch.")
def command(call: Invocation, run_id: str, branch: str | None, into: Path, kept: str | None) -> int:
    """Bring a run's changes into the current clone as a branch.

    Brings all of the work, and warns about parts that must not be pushed. The commit is made from the run's
    bundle; nothing is checked out and no hook runs. A second pull of the same run changes nothing.
    """
    from stepherd.backends.pulling import pull_work  # for its start-up time: it loads all that pushes

    fields = {"run_id": run_id, "branch": None, "commit": None, "created": False}
    facts = pull_work(call.backend, call.home, run_id, into, branch, kept, call.output.note)
    if facts is None:
        call.output.note(f"{run_id} changed nothing: there is nothing to pull.")
    else:
        fields |= {"branch": facts.branch, "commit": facts.commit, "created": facts.created}
        if facts.note:
            call.output.note(facts.note)
        call.output.note(f"{'Made' if facts.created else 'Found'} {facts.branch} at {facts.commit[:12]}.")
        for found in facts.left_out:
            call.output.note(f"Not in it: {found}.")
        branch_word = shlex.quote(facts.branch)
        call.output.note(f"  look     git log -p {branch_word}\n  take     git switch {branch_word}")
    if call.output.as_json:
        call.output.json(fields)
    elif call.output.is_read and fields["branch"]:
        call.output.data(str(fields["branch"]))
    return 0
