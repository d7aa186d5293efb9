"""docs/api/openapi.json says what the handlers do, and the other way round."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.api.contract import PLACE, REQUEST, check, document, operations, validator
from tests.integration.api.fixtures import Api
from tests.integration.api.gateway import PATHS, ROOT, sample

from stepherd.api import idempotency, listing, logs
from stepherd.api.routes import ROUTES, respond
from stepherd.errors import TemporaryError
from stepherd.services.template_text import read_template

NOT_OURS = {"401", "429"}
"""Statuses that API Gateway answers by itself."""


def test_it_is_an_openapi_document() -> None:
    from openapi_spec_validator import validate

    validate(document(), base_uri=PLACE.as_uri())


def test_template_handlers_and_document_have_the_same_routes() -> None:
    template = read_template((ROOT / "template.yaml").read_text(), "template.yaml")
    events = template["Resources"]["ApiFunction"]["Properties"]["Events"].values()
    declared = [f"{event['Properties']['Method']} {event['Properties']['Path']}" for event in events]
    assert sorted(declared) == sorted(ROUTES) == sorted(operations())
    assert {route.partition(" ")[2] for route in ROUTES} == set(PATHS)
    assert {event["Properties"]["ApiId"]["Ref"] for event in events} == {"HttpApi"}


def test_scopes_are_told() -> None:
    assert {route: operation["x-scope"] for route, operation in operations().items()} == {
        route: each.scope for route, each in ROUTES.items()
    }


def test_the_request_is_the_published_schema_by_reference() -> None:
    known = set(json.loads(REQUEST.read_text())["properties"]) - {"reply_to", "git_token_host"}
    with_text = document()["components"]["schemas"]["RunWithText"]["properties"]
    assert set(with_text) == known - {"instructions"}
    assert {ref["$ref"].rpartition("/")[2] for ref in with_text.values()} == set(with_text)
    first = document()["components"]["schemas"]["NewExecution"]["oneOf"][0]["properties"]["run"]
    assert (PLACE.parent / first["$ref"]).resolve() == REQUEST


def test_limits_and_words_of_parameters_are_those_of_the_code() -> None:
    found = {each["name"]: each["schema"] for each in operations()["GET /executions"]["parameters"][1:]}
    assert found["limit"] == {"type": "integer", "minimum": 1, "maximum": listing._MOST, "default": 20}
    assert tuple(found["status"]["enum"]) == listing.STATUSES
    page = operations()["GET /executions/{run_id}/logs"]["parameters"][1]["schema"]
    assert (page["maximum"], page["default"]) == (logs._MOST, logs._DEFAULT)
    key = document()["components"]["parameters"]["IdempotencyKey"]["schema"]
    assert idempotency._KEY.pattern == r"[\x21-\x7e]{1,255}"
    assert (key["maxLength"], key["pattern"]) == (255, "^[!-~]+$")


def test_the_sample_event_s_body_is_what_the_document_takes() -> None:
    body = json.loads(sample("post_executions")["body"])
    assert list(validator("/components/schemas/NewExecution").iter_errors(body)) == []


def test_every_declared_answer_is_given(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each route and status is provoked; Gateway.call holds what comes back against its schema."""
    key, reader, gone = api.key(), api.key(scope="runs:read"), "run_20261121T101500Z_0000000000000000"
    failed, done = api.finish(key, "fail"), api.finish(key)
    for method, path in [route.split(" ") for route in ROUTES]:
        for run_id in (failed, done, gone):
            place = path.replace("{run_id}", run_id)
            for caller in (key, reader):
                for body in (api.run(), {}):
                    api.call(method, place, caller, body=body, idempotency_key="k")
            api.call(method, f"{place}?odd=1", key)
    api.call("POST", "/executions", key, body=api.run("other"), idempotency_key="k")
    for error in (TemporaryError("Busy."), ValueError("a fault")):
        monkeypatch.setattr("stepherd.api.routes.ROUTES", _broken(error))
        for method, path in [route.split(" ") for route in ROUTES]:
            api.call(method, path.replace("{run_id}", failed), key)
    declared = {
        (route, int(status))
        for route, operation in operations().items()
        for status in set(operation["responses"]) - NOT_OURS
    }
    # A route that every key may take has no 403 of its own, only the authorizer's.
    reading = {(route, 403) for route, each in ROUTES.items() if each.scope == "runs:read"}
    assert declared - reading == api.gateway.answered


def _broken(error: Exception) -> dict[str, Any]:
    from stepherd.api.routes import Route

    def fail(*_: Any) -> Any:
        raise error

    return {route: Route(each.scope, fail) for route, each in ROUTES.items()}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
FIELDS = sorted(json.loads(REQUEST.read_text())["properties"])
GOOD = {
    "instructions": st.sampled_from(["s3://bucket/inbox/i.md", "/i.md", "file:///i.md"]),
    "repo": st.sampled_from(["https://github.com/o/n", "git@h:o/n.git", "x"]),
}
RUN = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5)
BODY = st.fixed_dictionaries({"run": RUN | JSON}, optional={"instructions": JSON, "odd": JSON})


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.one_of(JSON.map(json.dumps), BODY.map(json.dumps), st.text()),
    valid=st.fixed_dictionaries(GOOD),
    route=st.sampled_from(sorted(ROUTES)),
    run_id=st.text(max_size=90) | st.just("run_20261121T101500Z_0000000000000000"),
    query=st.dictionaries(
        st.sampled_from(["cursor", "limit", "status", "since", "until", "agent"]) | st.text(),
        st.text(),
        max_size=3,
    ),
    headers=st.dictionaries(st.sampled_from(["Idempotency-Key", "X-Other"]), st.text()),
    scope=st.sampled_from(["runs:read", "runs:write", "admin", "", "odd"]),
)
def test_whatever_is_sent_is_answered_as_the_document_says_and_never_by_a_fault(
    api: Api, body: str, valid: dict[str, str], route: str, run_id: str, query: Any, headers: Any, scope: str
) -> None:
    event = {**sample("post_executions"), "routeKey": route, "headers": headers, "body": body}
    event["pathParameters"] = {"run_id": run_id} if "run_id" in route else None
    event["queryStringParameters"] = query
    event["requestContext"]["authorizer"]["lambda"]["scope"] = scope
    outcome = respond(event, lambda: api.service)
    answer = outcome.answer.to_event()
    assert answer["statusCode"] < 500, outcome.error
    check(route, answer["statusCode"], answer["headers"]["content-type"], json.loads(answer["body"]))
    if route == "POST /executions" and answer["statusCode"] == 202:
        errors = validator("/components/schemas/NewExecution").iter_errors(json.loads(body))
        assert list(errors) == []
