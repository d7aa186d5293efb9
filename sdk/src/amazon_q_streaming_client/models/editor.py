"""The state of an editor and its diagnostics."""

from __future__ import annotations

from typing import Annotated

from ._base import OneOf, Open, Shape, at_most, chars
from .chat_enums import ContentType, DiagnosticSeverity, DiagnosticTag, SymbolType

__all__ = [
    "CodeDescription",
    "CursorState",
    "Diagnostic",
    "DiagnosticLocation",
    "DiagnosticRelatedInformation",
    "DocumentSymbol",
    "EditorState",
    "Position",
    "ProgrammingLanguage",
    "Range",
    "RelevantTextDocument",
    "RuntimeDiagnostic",
    "TextDocument",
    "TextDocumentDiagnostic",
]


class Position(Shape):
    """A place in a document, counted from 0."""

    character: int
    line: int


class Range(Shape):
    """A part of a document."""

    end: Position
    start: Position


class CursorState(OneOf):
    """Where the cursor is, or what is selected."""

    position: Position | None = None
    range: Range | None = None


class ProgrammingLanguage(Shape):
    """The language of a document."""

    language_name: str


class DocumentSymbol(Shape):
    """A symbol in a document."""

    name: Annotated[str, chars(1, 256)]
    type: Open[SymbolType]
    source: Annotated[str, chars(1, 256)] | None = None


class TextDocument(Shape):
    """A text document in the editor."""

    relative_file_path: Annotated[str, chars(1, 4096)]
    document_symbols: Annotated[list[DocumentSymbol], at_most(1000)] | None = None
    programming_language: ProgrammingLanguage | None = None
    text: Annotated[str, chars(0, 40_000)] | None = None


class RelevantTextDocument(Shape):
    """A document that the editor holds to be related."""

    relative_file_path: Annotated[str, chars(1, 4096)]
    document_symbols: Annotated[list[DocumentSymbol], at_most(1000)] | None = None
    programming_language: ProgrammingLanguage | None = None
    text: str | None = None
    type: Open[ContentType] | None = None


class EditorState(Shape):
    """The open document, the cursor and related documents."""

    cursor_state: CursorState | None = None
    document: TextDocument | None = None
    relevant_documents: list[RelevantTextDocument] | None = None
    use_relevant_documents: bool | None = None
    workspace_folders: Annotated[list[Annotated[str, chars(1, 4096)]], at_most(100)] | None = None


class RuntimeDiagnostic(Shape):
    """A finding of a run."""

    message: str
    severity: Open[DiagnosticSeverity]
    source: str


class CodeDescription(Shape):
    """A page that explains a finding."""

    href: str


class DiagnosticLocation(Shape):
    """A range in a document named by its URI."""

    range: Range
    uri: str


class DiagnosticRelatedInformation(Shape):
    """A place that belongs to a finding."""

    location: DiagnosticLocation
    message: str


class TextDocumentDiagnostic(Shape):
    """A finding of the editor in a document."""

    document: TextDocument
    message: Annotated[str, chars(0, 1024)]
    range: Range
    severity: Open[DiagnosticSeverity]
    source: str
    code: Annotated[str, chars(0, 1024)] | None = None
    code_description: CodeDescription | None = None
    data: Annotated[str, chars(0, 4096)] | None = None
    related_information: list[DiagnosticRelatedInformation] | None = None
    tags: list[Open[DiagnosticTag]] | None = None


class Diagnostic(OneOf):
    """A finding of the editor or of a run."""

    runtime_diagnostic: RuntimeDiagnostic | None = None
    text_document_diagnostic: TextDocumentDiagnostic | None = None
