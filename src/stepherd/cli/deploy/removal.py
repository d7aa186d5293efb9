"""The texts that 'stepherd destroy' shows before and after its work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stepherd.cli.deploy.target import Target, show_target
from stepherd.cli.output import Output

if TYPE_CHECKING:
    from stepherd.cloud.emptying import Contents
    from stepherd.cloud.holdings import Holdings
    from stepherd.cloud.removal import Remaining

__all__ = ["answer", "show_holdings", "show_remaining"]


def show_holdings(output: Output, target: Target, holdings: Holdings) -> None:
    """Show everything that will be removed."""
    show_target(output, target, _state(holdings))
    if holdings.stack:
        output.note(f"Removes  {len(holdings.parts)} resources")
    if holdings.runs.total:
        running = f", {holdings.runs.running} of them still running" if holdings.runs.running else ""
        output.note(f"         {holdings.runs.total} runs of the last 90 days{running}")
    for bucket, contents in holdings.buckets:
        output.note(f"         the bucket {bucket}: {_amount(contents)}")
    if holdings.logins:
        output.note(f"         {holdings.logins} stored logins")
    if holdings.revisions:
        output.note(f"         {holdings.revisions} revisions of task definitions")
    if holdings.staging:
        output.note("         the staging bucket: no other stack in this region needs it")
    if holdings.images:
        output.note(f"         {holdings.images} images")
    for secret in filter(None, (holdings.secret, holdings.agent_secret)):
        output.note(f"         the secret {secret}")


def show_remaining(output: Output, holdings: Holdings, remaining: Sequence[Remaining], again: str) -> None:
    """Show the remains, and the stack's cost."""
    failed = any(each.error for each in remaining)
    removed = f"The stack {holdings.name}" if holdings.stack else f"The rest of the stack {holdings.name}"
    output.note(f"{removed} is removed{', but not everything' if failed else ''}.")
    for each in remaining:
        command = f": {each.command}" if each.command else ""
        output.note(
            f"  left     {each.what}: {each.why.rstrip('.')}{command}",
            fg="red" if each.error else None,
        )
    spent = holdings.about_spent()
    if holdings.stack:
        runs = f"{holdings.runs.total} runs, {holdings.runs.hours:.1f} h"
        output.note(
            f"  cost     about ${spent:.2f} without the model ({runs}; calculated as in docs/costs.md)"
        )
    if failed:
        output.note(f"  next     {again}")


def answer(target: Target, holdings: Holdings, remaining: Sequence[Remaining]) -> Mapping[str, Any]:
    """The object that ``destroy --json`` prints, with everything that remains and why."""
    return {
        "stack": target.stack,
        "account": target.caller.account,
        "region": target.region,
        "runs": holdings.runs.total,
        "about_spent_usd": round(holdings.about_spent(), 2),
        "left": [
            {
                "what": each.what,
                "why": each.why,
                "command": each.command or None,
                "failed": each.error is not None,
            }
            for each in remaining
        ],
    }


def _state(holdings: Holdings) -> str:
    if holdings.stack:
        return holdings.stack.status
    return f"{'deleted already' if holdings.deleted else 'never made'}; these are its leftovers"


def _amount(contents: Contents) -> str:
    more = "" if contents.counted else "more than "
    return f"{more}{contents.versions:,} versions of objects, {contents.size / 1e6:,.1f} MB"
