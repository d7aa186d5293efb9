"""docs/api/openapi.json as a judge of answers."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

ROOT = Path(__file__).parents[3]
PLACE = ROOT / "docs/api/openapi.json"
REQUEST = ROOT / "src/stepherd/runs/request.schema.json"


@cache
def document() -> dict[str, Any]:
    """The document."""
    read: dict[str, Any] = json.loads(PLACE.read_text())
    return read


def operations() -> dict[str, dict[str, Any]]:
    """Each operation by its route, as ``GET /executions``."""
    return {
        f"{method.upper()} {path}": operation
        for path, item in document()["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "put", "delete", "patch"}
    }


@cache
def _registry() -> Registry[Any]:
    request = json.loads(REQUEST.read_text())
    # Its own address wins over where it lies, as a reader of files would have it.
    del request["$id"]
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **document()}
    return Registry().with_resources(
        [
            (uri.as_uri(), Resource.from_contents(content))
            for uri, content in ((PLACE, whole), (REQUEST, request))
        ]
    )


def validator(pointer: str) -> Draft202012Validator:
    """The validator of a schema in the document, by its JSON pointer."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": f"{PLACE.as_uri()}#{pointer}",
    }
    return Draft202012Validator(
        schema, registry=_registry(), format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def check(route: str, status: int, kind: str, body: Any) -> None:
    """Fail unless the document declares this answer, and the answer is as it says."""
    declared = operations()[route]["responses"]
    assert str(status) in declared, f"{route} answers {status}, which the document does not declare"
    response = declared[str(status)]
    if "$ref" in response:
        response = document()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    assert kind in response["content"], f"{route} {status} answers {kind}"
    pointer = response["content"][kind]["schema"]["$ref"].removeprefix("#")
    errors = [error.message for error in validator(pointer).iter_errors(body)]
    assert errors == [], (route, status, body)
