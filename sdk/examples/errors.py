"""Tell apart what can go wrong, and shorten a conversation that does not fit."""

import asyncio

from amazon_q_streaming_client import (
    ContextTooLongError,
    Conversation,
    ExpiredTokenError,
    MonthlyLimitError,
    QError,
    QStreamingClient,
    StreamBrokenError,
    TokenError,
    collect,
    from_cli_database,
)


async def ask(client: QStreamingClient, conversation: Conversation, text: str) -> str:
    for _ in range(2):
        try:
            answer = await collect(client.generate_assistant_response(conversation.ask(text)))
        except ContextTooLongError:
            conversation.abandon()
            conversation.compact(keep_turns=2, summary="We spoke about S3.")
            continue
        conversation.record(answer)
        return answer.text
    return "The question is too long, even alone."


async def main() -> None:
    try:
        async with QStreamingClient(token_provider=from_cli_database()) as client:
            print(await ask(client, Conversation(), "What is an S3 bucket?"))
    except (ExpiredTokenError, TokenError) as error:
        print(f"Please log in: {error.remedy}")
    except MonthlyLimitError:
        print("The requests of this month are used up.")
    except StreamBrokenError as error:
        print(f"The answer broke off after: {error.partial.text if error.partial else ''}")
    except QError as error:
        print(f"{error} {error.remedy} (worth another try: {error.retryable})")


if __name__ == "__main__":
    asyncio.run(main())
