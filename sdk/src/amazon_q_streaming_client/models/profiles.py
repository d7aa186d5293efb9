"""ListAvailableProfiles."""

from __future__ import annotations

from ._base import Number, OneOf, Open, Shape
from .account_enums import (
    FunctionalityName,
    OptInFeaturesType,
    OptInFeatureToggle,
    OverageStatus,
    ProfileStatus,
    ProfileType,
    RecommendationsWithReferencesPreference,
    ResourcePolicyEffect,
    SubscriptionStartType,
)

__all__ = [
    "ApplicationProperties",
    "AutonomousAgents",
    "ByUserAnalytics",
    "DashboardAnalytics",
    "ExternalIdentityDetails",
    "IdentityDetails",
    "ListAvailableProfilesRequest",
    "ListAvailableProfilesResponse",
    "MCPConfiguration",
    "NotificationsFeature",
    "OIDCClaimKeys",
    "OptInFeatures",
    "OverageConfiguration",
    "Profile",
    "PromptLogging",
    "ReferenceTrackerConfiguration",
    "ResourcePolicy",
    "SSOIdentityDetails",
    "WebTools",
    "WorkspaceContext",
]


class ListAvailableProfilesRequest(Shape):
    """What ListAvailableProfiles takes."""

    max_results: int | None = None
    next_token: str | None = None


class ApplicationProperties(Shape):
    """The application behind a profile."""

    application_arn: str
    application_type: Open[FunctionalityName]
    tenant_id: str
    tenant_url: str


class OIDCClaimKeys(Shape):
    """The names of the claims that are read."""

    app_claim_key: str
    token_id_claim_key: str
    user_id_claim_key: str


class ExternalIdentityDetails(Shape):
    """An external identity provider."""

    client_id: str | None = None
    issuer_url: str | None = None
    jit_subscription_role_arn: str | None = None
    oidc_claim_keys: OIDCClaimKeys | None = None
    scim_endpoint: str | None = None
    subscription_start_type: Open[SubscriptionStartType] | None = None


class SSOIdentityDetails(Shape):
    """IAM Identity Center."""

    instance_arn: str
    oidc_client_id: str
    sso_region: str | None = None


class IdentityDetails(OneOf):
    """The identity provider of a profile."""

    external_identity_details: ExternalIdentityDetails | None = None
    sso_identity_details: SSOIdentityDetails | None = None


class OverageConfiguration(Shape):
    """Whether use beyond the allowance is charged."""

    overage_status: Open[OverageStatus]
    overage_limit: Number | None = None


class AutonomousAgents(Shape):
    """Whether agents may work on their own."""

    toggle: Open[OptInFeatureToggle]


class ByUserAnalytics(Shape):
    """Reports for each user."""

    toggle: Open[OptInFeatureToggle]
    s3_uri: str | None = None


class DashboardAnalytics(Shape):
    """Reports on the dashboard."""

    toggle: Open[OptInFeatureToggle]


class MCPConfiguration(Shape):
    """Whether MCP servers are allowed."""

    toggle: Open[OptInFeatureToggle]
    mcp_registry_url: str | None = None


class NotificationsFeature(Shape):
    """Whether a notification is on."""

    feature: str
    toggle: Open[OptInFeatureToggle]


class PromptLogging(Shape):
    """Whether and where prompts are logged."""

    s3_uri: str
    toggle: Open[OptInFeatureToggle]


class WebTools(Shape):
    """Whether tools may read the web."""

    toggle: Open[OptInFeatureToggle]


class WorkspaceContext(Shape):
    """Whether the workspace is indexed."""

    toggle: Open[OptInFeatureToggle]


class OptInFeatures(Shape):
    """Features that an organisation can switch."""

    autonomous_agents: AutonomousAgents | None = None
    by_user_analytics: ByUserAnalytics | None = None
    dashboard_analytics: DashboardAnalytics | None = None
    mcp_configuration: MCPConfiguration | None = None
    notifications: list[NotificationsFeature] | None = None
    overage_configuration: OverageConfiguration | None = None
    prompt_logging: PromptLogging | None = None
    web_tools: WebTools | None = None
    workspace_context: WorkspaceContext | None = None


class ReferenceTrackerConfiguration(Shape):
    """Whether answers that resemble licensed code are allowed."""

    recommendations_with_references: Open[RecommendationsWithReferencesPreference]


class ResourcePolicy(Shape):
    """Whether access is allowed."""

    effect: Open[ResourcePolicyEffect]


class Profile(Shape):
    """A profile: the subscription of an organisation that a user works under."""

    arn: str
    profile_name: str
    active_functionalities: list[Open[FunctionalityName]] | None = None
    application_properties: list[ApplicationProperties] | None = None
    description: str | None = None
    error_details: str | None = None
    identity_details: IdentityDetails | None = None
    kms_key_arn: str | None = None
    opt_in_features: OptInFeatures | None = None
    opt_in_features_type: Open[OptInFeaturesType] | None = None
    permission_update_required: bool | None = None
    profile_type: Open[ProfileType] | None = None
    reference_tracker_configuration: ReferenceTrackerConfiguration | None = None
    resource_policy: ResourcePolicy | None = None
    status: Open[ProfileStatus] | None = None


class ListAvailableProfilesResponse(Shape):
    """A page of the profiles of the user."""

    profiles: list[Profile]
    next_token: str | None = None
