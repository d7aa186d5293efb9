"""The profile that a login through IAM Identity Center is used with: chosen once, kept with the login."""

from __future__ import annotations

from dataclasses import replace

from stepherd.errors import CredentialsError
from stepherd.logins.location import LoginLocation, StoredLogin
from stepherd.logins.login import Login, Profile, is_same_provider
from stepherd.logins.profiles import Listing, choose_profile, list_profiles

__all__ = ["profile_for", "with_profile"]


def profile_for(login: Login, wanted: str) -> Profile | None:
    """The profile of a login that needs one: the wanted one by name or ARN, else the only one; None when the
    subscription has none.

    A login that has the right one keeps it. Raises ProfileNeeded listing the names, CredentialsError, and
    TemporaryError when the profile can only be in a region that does not answer.
    """
    if not login.is_identity_center or login.token is None:
        return login.profile
    kept = login.profile
    if kept is not None and wanted in {"", kept.name, kept.arn}:
        return kept
    try:
        listing = list_profiles(login.token)
    except CredentialsError as error:
        # A named ARN needs no list. Whether it may be used is for the service to say, to the agent.
        listing = Listing((), answered=False, failure=error)
    return choose_profile(listing, wanted or None)


def with_profile(location: LoginLocation, stored: StoredLogin, wanted: str) -> StoredLogin:
    """``stored`` with its profile, which is stored when it was missing or another one.

    Asking takes its time. When the CLI has renewed the login meanwhile, that token stays: ours is used up.
    """
    profile = profile_for(stored.login, wanted)
    while profile != stored.login.profile:
        saved = location.save(replace(stored.login, profile=profile), stored.etag)
        if saved.login.profile == profile or not is_same_provider(saved.login.token, stored.login.token):
            return saved
        stored = saved
    return stored
