"""The async client."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

from . import _operations as operations
from . import _requests as requests
from ._exchange import StreamFacts, call_exchange, stream_exchange
from ._retry import Pace
from ._settings import ClientOptions, Settings
from ._stream import EventStream
from ._transport import Pump
from ._transport_async import AsyncTransport
from .models import ConversationState, Origin, Shape

if TYPE_CHECKING:
    from ._account_calls import Call
    from .models import (
        GetUsageLimitsResponse,
        ListAvailableModelsResponse,
        ListAvailableProfilesResponse,
        ModelProvider,
        ResourceType,
    )

__all__ = ["QStreamingClient"]

_S = TypeVar("_S", bound=Shape)


class QStreamingClient:
    """The async client of the Amazon Q streaming API; takes the keyword arguments of ClientOptions.

    Use it as an async context manager, or call ``aclose``. One client may run many calls at a time; it keeps
    connections open between them. Every call raises a QError, see docs/errors.md.
    """

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        self._settings = Settings.from_options(options)
        self._pace = Pace(self._settings.retry)
        self._transport = AsyncTransport(self._settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections; streams that are still read raise StreamBrokenError."""
        await self._transport.aclose()

    def generate_assistant_response(
        self, conversation: ConversationState | str, *, agent_mode: str | None = None
    ) -> EventStream:
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
    ) -> EventStream:
        """Ask for an answer with SendMessage; return its events. A dry run asks no model."""
        request = requests.message_request(conversation, dry_run=dry_run, source=source)
        return self._stream(operations.SEND_MESSAGE, request)

    async def list_available_models(
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
        return await self._call(call)

    async def list_available_profiles(
        self, *, max_results: int | None = None, next_token: str | None = None
    ) -> ListAvailableProfilesResponse:
        """Return a page of the profiles of the user."""
        from ._account_calls import profiles_call

        call = profiles_call(max_results=max_results, next_token=next_token)
        return await self._call(call)

    async def get_usage_limits(
        self,
        *,
        origin: Origin | str | None = None,
        resource_type: ResourceType | str | None = None,
        is_email_required: bool | None = None,
    ) -> GetUsageLimitsResponse:
        """Return the allowances of the subscription and what is used of them."""
        from ._account_calls import usage_call

        call = usage_call(origin=origin, resource_type=resource_type, is_email_required=is_email_required)
        return await self._call(call)

    def _stream(self, operation: operations.Operation, request: Shape) -> EventStream:
        facts = StreamFacts()
        exchange = stream_exchange(operation, request, self._settings, self._pace, facts)
        return EventStream(self._transport.events(Pump(exchange)), facts)

    async def _call(self, call: Call[_S]) -> _S:
        return await self._transport.call(
            call_exchange(call.operation, call.request, call.answer, self._settings, self._pace)
        )
