"""CompleteLogin: waits with the identity provider for a person's approval, stores the login, answers.

It writes everything in this order, so that it can die anywhere: the login (old or new), the attempt's end,
the event, the answer. Whoever comes after finds what there is and continues from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from stepherd.errors import DataError, ProtocolError, StepherdError, TemporaryError, UnavailableError
from stepherd.logins.attempts import Attempt
from stepherd.logins.checking import valid_facts
from stepherd.logins.claims import Claim, ClaimLost, NotClaimed
from stepherd.logins.device import PollAnswer, poll
from stepherd.logins.events import tell
from stepherd.logins.location import LoginLocation
from stepherd.logins.login import Login, Token
from stepherd.logins.oidc import OidcError
from stepherd.logins.request import LoginRequest
from stepherd.logins.subscription import profile_for, with_profile
from stepherd.logins.time_budget import TimeBudget

__all__ = ["Answers", "Notice", "complete_login"]

_BEAT_SECONDS: Final = 10.0
_SLOW_DOWN_SECONDS: Final = 5
_MOST_PAUSE_SECONDS: Final = 60.0
_TIME_TO_ANSWER: Final = 60.0
"""The rest of the function's time when it stops polling."""
_TRIES: Final = 6


class Answers(Protocol):
    """Takes the answers to task tokens; each method is false when the task was over before."""

    def succeed(self, token: str, output: Mapping[str, object]) -> bool:
        """End the task with its output; False when it was over before."""
        ...

    def fail(self, token: str, error: str, cause: str) -> bool:
        """End the task with an error; False when it was over before."""
        ...

    def beat(self, token: str) -> bool:
        """Tell the machine that the task is alive."""
        ...


@dataclass(frozen=True, slots=True)
class Notice:
    """The part of the notice that only CompleteLogin gets."""

    task_token: str
    attempt: str
    code: int
    request: LoginRequest

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Notice:
        """From the text for the protocol ``lambda``. Raises KeyError, UsageError."""
        request = LoginRequest.from_json(fields["wanted"])
        return cls(str(fields["task_token"]), str(fields["attempt"]), int(fields["code"]), request)


def complete_login(notice: Notice, location: LoginLocation, answers: Answers, pace: TimeBudget) -> str:
    """Poll until there is an answer, and give it to the machine; what came of it, in a word for the log.

    A notice that came twice, late, or for a code that was superseded ends without a poll (faults 37, 38
    and 45), and so does one with an invalid token (fault 39): trying again would not help.
    """
    try:
        if not answers.beat(notice.task_token):
            return "no one is waiting for it any more"
    except DataError as error:
        return f"not accepted: {error.message}"
    claim = Claim.take(location, notice.attempt, notice.code, notice.task_token, pace.now())
    worker = _Completion(notice, location, answers, pace)
    if isinstance(claim, NotClaimed):
        if claim.ended is not None:
            worker.answer(claim.ended)
        return claim.reason
    try:
        return worker.work(claim)
    except ClaimLost:
        return "another poller has taken it over"


