"""The application as CloudFormation takes it: code uploaded, and a template that says where it lies.

It does the work of ``sam package``, for the three kinds of local paths that template.yaml has. The template's
own transform, AWS::Serverless, is CloudFormation's to apply.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from stepherd.application import Project, files_below
from stepherd.cloud.archives import digest_of, write_archive
from stepherd.cloud.layer import build_layer
from stepherd.cloud.staging import Staging
from stepherd.cloud.template import template_of
from stepherd.services.disk import disk_error

__all__ = ["package"]

_FUNCTION: Final = "AWS::Serverless::Function"
_LAYER: Final = "AWS::Serverless::LayerVersion"
_MACHINE: Final = "AWS::Serverless::StateMachine"
_LOCAL: Final = {_FUNCTION: "CodeUri", _LAYER: "ContentUri", _MACHINE: "DefinitionUri"}


def package(
    project: Project, staging: Staging, scratch: Path, tell: Callable[[str], None], architecture: str
) -> str:
    """Upload what the template names and the template itself; the template's address.

    Keys are digests of what they hold, so that what is there already is not sent again. ``scratch`` is an
    empty folder; ``tell`` hears what is done; the layer is for ``architecture``. Raises ConfigurationError,
    UnavailableError, CredentialsError, TemporaryError, StorageError.
    """
    template = template_of(project)
    uploads = _Uploads(project, staging, scratch, tell, architecture)
    for name, resource in template["Resources"].items():
        kind = resource["Type"]
        resource.pop("Metadata", None)  # How SAM's own tools build it; CloudFormation passes over it.
        if kind in _LOCAL:
            path = str(resource["Properties"][_LOCAL[kind]])
            resource["Properties"][_LOCAL[kind]] = uploads.send(kind, name, path)
    written = scratch / "template.json"
    try:
        written.write_text(json.dumps(template, indent=1, sort_keys=True), encoding="utf-8")
    except OSError as error:
        raise disk_error(error, "Writing", written) from error
    tell("Uploading the template.")
    return staging.address(staging.put(written, digest_of(written), ".template.json"))


class _Uploads:
    def __init__(
        self,
        project: Project,
        staging: Staging,
        scratch: Path,
        tell: Callable[[str], None],
        architecture: str,
    ) -> None:
        self._project, self._staging, self._scratch, self._tell = project, staging, scratch, tell
        self._architecture = architecture

    def send(self, kind: str, name: str, path: str) -> str:
        """Upload what a resource names by a local path; its address in S3."""
        if kind == _MACHINE:
            file = self._project.root / path
            return self._put(file, digest_of(file), ".json")
        folder = self._layer() if kind == _LAYER else self._project.root / path
        archive = self._scratch / f"{name}.zip"
        self._tell(f"Uploading {name}.")
        return self._put(archive, write_archive(files_below(folder), archive), ".zip")

    def _layer(self) -> Path:
        self._tell("Building the layer that the functions share.")
        folder = self._scratch / "layer"
        build_layer(self._project.root, folder, self._architecture)
        return folder

    def _put(self, path: Path, digest: str, suffix: str) -> str:
        return f"s3://{self._staging.bucket}/{self._staging.put(path, digest, suffix)}"
