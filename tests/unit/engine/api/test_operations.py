"""The API's answers, errors and pages (facts/histories.md 6)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.differences import differs, quota
from tests.engine_bench import ROLE, SQS_TOKEN, Bench, Scripted, hangs, machine_of, task

from stepherd.engine.api.errors import ApiError
from stepherd.engine.api.operations import check_name

PASS = {"A": {"Type": "Pass"}}
WAIT = {"W": {"Type": "Wait", "Seconds": 1000}}
FAIL = {"F": {"Type": "Fail", "Error": "E", "Cause": "c"}}


def on_bench(home: Path, work: Callable[[Bench], Awaitable[Any]], *, automatic: bool = False) -> Any:
    """Do something with an engine whose clock stands still."""

    async def run() -> Any:
        async with Bench(
            home, {"sqs": Scripted({}), "lambda": Scripted(hangs)}, automatic=automatic
        ) as bench:
            return await work(bench)

    return asyncio.run(run())


def _error(bench: Bench, operation: str, **request: Any) -> tuple[str, str]:
    with pytest.raises(ApiError) as caught:
        bench.call(operation, **request)
    return caught.value.code, caught.value.message


NO_MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:Nope"
NO_EXECUTION = "arn:aws:states:us-east-1:000000000000:execution:M:nope"
ERRORS: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "DescribeExecution",
        {"executionArn": NO_EXECUTION},
        "ExecutionDoesNotExist",
        f"Execution Does Not Exist: '{NO_EXECUTION}'",
    ),
    (
        "GetExecutionHistory",
        {"executionArn": NO_EXECUTION},
        "ExecutionDoesNotExist",
        f"Execution Does Not Exist: '{NO_EXECUTION}'",
    ),
    (
        "StopExecution",
        {"executionArn": NO_EXECUTION},
        "ExecutionDoesNotExist",
        f"Execution Does Not Exist: '{NO_EXECUTION}'",
    ),
    (
        "StartExecution",
        {"stateMachineArn": NO_MACHINE},
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{NO_MACHINE}'",
    ),
    (
        "ListExecutions",
        {"stateMachineArn": NO_MACHINE},
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{NO_MACHINE}'",
    ),
    (
        "DescribeStateMachine",
        {"stateMachineArn": NO_MACHINE},
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{NO_MACHINE}'",
    ),
    ("DescribeStateMachine", {"stateMachineArn": "x"}, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'"),
    ("DescribeExecution", {"executionArn": "x"}, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'"),
    (
        "DescribeExecution",
        {},
        "ValidationException",
        "1 validation error detected: Value 'None' at 'executionArn' failed to satisfy constraint: "
        "Member must not be null",
    ),
    (
        "CreateStateMachine",
        {"name": "a b", "definition": "{}", "roleArn": ROLE},
        "InvalidName",
        "Invalid Name: 'a b'",
    ),
    (
        "CreateStateMachine",
        {"name": "a", "definition": "{", "roleArn": ROLE},
        "InvalidDefinition",
        "Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION",
    ),
    (
        "CreateStateMachine",
        {"name": "a", "definition": "{}", "roleArn": ROLE, "type": "EXPRESS"},
        "StateMachineTypeNotSupported",
        "Only STANDARD",
    ),
    ("SendTaskSuccess", {"taskToken": "x", "output": "1"}, "InvalidToken", "Invalid Token: 'Invalid token'"),
    ("SendTaskSuccess", {"taskToken": "", "output": "1"}, "InvalidToken", "Invalid Token: 'Invalid token'"),
    ("SendTaskHeartbeat", {"taskToken": "A" * 2049}, "InvalidToken", "Invalid Token: 'Invalid token'"),
    ("SendTaskFailure", {"taskToken": "ü"}, "InvalidToken", "Invalid Token: 'Invalid token'"),
    ("SendTaskSuccess", {"taskToken": "x", "output": "{"}, "InvalidOutput", "Invalid Output: "),
    (
        "SendTaskFailure",
        {"taskToken": "x", "error": "E" * 257},
        "ValidationException",
        "1 validation error detected: ",
    ),
    ("Nope", {}, "UnknownOperationException", "The engine does not serve Nope."),
]


@pytest.mark.parametrize(("operation", "request_", "code", "message"), ERRORS)
def test_errors_have_awss_code_and_message(
    tmp_path: Path, operation: str, request_: dict[str, Any], code: str, message: str
) -> None:
    async def work(bench: Bench) -> tuple[str, str]:
        return _error(bench, operation, **request_)

    got = on_bench(tmp_path, work)
    assert got[0] == code
    assert got[1].startswith(message)


@pytest.mark.parametrize("text", ["", "{", "NaN", "[Infinity]", "{'a':1}", '{"a":1} x', "[" * 100_000])
def test_an_input_that_is_not_json_is_refused(tmp_path: Path, text: str) -> None:
    async def work(bench: Bench) -> tuple[str, str]:
        return _error(bench, "StartExecution", stateMachineArn=bench.machine(PASS), input=text)

    code, message = on_bench(tmp_path, work)
    assert code == "InvalidExecutionInput"
    assert message.startswith("Invalid State Machine Execution Input: '")


def test_an_input_that_no_file_can_hold_is_refused(tmp_path: Path) -> None:
    async def work(bench: Bench) -> tuple[str, str]:
        return _error(bench, "StartExecution", stateMachineArn=bench.machine(PASS), input='"\ud800"')

    assert on_bench(tmp_path, work)[0] == "ValidationException"


@pytest.mark.parametrize("text", ["7", '"x"', "null", "[]"])
def test_a_bare_value_is_a_valid_input(tmp_path: Path, text: str) -> None:
    async def work(bench: Bench) -> Any:
        return (await bench.run(PASS, text)).description["output"]

    assert on_bench(tmp_path, work) == text


def test_no_name_gives_a_uuid_and_no_input_an_empty_object(tmp_path: Path) -> None:
    async def work(bench: Bench) -> Any:
        arn = bench.call("StartExecution", stateMachineArn=bench.machine(PASS))["executionArn"]
        return await bench.finish(arn)

    done = on_bench(tmp_path, work)
    assert len(done.description["name"]) == 36
    assert done.description["input"] == "{}"


FORBIDDEN = [*'<>{}[]?*"#%\\^|~`$&,;:/', " ", "\n", "\x00", "\x7f", "\x9f", "\u2028", "😀", chr(0xD800)]


@pytest.mark.parametrize("bad", FORBIDDEN, ids=[f"{ord(each):x}" for each in FORBIDDEN])
def test_characters_that_a_name_may_not_hold(bad: str) -> None:
    assert check_name(f"a{bad}b") is not None


@pytest.mark.parametrize(
    ("name", "good"), [("a" * 80, True), ("a" * 81, False), ("", False), ("ü-._@+=!'()", True)]
)
def test_names_have_1_to_80_characters(name: str, good: bool) -> None:
    assert (check_name(name) is None) is good


STATUSES = [
    (PASS, {}, "SUCCEEDED", {"stopDate", "output", "outputDetails", "redriveStatusReason"}),
    (FAIL, {}, "FAILED", {"stopDate", "error", "cause"}),
    ({"F": {"Type": "Fail"}}, {}, "FAILED", {"stopDate"}),
    (WAIT, {"TimeoutSeconds": 5}, "TIMED_OUT", {"stopDate"}),
]
ALWAYS = {
    "executionArn",
    "stateMachineArn",
    "name",
    "status",
    "startDate",
    "input",
    "inputDetails",
    "redriveCount",
    "redriveStatus",
}


@pytest.mark.parametrize(("states", "fields", "status", "keys"), STATUSES)
def test_a_description_has_exactly_the_keys_of_its_status(
    tmp_path: Path, states: dict[str, Any], fields: dict[str, Any], status: str, keys: set[str]
) -> None:
    async def work(bench: Bench) -> Any:
        return (await bench.run(states, **fields)).description

    description = on_bench(tmp_path, work, automatic=True)
    assert description["status"] == status
    assert set(description) == ALWAYS | keys
    assert description["inputDetails"] == {"included": True}
    redrivable = status != "SUCCEEDED"
    assert description["redriveStatus"] == ("REDRIVABLE" if redrivable else "NOT_REDRIVABLE")
    if not redrivable:
        assert description["redriveStatusReason"] == "Execution is SUCCEEDED and cannot be redriven"
        assert description["outputDetails"] == {"included": True}


def test_a_running_execution_says_why_it_cannot_be_redriven(tmp_path: Path) -> None:
    async def work(bench: Bench) -> Any:
        return bench.call("DescribeExecution", executionArn=bench.start(WAIT))

    description = on_bench(tmp_path, work)
    assert set(description) == ALWAYS | {"redriveStatusReason"}
    assert description["redriveStatusReason"] == "Execution is RUNNING and cannot be redriven"


@pytest.mark.parametrize("said", [{}, {"error": "E"}, {"error": "E", "cause": "c"}])
def test_stopping_aborts_with_what_was_said_and_no_event_for_the_state(
    tmp_path: Path, said: dict[str, str]
) -> None:
    async def work(bench: Bench) -> Any:
        arn = bench.start(WAIT)
        await bench.clock.advance(7)
        answer = bench.call("StopExecution", executionArn=arn, **said)
        again = bench.call("StopExecution", executionArn=arn, error="other")
        assert answer == again
        return await bench.finish(arn), answer

    done, answer = on_bench(tmp_path, work)
    assert done.chain == "2<-0 WaitStateEntered, 3<-0 ExecutionAborted"
    assert done.events[-1]["executionAbortedEventDetails"] == said
    assert done.status == "ABORTED"
    assert {k: v for k, v in done.description.items() if k in ("error", "cause")} == said
    assert answer["stopDate"] == done.description["stopDate"] == 1_750_000_007.0


@pytest.mark.parametrize(
    "said", [{"error": "E" * 257}, {"cause": "c" * 32_769}, {"error": 5}, {"error": "\ud800"}]
)
def test_a_stop_with_unfit_words_changes_nothing(tmp_path: Path, said: dict[str, Any]) -> None:
    async def work(bench: Bench) -> Any:
        arn = bench.start(WAIT)
        code, _ = _error(bench, "StopExecution", executionArn=arn, **said)
        return code, bench.call("DescribeExecution", executionArn=arn)["status"]

    code = "SerializationException" if said.get("error") == 5 else "ValidationException"
    assert on_bench(tmp_path, work) == (code, "RUNNING")


def test_metadata_only_leaves_the_data_out(tmp_path: Path) -> None:
    async def work(bench: Bench) -> Any:
        done = await bench.run(PASS)
        arn = done.description["executionArn"]
        bare = bench.call("DescribeExecution", executionArn=arn, includedData="METADATA_ONLY")
        history = bench.call("GetExecutionHistory", executionArn=arn, includeExecutionData=False)
        return bare, history["events"]

    bare, events = on_bench(tmp_path, work)
    assert not {"input", "inputDetails", "output", "outputDetails"} & set(bare)
    assert events[1]["stateEnteredEventDetails"] == {"name": "A"}


# -- pages -------------------------------------------------------------------------------------------


def _pages(bench: Bench, operation: str, member: str, **request: Any) -> list[list[Any]]:
    pages, token = [], {}
    while True:
        answer = bench.call(operation, **request, **token)
        pages.append(answer[member])
        if "nextToken" not in answer:
            return pages
        token = {"nextToken": answer["nextToken"]}


@pytest.mark.parametrize("reverse", [False, True])
def test_a_history_is_paged_in_both_orders(tmp_path: Path, reverse: bool) -> None:
    async def work(bench: Bench) -> Any:
        arn = (await bench.run(PASS)).description["executionArn"]
        return _pages(
            bench, "GetExecutionHistory", "events", executionArn=arn, maxResults=3, reverseOrder=reverse
        )

    pages = on_bench(tmp_path, work)
    assert [[event["id"] for event in page] for page in pages] == (
        [[4, 3, 2], [1]] if reverse else [[1, 2, 3], [4]]
    )


@pytest.mark.parametrize("size", [0, None])
def test_a_page_has_a_hundred_by_default(tmp_path: Path, size: int | None) -> None:
    states = {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(60)} | {"S60": {"Type": "Pass"}}

    async def work(bench: Bench) -> Any:
        arn = (await bench.run(states)).description["executionArn"]
        return bench.call("GetExecutionHistory", executionArn=arn, maxResults=size)

    assert len(on_bench(tmp_path, work)["events"]) == 100


@quota("results of a page", "1,000")
@pytest.mark.parametrize(
    ("size", "code"),
    [
        (1001, "ValidationException"),
        (-1, "ValidationException"),
        ("5", "SerializationException"),
        ("", "SerializationException"),
        (True, "SerializationException"),
        ([], "SerializationException"),
        (5.0, "SerializationException"),
    ],
)
def test_a_page_size_out_of_bounds_is_refused(tmp_path: Path, size: Any, code: str) -> None:
    async def work(bench: Bench) -> Any:
        return _error(bench, "ListExecutions", stateMachineArn=bench.machine(PASS), maxResults=size)

    assert on_bench(tmp_path, work)[0] == code


@quota("page tokens", "24 hours")
def test_page_tokens_are_bound_to_their_listing_and_live_a_day(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        one = (await bench.run(PASS, name="one")).description["executionArn"]
        two = (await bench.run(PASS, name="two")).description["executionArn"]
        token = bench.call("GetExecutionHistory", executionArn=one, maxResults=1)["nextToken"]
        flipped = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
        for request in (
            {"executionArn": two, "nextToken": token},
            {"executionArn": one, "nextToken": token, "reverseOrder": True},
            {"executionArn": one, "nextToken": flipped},
            {"executionArn": one, "nextToken": "ü"},
        ):
            assert _error(bench, "GetExecutionHistory", **request) == (
                "InvalidToken",
                "Invalid Token: 'Invalid token'",
            )
        await bench.clock.advance(86_401)
        assert _error(bench, "GetExecutionHistory", executionArn=one, nextToken=token)[0] == "InvalidToken"

    on_bench(tmp_path, work)


def test_executions_are_listed_newest_first_and_by_status(tmp_path: Path) -> None:
    async def work(bench: Bench) -> Any:
        for number in range(3):
            await bench.run(PASS, name=f"e{number}")
        bench.call("StartExecution", stateMachineArn=bench.machine(WAIT), name="w")
        arn = bench.engine.machine_arn("M")
        pages = _pages(bench, "ListExecutions", "executions", stateMachineArn=arn, maxResults=3)
        running = bench.call("ListExecutions", stateMachineArn=arn, statusFilter="RUNNING")["executions"]
        wrong = _error(bench, "ListExecutions", stateMachineArn=arn, statusFilter="succeeded")
        return pages, running, wrong

    pages, running, wrong = on_bench(tmp_path, work)
    assert [[item["name"] for item in page] for page in pages] == [["w", "e2", "e1"], ["e0"]]
    assert [item["name"] for item in running] == ["w"]
    assert "stopDate" not in running[0]
    assert set(pages[1][0]) == {
        "executionArn",
        "stateMachineArn",
        "name",
        "status",
        "startDate",
        "stopDate",
        "redriveCount",
    }
    assert wrong[0] == "ValidationException"
    assert wrong[1].startswith(
        "1 validation error detected: Value 'succeeded' at 'statusFilter' failed to satisfy"
    )


@quota("redrivable period", "14 days after the end")
def test_an_execution_can_be_redriven_for_fourteen_days(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        arn = (await bench.run(FAIL)).description["executionArn"]
        await bench.clock.advance(14 * 86_400)
        assert bench.call("DescribeExecution", executionArn=arn)["redriveStatus"] == "REDRIVABLE"
        await bench.clock.advance(1)
        described = bench.call("DescribeExecution", executionArn=arn)
        assert described["redriveStatusReason"] == "Execution redrivable period exceeded."
        assert _error(bench, "RedriveExecution", executionArn=arn)[0] == "ExecutionNotRedrivable"

    on_bench(tmp_path, work)


@differs(
    "DescribeStateMachineForExecution gives the definition, role and configurations of the start, with the "
    "start as `updateDate`."
)
def test_the_machine_of_an_execution_is_that_of_its_start(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        arn = bench.start(WAIT)
        answer = bench.call("DescribeStateMachineForExecution", executionArn=arn)
        assert answer.keys() == {
            *("stateMachineArn", "name", "definition", "roleArn", "updateDate"),
            *("loggingConfiguration", "tracingConfiguration", "encryptionConfiguration"),
        }
        assert answer["updateDate"] == bench.call("DescribeExecution", executionArn=arn)["startDate"]
        assert answer["tracingConfiguration"] == {"enabled": False}

    on_bench(tmp_path, work)


def test_its_configurations_are_those_of_its_start_and_in_no_history(tmp_path: Path) -> None:
    def told(bench: Bench, arn: str) -> Any:
        answer = bench.call("DescribeStateMachineForExecution", executionArn=arn)
        return answer["tracingConfiguration"], answer["loggingConfiguration"]["level"]

    async def work(bench: Bench) -> None:
        machine = bench.call(
            "CreateStateMachine", name="c", definition=json.dumps(machine_of(WAIT)), roleArn=ROLE,
            tracingConfiguration={"enabled": True}, tags=[{"key": "k", "value": "v"}],
        )["stateMachineArn"]  # fmt: skip
        first = bench.call("StartExecution", stateMachineArn=machine)["executionArn"]
        bench.call("UpdateStateMachine", stateMachineArn=machine, tracingConfiguration={"enabled": False},
                   loggingConfiguration={"level": "ALL", "includeExecutionData": True})  # fmt: skip
        second = bench.call("StartExecution", stateMachineArn=machine)["executionArn"]
        bench.call("DeleteStateMachine", stateMachineArn=machine)

        assert told(bench, first) == ({"enabled": True}, "OFF")
        assert told(bench, second) == ({"enabled": False}, "ALL")
        [started, *_] = bench.call("GetExecutionHistory", executionArn=first)["events"]
        assert started["executionStartedEventDetails"].keys() == {"input", "inputDetails", "roleArn"}

    on_bench(tmp_path, work)


@differs("There is no IAM: roles and `Credentials` appear in the history and have no other effect.")
@differs("Logging, tracing and encryption configurations are kept and given back, and have no effect.")
def test_roles_and_configurations_have_no_effect(tmp_path: Path) -> None:
    states = {"T": task(Credentials={"RoleArn": "arn:aws:iam::1:role/none"}, Output=1)}

    async def work(bench: Bench) -> Any:
        bench.engine.integrations["lambda"] = Scripted(1)
        made = bench.call(
            "CreateStateMachine",
            name="c",
            definition=json.dumps(machine_of(states)),
            roleArn="arn:aws:iam::1:role/none",
            loggingConfiguration={
                "level": "ALL",
                "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "x"}}],
            },
            tracingConfiguration={"enabled": True},
        )
        started = bench.call("StartExecution", stateMachineArn=made["stateMachineArn"])
        described = bench.call("DescribeStateMachine", stateMachineArn=made["stateMachineArn"])
        return described, await bench.finish(started["executionArn"])

    described, done = on_bench(tmp_path, work)
    assert described["loggingConfiguration"]["level"] == "ALL"
    assert done.output == 1
    assert done.details("TaskScheduled")["taskCredentials"] == {"roleArn": "arn:aws:iam::1:role/none"}


def test_map_runs_are_refused_and_not_ignored(tmp_path: Path) -> None:
    async def work(bench: Bench) -> Any:
        return _error(bench, "ListExecutions", stateMachineArn=bench.machine(PASS), redriveFilter="REDRIVEN")

    assert on_bench(tmp_path, work)[0] == "ValidationException"


# -- machines ----------------------------------------------------------------------------------------


def test_the_same_machine_can_be_created_again_but_no_other_under_its_name(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        good = {"name": "m", "definition": json.dumps(machine_of(PASS)), "roleArn": ROLE}
        first = bench.call("CreateStateMachine", **good)
        logged = {"level": "ALL", "includeExecutionData": True, "destinations": []}
        await bench.clock.advance(5)
        for same in (
            {},
            {"roleArn": "arn:aws:iam::1:role/other"},
            {"tags": [{"key": "a", "value": "b"}]},
            {"type": "STANDARD"},
            {"publish": False},
            {"loggingConfiguration": {"level": "OFF", "includeExecutionData": False}},
            {"tracingConfiguration": {"enabled": False}},
            {"encryptionConfiguration": {"type": "AWS_OWNED_KEY"}},
        ):
            assert bench.call("CreateStateMachine", **{**good, **same}) == first
        for change in (
            {"definition": json.dumps(machine_of(WAIT))},
            {"loggingConfiguration": logged},
            {"tracingConfiguration": {"enabled": True}},
        ):
            assert _error(bench, "CreateStateMachine", **{**good, **change})[0] == "StateMachineAlreadyExists"
        described = bench.call("DescribeStateMachine", stateMachineArn=first["stateMachineArn"])
        assert described["status"] == "ACTIVE"
        assert (described["definition"], described["roleArn"]) == (good["definition"], ROLE)
        assert bench.call("ListTagsForResource", resourceArn=first["stateMachineArn"]) == {"tags": []}
        assert bench.call("ListStateMachines")["stateMachines"][0]["name"] == "m"
        bench.call("DeleteStateMachine", stateMachineArn=first["stateMachineArn"])
        bench.call("DeleteStateMachine", stateMachineArn=first["stateMachineArn"])
        assert bench.call("ListStateMachines") == {"stateMachines": []}

    on_bench(tmp_path, work)


def test_an_update_changes_what_is_given_and_nothing_else(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        made = bench.call(
            "CreateStateMachine",
            name="m",
            definition=json.dumps(machine_of(PASS)),
            roleArn=ROLE,
            tracingConfiguration={"enabled": True},
            tags=[{"key": "team", "value": "a"}],
        )
        arn = made["stateMachineArn"]
        before = bench.call("DescribeStateMachine", stateMachineArn=arn)
        await bench.clock.advance(60)
        other = "arn:aws:iam::1:role/other"
        updated = bench.call("UpdateStateMachine", stateMachineArn=arn, roleArn=other)
        assert updated["updateDate"] == made["creationDate"] + 60
        after = bench.call("DescribeStateMachine", stateMachineArn=arn)
        assert after == {**before, "roleArn": other, "revisionId": updated["revisionId"]}
        assert after["tracingConfiguration"] == {"enabled": True}
        assert bench.call("ListTagsForResource", resourceArn=arn)["tags"] == [{"key": "team", "value": "a"}]
        # So does a template whose definition has changed.
        bench.engine.put_machine("m", json.dumps(machine_of(WAIT)), ROLE)
        assert bench.call("DescribeStateMachine", stateMachineArn=arn)["tracingConfiguration"]["enabled"]

    on_bench(tmp_path, work)


def test_a_machine_without_its_data_has_no_definition(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        arn = bench.start(WAIT)
        for request in (
            ("DescribeStateMachine", {"stateMachineArn": bench.engine.machine_arn("M")}),
            ("DescribeStateMachineForExecution", {"executionArn": arn}),
        ):
            assert bench.call(request[0], **request[1], includedData="METADATA_ONLY")["definition"] == "{}"

    on_bench(tmp_path, work)


def test_an_execution_keeps_the_definition_it_started_with(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        arn = bench.start(WAIT)
        machine = bench.engine.machine_arn("M")
        bench.call("UpdateStateMachine", stateMachineArn=machine, definition=json.dumps(machine_of(PASS)))
        of_execution = bench.call("DescribeStateMachineForExecution", executionArn=arn)
        assert "Wait" in of_execution["definition"]
        assert "Pass" in bench.call("DescribeStateMachine", stateMachineArn=machine)["definition"]
        assert _error(bench, "UpdateStateMachine", stateMachineArn=machine)[0] == "MissingRequiredParameter"

    on_bench(tmp_path, work)


def test_validation_tells_problems_without_creating_anything(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        good = bench.call("ValidateStateMachineDefinition", definition=json.dumps(machine_of(PASS)))
        bad = bench.call(
            "ValidateStateMachineDefinition", definition=json.dumps(machine_of({"A": {"Type": "X"}}))
        )
        assert good == {"result": "OK", "diagnostics": [], "truncated": False}
        assert bad["result"] == "FAIL"
        assert bad["diagnostics"][0]["location"] == "/States/A/Type"
        assert bench.call("ListStateMachines") == {"stateMachines": []}

    on_bench(tmp_path, work)


# -- redrive -----------------------------------------------------------------------------------------


def test_a_redrive_appends_to_the_history_and_counts(tmp_path: Path) -> None:
    async def work(bench: Bench) -> Any:
        bench.engine.integrations["lambda"] = Scripted(ApiError("x", "y"))
        done = await bench.run(FAIL)
        await bench.clock.advance(60)
        answer = bench.call("RedriveExecution", executionArn=done.description["executionArn"])
        return answer, await bench.finish(done.description["executionArn"])

    answer, done = on_bench(tmp_path, work)
    assert answer == {"redriveDate": 1_750_000_060.0}
    assert done.chain == (
        "2<-0 FailStateEntered, 3<-2 ExecutionFailed, 4<-3 ExecutionRedriven, 5<-4 FailStateEntered, "
        "6<-5 ExecutionFailed"
    )
    assert done.details("ExecutionRedriven") == {"redriveCount": 1}
    assert done.description["redriveCount"] == 1
    assert done.description["redriveDate"] == 1_750_000_060.0


@quota("client tokens of a redrive", "15 minutes")
def test_a_repeated_client_token_answers_the_same_for_fifteen_minutes(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        arn = (await bench.run(FAIL)).description["executionArn"]
        first = bench.call("RedriveExecution", executionArn=arn, clientToken="t")
        await bench.finish(arn)
        await bench.clock.advance(899)
        assert bench.call("RedriveExecution", executionArn=arn, clientToken="t") == first
        await bench.clock.advance(2)
        assert bench.call("RedriveExecution", executionArn=arn, clientToken="t") != first
        done = await bench.finish(arn)
        assert done.description["redriveCount"] == 2

    on_bench(tmp_path, work)


def test_the_machines_timeout_starts_again_with_a_redrive(tmp_path: Path) -> None:
    async def work(bench: Bench) -> Any:
        arn = bench.start(WAIT, TimeoutSeconds=30)
        await bench.clock.advance(100)
        bench.call("RedriveExecution", executionArn=arn)
        await bench.clock.advance(29)
        assert bench.call("DescribeExecution", executionArn=arn)["status"] == "RUNNING"
        await bench.clock.advance(1)
        return await bench.finish(arn)

    assert on_bench(tmp_path, work).status == "TIMED_OUT"


def test_the_context_tells_of_the_redrive(tmp_path: Path) -> None:
    states = {
        "C": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.context.Execution.RedriveCount = 0 %}", "Next": "F"}],
            "Default": "T",
        },
        "F": {"Type": "Fail"},
        "T": {"Type": "Pass"},
    }
    fails_once = {"W": task(SQS_TOKEN, HeartbeatSeconds=5, Output="{% $states.context.Execution %}")}

    async def work(bench: Bench) -> Any:
        assert (await bench.run(states, name="other")).status == "FAILED"
        fake = Scripted({})
        bench.engine.integrations["sqs"] = fake
        arn = bench.start(fails_once, name="w")
        await bench.until(lambda: fake.seen)
        await bench.clock.advance(5)
        await bench.finish(arn)
        bench.call("RedriveExecution", executionArn=arn)
        await bench.until(lambda: len(fake.seen) == 2)
        bench.call("SendTaskSuccess", taskToken=fake.seen[1].attempt.token, output="1")
        return (await bench.finish(arn)).output

    execution = on_bench(tmp_path, work)
    assert execution["RedriveCount"] == 1
    assert execution["RedriveTime"] == "2025-06-15T15:06:45.000Z"
