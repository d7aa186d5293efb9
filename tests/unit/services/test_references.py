"""The form of a reference alone decides what serves it."""

import builtins
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from stepherd.errors import ConfigurationError, UsageError
from stepherd.services.notices.opening import open_notices
from stepherd.services.queues.opening import open_queue
from stepherd.services.secrets.opening import read_secret
from stepherd.services.store.opening import open_store


def test_a_path_and_its_file_address_are_the_same_store(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "a b#c"))
    assert store.reference == f"file://{tmp_path}/a%20b%23c"
    assert open_store(store.reference) == store
    assert open_store(store.child("runs/r1").reference).reference == store.child("runs/r1").reference


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_store("store/").reference == f"file://{tmp_path}/store"


@pytest.mark.parametrize(
    "reference",
    ["", "http://host/x", "gs://b/x", "file:relative", "file://host/x", "file:///a%00b", "s3:bucket", "a\0b"],
)
def test_other_store_references_are_refused(reference: str) -> None:
    with pytest.raises(UsageError):
        open_store(reference)


@pytest.mark.parametrize("reference", ["s3://", "s3://Up/x", "s3://b", "s3://bucket/../x", "s3://bucket//x"])
def test_s3_references_that_name_no_bucket_or_lead_elsewhere_are_refused(reference: str) -> None:
    with pytest.raises(UsageError):
        open_store(reference)


@pytest.mark.parametrize(
    "reference", ["", "mail:x", "arn:aws:sqs:eu-west-1:123456789012:q", "arn:aws:sns:x", "console:relative"]
)
def test_other_notice_references_are_refused(reference: str) -> None:
    with pytest.raises(UsageError):
        open_notices(reference)


def test_a_fifo_topic_is_refused_because_it_sends_no_mail() -> None:
    with pytest.raises(UsageError, match="standard"):
        open_notices("arn:aws:sns:eu-west-1:123456789012:topic.fifo")


@pytest.mark.parametrize(
    "reference",
    ["", "redis://h/q", "sqlite:///a", "sqlite://host/a#q", "sqlite:a#q", "sqlite:///a#b c", "sqlite:///%00#q",
     "https://sqs.eu-west-1.amazonaws.com/queue", "https://u:p@sqs.eu-west-1.amazonaws.com/1/q"],
)  # fmt: skip
def test_other_queue_references_are_refused(reference: str) -> None:
    with pytest.raises(UsageError):
        open_queue(reference)


@pytest.mark.parametrize(
    "call",
    [
        lambda: open_store("s3://bucket/prefix"),
        lambda: read_secret("team/git"),
        lambda: open_notices("arn:aws:sns:eu-west-1:123456789012:topic"),
        lambda: open_queue("https://sqs.eu-west-1.amazonaws.com/123456789012/q"),
    ],
)
def test_an_aws_reference_without_boto3_says_how_to_install_it(
    call: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without_boto3(
        name: str,
        globals_: Mapping[str, object] | None = None,
        locals_: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if name.split(".", maxsplit=1)[0] in {"boto3", "botocore"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.split(".", maxsplit=1)[0])
        return real(name, globals_, locals_, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", without_boto3)
    with pytest.raises(ConfigurationError, match=r"pip install 'stepherd\[aws\]'"):
        call()  # type: ignore[operator]


def test_local_references_load_neither_boto3_nor_asyncio(tmp_path: Path) -> None:
    import subprocess

    script = (
        "import sys; from stepherd.services.store.opening import open_store\n"
        "from stepherd.services.queues.opening import open_queue\n"
        "from stepherd.services.notices.opening import open_notices\n"
        "from stepherd.services.secrets.opening import read_secret\n"
        f"open_store({str(tmp_path)!r}).put('a', b'x'); open_queue('sqlite://{tmp_path}/q.db#q').send('x')\n"
        f"open_notices('console:{tmp_path}/n').publish('a', 'b', None); read_secret('none')\n"
        "print([name for name in ('boto3', 'botocore', 'asyncio', 'rich') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "[]\n"
