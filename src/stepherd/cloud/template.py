"""The application's template as plain data."""

from __future__ import annotations

from collections import Counter
from typing import Any

from stepherd.application import Project
from stepherd.errors import ConfigurationError
from stepherd.services.template_text import read_template

__all__ = ["resource_counts", "template_of"]

Template = dict[str, Any]


def template_of(project: Project) -> Template:
    """template.yaml as plain data. Raises ConfigurationError."""
    path = project.root / "template.yaml"
    try:
        return read_template(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise ConfigurationError(
            f"The template {path} cannot be read: {error.strerror}.", remedy="Install Stepherd again."
        ) from error


def resource_counts(template: Template) -> Counter[str]:
    """How many resources of each type the template names, those of its transform not counted."""
    return Counter(resource["Type"] for resource in template["Resources"].values())
