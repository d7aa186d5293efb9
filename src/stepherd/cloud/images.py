"""The images of the tasks, built by the stack's own CodeBuild project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from stepherd.cloud.build_log import BuildLog
from stepherd.cloud.clients import aws_client
from stepherd.cloud.image_source import ImageSource
from stepherd.cloud.polling import moments
from stepherd.cloud.stack import Stack
from stepherd.cloud.stack_parts import bucket_of
from stepherd.errors import ConfigurationError, StepherdError, TemporaryError
from stepherd.remedies import Remedy
from stepherd.services.aws.errors import QuotaReached, aws_error, error_code, translated

__all__ = ["Images", "image_parameters"]

SOURCE_KEY: Final = "images/source.zip"
_ARGUMENTS: Final = "build-arguments"
_TARGETS: Final = ("git", "agent")
_MOST_ATTEMPTS: Final = 50
_ELSEWHERE: Final = (
    "(New accounts may have no builds at first. You can build images elsewhere: "
    "docs/how-to-use-the-image.md.)"
)
_TRY_LATER: Final = ("TIMED_OUT", "STOPPED", "FAULT")


def image_parameters(repository: str, tag: str) -> dict[str, str]:
    """The stack's parameters that name the images of a tag."""
    return {"GitImage": f"{repository}:git-{tag}", "AgentImage": f"{repository}:agent-{tag}"}


@dataclass(frozen=True, slots=True)
class Images:
    """The repository and the build project of one stack."""

    stack: Stack

    @property
    def repository(self) -> str:
        """The address of the repository, as images are named."""
        return self.stack.outputs["ImageRepositoryUri"]

    def find(self, source: ImageSource) -> tuple[str, bool]:
        """The tag for a source, and whether both images of it are there."""
        with translated(f"the images in {self.repository}"):
            there = self._tags(source)
        for attempt in range(1, _MOST_ATTEMPTS):
            tag = source.tag(attempt)
            found = [f"{target}-{tag}" in there for target in _TARGETS]
            if all(found) or not any(found):
                return tag, all(found)
        raise ConfigurationError(
            f"Too many builds of the same source have failed in {self.repository}.",
            remedy="In the ECR console, delete its images that have only one target.",
        )

    def build(self, source: ImageSource, tag: str, tell: Callable[[str], None], again: str) -> None:
        """Build the images, or follow the build that is at it; ``tell`` gets the lines of its log.

        Raises ConfigurationError when the build fails, TemporaryError when it was stopped or lasted too long.
        """
        project = self.stack.outputs["ImageBuildProject"]
        client = aws_client("codebuild", self.stack.region)
        with translated(f"the build project {project}"):
            build = self._running(client, project, tag)
            if build:
                tell(f"Following the build {build}, which is under way.")
            else:
                self._upload(source)
                try:
                    build = _start(client, project, tag, source.arguments)
                except Exception as error:
                    found = aws_error(error, f"the build project {project}")
                    if isinstance(found, QuotaReached):
                        remedy = Remedy(found.remedy, " ", _ELSEWHERE)
                        raise QuotaReached(found.message, remedy=remedy) from error
                    raise
                tell(f"Started the build {build}.")
            _follow(client, self.stack.region, build, tell, again)

    def last_arguments(self) -> str:
        """The arguments of the build before: one that names no agents keeps those of the image."""
        client = aws_client("s3", self.stack.region)
        bucket = bucket_of(self.stack)
        place = {"Bucket": bucket, "Key": SOURCE_KEY, "ExpectedBucketOwner": self.stack.account}
        with translated(f"s3://{bucket}/{SOURCE_KEY}"):
            try:
                return str(client.head_object(**place)["Metadata"].get(_ARGUMENTS, ""))
            except Exception as error:
                if error_code(error) not in {"404", "NoSuchKey"}:
                    raise
                return ""

    def _tags(self, source: ImageSource) -> set[str]:
        client = aws_client("ecr", self.stack.region)
        name = self.repository.partition("/")[2]
        pages = client.get_paginator("list_images").paginate(
            repositoryName=name, filter={"tagStatus": "TAGGED"}
        )
        tags = {str(image["imageTag"]) for page in pages for image in page["imageIds"]}
        return {tag for tag in tags if source.digest in tag}

    def _upload(self, source: ImageSource) -> None:
        client = aws_client("s3", self.stack.region)
        with source.archive.open("rb") as body:
            client.put_object(
                Bucket=bucket_of(self.stack),
                Key=SOURCE_KEY,
                Body=body,
                Metadata={_ARGUMENTS: source.arguments},
                ExpectedBucketOwner=self.stack.account,
            )

    def _running(self, client: Any, project: str, tag: str) -> str | None:
        ids = client.list_builds_for_project(projectName=project, sortOrder="DESCENDING").get("ids", [])[:10]
        if not ids:
            return None
        for build in client.batch_get_builds(ids=ids)["builds"]:
            variables = build.get("environment", {}).get("environmentVariables", [])
            tags = [each["value"] for each in variables if each["name"] == "IMAGE_TAG"]
            if build["buildStatus"] == "IN_PROGRESS" and tags == [tag]:
                return str(build["id"])
        return None


def _start(client: Any, project: str, tag: str, arguments: str) -> str:
    variables = {"IMAGE_TAG": tag, "BUILD_ARGUMENTS": arguments}
    override = [{"name": name, "value": value, "type": "PLAINTEXT"} for name, value in variables.items()]
    build = client.start_build(projectName=project, environmentVariablesOverride=override)["build"]
    return str(build["id"])


def _follow(client: Any, region: str, build_id: str, tell: Callable[[str], None], again: str) -> None:
    log = BuildLog(region)
    phase = ""
    for _ in moments():
        build = client.batch_get_builds(ids=[build_id])["builds"][0]
        for line in log.new_lines(build.get("logs", {})):
            tell(line)
        if build.get("currentPhase", "") != phase:
            phase = str(build["currentPhase"])
            tell(f"Build: {phase}")
        if build["buildStatus"] == "SUCCEEDED":
            return
        if build["buildStatus"] != "IN_PROGRESS":
            raise _build_failure(build, log.last, again)


def _build_failure(build: dict[str, Any], last: str, again: str) -> StepherdError:
    failed = [
        phase for phase in build.get("phases", []) if phase.get("phaseStatus") not in {None, "SUCCEEDED"}
    ]
    contexts = [context.get("message", "") for phase in failed for context in phase.get("contexts", [])]
    where = f" in its phase {failed[0]['phaseType']}" if failed else ""
    why = ": ".join(text.rstrip(".") for text in (*contexts[:1], last) if text)
    words = (
        f"The build of the images has ended with {build['buildStatus']}{where}{f': {why}' if why else ''}."
    )
    group = build.get("logs", {}).get("groupName", "")
    look = f"Read its log (aws logs tail {group}), then run: {again}" if group else f"Run: {again}"
    if build["buildStatus"] in _TRY_LATER:
        return TemporaryError(words, remedy=look)
    return ConfigurationError(words, remedy=look)
