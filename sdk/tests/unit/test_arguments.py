"""Whatever a caller gives, only errors of the documented tree come back."""

from __future__ import annotations

import asyncio
import json
import math
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import amazon_q_streaming_client as package
from amazon_q_streaming_client import (
    Answer,
    AnswerAssembler,
    Conversation,
    EventStreamDecoder,
    InvalidArgumentError,
    QError,
    QStreamingClient,
    QStreamingClientSync,
    RetryPolicy,
    StaticTokenProvider,
    ToolCall,
    ToolUseAssembler,
    check_state,
    collect,
    collect_sync,
    encode_message,
    from_cli_database,
    from_stepherd,
    question,
)
from amazon_q_streaming_client._settings import ClientOptions
from amazon_q_streaming_client.models import (
    ImageBlock,
    ImageFormat,
    ImageSource,
    Shape,
    ToolInputSchema,
    ToolSpecification,
    ToolUse,
    UserInputMessage,
)
from shape_values import ALL_SHAPES

ROUNDS = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


def deep() -> Any:
    value: Any = 1
    for _ in range(5000):
        value = [value]
    return value


loop: list[Any] = []
loop.append(loop)
IMAGE = ImageBlock(format=ImageFormat.PNG, source=ImageSource(bytes=b"x"))
JUNK = [
    *(
        None,
        True,
        0,
        -1,
        10**400,
        -(10**5000),
        1.5,
        math.nan,
        math.inf,
        "",
        "text",
        "\ud83d",
        "a\nb",
        "x" * 600_001,
        b"\xff",
    ),
    *(
        [],
        [None],
        ["a"],
        {},
        {"a": 1},
        {1: 2},
        {"\ud83d": 1},
        {"a": math.nan},
        set(),
        object(),
        object,
        print,
    ),
    *(loop, deep(), IMAGE, [IMAGE] * 11, question("q"), RetryPolicy(), ToolCall("t", "n", {}), Answer()),
    *(ValueError("x"), (value for value in "ab")),
]
numbers = st.integers(0, len(JUNK) - 1)
anything: st.SearchStrategy[Any] = (
    numbers
    | st.lists(numbers, max_size=2)
    | st.dictionaries(st.sampled_from(["a", "content"]), numbers, max_size=2)
)
"""Places in JUNK, alone and in a list or dictionary: the values themselves cannot all be printed."""


def value_of(places: Any) -> Any:
    """The value that ``places`` stand for."""
    if isinstance(places, list):
        return [JUNK[place] for place in places]
    if isinstance(places, dict):
        return {name: JUNK[place] for name, place in places.items()}
    return JUNK[places]


def values_of(places: dict[str, Any]) -> dict[str, Any]:
    return {name: value_of(place) for name, place in places.items()}


def only_ours(call: Callable[[], Any]) -> Any:
    """Call, and let nothing out but errors of the tree."""
    with suppress(QError):
        return call()


@pytest.mark.parametrize("shape", ALL_SHAPES, ids=lambda shape: shape.__name__)
def test_every_shape_takes_what_fits_and_refuses_the_rest_in_one_way(shape: type[Shape]) -> None:
    names = [*shape.model_fields, "added"]

    @settings(ROUNDS, max_examples=12)
    @given(st.dictionaries(st.sampled_from(names), anything, max_size=4))
    def check(places: dict[str, Any]) -> None:
        fields = values_of(places)
        made = only_ours(lambda: shape(**fields))
        if made is not None:
            only_ours(made.to_wire)
            only_ours(made.model_dump_json)
        only_ours(lambda: shape.model_validate(fields))

    check()


@ROUNDS
@given(st.sampled_from(ALL_SHAPES), anything)
def test_every_way_to_read_a_shape(shape: type[Shape], places: Any) -> None:
    value = value_of(places)
    only_ours(lambda: shape.model_validate(value))
    only_ours(lambda: shape.model_validate_json(value))
    only_ours(lambda: shape.from_wire(value))


OPTIONS = [*ClientOptions.__annotations__, "no_such_option"]


@pytest.mark.parametrize("name", OPTIONS)
def test_each_client_option_by_itself(name: str) -> None:
    for value in JUNK:
        client = only_ours(partial(QStreamingClientSync, **{"access_token": "t", name: value}))
        if client is not None:
            client.close()


@settings(ROUNDS, max_examples=150)
@given(
    st.sampled_from([QStreamingClient, QStreamingClientSync]),
    st.dictionaries(st.sampled_from(OPTIONS), anything),
)
def test_every_client_option(kind: Callable[..., Any], places: dict[str, Any]) -> None:
    options = values_of(places)
    client = only_ours(lambda: kind(**{"access_token": "t", **options}))
    if isinstance(client, QStreamingClientSync):
        client.close()
    elif client is not None:
        asyncio.run(client.aclose())


OPERATIONS = (
    "generate_assistant_response",
    "send_message",
    "list_available_models",
    "list_available_profiles",
    "get_usage_limits",
)
ARGUMENTS = ("agent_mode", "dry_run", "source", "origin", "model_provider", "max_results", "next_token",
             "resource_type", "is_email_required")  # fmt: skip


