"""Patterns of secrets that are worth stopping a push for.

Few and exact: each matches a format that its issuer documents, with a fixed prefix or frame and a length, so
that ordinary code does not match. It protects from accidents; it cannot stop a determined disguise.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["SecretPatterns", "secret_shapes"]

_KINDS: Final = (
    ("a private key", rb"PRIVATE KEY", rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    (
        "an AWS access key id",
        rb"AKIA",
        rb"(?<![A-Za-z0-9/+])AKIA(?![A-Z2-7]*EXAMPLE)[A-Z2-7]{16}(?![A-Za-z0-9])",
    ),
    (
        "an AWS access key id",
        rb"ASIA",
        rb"(?<![A-Za-z0-9/+])ASIA(?![A-Z2-7]*EXAMPLE)[A-Z2-7]{16}(?![A-Za-z0-9])",
    ),
    (
        "an AWS secret access key",
        rb"ecret",
        rb"(?i:aws|amazon)?_?(?i:secret_?access_?key)[\"']?\s*[=:]\s*[\"']?"
        rb"(?![A-Za-z0-9/+]*EXAMPLE)[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])",
    ),
    (
        "an AWS secret access key",
        rb"SECRET_ACCESS_KEY",
        rb"SECRET_ACCESS_KEY[\"']?\s*[=:]\s*[\"']?"
        rb"(?![A-Za-z0-9/+]*EXAMPLE)[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])",
    ),
    ("a GitHub token", rb"gh", rb"(?<![A-Za-z0-9_])gh[pousr]_[A-Za-z0-9]{36,251}(?![A-Za-z0-9_])"),
    ("a GitHub token", rb"github_pat_", rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    ("a GitLab token", rb"gl", rb"(?<![A-Za-z0-9_-])gl(?:pat|oas|dt|rt|ptt|cbt|soat)-[A-Za-z0-9_-]{20,}"),
    ("a Slack token", rb"xox", rb"(?<![A-Za-z0-9])xox[abeoprs]-[0-9A-Za-z]{8,}-[0-9A-Za-z-]{12,}"),
    ("a Slack token", rb"xapp-", rb"(?<![A-Za-z0-9])xapp-\d-[A-Z0-9]{8,}-\d{8,}-[a-f0-9]{32,}"),
    (
        "a Slack webhook",
        rb"hooks.slack.com",
        rb"hooks\.slack\.com/services/T[A-Z0-9]{7,}/B[A-Z0-9]{7,}/\w{20,}",
    ),
    ("an Anthropic key", rb"sk-ant-", rb"sk-ant-(?:api|admin|oat|ort|sid)\d\d-[A-Za-z0-9_-]{40,}"),
    ("an OpenAI key", rb"sk-", rb"(?<![A-Za-z0-9])sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}"),
    ("a Google API key", rb"AIza", rb"(?<![A-Za-z0-9_-])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    ("a Stripe key", rb"k_live_", rb"(?<![A-Za-z0-9])[sr]k_live_[A-Za-z0-9]{24,}"),
    ("an npm token", rb"npm_", rb"(?<![A-Za-z0-9_])npm_[A-Za-z0-9]{36}(?![A-Za-z0-9_])"),
    ("a PyPI token", rb"pypi-", rb"pypi-AgE[A-Za-z0-9_-]{50,}"),
)


def secret_shapes() -> tuple[tuple[bytes, bytes], ...]:
    """Of each kind a text that it always has, and its pattern: for whatever masks secrets in logs."""
    return tuple((marker, pattern) for _, marker, pattern in _KINDS)


class SecretPatterns:
    """All patterns of secrets, compiled together."""

    def __init__(self) -> None:
        self._kinds = tuple((kind, marker, re.compile(pattern)) for kind, marker, pattern in _KINDS)

    def kind_of(self, line: bytes) -> str | None:
        """Name the kind of secret that ``line`` holds, in words; None for none. It may be UTF-16, too."""
        if b"\0" in line:
            line = line.replace(b"\0", b"")
        for kind, marker, pattern in self._kinds:
            # The marker is a plain substring search, some fifty times faster than the pattern.
            if marker in line and pattern.search(line):
                return kind
        return None
