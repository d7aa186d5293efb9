"""Enums of the chat operations. The service may add values: fields take any string."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "AccessDeniedExceptionReason",
    "AgentTaskType",
    "AlertType",
    "CachePointType",
    "ChatTriggerType",
    "ConflictExceptionReason",
    "ContentType",
    "DiagnosticSeverity",
    "DiagnosticTag",
    "ImageFormat",
    "IntentType",
    "InternalServerExceptionReason",
    "InvalidStateReason",
    "Origin",
    "ServiceQuotaExceededExceptionReason",
    "StepState",
    "SymbolType",
    "TaskActionNoteType",
    "ThrottlingExceptionReason",
    "ToolResultStatus",
    "UserIntent",
    "ValidationExceptionReason",
]


class AccessDeniedExceptionReason(StrEnum):
    """Why access was denied."""

    FEATURE_NOT_SUPPORTED = "FEATURE_NOT_SUPPORTED"
    TEMPORARILY_SUSPENDED = "TEMPORARILY_SUSPENDED"
    UNAUTHORIZED_CUSTOMIZATION_RESOURCE_ACCESS = "UNAUTHORIZED_CUSTOMIZATION_RESOURCE_ACCESS"
    UNAUTHORIZED_WORKSPACE_CONTEXT_FEATURE_ACCESS = "UNAUTHORIZED_WORKSPACE_CONTEXT_FEATURE_ACCESS"


class AgentTaskType(StrEnum):
    """How the agent works."""

    SPECTASK = "spectask"
    VIBE = "vibe"


class AlertType(StrEnum):
    """How serious a notice is."""

    ERROR = "ERROR"
    INFO = "INFO"
    WARNING = "WARNING"


class CachePointType(StrEnum):
    """Kinds of cache points."""

    DEFAULT = "default"


class ChatTriggerType(StrEnum):
    """What set off the question."""

    DIAGNOSTIC = "DIAGNOSTIC"
    INLINE_CHAT = "INLINE_CHAT"
    MANUAL = "MANUAL"


class ConflictExceptionReason(StrEnum):
    """Which state is in conflict."""

    CUSTOMER_KMS_KEY_DISABLED = "CUSTOMER_KMS_KEY_DISABLED"
    CUSTOMER_KMS_KEY_INVALID_KEY_POLICY = "CUSTOMER_KMS_KEY_INVALID_KEY_POLICY"
    MISMATCHED_KMS_KEY = "MISMATCHED_KMS_KEY"


class ContentType(StrEnum):
    """Kinds of related documents."""

    CODE = "CODE"
    FILE = "FILE"
    PROMPT = "PROMPT"
    WORKSPACE = "WORKSPACE"


class DiagnosticSeverity(StrEnum):
    """How serious a finding is."""

    ERROR = "ERROR"
    HINT = "HINT"
    INFORMATION = "INFORMATION"
    WARNING = "WARNING"


class DiagnosticTag(StrEnum):
    """Extra facts of a finding."""

    DEPRECATED = "DEPRECATED"
    UNNECESSARY = "UNNECESSARY"


class ImageFormat(StrEnum):
    """Image formats that the service reads."""

    GIF = "gif"
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"


class IntentType(StrEnum):
    """Kinds of intents."""

    ARTIFACT = "ARTIFACT"
    DEEPLINKS = "DEEPLINKS"
    GLUE_SENSEI = "GLUE_SENSEI"
    RESOURCE_DATA = "RESOURCE_DATA"
    SUPPORT = "SUPPORT"


class InternalServerExceptionReason(StrEnum):
    """Why the service failed."""

    MODEL_TEMPORARILY_UNAVAILABLE = "MODEL_TEMPORARILY_UNAVAILABLE"


class InvalidStateReason(StrEnum):
    """Why a conversation cannot go on."""

    INVALID_TASK_ASSIST_PLAN = "INVALID_TASK_ASSIST_PLAN"


class Origin(StrEnum):
    """The application that asks."""

    AI_EDITOR = "AI_EDITOR"
    CHATBOT = "CHATBOT"
    CLI = "CLI"
    CONSOLE = "CONSOLE"
    DOCUMENTATION = "DOCUMENTATION"
    GITLAB = "GITLAB"
    IDE = "IDE"
    INLINE_CHAT = "INLINE_CHAT"
    KIRO_CLI = "KIRO_CLI"
    MARKETING = "MARKETING"
    MD = "MD"
    MD_CE = "MD_CE"
    MD_IDE = "MD_IDE"
    MOBILE = "MOBILE"
    OPENSEARCH_DASHBOARD = "OPENSEARCH_DASHBOARD"
    Q_DEV_BEXT = "Q_DEV_BEXT"
    SAGE_MAKER = "SAGE_MAKER"
    SERVICE_INTERNAL = "SERVICE_INTERNAL"
    SM_AI_STUDIO_IDE = "SM_AI_STUDIO_IDE"
    UNIFIED_SEARCH = "UNIFIED_SEARCH"
    UNKNOWN = "UNKNOWN"


class ServiceQuotaExceededExceptionReason(StrEnum):
    """Which quota is used up."""

    CONVERSATION_LIMIT_EXCEEDED = "CONVERSATION_LIMIT_EXCEEDED"
    MONTHLY_REQUEST_COUNT = "MONTHLY_REQUEST_COUNT"
    OVERAGE_REQUEST_LIMIT_EXCEEDED = "OVERAGE_REQUEST_LIMIT_EXCEEDED"


class StepState(StrEnum):
    """How far a step is."""

    FAILED = "FAILED"
    IN_PROGRESS = "IN_PROGRESS"
    LOADING = "LOADING"
    PAUSED = "PAUSED"
    PENDING = "PENDING"
    STOPPED = "STOPPED"
    SUCCEEDED = "SUCCEEDED"


class SymbolType(StrEnum):
    """Whether a symbol is declared or used."""

    DECLARATION = "DECLARATION"
    USAGE = "USAGE"


class TaskActionNoteType(StrEnum):
    """How serious a note is."""

    INFO = "INFO"
    WARNING = "WARNING"


class ThrottlingExceptionReason(StrEnum):
    """Why a request was throttled."""

    DAILY_REQUEST_COUNT = "DAILY_REQUEST_COUNT"
    INSUFFICIENT_MODEL_CAPACITY = "INSUFFICIENT_MODEL_CAPACITY"
    MONTHLY_REQUEST_COUNT = "MONTHLY_REQUEST_COUNT"


class ToolResultStatus(StrEnum):
    """Whether a tool succeeded."""

    ERROR = "error"
    SUCCESS = "success"


class UserIntent(StrEnum):
    """What the user wants."""

    APPLY_COMMON_BEST_PRACTICES = "APPLY_COMMON_BEST_PRACTICES"
    CITE_SOURCES = "CITE_SOURCES"
    CODE_GENERATION = "CODE_GENERATION"
    EXPLAIN_CODE_SELECTION = "EXPLAIN_CODE_SELECTION"
    EXPLAIN_LINE_BY_LINE = "EXPLAIN_LINE_BY_LINE"
    GENERATE_CLOUDFORMATION_TEMPLATE = "GENERATE_CLOUDFORMATION_TEMPLATE"
    GENERATE_UNIT_TESTS = "GENERATE_UNIT_TESTS"
    IMPROVE_CODE = "IMPROVE_CODE"
    SHOW_EXAMPLES = "SHOW_EXAMPLES"
    SUGGEST_ALTERNATE_IMPLEMENTATION = "SUGGEST_ALTERNATE_IMPLEMENTATION"


class ValidationExceptionReason(StrEnum):
    """Why a request was rejected."""

    CONTENT_LENGTH_EXCEEDS_THRESHOLD = "CONTENT_LENGTH_EXCEEDS_THRESHOLD"
    INVALID_CONVERSATION_ID = "INVALID_CONVERSATION_ID"
    INVALID_KMS_GRANT = "INVALID_KMS_GRANT"
    INVALID_MODEL_ID = "INVALID_MODEL_ID"
