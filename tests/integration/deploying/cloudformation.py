"""CloudFormation's API over the stacks, with its refusals; SAM's transform by SAM's own translator."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import uuid
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from tests.integration.deploying.resources import REGION, Resources
from tests.integration.deploying.stacks import UPDATABLE, ChangeSet, Stack, Trouble

_SCRIPT = Path(__file__).parents[1] / "cloud" / "translate_sam.py"
_PAGE = 40
_UNCHANGED = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
_CAPABILITIES = {"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"}


class Rejected(Exception):
    """An error answer: code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class CloudFormation:
    """One account and region. ``sam_python`` has aws-sam-translator; ``scratch`` is a folder."""

    def __init__(self, client: Callable[[str], Any], sam_python: str, scratch: Path) -> None:
        self._client, self._python, self._scratch = client, sam_python, scratch
        self.trouble = Trouble()
        self.stacks: list[Stack] = []
        self.resources = Resources(client)

    def answer(self, action: str, given: dict[str, str]) -> str:
        """The XML of one call. Raises Rejected."""
        body = getattr(self, f"_{action}")(given)
        return (
            f'<{action}Response xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">'
            f"<{action}Result>{body}</{action}Result></{action}Response>"
        )

    def find(self, name: str) -> Stack:
        """By name, while it is there; by ARN, always. Raises Rejected."""
        for stack in reversed(self.stacks):
            if stack.id == name or (stack.name == name and stack.status != "DELETE_COMPLETE"):
                return stack
        raise Rejected("ValidationError", f"Stack with id {name} does not exist")

    # -- stacks ---------------------------------------------------------------------------------------

    def _DescribeStacks(self, given: dict[str, str]) -> str:
        if "StackName" in given:
            found = [self.find(given["StackName"])]
        else:
            found = [stack for stack in self.stacks if stack.status != "DELETE_COMPLETE"]
        for stack in found:
            stack.look()
        return f"<Stacks>{''.join(map(_described, found))}</Stacks>"

    def _ListStacks(self, given: dict[str, str]) -> str:
        wanted = {value for key, value in given.items() if key.startswith("StackStatusFilter")}
        items = [
            _fields({"StackId": stack.id, "StackName": stack.name, "StackStatus": stack.status,
                     "CreationTime": stack.created.isoformat(),
                     "DeletionTime": stack.deleted.isoformat() if stack.deleted else ""})
            for stack in self.stacks if stack.status in wanted
        ]  # fmt: skip
        return f"<StackSummaries>{_members(items)}</StackSummaries>"

    def _DescribeStackEvents(self, given: dict[str, str]) -> str:
        stack = self.find(given["StackName"])
        start = int(given.get("NextToken") or 0)
        page = stack.events[start : start + _PAGE]
        more = f"<NextToken>{start + _PAGE}</NextToken>" if len(stack.events) > start + _PAGE else ""
        return f"<StackEvents>{_members(map(_fields, page))}</StackEvents>{more}"

    def _ListStackResources(self, given: dict[str, str]) -> str:
        stack = self.find(given["StackName"])
        items = [
            _fields({"LogicalResourceId": logical, "PhysicalResourceId": it["id"], "ResourceType": it["type"],
                     "ResourceStatus": it["status"], "LastUpdatedTimestamp": datetime.now(UTC).isoformat()})
            for logical, it in stack.made.items()
        ]  # fmt: skip
        return f"<StackResourceSummaries>{_members(items)}</StackResourceSummaries>"

    def _DescribeStackResource(self, given: dict[str, str]) -> str:
        it = self.find(given["StackName"]).made[given["LogicalResourceId"]]
        fields = {"LogicalResourceId": given["LogicalResourceId"], "PhysicalResourceId": it["id"]}
        return f"<StackResourceDetail>{_fields(fields)}</StackResourceDetail>"

    def _DeleteStack(self, given: dict[str, str]) -> str:
        stack = self.find(given["StackName"])
        stack.finish()
        if stack.status != "DELETE_COMPLETE":
            stack.delete()
        return ""

    def _ContinueUpdateRollback(self, given: dict[str, str]) -> str:
        stack = self.find(given["StackName"])
        if stack.status != "UPDATE_ROLLBACK_FAILED":
            raise Rejected(
                "ValidationError", f"Stack:{stack.id} is in {stack.status} state and can not be continued."
            )
        stack.go_on_rolling_back()
        return ""

    # -- change sets ----------------------------------------------------------------------------------

    def _CreateChangeSet(self, given: dict[str, str]) -> str:
        stack = self._for_change_set(given)
        missing = _CAPABILITIES - {value for key, value in given.items() if key.startswith("Capabilities")}
        if missing:
            raise Rejected("InsufficientCapabilitiesException", f"Requires capabilities : {sorted(missing)}")
        change = self._change_set(stack, given)
        stack.change_sets[change.id] = change
        stack.tags = {each["Key"]: each["Value"] for each in _pairs(given, "Tags")}
        return f"<Id>{change.id}</Id><StackId>{stack.id}</StackId>"

    def _for_change_set(self, given: dict[str, str]) -> Stack:
        name = given["StackName"]
        there = next(
            (each for each in self.stacks if each.name == name and each.status != "DELETE_COMPLETE"), None
        )
        if given["ChangeSetType"] == "CREATE":
            if there is not None and there.status != "REVIEW_IN_PROGRESS":
                raise Rejected(
                    "ValidationError", f"Stack [{name}] already exists and cannot be created again"
                )
            if there is None:
                there = Stack(name, self.resources, self.trouble)
                self.stacks.append(there)
            return there
        if there is None:
            raise Rejected("ValidationError", f"Stack [{name}] does not exist")
        if there.status not in UPDATABLE:
            raise Rejected(
                "ValidationError", f"Stack:{there.id} is in {there.status} state and can not be updated."
            )
        return there

    def _change_set(self, stack: Stack, given: dict[str, str]) -> ChangeSet:
        identity = f"arn:aws:cloudformation:{REGION}:changeSet/{given['ChangeSetName']}/{uuid.uuid4()}"
        try:
            template = self._translated(given["TemplateURL"])
        except ValueError as error:
            words = f"Transform AWS::Serverless-2016-10-31 failed with: {error}"
            return ChangeSet(identity, "FAILED", words, {}, {})
        parameters = _parameters(template, given, stack.parameters)
        if (template, parameters) == (stack.template, stack.parameters):
            return ChangeSet(identity, "FAILED", _UNCHANGED, template, parameters)
        return ChangeSet(identity, "CREATE_COMPLETE", "", template, parameters)

    def _DescribeChangeSet(self, given: dict[str, str]) -> str:
        stack, change = self._found(given["ChangeSetName"])
        change.looked_at += 1
        status = change.status if change.looked_at > 1 else "CREATE_PENDING"
        fields = {"ChangeSetId": change.id, "StackId": stack.id, "StackName": stack.name, "Status": status}
        return _fields({**fields, "StatusReason": change.reason})

    def _ExecuteChangeSet(self, given: dict[str, str]) -> str:
        stack, change = self._found(given["ChangeSetName"])
        if change.status != "CREATE_COMPLETE":
            raise Rejected("InvalidChangeSetStatus", f"ChangeSet [{change.id}] cannot be executed")
        stack.execute(change)
        return ""

    def _DeleteChangeSet(self, given: dict[str, str]) -> str:
        stack, change = self._found(given["ChangeSetName"])
        del stack.change_sets[change.id]
        return ""

    def _found(self, identity: str) -> tuple[Stack, ChangeSet]:
        for stack in self.stacks:
            if identity in stack.change_sets:
                return stack, stack.change_sets[identity]
        raise Rejected("ChangeSetNotFound", f"ChangeSet [{identity}] does not exist")

    def _translated(self, address: str) -> dict[str, Any]:
        """A template in S3 after the transform. Raises ValueError with the translator's words."""
        host, _, key = address.removeprefix("https://").partition("/")
        text = self._client("s3").get_object(Bucket=host.partition(".")[0], Key=key)["Body"].read()
        template = self.transformed(text)
        self._check_code(template)
        return template

    def transformed(self, text: bytes) -> dict[str, Any]:
        """Once for each text. Raises ValueError with the translator's words."""
        plain = self._scratch / f"{hashlib.sha256(text).hexdigest()}.json"
        if not plain.exists():
            packaged = self._scratch / f"{uuid.uuid4().hex}.yaml"
            packaged.write_bytes(text)
            done = subprocess.run(
                [self._python, str(_SCRIPT), str(packaged), str(plain)], capture_output=True, text=True,
                check=False, env={"AWS_DEFAULT_REGION": REGION, "PATH": ""}, timeout=60,
            )  # fmt: skip
            if done.returncode != 0:
                raise ValueError(done.stderr.strip().splitlines()[-1])
        template: dict[str, Any] = json.loads(plain.read_text())
        return template

    def deployed(self, name: str, text: bytes, parameters: dict[str, str]) -> Stack:
        """A stack that somebody has deployed before."""
        template = self.transformed(text)
        values = {key: str(spec["Default"]) for key, spec in template["Parameters"].items()}
        stack = Stack(name, self.resources, self.trouble, tags={"Application": "stepherd"})
        self.stacks.append(stack)
        stack.execute(ChangeSet("before", "CREATE_COMPLETE", "", template, {**values, **parameters}))
        stack.finish()
        return stack

    def _check_code(self, template: dict[str, Any]) -> None:
        """Lambda reads the code when it makes a function: it must be there, and a zip."""
        for logical, resource in template["Resources"].items():
            properties = resource.get("Properties", {})
            if resource["Type"] == "AWS::Lambda::Function":
                self._names(properties["Code"], "app.py", logical)
            elif resource["Type"] == "AWS::Lambda::LayerVersion":
                self._names(properties["Content"], "python/stepherd/__init__.py", logical)

    def _names(self, code: dict[str, str], wanted: str, logical: str) -> None:
        body = self._client("s3").get_object(Bucket=code["S3Bucket"], Key=code["S3Key"])["Body"].read()
        assert wanted in zipfile.ZipFile(io.BytesIO(body)).namelist(), logical


