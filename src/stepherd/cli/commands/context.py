"""The command ``stepherd context``."""

from __future__ import annotations

from dataclasses import asdict

import click

from stepherd.backends.choice import choose
from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.cli.options import complete_context
from stepherd.cloud.contexts import LOCAL, Contexts, choose_default, read_contexts

__all__ = ["command"]


@declared("context", examples=("stepherd context", "stepherd context aws"), contexts=False)
@click.argument("name", metavar="[NAME]", required=False, shell_complete=complete_context)
def command(call: Invocation, name: str | None) -> int:
    """List the contexts, or make NAME the default, which commands use without --context.

    A context is this machine's own engine (local), or a deployed stack that 'stepherd init' or 'stepherd
    configure' has named.
    """
    if name:
        choose_default(call.home, name)
    contexts = read_contexts(call.home)
    chosen = choose(call.home, None)
    if call.output.as_json:
        call.output.json(_fields(contexts, chosen.name, chosen.why))
        return 0
    for row in _rows(call, contexts):
        mark = "*" if row[0] == chosen.name else " "
        call.output.data(f"{mark} {row[0]:<12}  {row[1]}", fg="green" if mark == "*" else None)
    if chosen.name != contexts.default:
        call.output.note(
            f"'{chosen.name}' is {chosen.why}; the default is '{contexts.default}'.", fg="yellow"
        )
    return 0


def _rows(call: Invocation, contexts: Contexts) -> list[tuple[str, str]]:
    stacks = [
        (one.name, f"stack {one.stack}, account {one.account}, {one.region}"
         + (f", profile {one.profile}" if one.profile else ""))
        for one in contexts.known.values()
    ]  # fmt: skip
    return [(LOCAL, f"the engine of {call.home}"), *stacks]


def _fields(contexts: Contexts, chosen: str, why: str) -> dict[str, object]:
    stacks = [{**asdict(one), "profile": one.profile or None} for one in contexts.known.values()]
    everything = [{"name": LOCAL}, *stacks]
    return {"default": contexts.default, "chosen": chosen, "why": why, "contexts": everything}
