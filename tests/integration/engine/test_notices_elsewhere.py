"""An engine whose notices go where it is told, as a container's do with LOGIN_SNS_TOPIC."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.engine.conftest import Site, lay_out

from stepherd.engine.local import LocalEngine


class _Elsewhere(Site):
    def _open(self) -> None:
        parameters = {"Word": "told", "Heard": str(self.heard)}
        template, notices = self.folder / "template.yaml", f"console:{self.home / 'elsewhere.jsonl'}"
        self.local = LocalEngine(self.home, template, parameters, notices=notices)
        assert self.local.acquire()
        self.local.open()


def test_notices_go_to_the_reference_that_the_engine_was_given(tmp_path: Path) -> None:
    lay_out(tmp_path / "application")
    site = _Elsewhere(tmp_path / "home", tmp_path / "application")
    site.open()
    try:
        arguments = {
            "TopicArn": "arn:aws:sns:us-east-1:000000000000:news",
            "Subject": "s",
            "Message": "hello",
        }
        publish = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Arguments": arguments}
        assert site.run({"P": {**publish, "End": True}}, name="m").status == "SUCCEEDED"
    finally:
        site.close()
    (line,) = (site.home / "elsewhere.jsonl").read_text().splitlines()
    assert (json.loads(line)["subject"], json.loads(line)["text"]) == ("s", "hello")
    assert not (site.home / "notices.jsonl").exists()
