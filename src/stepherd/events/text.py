"""Events as lines for a person: what ``stepherd logs`` shows of an agent's work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["readable"]

_LIMITS: Final = {
    "time": "{:,g} s",
    "silence": "{:,g} s without output",
    "turns": "{:,g} turns",
    "cost": "{:,g} USD",
}


def readable(event: Mapping[str, Any]) -> list[str]:
    """The lines of an event as it was recorded; none when it says nothing that is not seen anyway."""
    form = _FORMS.get(str(event["type"]))
    return form(event) if form is not None else []


def _output(event: Mapping[str, Any]) -> list[str]:
    return [str(event["text"])]


def _message(event: Mapping[str, Any]) -> list[str]:
    lines = str(event["text"]).strip("\n").split("\n")
    return [f"  ~ {line}" for line in lines] if event.get("thought") else lines


def _tool(event: Mapping[str, Any]) -> list[str]:
    """One line when it begins, one more when it did not go well."""
    tool = str(event["tool"])
    status = event["status"]
    if status == "started":
        said = event.get("input")
        return [_one_line(f"> {tool}: {said}" if said else f"> {tool}", 200)]
    if status == "succeeded":
        return []
    said = event.get("output")
    how = "was denied" if status == "denied" else "failed"
    return [_one_line(f"! {tool} {how}: {said}" if said else f"! {tool} {how}", 300)]


def _started(event: Mapping[str, Any]) -> list[str]:
    """Only what an agent says of itself: that it began is seen."""
    about = [str(event[name]) for name in ("version", "model") if event.get(name)]
    return [f"# {event['name']} {', '.join(about)}"] if about else []


def _retry(event: Mapping[str, Any]) -> list[str]:
    count = f" {event['attempt']}" if event.get("attempt") else ""
    most = f" of {event['most']}" if event.get("most") else ""
    wait = f" in {event['wait_seconds']:.1f} s" if event.get("wait_seconds") else ""
    return [_one_line(f"! Trying again{wait} (try{count}{most}): {event['reason']}", 300)]


def _limit(event: Mapping[str, Any]) -> list[str]:
    name, limit, value = str(event["name"]), event["limit"], event.get("value")
    if name == "output" and value is None:
        return ["! There is too much output to keep: the rest is left out, except its end."]
    if name == "output":
        return [f"! {value:,.0f} events were left out."]
    what = _LIMITS[name].format(limit)
    return [
        f"! The limit of {what} is reached."
        if event["reached"]
        else f"! {value or 0:,.6g} of {what} are used."
    ]


def _login(event: Mapping[str, Any]) -> list[str]:
    return [_one_line(f"# Login {event['agent']}: {event['text']}", 600)]


def _one_line(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


_FORMS: Final[dict[str, Callable[[Mapping[str, Any]], list[str]]]] = {
    "output": _output,
    "message": _message,
    "tool_use": _tool,
    "started": _started,
    "retry": _retry,
    "limit": _limit,
    "login": _login,
}
