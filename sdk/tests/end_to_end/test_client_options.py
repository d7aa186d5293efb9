"""What differs from call to call, the user's HTTP client, proxies, logs, pages, and the environment."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from typing import Any

import httpx
import httpx2
import pytest

import amazon_q_streaming_client as package
from amazon_q_streaming_client import (
    ConfigurationError,
    InvalidArgumentError,
    ProtocolError,
    QStreamingClient,
    QStreamingClientSync,
    RequestTimeoutError,
    ResponseHead,
    RetryPolicy,
    ThrottledError,
    TokenError,
    TransportError,
    TruncatedToolUseError,
    WireForm,
    collect,
    collect_sync,
    from_environment,
)
from frames import event, exception, text
from loopback import Loopback, Reply, Request

ARN = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/TEAM"
ONCE = RetryPolicy(attempts=1)


async def good(_: Request, reply: Reply) -> None:
    await reply.stream(text("a"), event("meteringEvent", {"usage": 1}), text("b"), text(""))


async def paged(request: Request, reply: Reply) -> None:
    page = int(request.members.get("nextToken", 0))
    items = [{"modelId": f"m-{page}", "arn": f"a-{page}"}]
    more = {"nextToken": str(page + 1)} if page < 2 else {}
    await reply.document({"models": items, "profiles": items, "defaultModel": {"modelId": "m"}, **more})


def client_of(server: Loopback, **options: Any) -> QStreamingClientSync:
    return QStreamingClientSync(**{"access_token": "tok", "endpoint": server.url, "retry": ONCE, **options})


def test_the_texts_of_a_stream_and_its_answer_come_from_one_reading(server: Loopback) -> None:
    server.handler = good

    async def run() -> None:
        async with QStreamingClient(access_token="tok", endpoint=server.url) as client:
            stream = client.generate_assistant_response("q")
            assert stream.response_headers == {}
            assert [piece async for piece in stream.text_stream] == ["a", "b"]
            answer = await stream.final_answer()
            assert (answer.text, answer.metering[0].usage) == ("ab", 1)
            assert stream.response_headers["x-amzn-requestid"] == "req-1"
            other = client.generate_assistant_response("q")
            await anext(other)
            assert other.answer_so_far.text == "a"
            assert (await other.final_answer()).text == "ab"

    asyncio.run(run())
    with client_of(server) as client:
        stream = client.generate_assistant_response("q")
        assert stream.response_headers == {}
        assert list(stream.text_stream) == ["a", "b"]
        assert stream.final_answer().text == stream.answer_so_far.text == "ab"
        assert stream.response_headers["x-amzn-requestid"] == "req-1"


def test_a_final_answer_that_fails_has_what_came_before(server: Loopback) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream(text("half"), exception("throttlingException", {}))

    async def cut_tool(_: Request, reply: Reply) -> None:
        await reply.stream(event("toolUseEvent", {"toolUseId": "t", "name": "n"}))

    async def run(expected: type[Exception]) -> Any:
        async with QStreamingClient(access_token="tok", endpoint=server.url, retry=ONCE) as client:
            with pytest.raises(expected) as caught:
                await client.generate_assistant_response("q").final_answer()
            return caught.value

    server.handler = handler
    assert asyncio.run(run(ThrottledError)).partial.text == "half"
    with client_of(server) as client, pytest.raises(ThrottledError) as caught:
        client.generate_assistant_response("q").final_answer()
    assert caught.value.partial is not None
    server.handler = cut_tool
    assert asyncio.run(run(TruncatedToolUseError)).partial.tool_uses[0].name == "n"
    with client_of(server) as client, pytest.raises(TruncatedToolUseError):
        client.generate_assistant_response("q").final_answer()


@pytest.mark.parametrize("form", list(WireForm))
def test_options_of_one_call_leave_the_client_as_it_is(server: Loopback, form: WireForm) -> None:
    async def service(request: Request, reply: Reply) -> None:
        await (good(request, reply) if request.operation == "SendMessage" else paged(request, reply))

    server.handler = service
    seen: list[ResponseHead] = []
    with client_of(server, wire_form=form) as client:
        other = client.with_options(
            headers={"X-Trace": "1", "User-Agent": "mine"},
            extra_body={"novelMember": {"a": [1, "ä"]}, "dryRun": True},
            profile_arn=ARN,
            opt_out=True,
            on_response=seen.append,
        )
        collect_sync(other.send_message("q"))
        other.with_options(headers={"x-more": "2"}, extra_body={"novel": 5}).list_available_models()
        collect_sync(client.send_message("q"))
    first, second, third = server.requests
    assert (first.headers["x-trace"], first.headers["user-agent"]) == ("1", "mine")
    assert first.headers["x-amzn-codewhisperer-optout"] == "true"
    assert first.members["novelMember"] == {"a": [1, "ä"]}
    assert (first.members["dryRun"], first.members["profileArn"]) == (True, ARN)
    assert first.members["conversationState"]["chatTriggerType"] == "MANUAL"
    assert (second.headers["x-trace"], second.headers["x-more"]) == ("1", "2")
    assert str(second.members["novel"]) == "5"
    assert "x-trace" not in third.headers
    assert "profileArn" not in third.members
    assert [(head.status, head.request_id) for head in seen] == [(200, "req-1")] * 2
    assert server.accepted == 1, "the connection is shared"


def test_timeouts_and_retries_are_of_the_call(server: Loopback) -> None:
    async def silent(_: Request, reply: Reply) -> None:
        await reply.head()
        await asyncio.sleep(1)

    async def refusing(_: Request, reply: Reply) -> None:
        await reply.document({"__type": "ThrottlingException"}, 429)

    heads: list[ResponseHead] = []
    with client_of(server) as client:
        server.handler = silent
        with pytest.raises(RequestTimeoutError):
            collect_sync(client.with_options(timeout=0.05).send_message("q"))
        server.handler = refusing
        patient = client.with_options(retry=RetryPolicy(3, 0, 0), on_response=heads.append)
        with pytest.raises(ThrottledError):
            collect_sync(patient.send_message("q"))
    assert [head.status for head in heads] == [429] * 3


def test_throttling_is_felt_by_all_clients_of_one_pace(server: Loopback) -> None:
    async def refusing(_: Request, reply: Reply) -> None:
        await reply.document({"__type": "ThrottlingException"}, 429)

    server.handler = refusing
    with client_of(server) as client:
        with pytest.raises(ThrottledError):
            collect_sync(client.with_options(retry=ONCE).send_message("q"))
        assert client._pace._state.pressure == 1


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"Authorization": "x"}},
        {"headers": {"tokenType": "x"}},
        {"headers": {"a b": "x"}},
        {"headers": {"a": "x\ny"}},
        {"headers": {"a": 5}},
        {"headers": 5},
        {"extra_body": 5},
        {"extra_body": {5: 5}},
        {"timeout": 0},
        {"retry": 5},
        {"on_response": 5},
        {"profile_arn": "x"},
        {"access_token": "x"},
    ],
)
def test_options_of_a_call_that_make_no_sense_are_refused(server: Loopback, options: dict[str, Any]) -> None:
    with client_of(server) as client, pytest.raises(ConfigurationError):
        client.with_options(**options)


@pytest.mark.parametrize("value", [float("nan"), object(), "\ud83d"])
def test_a_member_that_json_cannot_hold_is_refused(server: Loopback, value: object) -> None:
    with client_of(server) as client, pytest.raises(InvalidArgumentError):
        collect_sync(client.with_options(extra_body={"a": value}).send_message("q"))
    assert server.requests == []


def test_an_operation_can_have_a_host_of_its_own(server: Loopback) -> None:
    with Loopback(handler=paged) as second:
        server.handler = good
        hosts = {"SendMessage": server.url, "ListAvailableModels": second.url}
        with QStreamingClientSync(access_token="tok", endpoint=hosts) as client:
            collect_sync(client.send_message("q"))
            client.list_available_models()
            moved = client.with_options(endpoint={"SendMessage": second.url})
            with pytest.raises(ProtocolError):
                collect_sync(moved.send_message("q"))
        assert [request.operation for request in second.requests] == ["ListAvailableModels", "SendMessage"]


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_client_of_the_users_is_used_and_not_closed(server: Loopback, library: Any) -> None:
    async def run() -> None:
        async with library.AsyncClient(headers={"x-mine": "1"}) as own:
            async with QStreamingClient(access_token="tok", endpoint=server.url, http_client=own) as client:
                assert (await collect(client.generate_assistant_response("q"))).text == "ab"
                task = asyncio.create_task(collect(client.generate_assistant_response("q")))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert (await collect(client.generate_assistant_response("q"))).text == "ab"
            assert not own.is_closed
            with pytest.raises(ConfigurationError, match="closed"):
                await collect(client.generate_assistant_response("q"))

    server.handler = good
    asyncio.run(run())
    with library.Client(headers={"x-mine": "2"}) as own:
        with client_of(server, http_client=own) as client:
            assert collect_sync(client.generate_assistant_response("q")).text == "ab"
        assert not own.is_closed
    with client_of(server, http_client=own) as client, pytest.raises(ConfigurationError, match="closed"):
        collect_sync(client.generate_assistant_response("q"))
    assert {request.headers["x-mine"] for request in server.requests} == {"1", "2"}


def test_redirects_are_not_followed_by_a_client_of_the_users_either(server: Loopback) -> None:
    async def moved(_: Request, reply: Reply) -> None:
        await reply.document({}, 307, location=f"{server.url}/elsewhere")

    server.handler = moved
    with (
        httpx.Client(follow_redirects=True) as own,
        client_of(server, http_client=own) as client,
        pytest.raises(package.EndpointError),
    ):
        collect_sync(client.send_message("q"))
    assert len(server.requests) == 1


@pytest.mark.parametrize("given", [5, object(), "httpx"])
def test_a_client_of_another_kind_is_refused(given: Any) -> None:
    for kind in (QStreamingClient, QStreamingClientSync):
        with pytest.raises(ConfigurationError, match="http_client"):
            kind(access_token="t", http_client=given)
    with httpx.Client() as blocking, pytest.raises(ConfigurationError, match="AsyncClient"):
        QStreamingClient(access_token="t", http_client=blocking)


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_both_libraries_ask_and_fail_alike(server: Loopback, library: Any) -> None:
    async def cut(_: Request, reply: Reply) -> None:
        await reply.cut()

    async def run() -> None:
        options: Any = {"access_token": "tok", "endpoint": server.url, "retry": ONCE, "http_library": library}
        async with QStreamingClient(**options) as client:
            server.handler = good
            assert (await collect(client.generate_assistant_response("q"))).text == "ab"
            server.handler = cut
            with pytest.raises(TransportError, match="connection to 127"):
                await collect(client.generate_assistant_response("q"))

    asyncio.run(run())


def test_a_library_that_is_missing_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx2", None)
    with pytest.raises(ConfigurationError) as caught:
        QStreamingClientSync(access_token="t", http_library="httpx2")
    assert "pip install httpx2" in caught.value.remedy
    with pytest.raises(ConfigurationError, match="http_library"):
        QStreamingClientSync(access_token="t", http_library="requests")  # type: ignore[arg-type]


def test_a_proxy_of_the_options_is_used(server: Loopback) -> None:
    server.handler = good
    with QStreamingClientSync(
        access_token="tok", endpoint="http://127.0.0.1:9", proxy=server.url, retry=ONCE
    ) as client:
        assert collect_sync(client.send_message("q")).text == "ab"
    assert server.requests[0].target == "http://127.0.0.1:9/"


def test_a_proxy_of_the_environment_is_used(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    server.handler = good
    with QStreamingClientSync(access_token="tok", endpoint="http://127.0.0.1:9", retry=ONCE) as client:
        assert collect_sync(client.send_message("q")).text == "ab"


def test_a_host_without_an_address_says_where_to_look() -> None:
    with (
        QStreamingClientSync(access_token="t", endpoint="https://no-such-host.invalid", retry=ONCE) as client,
        pytest.raises(TransportError) as caught,
    ):
        collect_sync(client.send_message("q"))
    assert "endpoint=" in caught.value.remedy


def test_logs_say_what_was_asked_and_hold_neither_token_nor_content(
    server: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    refusals = [1]

    async def handler(_: Request, reply: Reply) -> None:
        if refusals:
            refusals.pop()
            await reply.document({"__type": "ThrottlingException", "message": "slow down"}, 429)
        else:
            await reply.stream(event("assistantResponseEvent", {"content": ["secret answer"]}))

    server.handler = handler
    with caplog.at_level(logging.DEBUG, "amazon_q_streaming_client"):
        options = {"access_token": "secret-token", "profile_arn": ARN, "retry": RetryPolicy(2, 0, 0)}
        # This form has the profile in the address of a plain call.
        with client_of(server, **options, wire_form=WireForm.REST_JSON) as client:
            collect_sync(
                client.with_options(headers={"x-key": "secret-header"}).send_message("secret question")
            )
            server.handler = paged
            client.list_available_models()
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "SendMessage: try 2, to 127.0.0.1" in said
    assert "SendMessage: HTTP 200, request id req-1" in said
    assert "again in 0.00 s, after: the service answered ThrottlingException: slow down" in said
    assert "does not fit its shape" in said
    assert "secret" not in said
    assert "profileArn" not in said


def test_nothing_is_printed_by_the_logger_of_its_own() -> None:
    script = (
        "import logging, amazon_q_streaming_client; "
        "logging.getLogger('amazon_q_streaming_client').warning('should stay silent')"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("", "")


def test_pages_are_read_one_after_another(server: Loopback) -> None:
    async def run() -> None:
        async with QStreamingClient(access_token="tok", endpoint=server.url) as client:
            assert [model.model_id async for model in client.iterate_models()] == ["m-0", "m-1", "m-2"]
            assert [profile.arn async for profile in client.iterate_profiles()] == ["a-0", "a-1", "a-2"]

    server.handler = paged
    asyncio.run(run())
    with client_of(server) as client:
        assert [model.model_id for model in client.iterate_models(origin="CLI")] == ["m-0", "m-1", "m-2"]
        assert [profile.arn for profile in client.iterate_profiles()] == ["a-0", "a-1", "a-2"]


def test_pages_in_a_circle_are_an_error(server: Loopback) -> None:
    async def circle(_: Request, reply: Reply) -> None:
        await reply.document({"profiles": [], "nextToken": "same"})

    server.handler = circle
    with client_of(server) as client, pytest.raises(ProtocolError, match="over and over"):
        list(client.iterate_profiles())


@pytest.mark.parametrize(
    ("variables", "token", "kind", "arn"),
    [
        ({"AMAZON_Q_ACCESS_TOKEN": " env-token\n"}, "env-token", None, None),
        ({"AMAZON_Q_ACCESS_TOKEN": "env-token", "AMAZON_Q_PROFILE_ARN": ARN}, "env-token", None, ARN),
        ({"KIRO_API_KEY": "ksk_1"}, "ksk_1", "API_KEY", None),
        ({"KIRO_API_KEY": "ksk_1", "AMAZON_Q_ACCESS_TOKEN": "env-token"}, "env-token", None, None),
    ],
)
def test_without_a_login_that_of_the_environment_is_used(
    server: Loopback,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    token: str,
    kind: str | None,
    arn: str | None,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    server.handler = good
    with QStreamingClientSync(endpoint=server.url) as client:
        collect_sync(client.send_message("q"))
    with QStreamingClientSync(endpoint=server.url, token_provider=from_environment()) as client:
        collect_sync(client.send_message("q"))
    for request in server.requests:
        assert request.headers["authorization"] == f"Bearer {token}"
        assert (request.headers.get("tokentype"), request.members.get("profileArn")) == (kind, arn)


def test_an_environment_without_a_login_says_which_variables_there_are() -> None:
    with pytest.raises(TokenError, match="AMAZON_Q_ACCESS_TOKEN nor KIRO_API_KEY"):
        from_environment()
    with pytest.raises(ConfigurationError, match="no login in the environment"):
        QStreamingClientSync()


def test_public_modules_hold_what_the_package_does() -> None:
    from amazon_q_streaming_client import errors, eventstream, tokens, tools

    for module in (errors, tools, tokens, eventstream):
        assert module.__all__
        for name in module.__all__:
            assert getattr(module, name) is getattr(package, name), name
    assert {name for name in package.__all__ if name.endswith("Error")} == set(errors.__all__)
    assert package.QError.__module__ == "amazon_q_streaming_client"
