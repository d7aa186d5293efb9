"""OpenAI's Responses API, as far as the real Codex CLI asks for it of a ScriptedModel.

Codex 0.169.0 first tries a web socket; an answer of 426 makes it take plain HTTP at once. With the model
``scripted``, which it does not know, it offers plain tools (``exec_command``); with its own it wants programs
(``exec``, a tool whose input is not JSON).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.scripted_model import Reply

__all__ = ["response_events"]


def response_events(reply: Reply, number: int) -> Iterator[dict[str, Any]]:
    """The events of one streamed answer, the ``number``-th."""
    name = f"resp_{number:04}"
    yield {"type": "response.created", "response": {"id": name}}
    for index, block in enumerate(reply.blocks):
        item = _item(block, f"call_{number:04}_{index}")
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": reply.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 10 + reply.output_tokens,
    }
    yield {"type": "response.completed", "response": {"id": name, "usage": usage}}


def _item(block: Mapping[str, Any], call: str) -> dict[str, Any]:
    if block["type"] == "text":
        content = [{"type": "output_text", "text": block["text"]}]
        return {"type": "message", "role": "assistant", "content": content}
    tool, given = block["name"], block["input"]
    if tool == "exec":
        return {"type": "custom_tool_call", "call_id": call, "name": tool, "input": given["program"]}
    return {"type": "function_call", "call_id": call, "name": tool, "arguments": json.dumps(given)}
