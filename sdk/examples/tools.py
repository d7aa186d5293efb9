"""Let the model use a tool until it has its answer."""

import asyncio
from datetime import UTC, datetime

from amazon_q_streaming_client import (
    Conversation,
    QStreamingClient,
    ToolCall,
    collect,
    from_cli_database,
)
from amazon_q_streaming_client.models import (
    ToolInputSchema,
    ToolResult,
    ToolResultContentBlock,
    ToolResultStatus,
    ToolSpecification,
)

CLOCK = ToolSpecification(
    name="clock",
    description="Tells the time in UTC.",
    input_schema=ToolInputSchema(json_value={"type": "object", "properties": {}}),
)


def run_tool(call: ToolCall) -> ToolResult:
    if call.problem is not None:
        text, status = f"The input was not usable: {call.problem}.", ToolResultStatus.ERROR
    else:
        text, status = datetime.now(UTC).isoformat(), ToolResultStatus.SUCCESS
    return ToolResult(
        tool_use_id=call.tool_use_id, content=[ToolResultContentBlock(text=text)], status=status
    )


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
