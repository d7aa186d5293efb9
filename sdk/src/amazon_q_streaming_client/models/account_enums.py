"""Enums of models, profiles and usage. The service may add values: fields take any string."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "BonusStatus",
    "Currency",
    "FreeTrialStatus",
    "FunctionalityName",
    "InputType",
    "ModelProvider",
    "OptInFeatureToggle",
    "OptInFeaturesType",
    "OverageCapability",
    "OverageStatus",
    "ProfileStatus",
    "ProfileType",
    "RecommendationsWithReferencesPreference",
    "ResourcePolicyEffect",
    "ResourceType",
    "SubscriptionManagementTarget",
    "SubscriptionStartType",
    "SubscriptionType",
    "UpgradeCapability",
    "UsageLimitType",
]


class BonusStatus(StrEnum):
    """The values of a bonus status."""

    ACTIVE = "ACTIVE"
    EXHAUSTED = "EXHAUSTED"
    EXPIRED = "EXPIRED"


class Currency(StrEnum):
    """The values of a currency."""

    USD = "USD"


class FreeTrialStatus(StrEnum):
    """The values of a free trial status."""

    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"


class FunctionalityName(StrEnum):
    """The values of a functionality name."""

    ANALYSIS = "ANALYSIS"
    CHAT_CUSTOMIZATION = "CHAT_CUSTOMIZATION"
    COMPLETIONS = "COMPLETIONS"
    CONVERSATIONS = "CONVERSATIONS"
    FEATURE_DEVELOPMENT = "FEATURE_DEVELOPMENT"
    TASK_ASSIST = "TASK_ASSIST"
    TRANSFORMATIONS = "TRANSFORMATIONS"
    TRANSFORMATIONS_WEBAPP = "TRANSFORMATIONS_WEBAPP"


class InputType(StrEnum):
    """The values of a input type."""

    IMAGE = "IMAGE"
    TEXT = "TEXT"


class ModelProvider(StrEnum):
    """The values of a model provider."""

    DEFAULT = "DEFAULT"


class OptInFeatureToggle(StrEnum):
    """The values of a opt in feature toggle."""

    OFF = "OFF"
    ON = "ON"


class OptInFeaturesType(StrEnum):
    """The values of a opt in features type."""

    KIRO = "KIRO"
    Q_DEVELOPER = "Q_DEVELOPER"


class OverageCapability(StrEnum):
    """The values of a overage capability."""

    OVERAGE_CAPABLE = "OVERAGE_CAPABLE"
    OVERAGE_INCAPABLE = "OVERAGE_INCAPABLE"


class OverageStatus(StrEnum):
    """The values of a overage status."""

    DISABLED = "DISABLED"
    ENABLED = "ENABLED"


class ProfileStatus(StrEnum):
    """The values of a profile status."""

    ACTIVE = "ACTIVE"
    CREATE_FAILED = "CREATE_FAILED"
    CREATING = "CREATING"
    DELETE_FAILED = "DELETE_FAILED"
    DELETING = "DELETING"
    UPDATE_FAILED = "UPDATE_FAILED"
    UPDATING = "UPDATING"


class ProfileType(StrEnum):
    """The values of a profile type."""

    CODEWHISPERER = "CODEWHISPERER"
    KIRO = "KIRO"
    Q_DEVELOPER = "Q_DEVELOPER"


class RecommendationsWithReferencesPreference(StrEnum):
    """The values of a recommendations with references preference."""

    ALLOW = "ALLOW"
    BLOCK = "BLOCK"


class ResourcePolicyEffect(StrEnum):
    """The values of a resource policy effect."""

    ALLOW = "ALLOW"
    DENY = "DENY"


class ResourceType(StrEnum):
    """The values of a resource type."""

    AGENTIC_REQUEST = "AGENTIC_REQUEST"
    CREDIT = "CREDIT"
    SPEC = "SPEC"
    VIBE = "VIBE"


class SubscriptionManagementTarget(StrEnum):
    """The values of a subscription management target."""

    MANAGE = "MANAGE"
    PURCHASE = "PURCHASE"


class SubscriptionStartType(StrEnum):
    """The values of a subscription start type."""

    ADMIN = "ADMIN"
    JUST_IN_TIME = "JUST_IN_TIME"


class SubscriptionType(StrEnum):
    """The values of a subscription type."""

    Q_DEVELOPER_STANDALONE = "Q_DEVELOPER_STANDALONE"
    Q_DEVELOPER_STANDALONE_FREE = "Q_DEVELOPER_STANDALONE_FREE"
    Q_DEVELOPER_STANDALONE_POWER = "Q_DEVELOPER_STANDALONE_POWER"
    Q_DEVELOPER_STANDALONE_PRO = "Q_DEVELOPER_STANDALONE_PRO"
    Q_DEVELOPER_STANDALONE_PRO_PLUS = "Q_DEVELOPER_STANDALONE_PRO_PLUS"


class UpgradeCapability(StrEnum):
    """The values of a upgrade capability."""

    UPGRADE_CAPABLE = "UPGRADE_CAPABLE"
    UPGRADE_INCAPABLE = "UPGRADE_INCAPABLE"


class UsageLimitType(StrEnum):
    """The values of a usage limit type."""

    AGENTIC_REQUEST = "AGENTIC_REQUEST"
    AI_EDITOR = "AI_EDITOR"
    CODE_COMPLETIONS = "CODE_COMPLETIONS"
    TRANSFORM = "TRANSFORM"
