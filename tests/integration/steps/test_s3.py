"""The same steps with their run folder, and the instructions, on S3."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.steps.rig import Rig
from tests.moto_server import moto_server

from stepherd.errors import UsageError
from stepherd.runs.folder import run_folder
from stepherd.runs.instructions import InstructionsNotFound, find_instructions
from stepherd.runs.prepare import prepare_run
from stepherd.services.store.opening import open_store

boto3 = pytest.importorskip("boto3")


_KEYS = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "us-east-1",
}
_OBJECTS = {
    "one.md": "# One file\n",
    "many/instructions.md": "# A folder\n",
    "many/deep/picture.svg": "<svg/>",
    "many": "# Not the folder\n",
    "empty/other.md": "x",
}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of moto, in this process."""
    for name, value in _KEYS.items():
        monkeypatch.setenv(name, value)
    with pytest.importorskip("moto").mock_aws():
        yield _filled_bucket()


@pytest.fixture
def served_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of moto behind an endpoint, for other processes."""
    with moto_server() as address:
        for name, value in {**_KEYS, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        yield _filled_bucket()


def _filled_bucket() -> str:
    client = boto3.client("s3")
    client.create_bucket(Bucket="asked")
    for key, text in _OBJECTS.items():
        client.upload_fileobj(io.BytesIO(text.encode()), "asked", key)
    return "asked"


@pytest.mark.parametrize(
    ("key", "title", "files"),
    [
        ("one.md", "# One file\n", ["instructions.md"]),
        ("many/", "# A folder\n", ["deep/picture.svg", "instructions.md"]),
        ("many", "# Not the folder\n", ["instructions.md"]),
        ("many/deep/../../one.md", None, []),
        ("empty/", None, []),
        ("nothing", None, []),
    ],
)
def test_instructions_are_an_object_or_a_prefix(
    bucket: str, key: str, title: str | None, files: list[str]
) -> None:
    if title is None:
        with pytest.raises((InstructionsNotFound, UsageError)):
            find_instructions(f"s3://{bucket}/{key}", allow_local=False)
        return
    found = find_instructions(f"s3://{bucket}/{key}", allow_local=False)
    assert found.text() == title
    assert sorted(found.files) == files


def test_a_step_with_its_run_folder_on_s3(served_bucket: str, tmp_path: Path) -> None:
    bucket = served_bucket
    with Rig.at(tmp_path) as rig:
        rig.make_remote()
        store = open_store(f"s3://{bucket}/store")
        given = {
            "instructions": f"s3://{bucket}/one.md",
            "repo": "https://h.example/r.git",
            "command": "touch new",
        }
        facts = prepare_run("run_1", given, store)
        assert facts["folder"] == f"s3://{bucket}/store/runs/run_1"
        with pytest.raises(UsageError, match="on a disk"):
            prepare_run("run_2", {**given, "instructions": str(tmp_path)}, store)
        # A store on S3 allows no local repository; the clone is one that the disk's store made.
        rig.prepare(command="touch new")
        rig.steps("clone")
        folder = run_folder(store, "run_1")
        for info in rig.folder.store.list("clone/"):
            folder.store.put(info.key, rig.folder.store.get(info.key).body)
        aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        done = rig.step("agent", STEPHERD_RUN_FOLDER=facts["folder"], **aws)
        assert done.returncode == 0, done.stderr
        result = folder.read_result("agent")
        assert result is not None
        assert [file["path"] for file in result.facts["files"]] == ["new"]
        assert folder.store.exists("agent/attempts/1/changes.bundle")
        assert folder.store.exists("agent/attempts/1/transcript.jsonl")
