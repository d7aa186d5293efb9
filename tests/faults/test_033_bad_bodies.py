"""Fault 33: a body that is not what it should be is answered with 400 and the field, and starts nothing."""

from __future__ import annotations

import json
import time

from tests.integration.api.fixtures import Api
from tests.integration.api.gateway import Context, sample

RUN = '"instructions": "s3://b/inbox/i.md", "repo": "https://h/o/r"'
BAD = {
    "": "body",
    " ": "body",
    "{": "body",
    "null": "body",
    "[]": "body",
    '"text"': "body",
    "1": "body",
    "{} {}": "body",
    "{'run': 1}": "body",
    "\ufeff{}": "body",
    "{}": "run",
    '{"run": null}': "run",
    '{"run": []}': "run",
    '{"run": {}}': "run.instructions",
    '{"run": {}, "run": {}}': "run",
    f'{{"run": {{{RUN}, "repo": "x"}}}}': "repo",
    f'{{"run": {{{RUN}, "max_cost_usd": NaN}}}}': "run.max_cost_usd",
    f'{{"run": {{{RUN}, "max_cost_usd": -Infinity}}}}': "run.max_cost_usd",
    f'{{"run": {{{RUN}, "max_cost_usd": 1e999}}}}': "run.max_cost_usd",
    f'{{"run": {{{RUN}, "timeout_seconds": {"9" * 5000}}}}}': "body",
    f'{{"run": {{{RUN}, "timeout_seconds": {"9" * 4000}}}}}': "run.timeout_seconds",
    f'{{"run": {{{RUN}, "timeout_seconds": 1.5}}}}': "run.timeout_seconds",
    f'{{"run": {{{RUN}, "timeout_seconds": true}}}}': "run.timeout_seconds",
    f'{{"run": {{{RUN}, "tiemout_seconds": 1}}}}': "run.tiemout_seconds",
    f'{{"run": {{{RUN}, "message": "\\ud800"}}}}': "run.message",
    f'{{"run": {{{RUN}, "\\ud800": 1}}}}': "run.?",
    f'{{"run": {{{RUN}, "__proto__": {{}}}}}}': "run.__proto__",
    f'{{"run": {{{RUN}}}, "image": "x"}}': "image",
    '{"run": {"repo": "https://h/o/r"}, "instructions": ""}': "instructions",
    '{"run": {"repo": "https://h/o/r"}, "instructions": {"a": 1}}': "instructions",
    "[" * 10_000 + "]" * 10_000: "body",
    '{"run": ' + '{"a": ' * 10_000 + "1" + "}" * 10_001: "body",
    '{"run": {"instructions": ' + "[" * 100 + "]" * 100 + "}}": "run",
    '{"run": {"instructions": "' + "x" * 11_000_000 + '"}}': "body",
    '{"run": {' + ",".join(f'"f{n}": 1' for n in range(100_000)) + "}}": "run.f0",
    '{"run": {' + '"f": 1,' * 200_000 + '"f": 1}}': "f",
}


def test_each_is_refused_naming_the_field_in_bounded_time(api: Api) -> None:
    before, key = api.machine.runs(), api.key()
    found = {}
    for text, expected in BAD.items():
        began = time.process_time()
        reply = api.call("POST", "/executions", key, text=text)
        spent = time.process_time() - began
        found[text[:60]] = (reply.status, reply.json.get("field"))
        assert reply.headers["content-type"] == "application/problem+json"
        assert len(reply.text) < 4096
        assert spent < 5, text[:60]
        assert found[text[:60]] == (400, expected), text[:60]
    assert api.machine.runs() == before
    assert list(api.store.list("owners/")) == []


def test_bodies_in_base64_are_judged_alike(api: Api) -> None:
    for body in ("?", "/w==", "e30=x", "A" * 4_000_000):
        event = {**sample("post_executions"), "body": body, "isBase64Encoded": True}
        answer = api.gateway.api(event, Context())
        assert (answer["statusCode"], json.loads(answer["body"])["field"]) == (400, "body")
