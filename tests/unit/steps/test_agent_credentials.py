"""The variables of an agent out of JSON secrets whose fields are not all text."""

from pathlib import Path

import pytest

from stepherd.agents.registry import get_agent
from stepherd.errors import CredentialsError
from stepherd.runs.request import Request
from stepherd.steps.agent_credentials import AgentCredentials, read_agent_credentials

SECRET = (
    '{"KEY": "s3cr3t-key", "PORT": 5432, "TLS": true, "NOTHING": null, "DB": {"password": "s3cr3t-inner"}}'
)


def _read(tmp_path: Path, text: str, *, agent: str = "command", **fields: object) -> AgentCredentials:
    path = tmp_path / "secret.json"
    path.write_text(text)
    named = {"run_id": "run_1", "instructions": "i.md", "repo": "r", "base": None, "branch": "b"} | {
        "agent": agent, "command": None, "message": "m", "timeout_seconds": 60, "push": "none",
        "verify": None,
        "verify_required": False, "git_credentials": None,
    }  # fmt: skip
    given = {
        name: dict.fromkeys(value, f"file:{path}") if isinstance(value, list) else f"file:{path}"
        for name, value in fields.items()
    }
    return read_agent_credentials(get_agent(agent), Request(**{**named, **given}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [("KEY", "s3cr3t-key"), ("PORT", "5432"), ("TLS", "true"), ("DB", '{"password": "s3cr3t-inner"}')],
)
def test_each_field_of_a_secret_is_usable_whatever_the_others_are(
    name: str, value: str, tmp_path: Path
) -> None:
    read = _read(tmp_path, SECRET, secrets=[name])
    assert read.given == {name: value}
    assert {"s3cr3t-key", "s3cr3t-inner"} <= set(read.secrets)  # All that it holds is masked.


def test_a_field_with_null_counts_as_left_out(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="no field of that name"):
        _read(tmp_path, SECRET, secrets=["NOTHING"])


def test_a_single_field_is_the_value_also_where_it_has_parts(tmp_path: Path) -> None:
    assert _read(tmp_path, '{"config": {"a": 1.50}}', secrets=["CONFIG"]).given == {"CONFIG": '{"a": 1.5}'}


def test_the_key_of_an_agent_must_be_text(tmp_path: Path) -> None:
    fields = '{"ANTHROPIC_API_KEY": {"key": "s3cr3t-inner"}}'
    with pytest.raises(CredentialsError, match=r"ANTHROPIC_API_KEY .* is not text") as caught:
        _read(tmp_path, fields, agent="claude", agent_credentials=True)
    assert "s3cr3t" not in str(caught.value)
