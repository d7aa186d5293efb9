"""A whole answer, put together from its events."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ._tooluse import ToolCall, ToolProblem, ToolUseAssembler
from .errors import InvalidArgumentError, QError, TruncatedToolUseError
from .models import (
    AssistantResponseEvent,
    AssistantResponseMessage,
    CitationEvent,
    CodeEvent,
    CodeReferenceEvent,
    ContextUsageEvent,
    Event,
    FollowupPrompt,
    FollowupPromptEvent,
    InvalidStateEvent,
    MessageMetadataEvent,
    MetadataEvent,
    MeteringEvent,
    ReasoningContent,
    ReasoningContentEvent,
    ReasoningText,
    Reference,
    SupplementaryWebLink,
    SupplementaryWebLinksEvent,
    TokenUsage,
    ToolResult,
    ToolResultEvent,
    ToolUseEvent,
)

__all__ = ["Answer", "AnswerAssembler", "collect", "collect_sync", "complete", "note_partial"]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its text, what the model wants to run, what it refers to and what it took.

    ``reasoning_signature`` proves ``reasoning`` unchanged and ``redacted_reasoning`` is reasoning that only
    the service can read; both go back with the next question. ``tool_results`` are of tools that the service
    ran itself. ``context_usage_percentage`` is the used share of the context window. ``metering`` holds what
    the answer cost. ``invalid_states`` are warnings that the service sent on the way. ``unknown`` are the
    events that this version does not know, and those that carry nothing for an answer.
    """

    text: str = ""
    reasoning: str = ""
    reasoning_signature: str | None = None
    redacted_reasoning: bytes | None = None
    code: str = ""
    tool_uses: tuple[ToolCall, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    references: tuple[Reference, ...] = ()
    citations: tuple[CitationEvent, ...] = ()
    web_links: tuple[SupplementaryWebLink, ...] = ()
    followup_prompt: FollowupPrompt | None = None
    usage: TokenUsage | None = None
    metering: tuple[MeteringEvent, ...] = ()
    context_usage_percentage: float | None = None
    conversation_id: str | None = None
    utterance_id: str | None = None
    model_id: str | None = None
    invalid_states: tuple[InvalidStateEvent, ...] = ()
    unknown: tuple[Event, ...] = ()

    def to_message(self) -> AssistantResponseMessage:
        """Return the answer as it goes into the history, with all of it that a message can hold.

        A message holds reasoning that is readable or redacted, not both: readable goes first.
        """
        return AssistantResponseMessage(
            content=self.text,
            message_id=self.utterance_id,
            followup_prompt=self.followup_prompt,
            reasoning_content=self._reasoning_content(),
            references=list(self.references) or None,
            supplementary_web_links=list(self.web_links) or None,
            tool_uses=[call.to_tool_use() for call in self.tool_uses] or None,
        )

    def _reasoning_content(self) -> ReasoningContent | None:
        if self.reasoning or self.reasoning_signature:
            text = ReasoningText(text=self.reasoning, signature=self.reasoning_signature)
            return ReasoningContent(reasoning_text=text)
        if self.redacted_reasoning:
            return ReasoningContent(redacted_content=self.redacted_reasoning)
        return None


class AnswerAssembler:
    """Takes the events of one answer; ``answer()`` may be asked at any time."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._signature: list[str] = []
        self._redacted: list[bytes] = []
        self._code: list[str] = []
        self._tools = ToolUseAssembler()
        self._tool_results: list[ToolResult] = []
        self._references: list[Reference] = []
        self._citations: list[CitationEvent] = []
        self._links: list[SupplementaryWebLink] = []
        self._metering: list[MeteringEvent] = []
        self._invalid: list[InvalidStateEvent] = []
        self._unknown: list[Event] = []
        self._followup: FollowupPrompt | None = None
        self._usage: TokenUsage | None = None
        self._context_usage: float | None = None
        self._conversation_id: str | None = None
        self._utterance_id: str | None = None
        self._model_id: str | None = None

    def add(self, event: Event) -> None:
        """Take one event."""
        match event:
            case AssistantResponseEvent():
                self._text.append(event.content)
                self._model_id = event.model_id or self._model_id
            case ToolUseEvent():
                self._tools.add(event)
            case ReasoningContentEvent():
                self._reasoning.append(event.text or "")
                self._signature.append(event.signature or "")
                self._redacted.append(event.redacted_content or b"")
            case CodeEvent():
                self._code.append(event.content)
            case MessageMetadataEvent():
                self._conversation_id = event.conversation_id or self._conversation_id
                self._utterance_id = event.utterance_id or self._utterance_id
            case _:
                self._add_reference(event)

    def _add_reference(self, event: Event) -> None:
        match event:
            case CodeReferenceEvent():
                self._references += event.references or []
            case CitationEvent():
                self._citations.append(event)
            case SupplementaryWebLinksEvent():
                self._links += event.supplementary_web_links or []
            case FollowupPromptEvent():
                self._followup = event.followup_prompt or self._followup
            case ToolResultEvent(tool_result=ToolResult() as result):
                self._tool_results.append(result)
            case _:
                self._add_measure(event)

    def _add_measure(self, event: Event) -> None:
        match event:
            case MetadataEvent():
                self._usage = event.token_usage or self._usage
                self._note_context(self._usage.context_usage_percentage if self._usage else None)
            case MeteringEvent():
                self._metering.append(event)
            case ContextUsageEvent():
                self._note_context(event.context_usage_percentage)
            case InvalidStateEvent():
                self._invalid.append(event)
            case _:
                self._unknown.append(event)

    def _note_context(self, percentage: float | None) -> None:
        if percentage is not None:
            self._context_usage = percentage

    def answer(self, *, conversation_id: str | None = None) -> Answer:
        """Return what has come so far; a tool use without its stop mark counts as truncated.

        ``conversation_id`` is used where no event said it.
        """
        return Answer(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            reasoning_signature="".join(self._signature) or None,
            redacted_reasoning=b"".join(self._redacted) or None,
            code="".join(self._code),
            tool_uses=tuple(self._tools.finish()),
            tool_results=tuple(self._tool_results),
            references=tuple(self._references),
            citations=tuple(self._citations),
            web_links=tuple(self._links),
            followup_prompt=self._followup,
            usage=self._usage,
            metering=tuple(self._metering),
            context_usage_percentage=self._context_usage,
            conversation_id=self._conversation_id or conversation_id,
            utterance_id=self._utterance_id,
            model_id=self._model_id,
            invalid_states=tuple(self._invalid),
            unknown=tuple(self._unknown),
        )


async def collect(events: AsyncIterable[Event]) -> Answer:
    """Read a stream to its end and return the answer; events that were read of it before count too.

    Raises what the stream raises, with the answer so far as ``partial``, and TruncatedToolUseError when the
    stream ends inside of a tool use. The stream is closed in every case.
    """
    _check_iterable(events, AsyncIterable)
    assembler, add = _assembler_of(events)
    try:
        with note_partial(assembler, events):
            async for event in events:
                add(event)
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()
    return complete(assembler, events)


def collect_sync(events: Iterable[Event]) -> Answer:
    """The same for the blocking client."""
    _check_iterable(events, Iterable)
    assembler, add = _assembler_of(events)
    try:
        with note_partial(assembler, events):
            for event in events:
                add(event)
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()
    return complete(assembler, events)


def _assembler_of(events: object) -> tuple[AnswerAssembler, Callable[[Event], object]]:
    """A stream of a client assembles its answer itself; for any other source of events it is done here."""
    own = getattr(events, "assembler", None)
    if isinstance(own, AnswerAssembler):
        return own, id
    assembler = AnswerAssembler()
    return assembler, assembler.add


@contextmanager
def note_partial(assembler: AnswerAssembler, events: object) -> Iterator[None]:
    """Put the answer so far into an error of the stream."""
    try:
        yield
    except QError as error:
        error.partial = assembler.answer(conversation_id=_conversation_id(events))
        raise


def complete(assembler: AnswerAssembler, events: object) -> Answer:
    """Return the answer of a stream that has ended; raise TruncatedToolUseError for one that was cut."""
    answer = assembler.answer(conversation_id=_conversation_id(events))
    cut = [call.name for call in answer.tool_uses if call.problem is ToolProblem.TRUNCATED]
    if cut:
        error = TruncatedToolUseError(
            f"the stream ended inside of a tool use: {', '.join(cut)}",
            request_id=getattr(events, "request_id", None),
        )
        error.partial = answer
        raise error
    return answer


def _conversation_id(events: object) -> str | None:
    return getattr(events, "conversation_id", None)


def _check_iterable(events: object, kind: type) -> None:
    if not isinstance(events, kind):
        raise InvalidArgumentError(f"the events must be {kind.__name__}, not {type(events).__name__}")
