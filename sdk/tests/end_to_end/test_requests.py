"""What a request carries: headers, the login, the profile."""

from __future__ import annotations

from typing import Any

import pytest

from amazon_q_streaming_client import (
    AccessToken,
    InvalidArgumentError,
    QStreamingClientSync,
    StaticTokenProvider,
    TokenKind,
    WireForm,
    collect_sync,
)
from loopback import Loopback, Reply, Request
from scripts import ask_again, good

ARN = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/P"


@pytest.mark.parametrize("form", list(WireForm))
def test_the_headers_are_those_of_the_service(server: Loopback, form: WireForm) -> None:
    server.handler = good
    options: dict[str, Any] = {"api_key": "ksk_1", "endpoint": server.url, "wire_form": form}
    with QStreamingClientSync(**options, opt_out=True, profile_arn=ARN, user_agent="mine/1") as client:
        collect_sync(client.generate_assistant_response("q", agent_mode="vibe"))
        collect_sync(client.send_message("q", dry_run=True, source="CLI"))
    first, second = server.requests
    assert first.headers["authorization"] == "Bearer ksk_1"
    assert first.headers["tokentype"] == "API_KEY"
    assert first.headers["x-amzn-codewhisperer-optout"] == "true"
    assert first.headers["x-amzn-kiro-agent-mode"] == "vibe"
    assert first.headers["user-agent"].startswith("mine/1 amazon-q-streaming-client/")
    assert first.members["profileArn"] == second.members["profileArn"] == ARN
    assert ("agentMode" in first.members) is (form is WireForm.AWS_JSON)
    assert (second.members["dryRun"], second.members["source"]) == (True, "CLI")
    if form is WireForm.AWS_JSON:
        assert (first.target, first.headers["content-type"]) == ("/", "application/x-amz-json-1.0")
        assert first.headers["x-amz-target"].startswith("AmazonCodeWhispererStreamingService.")
    else:
        assert first.target == "/generateAssistantResponse"
        assert first.headers["content-type"] == "application/json"


def test_a_bearer_token_is_sent_without_a_token_type_and_without_opt_out(server: Loopback) -> None:
    server.handler = good
    ask_again(server)
    headers = server.requests[0].headers
    assert "tokentype" not in headers
    assert headers["x-amzn-codewhisperer-optout"] == "false"


@pytest.mark.parametrize("form", list(WireForm))
def test_every_call_uses_the_profile_and_the_kind_of_the_login(server: Loopback, form: WireForm) -> None:
    """GIVEN a login with a profile, THEN all operations that take one send it, in both wire forms."""

    async def service(request: Request, reply: Reply) -> None:
        if request.operation in ("GenerateAssistantResponse", "SendMessage"):
            await good(request, reply)
        elif request.operation == "ListAvailableModels":
            await reply.document({"models": [], "defaultModel": {"modelId": "m"}})
        else:
            await reply.document({"profiles": []})

    server.handler = service
    login = AccessToken("tok", kind=TokenKind.EXTERNAL_IDP, profile_arn=ARN)
    provider = StaticTokenProvider(login)
    with QStreamingClientSync(token_provider=provider, endpoint=server.url, wire_form=form) as client:
        collect_sync(client.generate_assistant_response("q"))
        collect_sync(client.send_message("q"))
        client.list_available_models()
        client.get_usage_limits()
        client.list_available_profiles()
    assert {request.headers["tokentype"] for request in server.requests} == {"EXTERNAL_IDP"}
    sent = {request.operation: request.members.get("profileArn") for request in server.requests}
    assert sent == {
        "GenerateAssistantResponse": ARN,
        "SendMessage": ARN,
        "ListAvailableModels": ARN,
        "GetUsageLimits": ARN,
        "ListAvailableProfiles": None,
    }


def test_a_profile_of_the_options_goes_before_that_of_the_login(server: Loopback) -> None:
    server.handler = good
    provider = StaticTokenProvider(AccessToken("tok", profile_arn=ARN.replace("123", "999")))
    with QStreamingClientSync(token_provider=provider, endpoint=server.url, profile_arn=ARN) as client:
        collect_sync(client.generate_assistant_response("q"))
    assert server.requests[0].members["profileArn"] == ARN


@pytest.mark.parametrize("value", ["a\nb", "ä", "\ud83d"])
def test_a_request_that_http_cannot_carry_is_an_error_of_the_argument(server: Loopback, value: str) -> None:
    server.handler = good
    with (
        QStreamingClientSync(access_token="tok", endpoint=server.url) as client,
        pytest.raises(InvalidArgumentError),
    ):
        collect_sync(client.generate_assistant_response("q", agent_mode=value))
    assert server.requests == []
