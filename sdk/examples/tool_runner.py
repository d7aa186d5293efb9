"""Let the model call typed functions until it has its answer."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from amazon_q_streaming_client import QStreamingClient, from_cli_database
from amazon_q_streaming_client.tools import tool


@tool
def clock(offset: Annotated[int, Field(description="Hours east of UTC", ge=-12, le=14)] = 0) -> str:
    """Tell the time."""
    return (datetime.now(UTC) + timedelta(hours=offset)).isoformat()


async def main() -> None:
    async with QStreamingClient(token_provider=from_cli_database()) as client:
        async for answer in client.run_tools("What time is it?", [clock], max_requests=5, tool_timeout=10):
            for call in answer.tool_uses:
                print(f"(uses {call.name} with {call.input})")
            print(answer.text)


if __name__ == "__main__":
    asyncio.run(main())
