"""The blocking client: the async one with another transport."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from . import _operations as operations
from . import _requests as requests
from ._exchange import StreamFacts, call_exchange, stream_exchange
from ._retry import Pace
from ._settings import CallOptions, ClientOptions, Settings
from ._stream_sync import EventStreamSync
from ._transport import Pump
from ._transport_sync import SyncTransport
from .models import ConversationState, Origin, Shape

if TYPE_CHECKING:
    from ._account_calls import Call
    from ._conversation import Conversation
    from ._function_tools import FunctionTool
    from ._tool_runner_sync import ToolRunnerSync
    from .models import (
        AnyEvent,
        GetUsageLimitsResponse,
        ListAvailableModelsResponse,
        ListAvailableProfilesResponse,
        Model,
        ModelProvider,
        Profile,
        ResourceType,
    )

__all__ = ["QStreamingClientSync"]

_S = TypeVar("_S", bound=Shape)


class QStreamingClientSync:
    """The blocking client of the Amazon Q streaming API; takes the keyword arguments of ClientOptions.

    Use it as a context manager, or call ``close``. One client may be used by many threads; it keeps
    connections open between calls. Every call raises a QError, see docs/errors.md.
    """

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        self._settings = Settings.from_options(options)
        self._pace = Pace(self._settings.retry)
        self._transport = SyncTransport(self._settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections, and end the calls that wait for one, also those of other threads.

        Streams that are still read raise StreamBrokenError. A forked process closes what it opened itself.
        """
        self._transport.close()

    def with_options(self, **options: Unpack[CallOptions]) -> Self:
        """Return a client whose calls differ by ``options``; it shares connections, login and pace with this.

        Close the first client only: ``client.with_options(timeout=10).get_usage_limits()``.
        """
        other = copy.copy(self)
        other._settings = self._settings.changed(options)
        other._pace = self._pace.with_policy(other._settings.retry)
        return other

    def generate_assistant_response(
        self, conversation: ConversationState | str, *, agent_mode: str | None = None
    ) -> EventStreamSync:
        """Ask for an answer with GenerateAssistantResponse; return its events.

        ``conversation`` is a whole state, or the text of a single question.
        """
        request = requests.generate_request(conversation, agent_mode=agent_mode)
        return self._stream(operations.GENERATE_ASSISTANT_RESPONSE, request)

    def send_message(
        self,
        conversation: ConversationState | str,
        *,
        dry_run: bool | None = None,
        source: Origin | str | None = None,
    ) -> EventStreamSync:
        """Ask for an answer with SendMessage; return its events. A dry run asks no model."""
        request = requests.message_request(conversation, dry_run=dry_run, source=source)
        return self._stream(operations.SEND_MESSAGE, request)

    def list_available_models(
        self,
        *,
        origin: Origin | str = Origin.CLI,
        model_provider: ModelProvider | str | None = None,
        max_results: int | None = None,
        next_token: str | None = None,
    ) -> ListAvailableModelsResponse:
        """Return a page of the models that can be asked, and the default one."""
        from ._account_calls import models_call

        call = models_call(
            origin=origin, model_provider=model_provider, max_results=max_results, next_token=next_token
        )
        return self._call(call)

    def list_available_profiles(
        self, *, max_results: int | None = None, next_token: str | None = None
    ) -> ListAvailableProfilesResponse:
        """Return a page of the profiles of the user."""
        from ._account_calls import profiles_call

        call = profiles_call(max_results=max_results, next_token=next_token)
        return self._call(call)

    def get_usage_limits(
        self,
        *,
        origin: Origin | str | None = None,
        resource_type: ResourceType | str | None = None,
        is_email_required: bool | None = None,
    ) -> GetUsageLimitsResponse:
        """Return the allowances of the subscription and what is used of them."""
        from ._account_calls import usage_call

        call = usage_call(origin=origin, resource_type=resource_type, is_email_required=is_email_required)
        return self._call(call)

    def run_tools(
        self,
        question: str | Conversation,
        tools: Iterable[FunctionTool | Callable[..., Any]],
        *,
        text: str | None = None,
        max_requests: int = 10,
        max_result_characters: int = 400_000,
        tool_timeout: float | None = None,
        on_event: Callable[[AnyEvent], object] | None = None,
    ) -> ToolRunnerSync:
        """Ask, run the typed functions that the model uses, and send their results, until it uses none.

        ``question`` is a text, or a Conversation to which ``text`` is the next question. The result is an
        iterator of answers, with ``until_done()``. At most ``max_requests`` are sent; results are cut to
        ``max_result_characters``; each call of a tool may take ``tool_timeout`` seconds (not with the
        blocking client, which cannot stop a function). ``on_event`` is called with each event as it comes.
        Raises ConfigurationError and InvalidArgumentError for arguments that cannot work.
        """
        from ._tool_loop import ToolLoop
        from ._tool_runner_sync import ToolRunnerSync

        loop = ToolLoop(
            question, text, tools, max_requests=max_requests, max_result_characters=max_result_characters
        )
        return ToolRunnerSync(
            loop, self.generate_assistant_response, tool_timeout=tool_timeout, on_event=on_event
        )

    def iterate_models(
        self, *, origin: Origin | str = Origin.CLI, model_provider: ModelProvider | str | None = None
    ) -> Iterator[Model]:
        """Yield all models that can be asked, page by page."""
        from ._account_calls import NextPage

        pages = NextPage()
        while pages.more:
            page = self.list_available_models(
                origin=origin, model_provider=model_provider, next_token=pages.token
            )
            pages.turn(page.next_token)
            yield from page.models

    def iterate_profiles(self) -> Iterator[Profile]:
        """Yield all profiles of the user, page by page."""
        from ._account_calls import NextPage

        pages = NextPage()
        while pages.more:
            page = self.list_available_profiles(next_token=pages.token)
            pages.turn(page.next_token)
            yield from page.profiles

    def _stream(self, operation: operations.Operation, request: Shape) -> EventStreamSync:
        facts = StreamFacts()
        exchange = stream_exchange(operation, request, self._settings, self._pace, facts)
        return EventStreamSync(self._transport.events(Pump(exchange)), facts)

    def _call(self, call: Call[_S]) -> _S:
        return self._transport.call(
            call_exchange(call.operation, call.request, call.answer, self._settings, self._pace)
        )
