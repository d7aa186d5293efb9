"""Tool uses that mean harm and tools that fail in odd ways: the loop and the conversation go on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amazon_q_streaming_client import QStreamingClient, QStreamingClientSync, ToolProblem, tool
from asking import ONCE
from frames import event, text
from loopback import Loopback, Reply, Request


@tool
def clock(a: Any = 0) -> str:
    """Tell the time."""
    return f"noon{a!r:.0}"


def results_of(request: Request) -> list[Any]:
    message = request.members["conversationState"]["currentMessage"]["userInputMessage"]
    found: list[Any] = message.get("userInputMessageContext", {}).get("toolResults", [])
    return found


def uses(server: Loopback, name: str, given: str) -> None:
    """Let the server use a tool once, and then answer."""

    async def handler(request: Request, reply: Reply) -> None:
        if results_of(request):
            await reply.stream(text("done"))
        else:
            use = {"toolUseId": "t-1", "name": name}
            await reply.stream(
                event("toolUseEvent", {**use, "input": given}), event("toolUseEvent", {**use, "stop": True})
            )

    server.handler = handler


INPUTS = {
    "half of a character": r'{"a": "\ud800"}',
    "half of a character for a name": r'{"\udfff": 1}',
    "a number too large": '{"a": 1e999}',
    "too deep": '{"a": ' * 300 + "1" + "}" * 300,
    "very deep": '{"a": ' * 100_000,
    "a long number": f'{{"a": {"9" * 4000}}}',
    "a number too long": f'{{"a": {"9" * 5000}}}',
    "nothing": "",
}


@pytest.mark.parametrize("given", INPUTS)
@pytest.mark.parametrize("name", ["clock", "bad name!", "x" * 200, "", "Ünï", "a\u0000b"])
def test_whatever_a_tool_use_holds_the_conversation_goes_on(server: Loopback, name: str, given: str) -> None:
    uses(server, name, INPUTS[given])
    with QStreamingClientSync(access_token="tok", endpoint=server.url, retry=ONCE) as client:
        runner = client.run_tools("q", [clock])
        assert runner.until_done().text == "done"
        again = client.run_tools(runner.conversation, [clock], text="and then?")
        assert next(again).tool_uses
    assert len(server.requests) == 3


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(max_size=80),
    given=st.text(max_size=40) | st.from_regex(r'\{"(\\\\u[d-e][0-9a-f]{3}){1,3}": 1\}'),
)
def test_any_name_and_any_input_leave_a_conversation_that_can_be_sent(
    server: Loopback, name: str, given: str
) -> None:
    uses(server, name, given)
    with QStreamingClientSync(access_token="tok", endpoint=server.url, retry=ONCE) as client:
        assert client.run_tools("q", [clock]).until_done().text == "done"


class _Mute:
    def __repr__(self) -> str:
        raise KeyError("no repr")


class _MuteError(Exception):
    def __str__(self) -> str:
        raise KeyError("no text")

    __repr__ = __str__


def mute() -> object:
    """Return what cannot be shown."""
    return _Mute()


def mute_error() -> object:
    """Raise what cannot be shown."""
    raise _MuteError


def long_number() -> object:
    """Return what Python does not write out."""
    return 10**5000


def exit_group() -> object:
    """Raise several errors."""
    raise ExceptionGroup("several", [ValueError("one"), KeyError("two")])


@pytest.mark.parametrize("function", [mute, mute_error, long_number, exit_group])
@pytest.mark.parametrize("is_async", [False, True])
def test_what_cannot_be_shown_is_told_as_a_failure(server: Loopback, function: Any, is_async: bool) -> None:
    uses(server, function.__name__, "{}")

    async def run() -> str:
        async with QStreamingClient(access_token="tok", endpoint=server.url, retry=ONCE) as client:
            return (await client.run_tools("q", [function]).until_done()).text

    if is_async:
        assert asyncio.run(run()) == "done"
    else:
        with QStreamingClientSync(access_token="tok", endpoint=server.url, retry=ONCE) as client:
            assert client.run_tools("q", [function]).until_done().text == "done"
    (result,) = results_of(server.requests[-1])
    assert result["status"] == "error"


def test_an_input_that_is_too_deep_is_told_to_the_model_in_words(server: Loopback) -> None:
    uses(server, "clock", INPUTS["too deep"])
    with QStreamingClientSync(access_token="tok", endpoint=server.url, retry=ONCE) as client:
        client.run_tools("q", [clock]).until_done()
    (result,) = results_of(server.requests[-1])
    assert str(ToolProblem.TOO_DEEP) in result["content"][0]["text"]
