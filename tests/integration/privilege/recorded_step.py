"""A step as its container runs it, with every call of AWS written to the file RECORDED_CALLS.

The repository is one on this disk, which a store on S3 does not allow by itself.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from tests.aws_calls import Call, recording
from tests.integration.steps.tester import register

from stepherd.steps.contract import StepContext
from stepherd.steps.execution import main

if __name__ == "__main__":
    register()
    StepContext.allow_local = property(lambda _: True)  # type: ignore[assignment, method-assign]
    place = Path(os.environ.pop("RECORDED_CALLS"))
    calls: list[Call] = []
    with recording(calls):
        code = main(sys.argv[1:])
    place.write_text(json.dumps([asdict(call) for call in calls]))
    sys.exit(code)