@settings(ROUNDS, max_examples=100)
@given(st.sampled_from(OPERATIONS), anything, st.data())
def test_every_operation(operation: str, first: Any, data: st.DataObject) -> None:
    """They are not sent anywhere: a transport of httpx answers that there is no such model."""
    import inspect

    with QStreamingClientSync(access_token="t", http_client=httpx.Client(transport=refusing)) as client:
        call = getattr(client, operation)
        known = [name for name in ARGUMENTS if name in inspect.signature(call).parameters]
        options = values_of(data.draw(st.dictionaries(st.sampled_from(known), anything, max_size=3)))
        positional = [value_of(first)] if "conversation" in inspect.signature(call).parameters else []

        def make() -> None:
            answer = call(*positional, **options)
            if not isinstance(answer, Shape):
                collect_sync(answer)

        only_ours(make)


def _refuse(request: httpx.Request) -> httpx.Response:
    json.loads(request.content or b"{}", parse_constant=pytest.fail)
    return httpx.Response(400, json={"__type": "ValidationException", "reason": "INVALID_MODEL_ID"})


refusing = httpx.MockTransport(_refuse)

CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "question": lambda a, b: question(a, model_id=b),
    "conversation": lambda a, b: Conversation(tools=a, history=b),
    "conversation model": lambda a, b: Conversation(model_id=a, origin=b).ask("q"),
    "conversation id": lambda a, b: Conversation(conversation_id=a).ask("q", context=b),
    "ask": lambda a, b: Conversation().ask(a, images=b),
    "give_results": lambda a, b: Conversation().give_results(a, b),
    "record": lambda a, b: Conversation().record(a),
    "compact": lambda a, b: Conversation().compact(keep_turns=a, max_result_characters=b),
    "compact summary": lambda a, b: Conversation().compact(summary=a),
    "check_state": lambda a, b: check_state(a),
    "access token": lambda a, b: package.AccessToken(a, b),
    "login": lambda a, b: package.AccessToken("t", profile_arn=a, region=b),
    "login kind": lambda a, b: package.AccessToken("t", kind=a, service=b),
    "static provider": lambda a, b: StaticTokenProvider(a).get_token(),
    "retry policy": lambda a, b: RetryPolicy(attempts=a, base_delay=b),
    "decoder": lambda a, b: list(EventStreamDecoder(max_headers=a).feed(b)),
    "encode": lambda a, b: encode_message(a, b),
    "encode header": lambda a, b: encode_message({"name": a}, b"x"),
    "collect": lambda a, b: asyncio.run(collect(a)),
    "collect_sync": lambda a, b: collect_sync(a),
    "assembler": lambda a, b: AnswerAssembler().add(a),
    "tool assembler": lambda a, b: ToolUseAssembler().add(a),
    "tool result": lambda a, b: ToolCall("t", "n", {}).to_result(a),
    "database": lambda a, b: from_cli_database(a).get_token(),
    "stepherd": lambda a, b: from_stepherd(a),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_public_function(call: Callable[[Any, Any], Any]) -> None:
    # Each value in each place by itself; chance has to find only what takes two or a nesting.
    for value in JUNK:
        only_ours(partial(call, value, JUNK[-1]))
        only_ours(partial(call, JUNK[-1], value))
        only_ours(partial(call, value, value))

    @ROUNDS
    @given(anything, anything)
    def check(first: Any, second: Any) -> None:
        only_ours(lambda: call(value_of(first), value_of(second)))

    check()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: question("x" * 600_001), "at most 600000"),
        (lambda: UserInputMessage(content="x", images=[IMAGE] * 11), "at most 10 items"),
        (lambda: question(5), "valid string"),  # type: ignore[arg-type]
        (lambda: question("\ud83d").to_wire(), "surrogate|unicode"),
        (lambda: ToolUse(tool_use_id="t", name="n", input={"a": math.nan}), "finite number"),
        (lambda: ToolUse(tool_use_id="t", name="n", input={"a": "\ud83d"}), "surrogate"),
        (lambda: ToolInputSchema(json_value=deep()), "valid|deeper|ecursion"),
        (lambda: package.models.MeteringEvent(usage=math.inf), "finite"),
        (lambda: UserInputMessage.model_validate({"content": "x", "added": math.nan}).to_wire(), "NaN"),
        (lambda: UserInputMessage.model_validate({"content": "x", "added": object()}).to_wire(), "JSON"),
        (lambda: setattr(question("x"), "conversation_id", "y"), "frozen"),
        (lambda: delattr(question("x"), "conversation_id"), "frozen"),
    ],
)
def test_the_error_says_what_does_not_fit_and_not_the_value(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(InvalidArgumentError, match=said) as caught:
        make()
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 600


def test_shapes_within_shapes_say_where_the_fault_is() -> None:
    fields = {"name": "a b", "inputSchema": {}}
    with pytest.raises(InvalidArgumentError, match=r"ToolSpecification: name: .*allows only"):
        ToolSpecification.model_validate(fields)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1", "httpx[socks]"),
        ("HTTPS_PROXY", "novel://127.0.0.1:1", "HTTPS_PROXY"),
    ],
)
@pytest.mark.parametrize("kind", [QStreamingClient, QStreamingClientSync])
def test_a_proxy_that_cannot_be_used_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch, kind: Any, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(package.ConfigurationError) as caught:
        kind(access_token="t")
    assert said in caught.value.remedy


def test_certificates_that_are_none_are_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(bad))
    with pytest.raises(package.ConfigurationError, match="cannot be made"):
        QStreamingClientSync(access_token="t")
    QStreamingClientSync(access_token="t", verify=ssl.create_default_context()).close()
