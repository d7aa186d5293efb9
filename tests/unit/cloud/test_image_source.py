"""The source of an image, and the values that agents may have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stepherd.agents.contract import Pinned
from stepherd.agents.registry import agent_names, get_agent
from stepherd.cloud.image_source import ImageSource, build_arguments
from stepherd.errors import UsageError

ROOT = Path(__file__).parents[3]
_ARCHIVE = f"https://example.com/q-1.zip#sha256={'0' * 64}"


def test_agents_become_arguments_of_the_build() -> None:
    assert build_arguments([]) == ""
    assert build_arguments(["claude=2.0.1", "command"]) == "--build-arg CLAUDE_CODE_VERSION=2.0.1"
    assert build_arguments([f"q={_ARCHIVE}"]).split() == [
        *("--build-arg", "Q_CLI_URL=https://example.com/q-1.zip"),
        *("--build-arg", f"Q_CLI_SHA256={'0' * 64}"),
    ]


@pytest.mark.parametrize(
    "text",
    ["q", "q=https://example.com/q.zip", f"q=http{_ARCHIVE[5:]}", "claude=1 --network=host", "claude=$(id)",
     "claude=*", "nobody", f"q=https://example.com/$(id).zip#sha256={'0' * 64}", "codex=latest;x"],
)  # fmt: skip
def test_what_a_shell_could_read_otherwise_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        build_arguments([text])


def test_every_argument_is_one_of_the_dockerfile() -> None:
    declared = re.findall(r"^ARG (\w+)=", (ROOT / "container/Dockerfile").read_text(), re.MULTILINE)
    images = {name: get_agent(name).image for name in agent_names()}
    given = [name if isinstance(image, Pinned) else f"{name}={_ARCHIVE}" for name, image in images.items()]
    words = build_arguments([*given, f"terraform={_ARCHIVE}"]).split()
    assert len(words) == 2 * (3 + 2 * 3)
    assert {word.partition("=")[0] for word in words if "=" in word} <= set(declared)


def test_the_version_that_is_pinned_is_the_one_that_is_tested() -> None:
    makefile = (ROOT / "Makefile").read_text()
    image = get_agent("claude").image
    assert isinstance(image, Pinned)
    assert f"CLAUDE_CODE := {image.version}\n" in makefile


def test_later_attempts_have_tags_of_their_own() -> None:
    source = ImageSource(Path("x"), "", "abc")
    assert [source.tag(attempt) for attempt in (1, 2)] == ["abc", "abc-2"]
