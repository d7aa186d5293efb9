"""Commit messages and identities without surprises (fault 77)."""

from __future__ import annotations

import re
from typing import Final

from stepherd.text.plain import one_paragraph, plain

__all__ = ["RUN_TRAILER", "clean_email", "clean_message", "clean_name", "partial_message"]

RUN_TRAILER: Final = "Stepherd-Run"
_PARTIAL: Final = "Partial work: "
# Lines that forges and reviewers read as a statement by a person who did not make it.
_CLAIM: Final = re.compile(
    r"\s*(co-authored|signed-off|reviewed|acked|tested|approved|reported|suggested|helped|committed|merged)-by\s*:"
    rf"|\s*{RUN_TRAILER}\s*:",
    re.IGNORECASE,
)
_CRUD: Final = " .,:;<>\"\\'"  # what git itself strips from the ends of a name (ident.c)
_EMAIL: Final = re.compile(r"[^\s<>@]+@[^\s<>@]+")


def clean_message(message: str, *, fallback: str, run_id: str | None = None, limit: int = 20_000) -> str:
    """``message`` as it may stand in a commit, ending in a newline.

    Control, invisible and bidirectional characters go, and so does every line that claims another person's
    part (Co-authored-by and its kin). ``fallback`` is used when nothing is left. ``run_id`` adds the
    trailer by which a later attempt of the same run knows its own commit.
    """
    lines = [line.rstrip() for line in plain(message)[:limit].split("\n")]
    text = "\n".join(line for line in lines if not _CLAIM.match(line)).strip("\n")
    text = re.sub(r"\n{3,}", "\n\n", text) or fallback
    if run_id is not None:
        text += f"\n\n{RUN_TRAILER}: {run_id}"
    return text + "\n"


def partial_message(message: str, why: str) -> str:
    """``message`` for a commit that is not all of the work, with the reason."""
    subject, _, rest = message.strip().partition("\n")
    subject = subject if subject.startswith(_PARTIAL) else f"{_PARTIAL}{subject}"
    return f"{subject}\n\n{why.strip()}\n\n{rest.strip()}".rstrip() + "\n"


def clean_name(name: str, *, fallback: str = "Stepherd") -> str:
    """``name`` on one line and without the characters that end a name in a commit's header."""
    return re.sub(r"[<>]", "", one_paragraph(name, 100)).strip(_CRUD) or fallback


def clean_email(email: str, *, fallback: str = "stepherd@localhost.invalid") -> str:
    """``email`` when it is one address; ``fallback`` otherwise."""
    text = one_paragraph(email, 200).strip(_CRUD)
    return text if _EMAIL.fullmatch(text) else fallback
