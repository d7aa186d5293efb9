"""A conversation that keeps the history rules of the service."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from ._answer import Answer
from ._history import check_history, check_state, open_tool_uses, result_ids, used_tools
from ._tooluse import ToolProblem, result_of
from .errors import ConversationError, InvalidArgumentError
from .models import (
    AssistantResponseMessage,
    ChatMessage,
    ChatTriggerType,
    ConversationState,
    ImageBlock,
    Origin,
    Tool,
    ToolInputSchema,
    ToolResult,
    ToolResultContentBlock,
    ToolResultStatus,
    ToolSpecification,
    UserInputMessage,
    UserInputMessageContext,
)

__all__ = ["Conversation"]

_T = TypeVar("_T")

_NOT_RUN: Final = "The tool was not run."
_NO_LONGER: Final = "This tool is not available any more."
_NOTED: Final = "I will go on from this summary."


class Conversation:
    """Questions, answers and tool results in an order that the service accepts.

    Make the next request with ``ask`` or ``give_results``, send it, and ``record`` the answer; ``abandon``
    the question when there is none. It does no input or output: the state it returns goes to either client.
    """

    def __init__(
        self,
        *,
        tools: Iterable[ToolSpecification] = (),
        model_id: str | None = None,
        origin: Origin | str = Origin.CLI,
        conversation_id: str | None = None,
        history: Sequence[ChatMessage] = (),
    ) -> None:
        """Start with ``history``, which must end with an answer; raise ConversationError for a bad one."""
        self.tools = listed("tools", tools, ToolSpecification)
        history = listed("history", history, ChatMessage)
        check_history(history)
        self.model_id = model_id
        self.origin = origin
        self.conversation_id = conversation_id
        self._history = list(history)
        self._pending: UserInputMessage | None = None
        self._served: dict[str, ToolResult] = {}

    @property
    def history(self) -> tuple[ChatMessage, ...]:
        """The messages so far; a question that is not answered is not among them."""
        return tuple(self._history)

    def ask(
        self,
        text: str,
        *,
        images: Sequence[ImageBlock] = (),
        context: UserInputMessageContext | None = None,
    ) -> ConversationState:
        """Return the state to send for a question.

        Tool uses that still wait for results are answered as not run. ``context`` may describe the
        surroundings; its tools and tool results are set by the conversation. Raises ConversationError while
        another question waits for its answer.
        """
        if context is not None and not isinstance(context, UserInputMessageContext):
            raise InvalidArgumentError("the context must be a UserInputMessageContext")
        pictures = listed("images", images, ImageBlock)
        return self._send(text, self._complete(()), pictures, context)

    def give_results(self, results: Sequence[ToolResult], text: str = "") -> ConversationState:
        """Return the state to send for the results of the tools that the last answer used.

        Tools without a result here are answered as the service did, if it ran them itself, else as not run.
        Raises ConversationError for a result that no
        tool use waits for, or that is given twice.
        """
        results = listed("results", results, ToolResult)
        if not open_tool_uses(self._history):
            raise ConversationError("the last answer used no tool", remedy="Use ask() for a question.")
        return self._send(text, self._complete(results), (), None)

    def record(self, answer: Answer) -> None:
        """Take the answer to the last question into the history.

        Raises ConversationError when there was no question, and for an answer with a truncated tool use: it
        cannot be part of a history; ``abandon`` the question and ask again.
        """
        if not isinstance(answer, Answer):
            raise InvalidArgumentError(f"the answer must be an Answer, not {type(answer).__name__}")
        if self._pending is None:
            raise ConversationError("there is no question to this answer")
        if any(call.problem is ToolProblem.TRUNCATED for call in answer.tool_uses):
            raise ConversationError(
                "the answer ends inside of a tool use", remedy="abandon() the question and ask again."
            )
        self._history.append(ChatMessage(user_input_message=_without_tools(self._pending)))
        self._history.append(ChatMessage(assistant_response_message=answer.to_message()))
        self.conversation_id = answer.conversation_id or self.conversation_id
        self._served = {result.tool_use_id: result for result in answer.tool_results}
        self._pending = None

    def abandon(self) -> None:
        """Forget the question that waits for its answer, if there is one."""
        self._pending = None

    def compact(
        self, *, keep_turns: int = 1, summary: str | None = None, max_result_characters: int | None = None
    ) -> int:
        """Shorten the history; return how many messages were dropped.

        A turn is a question with all of its tool results and answers. All but the last ``keep_turns`` are
        dropped, with ``summary`` in their place if it is given. Texts of tool results in what remains are cut
        to ``max_result_characters``. Raises ConversationError for ``keep_turns`` below 1 while tool uses are
        open.
        """
        for number in (keep_turns, max_result_characters or 0):
            if not isinstance(number, int) or number < 0:
                raise ConversationError("turns and characters to keep are whole numbers from 0")
        if summary is not None and not isinstance(summary, str):
            raise InvalidArgumentError("the summary must be text")
        if keep_turns == 0 and open_tool_uses(self._history):
            raise ConversationError("the last turn has open tool uses and must be kept")
        starts = [index for index, message in enumerate(self._history) if _starts_turn(message)]
        first = [0, *starts, len(self._history)][max(len(starts) + 1 - keep_turns, 0)]
        kept = self._history[first:]
        if first and summary:
            kept = [*_summary(summary, self.origin), *kept]
        if max_result_characters is not None:
            kept = [_cut_results(message, max_result_characters) for message in kept]
        self._history = kept
        return first

    def _send(
        self,
        text: str,
        results: list[ToolResult],
        images: Sequence[ImageBlock],
        context: UserInputMessageContext | None,
    ) -> ConversationState:
        if self._pending is not None:
            raise ConversationError(
                "the last question has no answer yet", remedy="record() the answer or abandon() it."
            )
        surroundings = (context or UserInputMessageContext()).model_copy(
            update={"tools": self._described_tools() or None, "tool_results": results or None}
        )
        message = UserInputMessage(
            content=text,
            images=list(images) or None,
            model_id=self.model_id,
            origin=self.origin,
            user_input_message_context=surroundings,
        )
        state = ConversationState(
            chat_trigger_type=ChatTriggerType.MANUAL,
            conversation_id=self.conversation_id,
            current_message=ChatMessage(user_input_message=message),
            history=list(self._history) or None,
        )
        check_state(state)
        self._pending = message
        return state

    def _complete(self, results: Sequence[ToolResult]) -> list[ToolResult]:
        """Add a result for each open tool use that has none: that of the service, if it ran the tool itself.

        What is too much is found by ``check_state``.
        """
        given = {result.tool_use_id for result in results}
        missing = [use.tool_use_id for use in open_tool_uses(self._history) if use.tool_use_id not in given]
        return [*results, *(self._served.get(use) or _not_run(use) for use in missing)]

    def _described_tools(self) -> list[Tool]:
        """The tools, and a stand-in for each tool of the history that is gone."""
        gone = sorted(used_tools(self._history) - {tool.name for tool in self.tools})
        stand_ins = (
            ToolSpecification(
                name=name, description=_NO_LONGER, input_schema=ToolInputSchema(json_value={"type": "object"})
            )
            for name in gone
        )
        return [Tool(tool_specification=tool) for tool in (*self.tools, *stand_ins)]


def listed(name: str, values: object, kind: type[_T]) -> tuple[_T, ...]:
    """Return ``values`` as a tuple; raise InvalidArgumentError where they are not all of ``kind``."""
    if isinstance(values, Iterable) and not isinstance(values, str | bytes):
        found = tuple(values)
        if all(isinstance(value, kind) for value in found):
            return found
    raise InvalidArgumentError(f"{name} must be a sequence of {kind.__name__}")


def _starts_turn(message: ChatMessage) -> bool:
    user = message.user_input_message
    return user is not None and not result_ids(user)


def _without_tools(message: UserInputMessage) -> UserInputMessage:
    """Descriptions of tools belong to the current message only."""
    context = message.user_input_message_context
    if context is None:  # pragma: no cover  (messages of this class always have one)
        return message
    bare = context.model_copy(update={"tools": None})
    return message.model_copy(update={"user_input_message_context": bare if bare.to_wire() else None})


def _not_run(tool_use_id: str) -> ToolResult:
    return result_of(tool_use_id, ToolResultContentBlock(text=_NOT_RUN), ToolResultStatus.ERROR)


def _summary(text: str, origin: Origin | str) -> list[ChatMessage]:
    return [
        ChatMessage(user_input_message=UserInputMessage(content=text, origin=origin)),
        ChatMessage(assistant_response_message=AssistantResponseMessage(content=_NOTED)),
    ]


def _cut_results(message: ChatMessage, limit: int) -> ChatMessage:
    user = message.user_input_message
    context = user.user_input_message_context if user else None
    if user is None or context is None or not context.tool_results:
        return message
    results = [
        result.model_copy(update={"content": [_cut(block, limit) for block in result.content]})
        for result in context.tool_results
    ]
    shortened = context.model_copy(update={"tool_results": results})
    return ChatMessage(user_input_message=user.model_copy(update={"user_input_message_context": shortened}))


def _cut(block: ToolResultContentBlock, limit: int) -> ToolResultContentBlock:
    if block.text is None or len(block.text) <= limit:
        return block
    return ToolResultContentBlock(
        text=f"{block.text[:limit]}\n[cut, {len(block.text) - limit} more characters]"
    )
