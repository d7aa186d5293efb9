"""``stepherd login``: what is asked for is checked before anything starts; what failed is told right."""

from __future__ import annotations

import pkgutil
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from stepherd import logins
from stepherd.cli.invocation import Invocation
from stepherd.cli.login.request import complete_request
from stepherd.cli.login.view import login_picture
from stepherd.cli.terminal.browser import can_open, open_page
from stepherd.client.logging_in import login_error, new_login_name
from stepherd.errors import StepherdError, UsageError
from stepherd.history.logins import LoginProgress, Waiting
from stepherd.services.aws import errors as aws_errors
from stepherd.services.store import contract

START_URL = "https://example.awsapps.com/start"


def request(tmp_path: Path, **given: Any) -> dict[str, Any]:
    return complete_request(Invocation(tmp_path), {"agent": "q", "license": None, "force": False, **given})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"license": "free"}, {"license": "free"}),
        ({"force": True}, {"force": True}),
        ({"identity_provider": START_URL}, {"identity_provider": START_URL}),
        (
            {"identity_provider": START_URL, "region": "eu-west-1", "license": "pro", "profile": "Team A"},
            {"identity_provider": START_URL, "region": "eu-west-1", "license": "pro", "profile": "Team A"},
        ),
    ],
)
def test_only_what_was_given_is_asked_for(
    tmp_path: Path, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert request(tmp_path, **given) == {"agent": "q", **expected}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"license": "free", "identity_provider": START_URL}, "--identity-provider does not go with"),
        ({"license": "free", "region": "us-east-1"}, "--region does not go with"),
        ({"identity_provider": ""}, "--identity-provider is empty"),
        ({"database": ""}, "--database is empty"),
        ({"license": "pro"}, "needs the address of its identity provider"),
        ({"region": "us-east-1"}, "--region is for IAM Identity Center"),
        ({"profile": "x"}, "--profile is for IAM Identity Center"),
        ({"region": "us_east_1", "identity_provider": START_URL}, "not a region"),
        ({"region": "us-east-1.evil.example", "identity_provider": START_URL}, "not a region"),
        ({"identity_provider": "https://awsapps.com.evil.example/start"}, "cannot be the identity provider"),
        ({"identity_provider": "http://example.awsapps.com/start"}, "cannot be the identity provider"),
        ({"identity_provider": "https://u@example.awsapps.com/start"}, "cannot be the identity provider"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_what_to_do(
    tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        request(tmp_path, **given)
    assert refused.value.remedy


def test_a_secret_with_the_company_s_address_serves_a_pro_license(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMAZON_Q_CREDENTIALS_SECRET_ID", "env:COMPANY")
    monkeypatch.setenv("COMPANY", f'{{"sso_url": "{START_URL}", "region": "eu-west-1"}}')
    assert request(tmp_path, license="pro") == {"agent": "q", "license": "pro"}


def test_a_database_is_named_from_here_although_the_engine_works_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    assert request(tmp_path, database="q.sqlite3")["reference"] == str(tmp_path / "q.sqlite3")
    assert request(tmp_path, database="folder")["reference"] == f"{tmp_path}/folder/"
    assert request(tmp_path, database="s3://bucket/q.sqlite3")["reference"] == "s3://bucket/q.sqlite3"
    monkeypatch.setenv("Q_DATABASE_S3_URI", "s3://bucket/data.sqlite3")
    assert request(tmp_path)["reference"] == "s3://bucket/data.sqlite3"
    assert "reference" not in request(tmp_path, agent="kiro"), "the variable is of Amazon Q alone"


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"BROWSER": "firefox"}, "linux", True),
        ({}, "linux", False),
        ({"BROWSER": ""}, "linux", False),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "a"}, "darwin", False),
        ({"SSH_CONNECTION": "a", "DISPLAY": "localhost:10"}, "linux", True),
        ({"CI": "true", "DISPLAY": ":0", "BROWSER": "firefox"}, "linux", False),
        ({"CI": "false", "DISPLAY": ":0"}, "linux", True),
    ],
)
def test_a_browser_opens_only_where_a_person_sees_it(
    environment: dict[str, str], platform: str, expected: bool
) -> None:
    assert can_open(environment, platform) is expected


