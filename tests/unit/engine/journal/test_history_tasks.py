"""Histories of Task states, fact by fact (facts/histories.md 2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from tests.engine_bench import (
    ECS,
    FUNCTION_ARN,
    LAMBDA,
    SQS_TOKEN,
    Bench,
    Finished,
    Scripted,
    branches,
    each,
    fails,
    hangs,
    play,
    task,
)

from stepherd.engine.integrations.contract import TaskCall

REQUEST = "2<-0 TaskStateEntered, 3<-2 TaskScheduled, 4<-3 TaskStarted"
DONE = "TaskSucceeded, TaskStateExited"
SERVICE = {
    LAMBDA: ("lambda", "invoke"),
    "arn:aws:states:::lambda:invoke.waitForTaskToken": ("lambda", "invoke.waitForTaskToken"),
    "arn:aws:states:::ecs:runTask": ("ecs", "runTask"),
    ECS: ("ecs", "runTask.sync"),
    "arn:aws:states:::ecs:runTask.waitForTaskToken": ("ecs", "runTask.waitForTaskToken"),
    "arn:aws:states:::sqs:sendMessage": ("sqs", "sendMessage"),
    SQS_TOKEN: ("sqs", "sendMessage.waitForTaskToken"),
    "arn:aws:states:::sns:publish": ("sns", "publish"),
    "arn:aws:states:::sns:publish.waitForTaskToken": ("sns", "publish.waitForTaskToken"),
    "arn:aws:states:::states:startExecution": ("states", "startExecution"),
    "arn:aws:states:::states:startExecution.sync": ("states", "startExecution.sync"),
    "arn:aws:states:::states:startExecution.sync:2": ("states", "startExecution.sync:2"),
    "arn:aws:states:::states:startExecution.waitForTaskToken": ("states", "startExecution.waitForTaskToken"),
}


class Answering(Scripted):
    """Answers the task token of each submit through the engine's API."""

    bench: Bench
    operation = "SendTaskSuccess"
    said: Mapping[str, Any] = MappingProxyType({"output": '{"sent":1}'})

    async def submit(self, call: TaskCall) -> Any:
        answer = await super().submit(call)
        self.bench.call(self.operation, taskToken=call.attempt.token, **self.said)
        return answer


def _answered(
    tmp_path: Path,
    states: dict[str, Any],
    service: str = "sqs",
    operation: str = "SendTaskSuccess",
    **said: Any,
) -> Finished:
    async def run() -> Finished:
        fake = Answering({"MessageId": "m"})
        fake.operation, fake.said = operation, said
        fake.bench = Bench(tmp_path, {service: fake})
        async with fake.bench as bench:
            return await bench.run(states)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("resource", "pair"), list(SERVICE.items()), ids=[".".join(p) for p in SERVICE.values()]
)
def test_every_task_event_repeats_resource_type_and_resource(
    tmp_path: Path, resource: str, pair: tuple[str, str]
) -> None:
    service = pair[0]
    if "waitForTaskToken" in resource:
        done = _answered(tmp_path, {"T": task(resource)}, service, output="{}")
    else:
        done = play(tmp_path, {"T": task(resource)}, integrations={service: Scripted()})

    expected = {"resourceType": service, "resource": pair[1]}
    submitted = (
        ""
        if resource.endswith((":publish", ":runTask", "sendMessage", "invoke", "Execution"))
        else "TaskSubmitted"
    )
    kinds = [k for k in ("TaskScheduled", "TaskStarted", submitted, "TaskSucceeded") if k]
    for kind in kinds:
        details = done.details(kind)
        assert {key: details[key] for key in expected} == expected
    assert done.types == [
        "ExecutionStarted",
        "TaskStateEntered",
        *kinds,
        "TaskStateExited",
        "ExecutionSucceeded",
    ]


def test_request_response_has_no_submitted_event(tmp_path: Path) -> None:
    done = play(tmp_path, {"T": task()}, integrations={"lambda": Scripted({"x": 1})})

    assert done.chain == f"{REQUEST}, 5<-4 TaskSucceeded, 6<-5 TaskStateExited, 7<-6 ExecutionSucceeded"
    assert done.details("TaskStarted") == {"resourceType": "lambda", "resource": "invoke"}
    assert done.details("TaskSucceeded") == {
        "resourceType": "lambda",
        "resource": "invoke",
        "output": '{"x":1}',
        "outputDetails": {"truncated": False},
    }


