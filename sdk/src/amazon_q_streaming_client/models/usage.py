"""GetUsageLimits."""

from __future__ import annotations

from ._base import Moment, Number, Open, Shape
from .account_enums import (
    BonusStatus,
    Currency,
    FreeTrialStatus,
    OverageCapability,
    ResourceType,
    SubscriptionManagementTarget,
    SubscriptionType,
    UpgradeCapability,
    UsageLimitType,
)
from .chat_enums import Origin
from .profiles import OverageConfiguration

__all__ = [
    "Bonus",
    "FreeTrialInfo",
    "GetUsageLimitsRequest",
    "GetUsageLimitsResponse",
    "SubscriptionInfo",
    "TotalUsage",
    "UsageBreakdown",
    "UsageLimitList",
    "UserInfo",
]


class GetUsageLimitsRequest(Shape):
    """What GetUsageLimits takes."""

    is_email_required: bool | None = None
    origin: Open[Origin] | None = None
    profile_arn: str | None = None
    resource_type: Open[ResourceType] | None = None


class Bonus(Shape):
    """An extra allowance."""

    bonus_code: str
    current_usage: Number
    description: str
    display_name: str
    expires_at: Moment
    status: Open[BonusStatus]
    usage_limit: Number
    redeemed_at: Moment | None = None


class FreeTrialInfo(Shape):
    """The free trial and its use."""

    current_usage: Number | None = None
    current_usage_with_precision: Number | None = None
    free_trial_expiry: Moment | None = None
    free_trial_status: Open[FreeTrialStatus] | None = None
    usage_limit: Number | None = None
    usage_limit_with_precision: Number | None = None


class SubscriptionInfo(Shape):
    """The subscription."""

    overage_capability: Open[OverageCapability]
    subscription_management_target: Open[SubscriptionManagementTarget]
    subscription_title: str
    type: Open[SubscriptionType]
    upgrade_capability: Open[UpgradeCapability]


class TotalUsage(Shape):
    """The charges beyond the allowance, in total."""

    max_overage_limit: Number | None = None
    overage_limit: Number | None = None
    total_overage_charges: Number | None = None


class UsageBreakdown(Shape):
    """The use of one kind of resource."""

    currency: Open[Currency]
    current_overages: Number
    current_usage: Number
    overage_charges: Number
    usage_limit: Number
    bonuses: list[Bonus] | None = None
    current_overages_with_precision: Number | None = None
    current_usage_with_precision: Number | None = None
    display_name: str | None = None
    display_name_plural: str | None = None
    free_trial_info: FreeTrialInfo | None = None
    next_date_reset: Moment | None = None
    overage_cap: Number | None = None
    overage_cap_with_precision: Number | None = None
    overage_rate: Number | None = None
    resource_type: Open[ResourceType] | None = None
    unit: str | None = None
    usage_limit_with_precision: Number | None = None


class UsageLimitList(Shape):
    """One allowance and what is used of it."""

    current_usage: Number
    total_usage_limit: Number
    type: Open[UsageLimitType]
    percent_used: Number | None = None


class UserInfo(Shape):
    """Who the user is."""

    email: str
    user_id: str


class GetUsageLimitsResponse(Shape):
    """The allowances of the subscription and what is used of them."""

    days_until_reset: int | None = None
    limits: list[UsageLimitList] | None = None
    next_date_reset: Moment | None = None
    overage_configuration: OverageConfiguration | None = None
    subscription_info: SubscriptionInfo | None = None
    total_usage: TotalUsage | None = None
    usage_breakdown: UsageBreakdown | None = None
    usage_breakdown_list: list[UsageBreakdown] | None = None
    user_info: UserInfo | None = None
