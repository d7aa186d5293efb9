"""``stepherd context``."""

from __future__ import annotations

from dataclasses import asdict

import click

from stepherd.backends.backend import choose
from stepherd.cli.options import command as declared
from stepherd.cli.options import complete_context
from stepherd.cli.output import Output
from stepherd.cloud.contexts import LOCAL, Contexts, choose_default, read_contexts

__all__ = ["command"]


@declared("context", examples=("stepherd context", "stepherd context aws"), contexts=False)
@click.argument("name", metavar="[NAME]", required=False, shell_complete=complete_context)
def command(output: Output, name: str | None) -> int:
    """List the contexts, or make NAME the default: where runs are when --context does not say.

    A context is this machine's own engine (local), or a deployed stack that 'stepherd init' or 'stepherd
    configure' gave a name.
    """
    if name:
        choose_default(output.home, name)
    contexts = read_contexts(output.home)
    chosen = choose(output.home, None)
    if output.as_json:
        output.json(_fields(contexts, chosen.name, chosen.why))
        return 0
    for row in _rows(output, contexts):
        mark = "*" if row[0] == chosen.name else " "
        output.data(f"{mark} {row[0]:<12}  {row[1]}", fg="green" if mark == "*" else None)
    if chosen.name != contexts.default:
        output.note(f"'{chosen.name}' is {chosen.why}; the default is '{contexts.default}'.", fg="yellow")
    return 0


def _rows(output: Output, contexts: Contexts) -> list[tuple[str, str]]:
    stacks = [
        (one.name, f"stack {one.stack}, account {one.account}, {one.region}"
         + (f", profile {one.profile}" if one.profile else ""))
        for one in contexts.known.values()
    ]  # fmt: skip
    return [(LOCAL, f"the engine of {output.home}"), *stacks]


def _fields(contexts: Contexts, chosen: str, why: str) -> dict[str, object]:
    stacks = [{**asdict(one), "profile": one.profile or None} for one in contexts.known.values()]
    everything = [{"name": LOCAL}, *stacks]
    return {"default": contexts.default, "chosen": chosen, "why": why, "contexts": everything}
