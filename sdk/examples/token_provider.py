"""Tokens of your own: any object with ``get_token`` will do."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from amazon_q_streaming_client import AccessToken, QStreamingClient, TokenError, TokenProvider, collect


class FileTokens:
    """Reads tokens that another program keeps fresh in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get_token(self, *, refresh: bool = False) -> AccessToken:
        if refresh:
            raise TokenError("the token in the file is not accepted", remedy="Run the other program again.")
        value = json.loads(self.path.read_text())["accessToken"]
        return AccessToken(value, expires_at=datetime.now(UTC) + timedelta(minutes=5))


async def main(path: Path = Path("token.json")) -> None:
    provider: TokenProvider = FileTokens(path)
    async with QStreamingClient(token_provider=provider) as client:
        answer = await collect(client.generate_assistant_response("What is an S3 bucket?"))
    print(answer.text)


if __name__ == "__main__":
    asyncio.run(main())