def test_sync_and_token_tasks_have_a_submitted_event_with_the_services_answer(tmp_path: Path) -> None:
    fake = Scripted({"Tasks": [1]}, waits=[{"LastStatus": "STOPPED"}])

    done = play(tmp_path, {"T": task(ECS)}, integrations={"ecs": fake})

    assert done.chain == (
        f"{REQUEST}, 5<-4 TaskSubmitted, 6<-5 TaskSucceeded, 7<-6 TaskStateExited, 8<-7 ExecutionSucceeded"
    )
    assert done.details("TaskSubmitted")["output"] == '{"Tasks":[1]}'
    assert done.details("TaskSucceeded")["output"] == '{"LastStatus":"STOPPED"}'


def test_scheduled_shows_region_and_evaluated_arguments_and_no_timeouts_unless_declared(
    tmp_path: Path,
) -> None:
    states = {
        "T": {**task(), "Arguments": {"FunctionName": "F", "Payload": {"n": "{% $states.input.n + 1 %}"}}}
    }

    done = play(tmp_path, states, '{"n": 1}', integrations={"lambda": Scripted()})

    assert done.details("TaskScheduled") == {
        "resourceType": "lambda",
        "resource": "invoke",
        "region": "us-east-1",
        "parameters": '{"FunctionName":"F","Payload":{"n":2}}',
    }


def test_declared_times_and_credentials_stand_in_scheduled_as_evaluated(tmp_path: Path) -> None:
    state = task(
        TimeoutSeconds="{% $states.input.t %}",
        HeartbeatSeconds="{% $states.input.t - 1 %}",
        Credentials={"RoleArn": "{% 'arn:' & 'role' %}"},
    )

    done = play(tmp_path, {"T": state}, '{"t": 9}', integrations={"lambda": Scripted()})

    details = done.details("TaskScheduled")
    assert (details["timeoutInSeconds"], details["heartbeatInSeconds"]) == (9, 8)
    assert details["taskCredentials"] == {"roleArn": "arn:role"}


def test_only_ecs_sync_says_who_started_the_task(tmp_path: Path) -> None:
    sync = play(tmp_path / "a", {"T": task(ECS)}, integrations={"ecs": Scripted()})
    plain = play(
        tmp_path / "b", {"T": task("arn:aws:states:::ecs:runTask")}, integrations={"ecs": Scripted()}
    )

    assert json.loads(sync.details("TaskScheduled")["parameters"]) == {"StartedBy": "AWS Step Functions"}
    assert plain.details("TaskScheduled")["parameters"] == "{}"


def test_without_arguments_the_task_gets_the_state_input(tmp_path: Path) -> None:
    fake = Scripted()

    done = play(
        tmp_path,
        {"T": {"Type": "Task", "Resource": LAMBDA}},
        '{"FunctionName": "F"}',
        integrations={"lambda": fake},
    )

    assert fake.calls == [{"FunctionName": "F"}]
    assert done.details("TaskScheduled")["parameters"] == '{"FunctionName":"F"}'


def test_a_functions_own_arn_gives_lambda_events_and_the_bare_payload(tmp_path: Path) -> None:
    state = {"Type": "Task", "Resource": FUNCTION_ARN, "Arguments": {"a": 1}, "TimeoutSeconds": 5}

    done = play(tmp_path, {"T": state}, integrations={"lambda": Scripted([1, 2])})

    assert done.chain == (
        "2<-0 TaskStateEntered, 3<-2 LambdaFunctionScheduled, 4<-3 LambdaFunctionStarted, "
        "5<-4 LambdaFunctionSucceeded, 6<-5 TaskStateExited, 7<-6 ExecutionSucceeded"
    )
    assert done.details("LambdaFunctionScheduled") == {
        "resource": FUNCTION_ARN,
        "input": '{"a":1}',
        "inputDetails": {"truncated": False},
        "timeoutInSeconds": 5,
    }
    assert done.details("LambdaFunctionSucceeded") == {
        "output": "[1,2]",
        "outputDetails": {"truncated": False},
    }
    assert done.output == [1, 2]


def test_a_functions_own_arn_fails_with_lambda_events(tmp_path: Path) -> None:
    done = play(tmp_path, {"T": task(FUNCTION_ARN)}, integrations={"lambda": Scripted(fails("E", "c"))})

    assert done.details("LambdaFunctionFailed") == {"error": "E", "cause": "c"}
    assert done.types[-2:] == ["LambdaFunctionFailed", "ExecutionFailed"]