@pytest.mark.parametrize(
    "url",
    ["https://evil.example/", "file:///etc/passwd", "http://127.0.0.1/", "--help", "javascript:alert(1)"],
)
def test_only_a_page_of_the_identity_provider_is_opened(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("something was started")

    monkeypatch.setattr("stepherd.cli.terminal.browser.subprocess.Popen", never)
    assert open_page(url) is False


def ended(error: str, cause: str = "Why.", status: str = "FAILED") -> LoginProgress:
    login = LoginProgress("arn:aws:states:us-east-1:000000000000:execution:stepherd-login:x")
    login.status, login.error, login.cause = status, error, cause
    return login


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("LoginDeclined", 77), ("LoginNotApproved", 77), ("LoginNeeded", 77), ("ProfileNeeded", 64),
        ("ForeignAddress", 64), ("LoginHeld", 75), ("TemporaryError", 75), ("UnavailableError", 69),
        ("States.Timeout", 75), ("Lambda.Unknown", 70),
    ],
)  # fmt: skip
def test_each_failure_has_the_exit_code_of_its_kind(tmp_path: Path, error: str, code: int) -> None:
    assert login_error(ended(error), Invocation(tmp_path).advice).exit_code == code


def test_whatever_a_login_raises_keeps_its_exit_code(tmp_path: Path) -> None:
    for package in (logins, contract, aws_errors):
        for module in pkgutil.iter_modules(getattr(package, "__path__", ()), f"{package.__name__}."):
            import_module(module.name)
    rooms = ("stepherd.logins.", "stepherd.errors", contract.__name__, aws_errors.__name__)
    raised = [kind for kind in _below(StepherdError) if kind.__module__.startswith(rooms)]
    assert len(raised) > 15
    seen = {kind.__name__: login_error(ended(kind.__name__), str).exit_code for kind in raised}
    # A name that is taken is not something that a login can meet.
    assert seen == {kind.__name__: kind.exit_code for kind in raised} | {"CannotCreateError": 70}


def _below(kind: type[StepherdError]) -> list[type[StepherdError]]:
    return [one for below in kind.__subclasses__() for one in (below, *_below(below))]


def test_the_next_command_names_the_home(tmp_path: Path) -> None:
    cause = "You declined the login. Try again with: stepherd login --agent q."
    shown: StepherdError = login_error(ended("LoginDeclined", cause), Invocation(tmp_path).advice)
    assert f"stepherd login --home {tmp_path} --agent q" in shown.message
    assert login_error(ended("", status="ABORTED"), Invocation(tmp_path).advice).exit_code == 75


def test_names_of_logins_sort_by_time_and_can_be_names_of_executions() -> None:
    assert new_login_name(token="3fa9c1").endswith("Z_3fa9c1")
    assert new_login_name() != new_login_name()
    assert len(new_login_name()) < 80


def text_of(waiting: Waiting | None, *, opened: bool = False) -> list[str]:
    lines = login_picture("Amazon Q Developer", waiting, 0.0, opened=opened)
    return ["".join(text for text, _ in line) for line in lines]


def test_the_picture_shows_address_code_and_countdown_apart() -> None:
    waiting = Waiting("person", "q", "", "https://view.awsapps.com/x", "ABCD-EFGH", "1970-01-01T00:09:41Z")
    assert text_of(waiting) == [
        "Log in to Amazon Q Developer",
        "",
        "  1  Open",
        "     https://view.awsapps.com/x",
        "",
        "  2  If it shows this code, approve it",
        "     ╭───────────────╮",
        "     │   ABCD-EFGH   │",
        "     ╰───────────────╯",
        "  9:41 left. Ctrl-C cancels.",
    ]
    assert text_of(waiting, opened=True)[2] == "  1  In your browser, or open"
    assert text_of(replace(waiting, code=2))[-1] == "  A new code. 9:41 left. Ctrl-C cancels."
    assert text_of(None) == ["Checking the login of Amazon Q Developer …"]
    held = Waiting("holder", text="Waiting for the login held by run run_7.")
    assert text_of(held) == ["Waiting for the login held by run run_7.", "Ctrl-C stops waiting."]
