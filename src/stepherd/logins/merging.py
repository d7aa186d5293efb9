"""Which of two logins is better, and what one takes from the other.

Two processes may have renewed the same login; of their tokens the one that ends later is the one that the
identity provider gave later. Nothing that is missing in one login deletes it from the other.
"""

from __future__ import annotations

from dataclasses import replace

from stepherd.logins.login import Login, is_same_provider

__all__ = ["is_newer", "merge"]


def is_newer(login: Login, than: Login) -> bool:
    """Whether ``login`` has a token that ends later; with equal ends the other one stays."""
    if login.token is None:
        return False
    return than.token is None or login.token.expires_at > than.token.expires_at


def merge(stored: Login, other: Login, *, replaces: bool = False) -> Login:
    """Return the login to store when ``other`` comes to ``stored``: the newer token with its own client.

    With ``replaces``, ``other`` counts whatever ends later: it was made from ``stored``, or a person logged
    in again. A registration goes with the token that it came with; a profile stays with its identity provider
    when a person logs in again there, and with no other one.
    """
    if other.token is None or not (replaces or is_newer(other, stored)):
        return stored
    token = other.token
    same = _same_client(stored, other)
    if token.refresh_token is None and stored.token is not None and same:
        token = replace(token, refresh_token=stored.token.refresh_token)
    stays = is_same_provider(stored.token, token) and (same or replaces)
    profile = other.profile or (stored.profile if stays else None)
    return Login(stored.kind, token, other.registration or stored.registration, profile)


def _same_client(one: Login, two: Login) -> bool:
    if one.registration is None or two.registration is None:
        return True
    return one.registration.client_id == two.registration.client_id