def test_a_functions_own_arn_times_out_with_lambda_events(tmp_path: Path) -> None:
    async def run() -> Finished:
        async with Bench(tmp_path, {"lambda": Scripted(hangs)}, automatic=False) as bench:
            arn = bench.start({"T": task(FUNCTION_ARN, TimeoutSeconds=5)})
            await bench.until(lambda: "lambda" in bench.engine.integrations and bench.clock._timers)
            await bench.clock.advance(5)  # type: ignore[attr-defined]
            return await bench.finish(arn)

    done = asyncio.run(run())
    assert done.details("LambdaFunctionTimedOut") == {"error": "States.Timeout"}


def test_a_failed_task_at_top_level_has_no_exit_and_no_abort(tmp_path: Path) -> None:
    done = play(tmp_path, {"T": task()}, integrations={"lambda": Scripted(fails("E", "c"))})

    assert done.chain == f"{REQUEST}, 5<-4 TaskFailed, 6<-5 ExecutionFailed"
    assert done.details("TaskFailed") == {
        "resourceType": "lambda",
        "resource": "invoke",
        "error": "E",
        "cause": "c",
    }
    assert done.details("ExecutionFailed") == {"error": "E", "cause": "c"}


def test_a_caught_task_exits_with_the_catchers_output(tmp_path: Path) -> None:
    catch = [{"ErrorEquals": ["E"], "Next": "N", "Output": "{% $states.errorOutput.Cause %}"}]

    done = play(
        tmp_path,
        {"T": task(Catch=catch), "N": {"Type": "Pass"}},
        integrations={"lambda": Scripted(fails("E", "c"))},
    )

    assert done.chain == (
        f"{REQUEST}, 5<-4 TaskFailed, 6<-5 TaskStateExited, 7<-6 PassStateEntered, 8<-7 PassStateExited, "
        "9<-8 ExecutionSucceeded"
    )
    assert done.details("TaskStateExited")["output"] == '"c"'


def test_a_retried_task_is_scheduled_again_after_its_failure_in_the_same_visit(tmp_path: Path) -> None:
    fake = Scripted(fails("E"), fails("E"), {"x": 1})

    done = play(tmp_path, {"T": task(Retry=[{"ErrorEquals": ["E"]}])}, integrations={"lambda": fake})

    assert done.chain == (
        f"{REQUEST}, 5<-4 TaskFailed, 6<-5 TaskScheduled, 7<-6 TaskStarted, 8<-7 TaskFailed, "
        "9<-8 TaskScheduled, 10<-9 TaskStarted, 11<-10 TaskSucceeded, 12<-11 TaskStateExited, "
        "13<-12 ExecutionSucceeded"
    )
    stamps = [e["timestamp"] for e in done.events if e["type"] == "TaskScheduled"]
    assert [stamp - stamps[0] for stamp in stamps] == [0, 1, 3]


def test_arguments_are_evaluated_anew_for_each_attempt_with_its_retry_count(tmp_path: Path) -> None:
    fake = Scripted(fails("E"), fails("E"), fails("E"), {"x": 1})
    state = {
        **task(Retry=[{"ErrorEquals": ["E"]}]),
        "Arguments": {"n": "{% $states.context.State.RetryCount %}"},
    }

    play(tmp_path, {"T": state}, integrations={"lambda": fake})

    assert fake.calls == [{"n": 0}, {"n": 1}, {"n": 2}, {"n": 3}]


def test_arguments_that_fail_leave_nothing_scheduled(tmp_path: Path) -> None:
    state = {**task(), "Arguments": {"FunctionName": "{% $missing %}"}}

    done = play(tmp_path, {"T": state}, integrations={"lambda": Scripted()})

    assert done.chain == "2<-0 TaskStateEntered, 3<-2 EvaluationFailed, 4<-3 ExecutionFailed"
    assert done.details("EvaluationFailed")["location"] == "Arguments/FunctionName"


@pytest.mark.parametrize("field", ["Output", "Assign"])
def test_output_or_assign_that_fails_comes_after_the_success(tmp_path: Path, field: str) -> None:
    done = play(
        tmp_path, {"T": task(**{field: {"v": "{% $missing %}"}})}, integrations={"lambda": Scripted()}
    )

    assert done.chain == f"{REQUEST}, 5<-4 TaskSucceeded, 6<-5 EvaluationFailed, 7<-6 ExecutionFailed"
    assert done.details("EvaluationFailed")["location"] == f"{field}/v"


