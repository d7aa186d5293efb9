"""The same without asyncio."""

from amazon_q_streaming_client import QStreamingClientSync, collect_sync, from_cli_database


def main() -> None:
    with QStreamingClientSync(token_provider=from_cli_database()) as client:
        answer = collect_sync(client.generate_assistant_response("What is an S3 bucket?"))
    print(answer.text)


if __name__ == "__main__":
    main()
