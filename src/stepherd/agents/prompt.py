"""The prompt: the instructions, and how it is to work where no one can be asked."""

from __future__ import annotations

from typing import Final

from stepherd.agents.contract import AgentContext
from stepherd.services.front_matter import body_of

__all__ = ["prompt_of"]

_BEGINNING: Final = """\
Carry out the instructions below in the current folder, which is a clone of a git repository. No one can
answer questions: if something is left open, decide, and say what you decided. Leave your work as files in
this folder. It is committed and pushed for you: do not push, and change no git settings.
"""
_EMPTY: Final = """\
These folders are submodules, which were not cloned: they are empty, and nothing in them is pushed: {names}
"""
_MORE_FILES: Final = "Files that belong to the instructions are in {folder}\n"
_AGAIN: Final = """\
You were interrupted in the middle of this work. Look at what the current folder holds now, which may not be
what you remember, and complete the work. The instructions were these.
"""


def prompt_of(context: AgentContext, *, again: bool = False) -> str:
    """The whole prompt. It never begins with a character that a CLI takes for a command of its own.

    ``again``: the agent remembers an earlier attempt.
    """
    if again and context.feedback:
        return context.feedback
    text = (context.instructions / "instructions.md").read_text("utf-8-sig")
    others = sorted(path for path in context.instructions.iterdir() if path.name != "instructions.md")
    beginning = _AGAIN if again else _BEGINNING
    empty = _EMPTY.format(names=context.empty_submodules) if context.empty_submodules else ""
    more = _MORE_FILES.format(folder=context.instructions) if others else ""
    return f"{beginning}{empty}{more}\n{body_of(text).strip()}\n"