def test_arguments_that_are_no_object_cannot_be_sent(tmp_path: Path) -> None:
    computed = play(
        tmp_path / "a", {"T": {**task(), "Arguments": "{% 5 %}"}}, integrations={"lambda": Scripted()}
    )
    given = play(
        tmp_path / "b",
        {"T": {"Type": "Task", "Resource": LAMBDA}},
        '"text"',
        integrations={"lambda": Scripted()},
    )

    assert computed.types[-2:] == ["EvaluationFailed", "ExecutionFailed"]
    assert "Expected 'object', but was 'number' for value: 5" in computed.description["cause"]
    assert given.types[-2:] == ["TaskStateEntered", "ExecutionFailed"]
    assert given.description["error"] == "States.Runtime"


def test_the_result_is_in_states_result(tmp_path: Path) -> None:
    state = task(Output="{% $states.result.a + 1 %}", Assign={"r": "{% $states.result %}"})

    done = play(tmp_path, {"T": state}, integrations={"lambda": Scripted({"a": 41})})

    assert done.output == 42
    assert done.details("TaskStateExited")["assignedVariables"] == {"r": '{"a":41}'}


# -- task tokens -----------------------------------------------------------------------------------


def test_the_token_is_in_the_context_and_in_clear_in_the_parameters(tmp_path: Path) -> None:
    state = {
        **task(SQS_TOKEN),
        "Arguments": {"QueueUrl": "q", "MessageBody": "{% $states.context.Task.Token %}"},
    }

    done = _answered(tmp_path, {"T": state}, output='{"sent":1}')

    parameters = json.loads(done.details("TaskScheduled")["parameters"])
    assert len(parameters["MessageBody"]) == 64
    assert done.details("TaskSubmitted")["output"] == '{"MessageId":"m"}'
    assert done.output == {"sent": 1}


def test_the_sent_output_is_the_result_and_the_services_answer_is_not_part_of_it(tmp_path: Path) -> None:
    done = _answered(tmp_path, {"T": task(SQS_TOKEN, Output="{% $states.result %}")}, output="[1, 2.0]")

    assert done.details("TaskSucceeded")["output"] == "[1,2]"
    assert done.output == [1, 2]


@pytest.mark.parametrize("said", [{}, {"error": "E"}, {"cause": "c"}, {"error": "E", "cause": "c"}])
def test_a_sent_failure_has_only_the_parts_that_were_sent(tmp_path: Path, said: dict[str, str]) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "N"}]

    done = _answered(
        tmp_path,
        {"T": task(SQS_TOKEN, Catch=catch), "N": {"Type": "Pass"}},
        operation="SendTaskFailure",
        **said,
    )

    assert done.details("TaskFailed") == {
        "resourceType": "sqs",
        "resource": "sendMessage.waitForTaskToken",
        **said,
    }
    assert done.output == {"Error": said.get("error"), "Cause": said.get("cause")}


@pytest.mark.parametrize(
    "times", [{"TimeoutSeconds": 9}, {"HeartbeatSeconds": 9}, {"TimeoutSeconds": 99, "HeartbeatSeconds": 9}]
)
def test_timeout_and_missed_heartbeat_look_alike_and_have_no_cause(
    tmp_path: Path, times: dict[str, int]
) -> None:
    done = play(tmp_path, {"T": task(SQS_TOKEN, **times)}, integrations={"sqs": Scripted()})

    assert done.chain == f"{REQUEST}, 5<-4 TaskSubmitted, 6<-5 TaskTimedOut, 7<-6 ExecutionFailed"
    assert done.details("TaskTimedOut") == {
        "resourceType": "sqs",
        "resource": "sendMessage.waitForTaskToken",
        "error": "States.Timeout",
    }
    assert done.details("ExecutionFailed") == {"error": "States.Timeout"}
    assert done.events[-1]["timestamp"] - done.events[0]["timestamp"] == 9


def test_the_error_output_of_a_timeout_has_an_empty_cause(tmp_path: Path) -> None:
    catch = [{"ErrorEquals": ["States.Timeout"], "Next": "N"}]

    done = play(
        tmp_path,
        {"T": task(SQS_TOKEN, TimeoutSeconds=1, Catch=catch), "N": {"Type": "Pass"}},
        integrations={"sqs": Scripted()},
    )

    assert done.output == {"Error": "States.Timeout", "Cause": ""}


