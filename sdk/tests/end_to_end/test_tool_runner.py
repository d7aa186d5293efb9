"""The tool runners: typed functions, their results, and the limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from amazon_q_streaming_client import (
    Answer,
    ConfigurationError,
    Conversation,
    InvalidArgumentError,
    QStreamingClient,
    QStreamingClientSync,
    RetryPolicy,
    ThrottledError,
    ToolLimitError,
    TruncatedToolUseError,
)
from amazon_q_streaming_client.models import ToolResultContentBlock
from amazon_q_streaming_client.tools import FunctionTool, tool
from frames import event, text
from loopback import Loopback, Reply, Request

Use = dict[str, Any]


class Place(BaseModel):
    city: str
    country: str = "DE"


@tool
def weather(
    place: Place, unit: Literal["C", "F"] = "C", days: Annotated[int, Field(description="How many", ge=1)] = 1
) -> dict[str, Any]:
    """Tell the weather."""
    return {"city": place.city, "country": place.country, "unit": unit, "days": days}


def fails() -> str:
    """Fail."""
    raise KeyError("gone")


def long_text() -> str:
    """Talk."""
    return "x" * 100


def results_of(request: Request) -> list[dict[str, Any]]:
    message = request.members["conversationState"]["currentMessage"]["userInputMessage"]
    found: list[dict[str, Any]] = message.get("userInputMessageContext", {}).get("toolResults", [])
    return found


def using(*turns: Sequence[Use]) -> Callable[[Request, Reply], Any]:
    """A service that uses tools turn after turn, and then answers with text."""
    left = list(turns)

    async def handler(_: Request, reply: Reply) -> None:
        if not left:
            await reply.stream(text("done"))
            return
        uses = [{"toolUseId": f"t-{len(left)}-{n}", "stop": True, **use} for n, use in enumerate(left.pop(0))]
        await reply.stream(text("wait "), *(event("toolUseEvent", use) for use in uses))

    return handler


def run_async(server: Loopback, question: Any, tools: Any, **options: Any) -> list[Answer]:
    async def run() -> list[Answer]:
        async with QStreamingClient(access_token="tok", endpoint=server.url, retry=ONCE) as client:
            return [answer async for answer in client.run_tools(question, tools, **options)]

    return asyncio.run(run())


def run_sync(server: Loopback, question: Any, tools: Any, **options: Any) -> list[Answer]:
    with QStreamingClientSync(access_token="tok", endpoint=server.url, retry=ONCE) as client:
        return list(client.run_tools(question, tools, **options))


ONCE = RetryPolicy(attempts=1)
both = pytest.mark.parametrize("run", [run_async, run_sync], ids=["async", "sync"])


@both
def test_tools_are_run_and_their_results_sent_until_an_answer_uses_none(server: Loopback, run: Any) -> None:
    server.handler = using(
        [{"name": "weather", "input": '{"place": {"city": "Bonn"}, "days": "2"}'}, {"name": "long_text"}],
        [{"name": "fails"}],
    )
    answers = run(server, "q", [weather, long_text, fails])
    assert [answer.text for answer in answers] == ["wait ", "wait ", "done"]
    first, second, third = server.requests
    assert results_of(first) == []
    assert results_of(second) == [
        {
            "toolUseId": "t-1-0",
            "content": [{"text": '{"city": "Bonn", "country": "DE", "unit": "C", "days": 2}'}],
            "status": "success",
        },
        {"toolUseId": "t-1-1", "content": [{"text": "x" * 100}], "status": "success"},
    ]
    (failed,) = results_of(third)
    assert (failed["status"], failed["content"]) == ("error", [{"text": "KeyError('gone')"}])


@both
@pytest.mark.parametrize(
    ("use", "said"),
    [
        ({"name": "weather", "input": '{"place": {}}'}, "place.city: Field required"),
        ({"name": "weather", "input": '{"place": {"city": "B"}, "days": 0}'}, "days: "),
        ({"name": "weather", "input": '{"place": {"city": "B"}, "novel": 1}'}, "novel: Extra"),
        ({"name": "weather", "input": "{"}, "not usable: invalid JSON"),
        ({"name": "weather", "input": "[1]"}, "not usable: not a JSON object"),
        ({"name": "nothing"}, "There is no tool 'nothing'. The tools are: weather"),
    ],
)
def test_an_input_that_does_not_fit_is_told_to_the_model(
    server: Loopback, run: Any, use: Use, said: str
) -> None:
    server.handler = using([use])
    run(server, "q", [weather])
    (result,) = results_of(server.requests[1])
    assert result["status"] == "error"
    assert said in result["content"][0]["text"]


@both
def test_the_limit_of_requests_ends_the_loop_before_the_tools_are_run(server: Loopback, run: Any) -> None:
    ran: list[int] = []

    def count() -> None:
        """Count."""
        ran.append(1)

    server.handler = using(*[[{"name": "count"}]] * 9)
    with pytest.raises(ToolLimitError, match="after 3 requests") as caught:
        run(server, "q", [count], max_requests=3)
    assert len(server.requests) == 3
    assert len(ran) == 2
    assert caught.value.partial is not None
    assert caught.value.partial.tool_uses[0].name == "count"


@both
def test_results_are_cut_to_the_limit(server: Loopback, run: Any) -> None:
    server.handler = using([{"name": "long_text"}])
    run(server, "q", [long_text], max_result_characters=10)
    (result,) = results_of(server.requests[1])
    assert result["content"] == [{"text": "x" * 10 + "\n[cut, 90 more characters]"}]


@both
def test_a_conversation_goes_on_and_keeps_what_was_said(server: Loopback, run: Any) -> None:
    server.handler = using([{"name": "long_text"}])
    conversation = Conversation(model_id="m")
    run(server, conversation, [long_text], text="first")
    assert len(conversation.history) == 4
    run(server, conversation, [], text="second")
    state = server.requests[-1].members["conversationState"]
    assert state["currentMessage"]["userInputMessage"]["content"] == "second"
    assert len(state["history"]) == 4


@both
def test_a_request_that_fails_leaves_the_conversation_and_the_results_as_they_were(
    server: Loopback, run: Any
) -> None:
    """GIVEN a request that is refused after the tools ran, THEN asking on sends the same results again."""
    ran: list[int] = []

    def count() -> str:
        """Count."""
        ran.append(1)
        return "counted"

    working = using([{"name": "count"}])
    refusals = [1]

    async def handler(request: Request, reply: Reply) -> None:
        if results_of(request) and refusals:
            refusals.pop()
            await reply.document({"__type": "ThrottlingException"}, 429)
        else:
            await working(request, reply)

    async def go() -> None:
        async with QStreamingClient(access_token="tok", endpoint=server.url, retry=ONCE) as client:
            runner = client.run_tools("q", [count])
            await anext(runner)
            with pytest.raises(ThrottledError):
                await anext(runner)
            assert (await runner.until_done()).text == "done"

    def go_blocking() -> None:
        with QStreamingClientSync(access_token="tok", endpoint=server.url, retry=ONCE) as client:
            runner = client.run_tools("q", [count])
            next(runner)
            with pytest.raises(ThrottledError):
                next(runner)
            assert runner.until_done().text == "done"

    server.handler = handler
    if run is run_async:
        asyncio.run(go())
    else:
        go_blocking()
    assert len(ran) == 1
    assert results_of(server.requests[-1]) == results_of(server.requests[-2])


@both
def test_a_truncated_tool_use_is_not_run(server: Loopback, run: Any) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream(event("toolUseEvent", {"toolUseId": "t", "name": "fails", "input": "{"}))

    server.handler = handler
    with pytest.raises(TruncatedToolUseError):
        run(server, "q", [fails])


@both
def test_a_tool_that_the_service_ran_is_not_run_here(server: Loopback, run: Any) -> None:
    result = {"toolUseId": "t", "content": [{"text": "served"}], "status": "success"}

    async def handler(request: Request, reply: Reply) -> None:
        if results_of(request):
            await reply.stream(text("done"))
        else:
            use = {"toolUseId": "t", "name": "fails", "stop": True}
            await reply.stream(event("toolUseEvent", use), event("toolResultEvent", {"toolResult": result}))

    server.handler = handler
    run(server, "q", [fails])
    assert results_of(server.requests[1]) == [result]


@both
def test_events_can_be_watched_as_they_come(server: Loopback, run: Any) -> None:
    server.handler = using([{"name": "long_text"}])
    seen: list[str] = []
    run(server, "q", [long_text], on_event=lambda event: seen.append(event.wire_name))
    assert seen == ["assistantResponseEvent", "toolUseEvent", "assistantResponseEvent"]


def test_coroutine_tools_are_awaited_and_blocking_ones_do_not_stop_the_loop(server: Loopback) -> None:
    async def later(text: str) -> ToolResultContentBlock:
        """Wait."""
        await asyncio.sleep(0)
        return ToolResultContentBlock(json_value={"said": text})

    def where() -> str:
        """Say where it runs."""
        import threading

        return str(threading.current_thread() is threading.main_thread())

    server.handler = using([{"name": "later", "input": '{"text": "a"}'}, {"name": "where"}])
    run_async(server, "q", [later, where])
    first, second = results_of(server.requests[1])
    assert first["content"] == [{"json": {"said": "a"}}]
    assert second["content"] == [{"text": "False"}]
    with pytest.raises(ConfigurationError, match="coroutine"):
        run_sync(server, "q", [later])


def test_a_tool_that_takes_too_long_is_told_and_its_own_timeouts_are_its_own(server: Loopback) -> None:
    async def slow() -> None:
        """Never end."""
        await asyncio.Event().wait()

    async def own() -> None:
        """Fail by itself."""
        raise TimeoutError("mine")

    server.handler = using([{"name": "slow"}, {"name": "own"}])
    run_async(server, "q", [slow, own], tool_timeout=0.05)
    first, second = results_of(server.requests[1])
    assert first["content"] == [{"text": "slow took longer than 0.05 s."}]
    assert second["content"] == [{"text": "TimeoutError('mine')"}]
    with pytest.raises(ConfigurationError, match="cannot stop"):
        run_sync(server, "q", [], tool_timeout=1)


def test_a_schema_comes_from_the_types_and_the_docstring() -> None:
    wire = weather.specification.to_wire()
    assert (wire["name"], wire["description"]) == ("weather", "Tell the weather.")
    schema = wire["inputSchema"]["json"]
    assert schema["required"] == ["place"]
    assert schema["properties"]["unit"]["enum"] == ["C", "F"]
    assert schema["properties"]["days"]["description"] == "How many"
    assert schema["additionalProperties"] is False
    assert weather(Place(city="B"))["city"] == "B"
    renamed = tool(name="other", description="Else.")(fails)
    assert isinstance(renamed, FunctionTool)
    assert (renamed.name, renamed.specification.description) == ("other", "Else.")
    assert tool(renamed) is renamed


def untyped(a) -> None:  # type: ignore[no-untyped-def]
    pass


def unknown_type(a: NoSuchType) -> None:  # type: ignore[name-defined]  # noqa: F821
    pass


def variadic(*a: int) -> None:
    pass


def positional(a: int, /) -> None:
    pass


def no_schema(a: Callable[[], int]) -> None:
    pass


def private(_a: int) -> None:
    pass


@pytest.mark.parametrize(
    "made",
    [untyped, unknown_type, variadic, positional, no_schema, private, lambda: 1, 5, type("A B", (), {})],
)
def test_a_function_that_cannot_be_a_tool_is_refused(made: Any) -> None:
    with pytest.raises(ConfigurationError):
        tool(made)


@pytest.mark.parametrize(
    "options",
    [
        {"max_requests": 0},
        {"max_requests": 1.5},
        {"max_requests": True},
        {"max_result_characters": 0},
        {"tool_timeout": 0},
    ],
)
def test_limits_that_make_no_sense_are_refused(server: Loopback, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        run_async(server, "q", [], **options)


@pytest.mark.parametrize(("question", "tools"), [(5, []), (Conversation(), []), ("q", 5)])
def test_arguments_of_a_wrong_type_are_refused(server: Loopback, question: Any, tools: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        run_sync(server, question, tools)


def test_a_value_that_is_no_json_is_shown_as_python_shows_it(server: Loopback) -> None:
    def odd() -> object:
        """Return something odd."""
        return object

    def half() -> str:
        """Return half of a character."""
        return "\ud83d"

    server.handler = using([{"name": "odd"}, {"name": "half"}])
    run_sync(server, "q", [odd, half])
    first, second = results_of(server.requests[1])
    assert first["content"] == [{"text": "<class 'object'>"}]
    assert second["content"] == [{"text": "?"}]
