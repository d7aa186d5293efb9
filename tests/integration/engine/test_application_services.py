"""Functions, topics, queues and nested executions of a template, run for real (facts/histories.md 2.2)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from tests.engine_bench import ECS, LAMBDA, ROLE, machine_of, task
from tests.integration.engine.conftest import Site

N = {"N": {"Type": "Pass"}}
PREFIX = "arn:aws:states:us-east-1:000000000000:stateMachine:"


def _invoke(do: str, function: str = "do", **more: Any) -> dict[str, Any]:
    return {**task(LAMBDA), "Arguments": {"FunctionName": function, "Payload": {"do": do, **more}}}


@pytest.mark.parametrize("value", [None, 1, "text", {"a": [1, None]}, []])
def test_lambda_invoke_gives_the_envelope_with_the_payload_as_json(site: Site, value: Any) -> None:
    done = site.run({"T": _invoke("echo", value=value)}, name=f"echo-{type(value).__name__}")

    answer = done.output
    assert list(answer) == [
        "ExecutedVersion",
        "Payload",
        "SdkHttpMetadata",
        "SdkResponseMetadata",
        "StatusCode",
    ]
    assert answer["Payload"] == value
    assert (answer["ExecutedVersion"], answer["StatusCode"]) == ("$LATEST", 200)
    assert list(answer["SdkHttpMetadata"]) == ["AllHttpHeaders", "HttpHeaders", "HttpStatusCode"]
    assert list(answer["SdkResponseMetadata"]) == ["RequestId"]


def test_a_function_that_raises_gives_its_type_and_the_whole_report_as_compact_json(site: Site) -> None:
    done = site.run({"T": _invoke("raise")}, name="raise")

    failed = done.details("TaskFailed")
    assert failed["error"] == "ValueError"
    report = json.loads(failed["cause"])
    assert (report["errorMessage"], report["errorType"]) == ("no good", "ValueError")
    assert set(report) == {"errorMessage", "errorType", "requestId", "stackTrace"}
    assert failed["cause"] == json.dumps(report, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize(
    ("do", "function", "error", "words"),
    [
        ("exit", "do", "Lambda.Unknown", "Runtime exited with error: exit status 3"),
        ("sleep", "do", "Sandbox.Timedout", "Task timed out after 2.00 seconds"),
        ("unprintable", "do", "Runtime.MarshalError", "not JSON serializable"),
        ("echo", "missing", "Runtime.ImportModuleError", "nowhere"),
        (
            "echo",
            "nope",
            "Lambda.ResourceNotFoundException",
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nope (Service: Lambda; "
            "Status Code: 404",
        ),
    ],
)
def test_functions_that_break_fail_with_lambdas_errors(
    site: Site, do: str, function: str, error: str, words: str
) -> None:
    done = site.run({"T": _invoke(do, function)}, name=f"break-{do}-{function}")

    failed = done.details("TaskFailed")
    assert failed["error"] == error
    assert words in failed["cause"]


def test_a_broken_worker_is_replaced(site: Site) -> None:
    retried = site.run(
        {
            "T": {**_invoke("exit"), "Catch": [{"ErrorEquals": ["Lambda.Unknown"], "Next": "U"}]},
            "U": _invoke("echo", value=5),
        },
        name="replaced",
    )

    assert retried.output["Payload"] == 5


def test_a_worker_stays_warm_and_its_environment_is_an_allowlist(site: Site) -> None:
    first = site.run({"T": _invoke("environment")}, name="env1").output["Payload"]
    second = site.run({"T": _invoke("environment")}, name="env2").output["Payload"]

    assert first["pid"] == second["pid"]
    assert first["from"] == "is told"
    assert {"AWS_ENDPOINT_URL_SFN", "AWS_LAMBDA_FUNCTION_NAME", "HEARD"} <= set(first["names"])
    # Certificates and proxies of git count as they do for git; nothing else of its variables goes along.
    way_out = {"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_PROXY_SSL_CAINFO", "GIT_HTTP_PROXY_AUTHMETHOD"}
    assert not {n for n in first["names"] if n.startswith(("PYTEST", "GIT_"))} - way_out


def test_the_functions_own_arn_gives_the_bare_payload(site: Site) -> None:
    arn = f"{PREFIX}calls"
    started = site.do(lambda: site.local.api.call("StartExecution", {"stateMachineArn": arn}))

    done = site.finish(started["executionArn"])
    assert done.types[2:5] == ["LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"]
    assert done.output == 1


def test_a_function_answers_a_task_token_through_the_endpoint(site: Site) -> None:
    state = {
        **task("arn:aws:states:::lambda:invoke.waitForTaskToken", TimeoutSeconds=60),
        "Arguments": {
            "FunctionName": "do",
            "Payload": {"do": "call back", "token": "{% $states.context.Task.Token %}"},
        },
    }

    assert site.run({"T": state}, name="token").output == "called back"


def test_sns_delivers_to_the_subscribed_function_the_text_for_its_protocol(site: Site) -> None:
    message = {"default": "for people", "lambda": "for machines"}
    arguments = {
        "TopicArn": "arn:aws:sns:us-east-1:000000000000:news",
        "Subject": "s",
        "Message": message,
        "MessageStructure": "json",
    }

    done = site.run({"T": {**task("arn:aws:states:::sns:publish"), "Arguments": arguments}}, name="sns")

    assert set(done.output) == {"MessageId", "SdkHttpMetadata", "SdkResponseMetadata"}
    assert json.loads(done.details("TaskScheduled")["parameters"])["Message"] == message
    for _ in range(20_000):
        if site.heard.exists() and site.heard.read_text():
            break
        site.do(lambda: None)
    assert site.heard.read_text() == "for machines\n"
    notices = (site.home / "notices.jsonl").read_text()
    assert "for people" in notices
    assert "for machines" not in notices


@pytest.mark.parametrize("message", ["not json", '{"lambda": "no default"}'])
def test_sns_refuses_what_it_cannot_split_by_protocol(site: Site, message: str) -> None:
    arguments = {
        "TopicArn": "arn:aws:sns:us-east-1:000000000000:news",
        "Message": message,
        "MessageStructure": "json",
    }

    done = site.run(
        {"T": {**task("arn:aws:states:::sns:publish"), "Arguments": arguments}}, name=f"sns{len(message)}"
    )

    assert done.description["error"] == "SNS.InvalidParameterException"


def test_sqs_sends_an_object_as_json_text_and_shows_it_as_an_object(site: Site) -> None:
    arguments = {"QueueUrl": "https://sqs.us-east-1.amazonaws.com/000000000000/jobs", "MessageBody": {"a": 1}}

    done = site.run({"T": {**task("arn:aws:states:::sqs:sendMessage"), "Arguments": arguments}}, name="sqs")

    assert json.loads(done.details("TaskScheduled")["parameters"])["MessageBody"] == {"a": 1}
    assert set(done.output) == {"MD5OfMessageBody", "MessageId", "SdkHttpMetadata", "SdkResponseMetadata"}
    assert done.output["MD5OfMessageBody"] == "bb6cb5c68df4652941caf652a366f2d8"
    with sqlite3.connect(site.home / "queues.sqlite3") as database:
        stored = "".join(str(row) for row in database.execute("SELECT * FROM messages"))
    database.close()
    assert '{"a":1}' in stored


@pytest.mark.parametrize("missing", ["QueueUrl", "MessageBody"])
def test_sqs_names_a_missing_parameter(site: Site, missing: str) -> None:
    arguments = {"QueueUrl": "https://sqs.us-east-1.amazonaws.com/000000000000/jobs", "MessageBody": "x"}
    del arguments[missing]

    done = site.run(
        {"T": {**task("arn:aws:states:::sqs:sendMessage"), "Arguments": arguments}}, name=f"no{missing}"
    )

    assert done.description["error"] == "SQS.AmazonSQSException"
    assert (
        f"The request must contain the parameter {missing}. (Service: AmazonSQS; Status Code: 400; "
        "Error Code: MissingParameter; Request ID: " in done.description["cause"]
    )
    assert done.description["cause"].endswith("; Proxy: null)")


# -- nested executions -------------------------------------------------------------------------------


def _nested(pattern: str, machine: str, text: str = '{"n":1}') -> dict[str, Any]:
    return {
        **task(f"arn:aws:states:::states:startExecution{pattern}"),
        "Arguments": {"StateMachineArn": PREFIX + machine, "Input": text},
    }


@pytest.mark.parametrize(("pattern", "as_text"), [(".sync", True), (".sync:2", False)])
def test_a_nested_execution_that_is_waited_for_gives_its_envelope(
    site: Site, pattern: str, as_text: bool
) -> None:
    child = f"child{len(pattern)}"
    site.run({"C": {"Type": "Pass", "Output": {"m": 2}}}, name=child)

    done = site.run({"T": _nested(pattern, child)}, name=f"parent{len(pattern)}")

    assert set(json.loads(done.details("TaskSubmitted")["output"])) == {
        "ExecutionArn",
        "SdkHttpMetadata",
        "SdkResponseMetadata",
        "StartDate",
    }
    envelope = done.output
    assert list(envelope) == [
        *(
            "ExecutionArn",
            "Input",
            "InputDetails",
            "Name",
            "Output",
            "OutputDetails",
            "RedriveCount",
            "RedriveStatus",
        ),
        *("RedriveStatusReason", "StartDate", "StateMachineArn", "Status", "StopDate"),
    ]
    assert envelope["Input"] == ('{"n":1}' if as_text else {"n": 1})
    assert envelope["Output"] == ('{"m":2}' if as_text else {"m": 2})
    assert envelope["InputDetails"] == {"Included": True}
    assert isinstance(envelope["StartDate"], int)
    assert envelope["StartDate"] > 1_700_000_000_000


@pytest.mark.parametrize("timed_out", [False, True])
def test_a_nested_execution_that_fails_fails_its_parent_with_the_envelope(
    site: Site, timed_out: bool
) -> None:
    child = f"failing{timed_out}"
    state = {"Type": "Wait", "Seconds": 60} if timed_out else {"Type": "Fail", "Error": "E"}
    fields = {"TimeoutSeconds": 1} if timed_out else {}
    site.run({"C": state}, name=child, **fields)

    done = site.run({"T": _nested(".sync:2", child)}, name=f"parent{child}")

    assert done.description["error"] == "States.TaskFailed"
    cause = json.loads(done.description["cause"])
    assert cause["Status"] == ("TIMED_OUT" if timed_out else "FAILED")
    assert "Output" not in cause
    assert "Cause" not in cause
    assert cause.get("Error") == (None if timed_out else "E")


def test_plain_start_execution_answers_at_once(site: Site) -> None:
    site.run({"C": {"Type": "Pass"}}, name="quick")

    done = site.run({"T": _nested("", "quick")}, name="starter")

    assert set(done.output) == {"ExecutionArn", "SdkHttpMetadata", "SdkResponseMetadata", "StartDate"}
    assert site.finish(done.output["ExecutionArn"]).status == "SUCCEEDED"


def test_a_nested_machine_that_is_not_there(site: Site) -> None:
    done = site.run({"T": _nested("", "nowhere")}, name="lost")

    assert done.description["error"] == "StepFunctions.StateMachineDoesNotExistException"


@pytest.mark.parametrize(("given", "code"), [
    ({"Input": "{"}, "InvalidExecutionInput"), ({"Input": "["  * 600 + "]" * 600}, "InvalidExecutionInput"),
    ({"Name": "a b"}, "InvalidName"),
    ({"Name": "\ud800"}, "InvalidName"), ({"Name": {"a": 1}}, "InvalidName"),
])  # fmt: skip
def test_a_nested_execution_is_started_as_the_api_would_start_it(
    site: Site, given: dict[str, Any], code: str
) -> None:
    site.do(lambda: site.local.engine.put_machine("child", json.dumps(machine_of(N)), ROLE))
    arguments = {**_nested("", "child")["Arguments"], **given}
    state = {**_nested("", "child"), "Arguments": "{% $states.input %}"}
    done = site.run({"T": state}, json.dumps(arguments), name=f"odd{hash(str(given))}")

    assert done.description["error"] == f"StepFunctions.{code}Exception"


ODD = [None, True, -1, 1e300, [[]], {"": None}, "\0", "\ud800"]
GOOD: dict[str, dict[str, Any]] = {
    "lambda:invoke": {"FunctionName": "do", "Payload": {"do": "echo", "value": 1}},
    "ecs:runTask": {"TaskDefinition": "job"},
    "sns:publish": {"TopicArn": "arn:aws:sns:us-east-1:000000000000:news", "Message": "m"},
    "sqs:sendMessage": {
        "QueueUrl": "https://sqs.us-east-1.amazonaws.com/000000000000/jobs",
        "MessageBody": "x",
    },
    "states:startExecution": {"StateMachineArn": f"{PREFIX}child"},
}
NAMES = {
    "lambda:invoke": ["FunctionName", "Payload", "InvocationType"],
    "ecs:runTask": ["TaskDefinition", "Overrides"],
    "sns:publish": ["Message", "Subject", "MessageStructure"],
    "sqs:sendMessage": ["MessageBody", "MessageGroupId", "MessageDeduplicationId"],
    "states:startExecution": ["StateMachineArn", "Input", "Name"],
}


@pytest.mark.parametrize("resource", NAMES)
def test_no_arguments_are_a_fault_of_the_engine(site: Site, resource: str) -> None:
    """Of any type that JSON has, they end the task or the execution in words."""
    site.do(lambda: site.local.engine.put_machine("child", json.dumps(machine_of(N)), ROLE))
    faults: list[Any] = []
    state = {**task(f"arn:aws:states:::{resource}"), "Arguments": "{% $states.input %}"}
    for index, odd in enumerate(ODD):
        for name in NAMES[resource]:
            done = site.run({"T": state}, json.dumps({**GOOD[resource], name: odd}), name=f"{name}{index}")
            cause = str(done.description.get("cause"))
            faults += [(name, odd, cause)] if "engine failed" in cause else []

    assert not faults


def test_a_template_task_definition_runs_with_overrides(site: Site) -> None:
    overrides = {"ContainerOverrides": [{"Name": "main", "Environment": [{"Name": "CODE", "Value": "9"}]}]}
    arguments = {"TaskDefinition": "job", "Overrides": overrides}

    done = site.run({"T": {**task(ECS), "Arguments": arguments}}, name="ecs")

    assert json.loads(done.description["cause"])["Containers"][0]["ExitCode"] == 9
