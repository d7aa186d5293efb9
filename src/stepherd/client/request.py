"""The request for a run."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from stepherd.client.arguments import in_seconds
from stepherd.services.secrets.absolute import absolute_secret

__all__ = ["Request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The request for a run. A field that is None is left to the front matter, then to a default.

    The fields are those of request.schema.json, which says more of each; they are checked when a run is
    started. Paths may be relative to the current folder.

    >>> Request(instructions="task.md", repo="https://example.com/tides.git", agent="claude").agent
    'claude'
    """

    instructions: str | Path
    """A file, a folder with instructions.md, or a URI: file:// or s3://."""
    repo: str | Path | None = None
    """The address of the repository to work in, or its path on this machine."""
    agent: str | None = None
    """Which agent; ``command`` where a command is given."""
    command: str | None = None
    """The command line of the agent ``command``."""
    base: str | None = None
    """Branch, tag or commit to start from; the repository's default branch."""
    branch: str | None = None
    """The branch to push to; ``stepherd/`` and the run's id."""
    message: str | None = None
    """The commit message; made from the instructions' title."""
    model: str | None = None
    timeout_seconds: int | str | None = None
    """Time limit of the agent, as seconds or as a text such as ``10m`` or ``1h30m``; an hour."""
    silence_seconds: int | str | None = None
    """How long the agent may print nothing, likewise."""
    max_turns: int | None = None
    max_cost_usd: float | None = None
    push: Literal["branch", "none"] | None = None
    """``none`` leaves the changes in the run's folder, for ``stepherd pull``."""
    submodules: bool | None = None
    commits: Literal["one", "keep"] | None = None
    """Push one commit, or the agent's own."""
    verify: str | None = None
    """A command that is run in the workspace after the agent."""
    verify_required: bool | None = None
    """Whether a verify command that fails makes the run fail."""
    verify_rounds: int | None = None
    """How often the output of a failing verify command goes back to the agent."""
    automation_changes: Literal["report", "refuse"] | None = None
    allow: Sequence[str] = ()
    """Paths, folders or globs that are pushed whatever the scan says of them."""
    git_credentials: str | None = None
    """A reference to a secret: an id, ``env:NAME`` or ``file:PATH``; never the secret itself."""
    agent_credentials: str | None = None
    """A reference like that of the git credentials."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the agent and of the verify command; their values are part of the history."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """More of them, each by a reference to a secret."""
    network: str | None = None
    """The network that the agent gets in a sandbox: ``on``, ``off``, or hosts separated by commas."""

    def to_json(self) -> dict[str, Any]:
        """The request as the pipeline takes it: what was given, with absolute paths."""
        given = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        fields: dict[str, Any] = {name: value for name, value in given.items() if value not in (None, (), {})}
        if self.allow:
            fields["allow"] = ",".join(self.allow)
        instructions = str(self.instructions)
        fields["instructions"] = (
            instructions if not instructions or "://" in instructions else _absolute(instructions)
        )
        if self.repo is not None:
            repo = str(self.repo)
            fields["repo"] = _absolute(repo) if _is_there(repo) else repo
        for name in {"git_credentials", "agent_credentials"} & fields.keys():
            fields[name] = absolute_secret(fields[name])
        if self.env:
            fields["env"] = dict(self.env)
        if self.secrets:
            fields["secrets"] = {name: absolute_secret(each) for name, each in self.secrets.items()}
        return in_seconds(fields)


def _is_there(path: str) -> bool:
    try:
        return bool(path) and Path(path).expanduser().exists()
    except (OSError, RuntimeError):  # No path at all: too long, or of a user that there is not.
        return False


def _absolute(path: str) -> str:
    """A path as seen from here: a task has a folder of its own."""
    return os.path.abspath(Path(path).expanduser())  # noqa: PTH100 - links stay, and it need not exist
