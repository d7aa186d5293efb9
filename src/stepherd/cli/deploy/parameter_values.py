"""Values of the stack's parameters, judged as CloudFormation judges them, before anything is made.

CloudFormation says the same once the code is uploaded; until then there is a staging bucket already.
Source: CloudFormation user guide, "Parameters" and "Rules".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from stepherd.engine.intrinsics import Resolver
from stepherd.errors import UsageError

__all__ = ["check_rules", "check_value"]

_NUMBER: Final = re.compile(r"-?[0-9]{1,15}([.][0-9]{1,15})?")
_LONGEST: Final = 100


def check_value(name: str, declared: Mapping[str, Any], value: str) -> None:
    """One value against what the template declares of its parameter. Raises UsageError."""
    allowed = [str(each) for each in declared.get("AllowedValues", ())]
    if allowed and value not in allowed:
        _refuse(name, value, f"It is one of: {', '.join(allowed)}.")
    pattern = declared.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(pattern, value):
        _refuse(name, value, f"{name} {declared.get('ConstraintDescription') or f'matches {pattern}'}.")
    if len(value) > int(declared.get("MaxLength", len(value))):
        _refuse(name, value, f"It has at most {declared['MaxLength']} characters.")
    if declared["Type"] == "Number":
        _check_number(name, declared, value)


def _check_number(name: str, declared: Mapping[str, Any], value: str) -> None:
    if not _NUMBER.fullmatch(value):
        _refuse(name, value, "It is a number.")
    least, most = declared.get("MinValue"), declared.get("MaxValue")
    if (least is not None and float(value) < least) or (most is not None and float(value) > most):
        _refuse(name, value, f"It is a number from {least} to {most}.")


def check_rules(template: Mapping[str, Any], values: Mapping[str, str]) -> None:
    """Values against each other; what is not among ``values`` has its default. Raises UsageError."""
    declared = template["Parameters"]
    known = {name: value for name, value in values.items() if name in declared}
    resolver = Resolver(template, known, lambda _: "", lambda _, __: "")
    for rule in template.get("Rules", {}).values():
        if "RuleCondition" in rule and not resolver.condition(rule["RuleCondition"]):
            continue
        for each in rule["Assertions"]:
            if not resolver.condition(each["Assert"]):
                raise UsageError(
                    f"These parameters do not go together: {each['AssertDescription']}",
                    remedy="Change the --parameter options.",
                )


def _refuse(name: str, value: str, remedy: str) -> NoReturn:
    raise UsageError(f"'{value[:_LONGEST]}' cannot be the value of {name}.", remedy=remedy)
