"""The login of the command line: the environment's, Stepherd's, or that of the CLI's own database."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import suppress
from datetime import datetime
from typing import Final

from ._environment import KEY_VARIABLE, TOKEN_VARIABLE, environment_login
from ._login import CliDatabaseTokenProvider, default_database
from ._texts import printable
from ._tokens import AccessToken, LoginService, StaticTokenProvider, TokenKind, TokenProvider
from .errors import TokenError

__all__ = ["ExportTokenProvider", "command_line_provider"]

_COMMAND: Final = "stepherd"
_SECONDS: Final = 60.0
_REMEDY: Final = f"Set {TOKEN_VARIABLE}, or log in with 'stepherd login' or 'q login'."


def command_line_provider() -> TokenProvider:
    """Return the provider for the command line.

    The environment goes first, then ``stepherd export-token``, which refreshes tokens, then the login
    database of ``q`` or ``kiro-cli``. Raises TokenError where there is none of them.
    """
    login = environment_login()
    if login is not None:
        return StaticTokenProvider(login)
    program = shutil.which(_COMMAND)
    database = default_database()
    if program is not None:
        exported = ExportTokenProvider(program)
        return _FirstOf(exported, CliDatabaseTokenProvider(database)) if database.is_file() else exported
    if not database.is_file():
        raise TokenError(
            f"neither {TOKEN_VARIABLE} nor {KEY_VARIABLE} is set, there is no '{_COMMAND}' on PATH "
            f"and no login database at {database}",
            remedy=f"Set {TOKEN_VARIABLE}, or log in with 'q login' or 'kiro-cli login'.",
        )
    return CliDatabaseTokenProvider(database)


class _FirstOf:
    """Stepherd keeps logins of its own; where it has none, that of the CLI is good as well."""

    def __init__(self, first: TokenProvider, second: TokenProvider) -> None:
        self._first = first
        self._second = second

    def get_token(self, *, refresh: bool = False) -> AccessToken:
        """Return the token of the first, else of the second; raise the TokenError of the first."""
        try:
            return self._first.get_token(refresh=refresh)
        except TokenError as error:
            with suppress(TokenError):
                return self._second.get_token(refresh=refresh)
            raise error from None


class ExportTokenProvider:
    """Runs ``stepherd export-token``, which refreshes the token if needed and prints it as JSON."""

    def __init__(self, program: str) -> None:
        self._program = program

    def get_token(self, *, refresh: bool = False) -> AccessToken:  # noqa: ARG002  the name is the protocol's
        """Return the token that the command prints; raise TokenError when it fails or prints none."""
        try:
            run = subprocess.run(
                [self._program, "export-token"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TokenError(f"'{_COMMAND} export-token' did not run: {error}", remedy=_REMEDY) from None
        if run.returncode != 0:
            said = printable(run.stderr, 400)
            run.stdout = b""
            raise TokenError(f"'{_COMMAND} export-token' failed ({run.returncode}): {said}", remedy=_REMEDY)
        token, run.stdout = _read(run.stdout), b""
        if token is None:
            # The output may hold a token, so it is not quoted, and no variable of the traceback holds it.
            raise TokenError(f"'{_COMMAND} export-token' printed no JSON with accessToken", remedy=_REMEDY)
        return token


def _read(output: bytes) -> AccessToken | None:
    try:
        document = json.loads(output)
        ends = document.get("expiresAt")
        return AccessToken(
            document["accessToken"],
            datetime.fromisoformat(ends) if ends else None,
            kind=document.get("tokenType") or TokenKind.BEARER,
            profile_arn=document.get("profileArn"),
            region=document.get("region"),
            service=document.get("service") or LoginService.Q,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, TokenError):
        return None
