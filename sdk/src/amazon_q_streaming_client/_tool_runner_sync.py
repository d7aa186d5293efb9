"""The same for the blocking client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Self

from ._answer import Answer
from ._conversation import Conversation
from ._tool_loop import ToolLoop
from ._tooluse import ToolCall
from .errors import ConfigurationError
from .models import AnyEvent, ConversationState, ToolResult

if TYPE_CHECKING:
    from ._stream_sync import EventStreamSync

__all__ = ["ToolRunnerSync"]


class ToolRunnerSync(Iterator[Answer]):
    """An iterator of answers; made by ``QStreamingClientSync.run_tools``.

    Tools are run when the answer after theirs is asked for, one after another. What a tool raises is told to
    the model as an error. Stop at any time: the tools that were not run count as such in the conversation.
    """

    def __init__(
        self,
        loop: ToolLoop,
        ask: Callable[[ConversationState], EventStreamSync],
        *,
        tool_timeout: float | None,
        on_event: Callable[[AnyEvent], object] | None,
    ) -> None:
        if tool_timeout is not None:
            raise ConfigurationError(
                "the blocking client cannot stop a function: tool_timeout has no use there"
            )
        if any(made.is_async for made in loop.tools.values()):
            raise ConfigurationError("the blocking client cannot run tools that are coroutine functions")
        self._loop = loop
        self._ask = ask
        self._on_event = on_event

    @property
    def conversation(self) -> Conversation:
        """The conversation as it is after the last answer."""
        return self._loop.conversation

    def until_done(self) -> Answer:
        """Run to the end and return the last answer.

        Raises ToolLimitError when the limit of requests is reached before, and what requests raise.
        """
        last: Answer | None = None
        for answer in self:
            last = answer
        return last if last is not None else Answer()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Answer:
        if self._loop.is_done:
            raise StopIteration
        self._loop.check_limit()
        if self._loop.results is None:
            self._loop.results = tuple([self._run(call) for call in self._loop.open_calls])
        state = self._loop.next_state()
        try:
            with self._ask(state) as stream:
                for event in stream:
                    if self._on_event is not None:
                        self._on_event(event)
                answer = stream.final_answer()
        except BaseException:
            self._loop.give_up()
            raise
        return self._loop.take(answer)

    def _run(self, call: ToolCall) -> ToolResult:
        try:
            _, make = self._loop.bound(call)
            return self._loop.succeeded(call, make())
        except Exception as error:  # noqa: BLE001  whatever a tool raises is for the model
            return self._loop.failed(call, error)
