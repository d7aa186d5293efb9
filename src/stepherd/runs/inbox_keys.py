"""Which objects of the inbox start a run, and what lies beside them.

``inbox/name.md`` is instructions in one file, answered in the folder ``inbox/name``. In any folder below
``inbox``, ``instructions.md`` starts a run of the whole folder, answered in that folder. Nothing else starts
one; in particular neither report.md nor status.json do, so answers start nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stepherd.runs.instructions import MAIN
from stepherd.runs.reply import OWN_FILES, REPLY_TO, reply_folder
from stepherd.services.store.keys import key_fault

__all__ = ["INBOX", "InboxKeys", "inbox_keys"]

INBOX: Final = "inbox"
SETTINGS_FILE: Final = "run.yaml"
_SUFFIX: Final = ".md"


@dataclass(frozen=True, slots=True)
class InboxKeys:
    """Where the parts of a run from the inbox lie, as keys of the store."""

    instructions: str
    """A key, or a folder with a slash at its end."""
    settings: str
    reply_to: str
    """Empty when the name is so long that nothing fits beside it."""


def inbox_keys(key: str) -> InboxKeys | None:
    """The place of a run that the object ``key`` starts; None when it starts none."""
    if key_fault(key):
        return None
    folder, _, name = key.rpartition("/")
    settings = f"{folder}/{SETTINGS_FILE}"
    if folder == INBOX:
        stem = name.removesuffix(_SUFFIX)
        if stem in {"", name} or name in OWN_FILES:
            return None
        return InboxKeys(key, settings, _reply_to(f"{INBOX}/{stem}"))
    if folder.startswith(f"{INBOX}/") and name == MAIN:
        return InboxKeys(f"{folder}/", settings, _reply_to(folder))
    return None


def _reply_to(folder: str) -> str:
    return reply_folder({REPLY_TO: folder})
