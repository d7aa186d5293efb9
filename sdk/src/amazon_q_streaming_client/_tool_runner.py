"""Runs the tools that answers ask for and sends the results back, until an answer asks for none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Self

from ._answer import Answer
from ._conversation import Conversation
from ._numbers import positive
from ._tool_loop import ToolLoop
from ._tooluse import ToolCall
from .models import AnyEvent, ConversationState, ToolResult

if TYPE_CHECKING:
    from ._stream import EventStream

__all__ = ["ToolRunner"]


class ToolRunner(AsyncIterator[Answer]):
    """An async iterator of answers; made by ``QStreamingClient.run_tools``.

    Tools are run when the answer after theirs is asked for, one after another: coroutine functions are
    awaited, others run in a thread. What a tool raises is told to the model as an error. Stop at any time:
    the tools that were not run count as such in the conversation.
    """

    def __init__(
        self,
        loop: ToolLoop,
        ask: Callable[[ConversationState], EventStream],
        *,
        tool_timeout: float | None,
        on_event: Callable[[AnyEvent], object] | None,
    ) -> None:
        if tool_timeout is not None:
            positive("tool_timeout", tool_timeout)
        self._loop = loop
        self._ask = ask
        self._tool_timeout = tool_timeout
        self._on_event = on_event

    @property
    def conversation(self) -> Conversation:
        """The conversation as it is after the last answer."""
        return self._loop.conversation

    async def until_done(self) -> Answer:
        """Run to the end and return the last answer.

        Raises ToolLimitError when the limit of requests is reached before, and what requests raise.
        """
        last: Answer | None = None
        async for answer in self:
            last = answer
        return last if last is not None else Answer()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Answer:
        if self._loop.is_done:
            raise StopAsyncIteration
        self._loop.check_limit()
        if self._loop.results is None:
            self._loop.results = tuple([await self._run(call) for call in self._loop.open_calls])
        state = self._loop.next_state()
        try:
            async with self._ask(state) as stream:
                async for event in stream:
                    if self._on_event is not None:
                        self._on_event(event)
                answer = await stream.final_answer()
        except BaseException:
            self._loop.give_up()
            raise
        return self._loop.take(answer)

    async def _run(self, call: ToolCall) -> ToolResult:
        import asyncio

        limit = asyncio.timeout(self._tool_timeout)
        try:
            found, make = self._loop.bound(call)
            async with limit:
                value: Any = await (make() if found.is_async else asyncio.to_thread(make))
            return self._loop.succeeded(call, value)
        except Exception as error:  # noqa: BLE001  whatever a tool raises is for the model
            late = f"{call.name} took longer than {self._tool_timeout} s."
            return self._loop.failed(call, ValueError(late) if limit.expired() else error)
