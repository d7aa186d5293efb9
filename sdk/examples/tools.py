"""The loop of the tool runner by hand, where each step is yours."""

import asyncio
from datetime import UTC, datetime

from amazon_q_streaming_client import (
    Conversation,
    QStreamingClient,
    ToolCall,
    collect,
    from_cli_database,
)
from amazon_q_streaming_client.models import ToolInputSchema, ToolResult, ToolSpecification

CLOCK = ToolSpecification(
    name="clock",
    description="Tells the time in UTC.",
    input_schema=ToolInputSchema(json_value={"type": "object", "properties": {}}),
)


def run_tool(call: ToolCall) -> ToolResult:
    if call.problem is not None:
        return call.to_result(f"The input was not usable: {call.problem}.", is_error=True)
    return call.to_result(datetime.now(UTC).isoformat())


async def main() -> None:
    conversation = Conversation(tools=[CLOCK])
    async with QStreamingClient(token_provider=from_cli_database()) as client:
        state = conversation.ask("What time is it?")
        while True:
            answer = await collect(client.generate_assistant_response(state))
            conversation.record(answer)
            if not answer.tool_uses:
                break
            state = conversation.give_results([run_tool(call) for call in answer.tool_uses])
    print(answer.text)


if __name__ == "__main__":
    asyncio.run(main())
