"""Print an answer as it comes, and what it took."""

import asyncio

from amazon_q_streaming_client import QStreamingClient, UnknownEvent, from_cli_database, question
from amazon_q_streaming_client.models import AssistantResponseEvent, MeteringEvent


async def main() -> None:
    async with QStreamingClient(token_provider=from_cli_database()) as client:
        models = await client.list_available_models()
        state = question("What is an S3 bucket?", model_id=models.default_model.model_id)
        async with client.generate_assistant_response(state) as stream:
            async for event in stream:
                match event:
                    case AssistantResponseEvent():
                        print(event.content, end="", flush=True)
                    case MeteringEvent():
                        print(f"\n{event.usage} {event.unit}")
                    case UnknownEvent():
                        print(f"\n(an event of the type {event.event_type})")
                    case _:
                        pass
        print(f"conversation {stream.conversation_id}, request {stream.request_id}")


if __name__ == "__main__":
    asyncio.run(main())
