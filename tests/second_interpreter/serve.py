"""Run by a Python that has LocalStack: its Step Functions, on one loopback port, with two changes.

LocalStack evaluates JSONata on a Java that it downloads; here jsonata-python does. Its context object has no
RedriveCount, which AWS gives as 0 on the first run. See README.md beside this file.
"""

from __future__ import annotations

import json

import jsonata
from localstack.services.stepfunctions.asl.eval import states
from localstack.services.stepfunctions.asl.jsonata import jsonata as evaluation


def evaluate(expression: str) -> object:
    """Evaluate an expression as LocalStack expects it of its Java."""
    try:
        return json.loads(json.dumps(jsonata.Jsonata(expression).evaluate(None)))
    except Exception as error:
        raise evaluation.JSONataException("UNKNOWN", str(error)) from error


evaluation._eval_jsonata = evaluate
_make = states.States.__init__


def _with_redrives(self: object, context: dict[str, dict[str, object]]) -> None:
    context["Execution"].setdefault("RedriveCount", 0)
    _make(self, context)


states.States.__init__ = _with_redrives

if __name__ == "__main__":
    from localstack.runtime.main import main

    main()
