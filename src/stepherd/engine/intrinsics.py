"""CloudFormation's intrinsic functions, as far as a template needs them to be read on a laptop.

Source: the CloudFormation intrinsic function reference. An intrinsic that is not served is an error that
names it, when its value is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from stepherd.errors import ConfigurationError
from stepherd.services.number_text import WHOLE

__all__ = ["NO_VALUE", "Resolver"]

NO_VALUE: Any = object()
_VARIABLE = re.compile(r"\$\{(!?)([\w.:]+)\}")


class Resolver:
    """Evaluates intrinsics with a template's parameters and conditions, and local names for its resources.

    ``reference`` gives a resource's Ref, ``attribute`` its GetAtt; both get the logical id.
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        parameters: Mapping[str, str],
        reference: Callable[[str], str],
        attribute: Callable[[str, str], str],
    ) -> None:
        declared = template.get("Parameters") or {}
        unknown = sorted(parameters.keys() - declared.keys())
        if unknown:
            known = ", ".join(declared)
            raise ConfigurationError(
                f"The template has no parameter {unknown[0]}.", remedy=f"It has: {known}."
            )
        self._parameters = {name: str(spec.get("Default", "")) for name, spec in declared.items()} | dict(
            parameters
        )
        self._conditions = template.get("Conditions") or {}
        self._reference = reference
        self._attribute = attribute
        self.pseudo = {
            "AWS::Partition": "aws",
            "AWS::Region": "us-east-1",
            "AWS::AccountId": "000000000000",
            "AWS::StackName": "stepherd",
            "AWS::URLSuffix": "amazonaws.com",
        }

    def value(self, node: Any) -> Any:
        """A node with its intrinsics evaluated, at any depth; ``AWS::NoValue`` members are left out."""
        if isinstance(node, list):
            return [item for item in map(self.value, node) if item is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            name, argument = next(iter(node.items()))
            if name == "Ref" or name.startswith("Fn::"):
                return self._intrinsic(name, argument)
        values = {key: self.value(item) for key, item in node.items()}
        return {key: item for key, item in values.items() if item is not NO_VALUE}

    def _intrinsic(self, name: str, argument: Any) -> Any:  # noqa: PLR0911 - one per function
        match name:
            case "Ref":
                return self._ref(argument)
            case "Fn::Sub":
                return self._sub(argument)
            case "Fn::GetAtt":
                return self._attribute(argument[0], str(self.value(argument[1])))
            case "Fn::If":
                return self.value(argument[1] if self.condition(argument[0]) else argument[2])
            case "Fn::Join":
                return str(argument[0]).join(str(item) for item in self.value(argument[1]))
            case "Fn::Select":
                return self._selected(argument[0], self.value(argument[1]))
            case "Fn::Split":
                return str(self.value(argument[1])).split(str(argument[0]))
        raise ConfigurationError(
            f"The engine does not read {name} in a template.", remedy="Use Fn::Sub or Ref."
        )

    def _selected(self, index: object, values: Any) -> Any:
        text = str(index)
        if not (isinstance(values, list) and WHOLE.fullmatch(text) and 0 <= int(text) < len(values)):
            raise ConfigurationError(
                f"Fn::Select has no element '{text[:40]}'.", remedy="Give an index of its list, from 0."
            )
        return values[int(text)]

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.pseudo:
            return self.pseudo[name]
        return self._parameters[name] if name in self._parameters else self._reference(name)

    def _sub(self, argument: Any) -> str:
        text, own = (argument[0], self.value(argument[1])) if isinstance(argument, list) else (argument, {})

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in own:
                return str(own[name])
            if "." in name:
                return str(self._attribute(*name.split(".", 1)))
            return str(self._ref(name))

        return _VARIABLE.sub(replace, text)

    def condition(self, name: Any) -> bool:  # noqa: PLR0911 - one per function
        """Whether a condition holds, by name or written out."""
        if isinstance(name, str):
            return self.condition(self._conditions[name])
        kind, argument = next(iter(name.items()))
        match kind:
            case "Condition":
                return self.condition(argument)
            case "Fn::Equals":
                return bool(self.value(argument[0]) == self.value(argument[1]))
            case "Fn::Contains":
                return bool(self.value(argument[1]) in self.value(argument[0]))
            case "Fn::Not":
                return not self.condition(argument[0])
            case "Fn::And":
                return all(self.condition(item) for item in argument)
            case "Fn::Or":
                return any(self.condition(item) for item in argument)
        raise ConfigurationError(f"The engine does not read {kind} in a condition.", remedy="Use Fn::Equals.")
