"""Print the text as it comes, then use the whole answer."""

import asyncio

from amazon_q_streaming_client import QStreamingClient, from_cli_database


async def main() -> None:
    async with QStreamingClient(token_provider=from_cli_database()) as client:
        stream = client.generate_assistant_response("What is an S3 bucket?")
        async for text in stream.text_stream:
            print(text, end="", flush=True)
        answer = await stream.final_answer()
    print(f"\n{len(answer.text)} characters, {len(answer.references)} references to licensed code")


if __name__ == "__main__":
    asyncio.run(main())
