"""CodeBuild: a build takes a step whenever somebody looks at it, writes its log and pushes images."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PHASES = ("SUBMITTED", "PROVISIONING", "PRE_BUILD", "BUILD", "POST_BUILD", "COMPLETED")
_MANIFEST = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}
NEEDED = {
    "container/buildspec.yml", "container/build.sh", "container/Dockerfile", "pyproject.toml", "README.md",
    "LICENSE", "template.yaml", "layer/build.py", "layer/requirements.lock", "src/stepherd/__init__.py",
    "functions/api/app.py", "statemachines/pipeline.asl.json", ".dockerignore", "container/requirements.lock",
    "container/build.lock",
}  # fmt: skip


@dataclass
class Build:
    id: str
    project: str
    variables: dict[str, str]
    step: int = 0
    status: str = "IN_PROGRESS"
    pushed: list[str] = field(default_factory=list)


class CodeBuild:
    """``fails``: what the next build says when it breaks off, and after which images."""

    def __init__(self, client: Callable[[str], Any], stack: Callable[[str], Any]) -> None:
        self._client, self._stack = client, stack
        self.builds: list[Build] = []
        self.fails: tuple[str, list[str]] | None = None
        self.hangs = False

    def answer(self, action: str, given: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(self, f"_{action}")(given)
        return answer

    def _StartBuild(self, given: dict[str, Any]) -> dict[str, Any]:
        variables = {each["name"]: each["value"] for each in given["environmentVariablesOverride"]}
        build = Build(f"{given['projectName']}:{len(self.builds) + 1}", given["projectName"], variables)
        self._check_source(build)
        self.builds.append(build)
        return {"build": self._described(build)}

    def _BatchGetBuilds(self, given: dict[str, Any]) -> dict[str, Any]:
        found = [build for build in self.builds if build.id in given["ids"]]
        for build in found:
            self._step(build)
        return {"builds": [self._described(build) for build in found]}

    def _ListBuildsForProject(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"ids": [build.id for build in reversed(self.builds) if build.project == given["projectName"]]}

    def _parts(self, build: Build) -> dict[str, Any]:
        return dict(self._stack(build.project.removesuffix("-images")).made)

    def _check_source(self, build: Build) -> None:
        bucket = self._parts(build)["Bucket"]["id"]
        body = self._client("s3").get_object(Bucket=bucket, Key="images/source.zip")["Body"].read()
        archive = zipfile.ZipFile(io.BytesIO(body))
        assert set(archive.namelist()) >= NEEDED, NEEDED - set(archive.namelist())
        assert archive.getinfo("container/build.sh").external_attr >> 16 & 0o111

    def _step(self, build: Build) -> None:
        if build.status != "IN_PROGRESS" or (self.hangs and build.step == 2):
            return
        build.step += 1
        phase = PHASES[build.step]
        self._log(build, [f"[Container] Entering phase {phase}", f"working on {phase}\n"])
        if phase == "BUILD":
            words, before = self.fails or ("", ["git", "agent"])
            for target in before:
                self.push(build, target)
            if words:
                self._log(build, [words])
                build.status, self.fails = "FAILED", None
        if phase == "COMPLETED":
            build.status = "SUCCEEDED"

    def push(self, build: Build, target: str) -> None:
        repository = self._parts(build)["ImageRepository"]["id"]
        tag = f"{target}-{build.variables['IMAGE_TAG']}"
        manifest = {**_MANIFEST, "config": {"digest": tag}, "layers": []}
        self._client("ecr").put_image(
            repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag,
            imageDigest=f"sha256:{hashlib.sha256(tag.encode()).hexdigest()}",
        )  # fmt: skip
        build.pushed.append(tag)

    def _log(self, build: Build, lines: list[str]) -> None:
        logs, group = self._client("logs"), self._group(build)
        stream = build.id.replace(":", "-")
        if not logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def _group(self, build: Build) -> str:
        return f"/stepherd/{build.project.removesuffix('-images')}/images"

    def _described(self, build: Build) -> dict[str, Any]:
        failed = build.status == "FAILED"
        contexts = [
            {"statusCode": "COMMAND_EXECUTION_ERROR", "message": "Error while executing command: build.sh"}
        ]
        phases = [{"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": contexts}] if failed else []
        logs = (
            {"groupName": self._group(build), "streamName": build.id.replace(":", "-")} if build.step else {}
        )
        variables = [{"name": name, "value": value} for name, value in build.variables.items()]
        return {
            "id": build.id, "buildStatus": build.status, "currentPhase": PHASES[build.step], "phases": phases,
            "logs": logs, "environment": {"environmentVariables": variables},
        }  # fmt: skip