class _Completion:
    def __init__(self, notice: Notice, location: LoginLocation, answers: Answers, pace: TimeBudget) -> None:
        self._notice = notice
        self._request = notice.request
        self._location = location
        self._answers = answers
        self._pace = pace
        self._beaten = pace.now()
        self._broken = 0
        self._refused = False

    def work(self, claim: Claim) -> str:
        while True:
            if not self._pace.sleep(self._pause(claim.attempt)):
                return "no one is left to tell"
            if self._pace.remaining() < _TIME_TO_ANSWER:
                return self._hand_over(claim)
            if not self._beat():
                return "no one is waiting for it any more"
            claim.renew(self._pace.now())
            answer = self._poll(claim.attempt)
            if isinstance(answer, Token):
                return self._approved(claim, answer)
            if answer is PollAnswer.SLOW_DOWN:
                claim.renew(self._pace.now(), interval=claim.attempt.interval + _SLOW_DOWN_SECONDS)
            elif answer is PollAnswer.DECLINED:
                return self._end(claim, "declined")
            elif answer is PollAnswer.EXPIRED:
                return self._end(claim, "expired")

    # -- waiting -----------------------------------------------------------------------------------

    def _pause(self, attempt: Attempt) -> float:
        """The provider's interval, longer while it is broken; never past the function's own time."""
        pause = min(attempt.interval * 2.0**self._broken, max(_MOST_PAUSE_SECONDS, attempt.interval))
        return max(0.0, min(pause, self._pace.remaining() - _TIME_TO_ANSWER + 1))

    def _beat(self) -> bool:
        if (self._pace.now() - self._beaten).total_seconds() < _BEAT_SECONDS:
            return True
        try:
            going_on = self._answers.beat(self._notice.task_token)
        except (TemporaryError, UnavailableError):
            return True  # The next one may come through; a missed heartbeat leads to the same code again.
        self._beaten = self._pace.now()
        return going_on

    def _poll(self, attempt: Attempt) -> Token | PollAnswer:
        if self._pace.now() >= attempt.device.expires_at:
            return PollAnswer.EXPIRED
        try:
            answer = poll(
                attempt.registration, attempt.device.device_code, attempt.start_url, now=self._pace.now()
            )
        except (TemporaryError, ProtocolError):
            self._broken = min(self._broken + 1, 10)
            return PollAnswer.PENDING
        except OidcError:
            # The code or its client is forgotten; with a new client, a new code can still be approved.
            self._refused = True
            return PollAnswer.EXPIRED
        self._broken = 0
        return answer

    # -- ending ------------------------------------------------------------------------------------

    def _hand_over(self, claim: Claim) -> str:
        claim.release()
        self._fail("LoginStillPending", "The function's time is up before the code's.")
        return "its time is up, the code's is not"

    def _approved(self, claim: Claim, token: Token) -> str:
        login = Login(self._request.kind, token, claim.attempt.registration)
        try:
            self._persistently(lambda: self._save(login))
        except StepherdError as error:
            return self._not_stored(claim, error)
        # The person has approved, and that is kept: what is missing now is said with the answer.
        with suppress(StepherdError):
            if (profile := profile_for(login, claim.attempt.profile)) is not None:
                self._save(replace(login, profile=profile))
        return self._end(claim, "approved")

    def _not_stored(self, claim: Claim, error: StepherdError) -> str:
        """Tell it at once: a code is good once, so that asking for it again would lead nowhere."""
        why = error.message if error.retryable else str(error)
        words = f"You approved the login, but it cannot be stored. {why} {self._request.again}"
        self._fail(type(error).__name__, words)
        with suppress(StepherdError):  # It has been said, and what keeps a login out may keep this out, too.
            claim.end("expired", keeps_client=False)
        return "approved, but not stored"

    def _save(self, login: Login) -> None:
        self._location.save(login, None, replaces=True, ends_others=True)

    def _end(self, claim: Claim, status: str) -> str:
        claim.end(status, keeps_client=status == "expired" and not self._refused)
        self.answer(claim.attempt)
        return status

    def answer(self, attempt: Attempt) -> None:
        """Tell the run and the machine how an attempt ended; good to be done twice."""
        title = self._request.kind.title
        if attempt.status == "approved":
            self._answer_approved(attempt)
        elif attempt.status == "declined":
            tell(self._request, "declined", f"The login of {title} was declined.")
            self._fail("LoginDeclined", f"You declined the login of {title}. {self._request.again}.")
        else:
            tell(self._request, "expired", f"Code {attempt.code} expired before it was used.")
            self._fail("LoginCodeExpired", f"Code {attempt.code} expired before it was used.")

    def _answer_approved(self, attempt: Attempt) -> None:
        try:
            facts = self._persistently(lambda: self._facts(attempt))
        except StepherdError as error:
            kind = type(error).__name__
            self._fail(kind, f"You approved the login, and it is stored. {error}")
            return
        tell(self._request, "approved", f"The login of {facts['account']} was approved.")
        self._persistently(lambda: self._answers.succeed(self._notice.task_token, facts))

    def _facts(self, attempt: Attempt) -> dict[str, Any]:
        stored = self._location.load()
        if stored is None:
            raise TemporaryError("The approved login cannot be read yet.", remedy=self._request.again)
        return valid_facts(with_profile(self._location, stored, attempt.profile).login)

    def _fail(self, error: str, cause: str) -> None:
        self._persistently(lambda: self._answers.fail(self._notice.task_token, error, cause))

    def _persistently(self, act: Any) -> Any:
        """Do something again, at growing pauses, while its error is one that can pass (fault 40)."""
        for attempt in range(_TRIES):
            try:
                return act()
            except (TemporaryError, UnavailableError):
                if attempt == _TRIES - 1 or not self._pace.sleep(min(0.5 * 2**attempt, 8)):
                    raise
        raise AssertionError("the last try returns or raises")
