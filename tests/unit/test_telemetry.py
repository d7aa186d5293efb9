"""The counts of a function, as CloudWatch reads them from its log."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.aws_grants import ROOT


@pytest.mark.parametrize(("given", "service"), [("stepherd-dev", "stepherd-dev"), ("", "stepherd")])
def test_what_is_counted_has_the_stack_as_its_one_dimension(given: str, service: str) -> None:
    environment = {"PYTHONPATH": str(ROOT / "src"), **({"POWERTOOLS_SERVICE_NAME": given} if given else {})}
    code = "from stepherd.telemetry import count; count('LoginsAsked'); count('LoginsApproved')"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["service"] for line in lines] == [service] * 2
    assert [(line.get("LoginsAsked"), line.get("LoginsApproved")) for line in lines] == [
        ([1.0], None),
        (None, [1.0]),
    ]
    for line in lines:
        (metric,) = line["_aws"]["CloudWatchMetrics"]
        assert (metric["Namespace"], metric["Dimensions"]) == ("Stepherd", [["service"]])
