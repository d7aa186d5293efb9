"""``lambda:invoke``, and Tasks whose resource is a function's own ARN."""

from __future__ import annotations

import time
import uuid
from typing import Any, Self

from stepherd.engine.asl.values import compact, parse
from stepherd.engine.integrations.answers import service_failure, with_metadata
from stepherd.engine.integrations.contract import Surroundings, TaskCall
from stepherd.engine.interpreter.failures import TaskError
from stepherd.engine.journal.records import Attempt
from stepherd.engine.runners.functions import FunctionPool

__all__ = ["LambdaIntegration"]


class LambdaIntegration:
    """Runs functions in a pool. An invocation cut off by the engine's death is made again."""

    def __init__(self, pool: FunctionPool) -> None:
        self._pool = pool

    @classmethod
    def among(cls, surroundings: Surroundings) -> Self:
        """Make the integration for an engine, with its pool of workers."""
        return cls(surroundings.pool)

    async def submit(self, call: TaskCall) -> Any:
        """Invoke and give the envelope, or the bare payload where the resource is the function itself."""
        direct = bool(call.resource.function)
        parameters = call.parameters if isinstance(call.parameters, dict) else {}
        name = call.resource.function if direct else str(parameters.get("FunctionName", ""))
        function = self._pool.function(name)
        if function is None:
            arn = (
                name if name.startswith("arn:") else f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
            )
            message = f"Function not found: {arn}"
            cause = service_failure(message, "Lambda", "ResourceNotFoundException", 404)
            raise TaskError("Lambda.ResourceNotFoundException", cause)
        payload = call.parameters if direct else parameters.get("Payload", {})
        if not direct and parameters.get("InvocationType") not in (None, "RequestResponse"):
            raise TaskError(
                "Lambda.InvalidParameterValueException", "Only the invocation type RequestResponse is served"
            )
        text = await self._pool.invoke(function, compact(payload))
        return _value(text) if direct else _envelope(text)

    async def wait(self, call: TaskCall) -> Any:
        """Lambda has no job to wait for."""
        raise TaskError("Lambda.InvalidParameterValueException", call.resource.name)

    async def stop(self, attempt: Attempt) -> None:
        """An invocation runs to its end or its timeout, as on AWS."""


def _value(text: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise TaskError("Lambda.Unknown", f"The function's answer is not JSON: {error}") from error


def _envelope(text: str) -> dict[str, Any]:
    answer = {"ExecutedVersion": "$LATEST", "Payload": _value(text), "StatusCode": 200}
    trace = f"root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}"
    extra = {"X-Amz-Executed-Version": "$LATEST", "X-Amzn-Trace-Id": trace}
    return with_metadata(answer, "lambda", length=len(text.encode()), extra=extra)
