"""Options of single calls, pages, response headers, logs, and an HTTP client of your own."""

import logging

import httpx

from amazon_q_streaming_client import (
    QStreamingClientSync,
    ResponseHead,
    RetryPolicy,
    collect_sync,
    from_cli_database,
)


def note(head: ResponseHead) -> None:
    print(f"HTTP {head.status}, request {head.request_id}")


def main() -> None:
    logging.getLogger("amazon_q_streaming_client").setLevel(logging.DEBUG)
    with (
        httpx.Client(limits=httpx.Limits(max_connections=5)) as http_client,
        QStreamingClientSync(token_provider=from_cli_database(), http_client=http_client) as client,
    ):
        quick = client.with_options(timeout=20, retry=RetryPolicy(attempts=1), on_response=note)
        print([model.model_id for model in quick.iterate_models()])
        traced = client.with_options(headers={"x-trace": "42"}, extra_body={"newMember": True})
        print(collect_sync(traced.generate_assistant_response("What is an S3 bucket?")).text)


if __name__ == "__main__":
    main()
