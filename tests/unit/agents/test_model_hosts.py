"""Where each agent's model is: what a limited network lets through without being asked."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from stepherd.agents.registry import agent_names, get_agent
from stepherd.errors import ConfigurationError
from stepherd.processes.sandbox.network.allowlist import Endpoint
from stepherd.steps.agent_sandbox import _models


@pytest.mark.parametrize("name", agent_names())
def test_every_agent_with_a_model_says_where_it_is(name: str) -> None:
    assert bool(_models(get_agent(name), {})) == (name not in ("apply", "command"))


@pytest.mark.parametrize(
    ("name", "secrets", "endpoints"),
    [
        ("claude", {}, [Endpoint("api.anthropic.com")]),
        ("claude", {"ANTHROPIC_BASE_URL": "http://127.0.0.1:4711"}, [Endpoint("127.0.0.1", 4711)]),
        ("claude", {"ANTHROPIC_BASE_URL": "http://[::1]:4711/x"}, [Endpoint("::1", 4711)]),
        ("claude", {"ANTHROPIC_BASE_URL": "https://Gateway.example/v1"}, [Endpoint("gateway.example", 443)]),
        (
            "claude",
            {"CLAUDE_CODE_USE_BEDROCK": "1", "AWS_REGION": "eu-west-1"},
            [
                Endpoint("bedrock-runtime.eu-west-1.amazonaws.com"),
                Endpoint("bedrock.eu-west-1.amazonaws.com"),
            ],
        ),
        ("codex", {"OPENAI_BASE_URL": "http://localhost:1234/v1"}, [Endpoint("localhost", 1234)]),
        (
            "opencode",
            {"OPENAI_BASE_URL": "http://10.0.0.5/v1"},
            [Endpoint("api.anthropic.com"), Endpoint("10.0.0.5", 80)],
        ),
    ],
)
def test_a_base_url_stands_for_the_usual_host_at_its_port_alone(
    name: str, secrets: Mapping[str, str], endpoints: list[Endpoint]
) -> None:
    assert list(_models(get_agent(name), secrets)) == endpoints


@pytest.mark.parametrize("url", ["http://host:notaport", "file:///etc/passwd", "http://:80"])
def test_a_base_url_without_a_host_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="has no host"):
        _models(get_agent("claude"), {"ANTHROPIC_BASE_URL": url})
