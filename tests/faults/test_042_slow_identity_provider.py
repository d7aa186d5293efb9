"""Faults 42 and 43 (logins): the identity provider says pending, slow down, expired or declined.

Expected: each is told apart, one call each: nothing below asks again by itself.
"""

from datetime import UTC, datetime

import pytest
from tests.identity_provider import IdentityProvider

from stepherd.logins.device import PollAnswer, poll, register, start_authorization
from stepherd.logins.kinds import login_kind
from stepherd.logins.login import Token


def test_each_answer_is_told_apart_and_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with IdentityProvider() as provider:
        for name, value in provider.environment.items():
            monkeypatch.setenv(name, value)
        registration = register(login_kind("q"), "us-east-1")
        code = start_authorization(registration, provider.start_url, now=datetime.now(UTC))
        provider.script("CreateToken", "pending", "slow_down", "expired", "denied", "work")

        def ask() -> Token | PollAnswer:
            return poll(registration, code.device_code, provider.start_url, now=datetime.now(UTC))

        assert [ask() for _ in range(5)] == [
            PollAnswer.PENDING,
            PollAnswer.SLOW_DOWN,
            PollAnswer.EXPIRED,
            PollAnswer.DECLINED,
            PollAnswer.PENDING,
        ]
        assert len(provider.calls_of("CreateToken", "device")) == 5
        provider.decline(code.user_code)
        assert ask() is PollAnswer.DECLINED


def test_a_code_that_ran_out_is_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    with IdentityProvider() as provider:
        for name, value in provider.environment.items():
            monkeypatch.setenv(name, value)
        registration = register(login_kind("q"), "us-east-1")
        code = start_authorization(registration, provider.start_url, now=datetime.now(UTC))
        provider.expire(code.user_code)
        answer = poll(registration, code.device_code, provider.start_url, now=datetime.now(UTC))
        assert answer is PollAnswer.EXPIRED