@pytest.mark.parametrize(
    ("times", "taken"),
    [
        ({"HeartbeatSeconds": 5}, "beat"),
        ({"TimeoutSeconds": 5, "HeartbeatSeconds": 4}, "beat"),
        ({"TimeoutSeconds": 5}, "time"),
    ],
)
def test_heartbeat_timeout_matches_only_missed_heartbeats(
    tmp_path: Path, times: dict[str, int], taken: str
) -> None:
    catch = [
        {"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "N", "Output": "beat"},
        {"ErrorEquals": ["States.Timeout"], "Next": "N", "Output": "time"},
    ]

    done = play(
        tmp_path,
        {"T": task(SQS_TOKEN, Catch=catch, **times), "N": {"Type": "Pass"}},
        integrations={"sqs": Scripted()},
    )

    assert done.output == taken


def test_heartbeats_reset_the_heartbeat_clock_only_and_write_nothing(tmp_path: Path) -> None:
    async def run() -> Finished:
        fake = Scripted()
        async with Bench(tmp_path, {"sqs": fake}, automatic=False) as bench:
            arn = bench.start({"T": task(SQS_TOKEN, TimeoutSeconds=20, HeartbeatSeconds=8)})
            await bench.until(lambda: fake.seen)
            for _ in range(3):
                await bench.clock.advance(6)
                bench.call("SendTaskHeartbeat", taskToken=fake.seen[0].attempt.token)
            await bench.clock.advance(2)
            return await bench.finish(arn)

    done = asyncio.run(run())
    assert done.types[4:] == ["TaskSubmitted", "TaskTimedOut", "ExecutionFailed"]
    assert done.events[-1]["timestamp"] - done.events[0]["timestamp"] == 20


def test_a_retry_has_a_new_token_and_the_old_one_is_dead(tmp_path: Path) -> None:
    from stepherd.engine.api.errors import ApiError

    async def run() -> tuple[list[str], str]:
        fake = Scripted()
        async with Bench(tmp_path, {"sqs": fake}, automatic=False) as bench:
            arn = bench.start(
                {"T": task(SQS_TOKEN, TimeoutSeconds=5, Retry=[{"ErrorEquals": ["States.Timeout"]}])}
            )
            await bench.until(lambda: fake.seen)
            await bench.clock.advance(6)
            await bench.until(lambda: len(fake.seen) == 2)
            tokens = [call.attempt.token for call in fake.seen]
            with pytest.raises(ApiError) as caught:
                bench.call("SendTaskSuccess", taskToken=tokens[0], output="1")
            bench.call("SendTaskSuccess", taskToken=tokens[1], output="2")
            done = await bench.finish(arn)
            assert done.output == 2
            return tokens, caught.value.code

    tokens, code = asyncio.run(run())
    assert tokens[0] != tokens[1]
    assert code == "TaskTimedOut"


def test_a_sync_task_can_be_ended_by_its_token(tmp_path: Path) -> None:
    async def run() -> tuple[Finished, Scripted]:
        fake = Scripted({"Tasks": []}, waits=[hangs])
        async with Bench(tmp_path, {"ecs": fake}) as bench:
            arn = bench.start({"T": {**task(ECS), "Arguments": {"t": "{% $states.context.Task.Token %}"}}})
            await bench.until(lambda: fake.seen)
            await bench.until(lambda: "TaskSubmitted" in bench.finished(arn).types)
            bench.call("SendTaskSuccess", taskToken=fake.calls[0]["t"], output='"mine"')
            return await bench.finish(arn), fake

    done, fake = asyncio.run(run())
    assert done.output == "mine"
    assert len(fake.stopped) == 1, "the job is stopped: nobody waits for it any more"


def test_an_answer_that_comes_before_the_submit_ends_is_not_lost(tmp_path: Path) -> None:
    done = _answered(tmp_path, {"T": task(SQS_TOKEN)}, output="1")

    assert done.types[4:6] == ["TaskSubmitted", "TaskSucceeded"]


def test_plain_tasks_have_no_token_in_their_context(tmp_path: Path) -> None:
    state = {**task(), "Arguments": {"t": "{% $exists($states.context.Task) %}"}}
    fake = Scripted()

    play(tmp_path, {"T": state}, integrations={"lambda": fake})

    assert fake.calls == [{"t": False}]


# -- limits ----------------------------------------------------------------------------------------


def test_a_result_over_the_limit_fails_the_task_by_the_name_of_its_resource_type(tmp_path: Path) -> None:
    done = play(tmp_path, {"T": task()}, integrations={"lambda": Scripted("x" * 262_143)})

    assert done.types[-2:] == ["TaskFailed", "ExecutionFailed"]
    assert done.details("TaskFailed") == {
        "resourceType": "lambda",
        "resource": "invoke",
        "error": "States.DataLimitExceeded",
        "cause": "The state/task 'lambda' returned a result with a size exceeding "
        "the maximum number of bytes service limit.",
    }


@pytest.mark.parametrize(("size", "status"), [(262_142, "SUCCEEDED"), (262_143, "FAILED")])
def test_a_states_output_over_the_limit_fails_without_an_event_of_its_own(
    tmp_path: Path, size: int, status: str
) -> None:
    states = {"A": {"Type": "Pass", "Output": f"{{% $pad('', {size}, 'x') %}}"}}

    done = play(tmp_path, states)

    assert done.status == status
    if status == "FAILED":
        assert done.chain == "2<-0 PassStateEntered, 3<-2 ExecutionFailed"
        assert done.description["error"] == "States.DataLimitExceeded"
        assert done.description["cause"].startswith("The state/task 'A' returned a result")


def test_the_limit_counts_bytes_of_utf_8(tmp_path: Path) -> None:
    done = play(tmp_path, {"A": {"Type": "Pass", "Output": "{% $pad('', 131072, 'ü') %}"}})

    assert done.description["error"] == "States.DataLimitExceeded"


@pytest.mark.parametrize("names", [["States.DataLimitExceeded"], ["States.ALL"]])
def test_a_result_over_the_limit_can_be_caught(tmp_path: Path, names: list[str]) -> None:
    catch = [{"ErrorEquals": names, "Next": "N", "Output": "caught"}]

    done = play(
        tmp_path,
        {"T": task(Catch=catch), "N": {"Type": "Pass"}},
        integrations={"lambda": Scripted("x" * 262_143)},
    )

    assert done.output == "caught"


def test_error_and_cause_are_cut_to_the_services_lengths(tmp_path: Path) -> None:
    done = play(tmp_path, {"T": task()}, integrations={"lambda": Scripted(fails("E" * 300, "c" * 40_000))})

    assert len(done.details("TaskFailed")["error"]) == 256
    assert len(done.details("TaskFailed")["cause"]) == 32_768


# -- stopping --------------------------------------------------------------------------------------


def test_a_job_is_stopped_when_its_execution_times_its_state_out_or_a_sibling_fails(tmp_path: Path) -> None:
    def late(call: TaskCall) -> Awaitable[Any]:
        return hangs(call)

    fake = Scripted({"Tasks": []}, waits=[late])
    failing = branches(
        {"T": task(ECS)}, {"W": {"Type": "Wait", "Seconds": 5, "Next": "F"}, "F": {"Type": "Fail"}}
    )

    async def run() -> Finished:
        async with Bench(tmp_path, {"ecs": fake}, automatic=False) as bench:
            arn = bench.start({"P": failing})
            await bench.until(lambda: "TaskSubmitted" in bench.finished(arn).types)
            await bench.clock.advance(5)
            return await bench.finish(arn)

    done = asyncio.run(run())
    assert done.status == "FAILED"
    assert [attempt.event_id for attempt in fake.stopped] == [5]


def test_execution_stopped_while_items_are_being_submitted_writes_nothing_after_its_end(
    tmp_path: Path,
) -> None:
    async def run() -> Finished:
        gates: list[asyncio.Future[Any]] = []

        def gate(_: TaskCall) -> Awaitable[Any]:
            gates.append(asyncio.get_running_loop().create_future())
            return gates[-1]

        fake = Scripted(gate)
        states = {"M": each({"T": {**task(), "Next": "P"}, "P": {"Type": "Pass"}}, Items=[1, 2, 3])}
        async with Bench(tmp_path, {"lambda": fake}) as bench:
            arn = bench.start(states)
            await bench.until(lambda: len(fake.calls) == 3)
            for opened in gates:
                opened.set_result({"x": 1})  # All are woken in the very turn in which the stop comes.
            bench.call("StopExecution", executionArn=arn)
            return await bench.finish(arn)

    done = asyncio.run(run())
    done.check_whole()
    assert done.types[-1] == "ExecutionAborted"
