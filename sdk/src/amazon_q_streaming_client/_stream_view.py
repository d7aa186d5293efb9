"""What both kinds of streams say of themselves while they are read."""

from __future__ import annotations

from collections.abc import Mapping

from ._answer import Answer, AnswerAssembler
from ._exchange import StreamFacts

__all__ = ["StreamView"]


class StreamView:
    """The facts of a stream, and the answer as far as it was read."""

    def __init__(self, facts: StreamFacts) -> None:
        self._facts = facts
        self.assembler = AnswerAssembler()

    @property
    def request_id(self) -> str | None:
        """The id that the service gave the request; None before the first event."""
        return self._facts.request_id

    @property
    def conversation_id(self) -> str | None:
        """The id of the conversation, as soon as the service said it."""
        return self._facts.conversation_id

    @property
    def response_headers(self) -> Mapping[str, str]:
        """The headers of the response, names in lower case; empty before the first event."""
        return self._facts.headers

    @property
    def answer_so_far(self) -> Answer:
        """What the events that were read up to now make up."""
        return self.assembler.answer(conversation_id=self.conversation_id)
