"""Step Functions by boto3, in the shapes and errors that commands know from the engine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from stepherd.backends.client import Refused
from stepherd.backends.stack.calls import stack_call
from stepherd.errors import CredentialsError, NotFoundError, StepherdError, TemporaryError, UnavailableError
from stepherd.services.step_functions.errors import NoSuchRun

ARN = "arn:aws:states:eu-west-1:123456789012:execution:m:run_1"
MOMENT = datetime(2026, 11, 21, 10, 15, 0, 123_000, tzinfo=UTC)


class Client:
    """boto3's, which answers or raises."""

    def __init__(self, what: Any) -> None:
        self._what = what
        self.asked: dict[str, Any] = {}

    def describe_execution(self, **request: Any) -> Any:
        self.asked = request
        if isinstance(self._what, Exception):
            raise self._what
        return self._what


def refusal(code: str, message: str = "why") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeExecution")


def test_moments_are_seconds_as_the_api_sends_them_and_nothing_is_added() -> None:
    answer = {"startDate": MOMENT, "deep": [{"at": MOMENT}], "n": 1, "none": None, "ResponseMetadata": {}}
    client = Client(answer)
    seconds = 1795256100.123
    assert stack_call(client, "flock")("DescribeExecution", {"executionArn": ARN}) == {
        "startDate": seconds, "deep": [{"at": seconds}], "n": 1, "none": None,
    }  # fmt: skip
    assert client.asked == {"executionArn": ARN}


@pytest.mark.parametrize(
    ("raised", "error", "said"),
    [
        (refusal("ExecutionDoesNotExist"), NoSuchRun, "There is no run 'run_1' in the stack 'flock'"),
        (refusal("InvalidArn"), NoSuchRun, "There is no run 'run_1' in the stack 'flock'"),
        (refusal("StateMachineDoesNotExist"), NotFoundError, "has no state machine"),
        (refusal("ExecutionLimitExceeded"), TemporaryError, "Too many runs"),
        (refusal("ThrottlingException"), TemporaryError, "too busy"),
        (refusal("ExpiredTokenException"), CredentialsError, "rejects the credentials"),
        (refusal("AccessDeniedException"), CredentialsError, "states:DescribeExecution"),
        (refusal("ExecutionNotRedrivable"), Refused, "ExecutionNotRedrivable"),
        (EndpointConnectionError(endpoint_url="https://x"), UnavailableError, "cannot be reached"),
    ],
)
def test_refusals_are_errors_in_words(raised: Exception, error: type[StepherdError], said: str) -> None:
    with pytest.raises(error) as caught:
        stack_call(Client(raised), "flock")("DescribeExecution", {"executionArn": ARN})
    assert type(caught.value) is error
    assert said in caught.value.message


def test_expired_credentials_name_the_profile_to_log_in_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "my work")
    with pytest.raises(CredentialsError) as caught:
        stack_call(Client(refusal("ExpiredTokenException")), "flock")(
            "DescribeExecution", {"executionArn": ARN}
        )
    assert "aws sso login --profile 'my work'" in caught.value.remedy
