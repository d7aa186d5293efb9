"""A CloudFormation template's text as plain data."""

from __future__ import annotations

from typing import Any

import yaml

from stepherd.errors import ConfigurationError
from stepherd.services.yaml_values import PlainValues

__all__ = ["read_template"]

_SHORT_FORMS = ("Ref", "Condition")


_FAST_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, ten times as fast, where PyYAML was built with it."""


class _Loader(PlainValues, _FAST_LOADER):  # type: ignore[misc]
    """YAML with CloudFormation's short forms: ``!Sub x`` is ``{"Fn::Sub": x}``."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in _SHORT_FORMS else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def read_template(text: str, name: str) -> dict[str, Any]:
    """A template as plain data, short forms spelled out. Raises ConfigurationError when it cannot be read."""
    try:
        template = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ArithmeticError, ValueError, RecursionError) as error:
        line = str(error).replace("\n", " ")
        raise ConfigurationError(
            f"{name} is not readable YAML: {line}.", remedy="Fix the template."
        ) from error
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise ConfigurationError(f"{name} has no Resources.", remedy="Use a SAM or CloudFormation template.")
    return template
