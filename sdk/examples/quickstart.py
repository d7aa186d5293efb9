"""Ask one question with the login of the CLI."""

import asyncio

from amazon_q_streaming_client import QStreamingClient, collect, from_cli_database


async def main() -> None:
    async with QStreamingClient(token_provider=from_cli_database()) as client:
        answer = await collect(client.generate_assistant_response("What is an S3 bucket?"))
    print(answer.text)


if __name__ == "__main__":
    asyncio.run(main())
