"""The field ``network``: by flag, field and front matter, on a laptop and in the cloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepherd.errors import UsageError
from stepherd.processes.sandbox.network.allowlist import Endpoint
from stepherd.runs.fields import check_fields
from stepherd.runs.network import checked_network, hosts_of
from stepherd.runs.prepare import check_whole_request
from stepherd.runs.request import InvalidRequest, Request


def _request(tmp_path: Path, head: str = "", **fields: str) -> Request:
    path = tmp_path / "instructions.md"
    path.write_text(f"---\n{head}\n---\n# Do it\n")
    given = {"instructions": str(path), "repo": "https://example.com/a/b.git", "command": "true", **fields}
    return check_whole_request("r", given)[0]


def test_it_is_kept_in_the_request_in_one_form(tmp_path: Path) -> None:
    assert _request(tmp_path).network is None
    assert _request(tmp_path, "network: off").network == "off"
    assert (
        _request(tmp_path, "network: Index.Example, *.example.com:8443").network
        == "index.example,*.example.com:8443"
    )
    assert _request(tmp_path, "network: on", network="off").network == "off"
    assert Request.from_json(_request(tmp_path, network="on").to_json()).network == "on"


def test_a_request_from_before_it_has_the_open_network(tmp_path: Path) -> None:
    fields = _request(tmp_path).to_json()
    del fields["network"]
    assert Request.from_json(fields).network is None


def test_what_is_no_network_is_refused_with_its_field(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a host for --network"):
        _request(tmp_path, network="https://example.com")
    with pytest.raises(InvalidRequest) as refusal:
        check_fields({"instructions": "s3://b/k", "network": "a b"})
    assert refusal.value.field == "network"


@pytest.mark.parametrize("network", ["off", "index.example"])
def test_in_the_cloud_it_cannot_be_limited_and_that_is_said(network: str) -> None:
    with pytest.raises(UsageError, match="in the cloud"):
        checked_network(network, allow_local=False)
    assert checked_network("on", allow_local=False) == "on"
    assert checked_network(None, allow_local=False) is None


def test_its_hosts() -> None:
    assert hosts_of("on") == hosts_of("off") == ()
    assert hosts_of("index.example,*.example.com:8443") == (
        Endpoint("index.example"),
        Endpoint("*.example.com", 8443),
    )