def _parameters(template: dict[str, Any], given: dict[str, str], had: dict[str, str]) -> dict[str, str]:
    values = {
        name: str(spec["Default"]) for name, spec in template["Parameters"].items() if "Default" in spec
    }
    for pair in _pairs(given, "Parameters"):
        name = pair["ParameterKey"]
        if name not in template["Parameters"]:
            raise Rejected("ValidationError", f"Parameters: [{name}] do not exist in the template")
        if pair.get("UsePreviousValue") == "true":
            if name not in had:
                raise Rejected(
                    "ValidationError",
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue",
                )
            values[name] = had[name]
        else:
            values[name] = pair.get("ParameterValue", "")
    return values


def _pairs(given: dict[str, str], name: str) -> Iterator[dict[str, str]]:
    number = 1
    while True:
        head = f"{name}.member.{number}."
        pair = {key.removeprefix(head): value for key, value in given.items() if key.startswith(head)}
        if not pair:
            return
        yield pair
        number += 1


def _described(stack: Stack) -> str:
    def pairs(outer: str, key: str, value: str, fields: dict[str, str]) -> str:
        return f"<{outer}>{_members(_fields({key: k, value: v}) for k, v in fields.items())}</{outer}>"

    own = {"StackId": stack.id, "StackName": stack.name, "StackStatus": stack.status}
    lists = (
        pairs("Outputs", "OutputKey", "OutputValue", stack.outputs),
        pairs("Parameters", "ParameterKey", "ParameterValue", stack.parameters),
        pairs("Tags", "Key", "Value", stack.tags),
    )
    return f"<member>{_fields({**own, 'CreationTime': stack.created.isoformat()})}{''.join(lists)}</member>"


def _fields(fields: dict[str, str]) -> str:
    return "".join(
        f"<{name}>{escape(str(value))}</{name}>"
        for name, value in fields.items()
        if value != "" or name == "ParameterValue"
    )


def _members(items: Any) -> str:
    return "".join(f"<member>{item}</member>" for item in items)
