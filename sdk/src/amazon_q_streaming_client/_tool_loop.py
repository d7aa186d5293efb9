"""The loop of question, tool uses and results, without input or output; both tool runners drive it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ._answer import Answer
from ._conversation import Conversation
from ._function_tools import FunctionTool, error_result, result_of_call, tool
from ._tooluse import ToolCall
from .errors import ConfigurationError, InvalidArgumentError, ToolLimitError
from .models import ConversationState, ToolResult

__all__ = ["ToolLoop"]


class ToolLoop:
    """What to send next, and which tools to run before it."""

    def __init__(
        self,
        question: str | Conversation,
        text: str | None,
        tools: Iterable[FunctionTool | Callable[..., Any]],
        *,
        max_requests: int,
        max_result_characters: int,
    ) -> None:
        for number in (max_requests, max_result_characters):
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                raise ConfigurationError("the limits of a tool runner are whole numbers from 1")
        if not isinstance(tools, Iterable):
            raise InvalidArgumentError("tools must be a sequence of functions")
        self.tools: Mapping[str, FunctionTool] = {made.name: made for made in map(tool, tools)}
        self._max_requests = max_requests
        self.max_result = max_result_characters
        self._requests = 0
        self._last: Answer | None = None
        self.results: tuple[ToolResult, ...] | None = None
        """Of the tools of the last answer, once they ran: they are not run again when a request fails."""
        self.conversation = _conversation(question, self.tools)
        self._first = question if isinstance(question, str) else text
        if not isinstance(self._first, str):
            raise InvalidArgumentError("a conversation needs the text of its next question")

    @property
    def open_calls(self) -> tuple[ToolCall, ...]:
        """The tool uses to run before the next request, without those that the service ran itself."""
        if self._last is None:
            return ()
        served = {result.tool_use_id for result in self._last.tool_results}
        return tuple(call for call in self._last.tool_uses if call.tool_use_id not in served)

    @property
    def is_done(self) -> bool:
        """Whether the last answer used no tool."""
        return self._last is not None and not self._last.tool_uses

    def check_limit(self) -> None:
        """Raise ToolLimitError before the tools are run whose results could not be sent any more."""
        if self._requests >= self._max_requests:
            error = ToolLimitError(f"the model still uses tools after {self._requests} requests")
            error.partial = self._last
            raise error

    def next_state(self) -> ConversationState:
        """Return what to send; it must be answered by ``take`` or given up by ``give_up``."""
        self._requests += 1
        if self._last is None:
            return self.conversation.ask(self._first or "")
        return self.conversation.give_results(self.results or ())

    def take(self, answer: Answer) -> Answer:
        """Take the answer to the last request into the conversation."""
        self.conversation.record(answer)
        self._last, self.results = answer, None
        return answer

    def give_up(self) -> None:
        """The last request has no answer; the conversation is as before it."""
        self.conversation.abandon()

    def bound(self, call: ToolCall) -> tuple[FunctionTool, Callable[[], Any]]:
        """Return the tool and the call to make; raise ValueError with a text for the model."""
        found = self.tools.get(call.name)
        if found is None:
            raise ValueError(
                f"There is no tool {call.name!r}. The tools are: {', '.join(self.tools) or 'none'}."
            )
        return found, found.bind(call)

    def succeeded(self, call: ToolCall, value: object) -> ToolResult:
        """The result of a tool that returned ``value``."""
        return result_of_call(call, value, self.max_result)

    def failed(self, call: ToolCall, error: Exception) -> ToolResult:
        """The result of a tool that raised ``error``."""
        return error_result(call, error, self.max_result)


def _conversation(question: object, tools: Mapping[str, FunctionTool]) -> Conversation:
    specifications = tuple(made.specification for made in tools.values())
    if isinstance(question, str):
        return Conversation(tools=specifications)
    if isinstance(question, Conversation):
        question.tools = specifications
        return question
    raise InvalidArgumentError(f"the question must be text or a Conversation, not {type(question).__name__}")
