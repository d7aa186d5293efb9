"""The names of the library: all are there, no more, and none costs anything before it is used."""

from __future__ import annotations

import dataclasses
import resource
import subprocess
import sys
from importlib import import_module

import pytest

import stepherd
from stepherd.client.request import Request
from stepherd.runs.request import request_schema

_LIMIT_SECONDS = 0.03


@pytest.mark.parametrize("name", stepherd.__all__)
def test_every_name_is_there_and_is_listed(name: str) -> None:
    assert getattr(stepherd, name).__name__ == name
    assert name in dir(stepherd)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'surprise'"):
        _ = stepherd.surprise  # type: ignore[attr-defined]


def test_all_that_the_client_gives_and_takes_is_among_the_names() -> None:
    modules = ("client", "records", "report", "request")
    public = {name for module in modules for name in import_module(f"stepherd.client.{module}").__all__}
    assert public - {"moment"} == set(stepherd.__all__) - {"StepherdError"}


@pytest.mark.parametrize(
    "name", [name for name in stepherd.__all__ if name not in ("Client", "StepherdError")]
)
def test_what_goes_in_and_out_is_frozen(name: str) -> None:
    record = getattr(stepherd, name)
    assert dataclasses.is_dataclass(record)
    assert record.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_the_request_has_the_fields_of_the_schema() -> None:
    """Two of them are nothing that a program says: the library and the inbox set them."""
    set_by_others = {"git_token_host", "reply_to"}
    assert {field.name for field in dataclasses.fields(Request)} == set(
        request_schema()["properties"]
    ) - set_by_others


def test_importing_the_package_loads_nothing_of_it() -> None:
    names = "sorted(name for name in sys.modules if name.startswith('stepherd'))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, stepherd; print({names})"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "['stepherd']"


def test_importing_the_package_takes_less_than_thirty_milliseconds() -> None:
    """Of processor time, above that of an interpreter that does nothing; the least of some tries."""
    assert min(_seconds("import stepherd") for _ in range(5)) - min(_seconds("") for _ in range(5)) < (
        _LIMIT_SECONDS
    )


def _seconds(program: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
