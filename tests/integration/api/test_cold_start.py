"""The functions of the API as Lambda starts them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.integration.api.gateway import ROOT


@pytest.mark.parametrize("name", ["api", "authorize"])
def test_a_handler_is_short_and_its_cold_start_quick_and_light(name: str) -> None:
    assert len((ROOT / "functions" / name / "app.py").read_text().splitlines()) <= 30
    code = (
        "import sys, time; began = time.process_time(); import app; print(time.process_time() - began); "
        "print(*sorted(set(sys.modules) & "
        "{'boto3', 'botocore.session', 's3transfer', 'jsonschema', 'yaml', 'aws_xray_sdk', 'zstandard', "
        "'bcrypt'}))"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'functions' / name}"}
    runs = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env=environment, check=True, capture_output=True, text=True,
        ).stdout.splitlines()
        for _ in range(3)
    ]  # fmt: skip
    # What every call needs, and nothing else that is heavy. AWS's client is loaded where there is a stack.
    assert runs[0][1] == ("bcrypt" if name == "authorize" else "")
    assert min(float(run[0]) for run in runs) < 0.4
