"""Whether Fargate can pull the images that a stack names, and whether newer ones lie beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from stepherd.doctor.checkup import Finding
from stepherd.services.aws.errors import translated
from stepherd.text.durations import seconds_text

if TYPE_CHECKING:
    from stepherd.cloud.stack import Stack
    from stepherd.doctor.checked_stack import CheckedStack

__all__ = ["look_at_images"]

_OLD_DAYS: Final = 90
"""Agents are pinned in an image, and are released every few weeks."""
_TARGETS: Final = {"GitImage": "git", "AgentImage": "agent"}


def look_at_images(checked: CheckedStack, stack: Stack) -> Iterator[Finding]:
    """Both images: is the tag there, how old is it, is there a newer one."""
    ours = stack.outputs.get("ImageRepositoryUri", "")
    for parameter, target in _TARGETS.items():
        name, image = f"image {target}", stack.parameters.get(parameter, "")
        repository, _, tag = image.rpartition(":")
        if ours and repository == ours:
            yield _finding(checked, name, tag, _images(checked, repository))
        elif "." in image.partition("/")[0]:
            yield Finding(name, "ok", f"{image} is in your own registry and is not checked.")
        else:
            words = f"The stack names '{image}', which Fargate cannot pull."
            yield Finding(name, "problem", words, checked.own("init"))


def _finding(checked: CheckedStack, name: str, tag: str, images: list[Mapping[str, Any]]) -> Finding:
    target, build = name.removeprefix("image "), checked.own("init")
    mine = next((image for image in images if tag in image.get("imageTags", ())), None)
    if mine is None:
        words = f"The stack names the tag '{tag}', and the repository has no such image: runs cannot start."
        return Finding(name, "problem", words, build)
    age = (datetime.now(UTC) - mine["imagePushedAt"]).total_seconds()
    told = f"{tag}, {seconds_text(age)} old"
    pushed = {
        each: image["imagePushedAt"]
        for image in images
        for each in image.get("imageTags", ())
        if each.startswith(f"{target}-")
    }
    newest = max(pushed, key=lambda each: pushed[each], default=tag)
    if pushed.get(newest, mine["imagePushedAt"]) > mine["imagePushedAt"]:
        return Finding(name, "warning", f"{told}; there is a newer build: {newest}.", build)
    if age > _OLD_DAYS * 86_400:
        return Finding(name, "warning", f"{told}: its agents are, too.", build)
    return Finding(name, "ok", told)


def _images(checked: CheckedStack, repository: str) -> list[Mapping[str, Any]]:
    """Every image with a tag, also those of the other target."""
    with translated(f"the image repository {repository}"):
        pages = checked.client("ecr").get_paginator("describe_images")
        found = pages.paginate(repositoryName=repository.partition("/")[2], filter={"tagStatus": "TAGGED"})
        return [image for page in found for image in page["imageDetails"]]
