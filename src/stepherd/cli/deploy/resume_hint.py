"""How a command that was broken off is taken up again: by the same command."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from stepherd.cli.output import Output
from stepherd.cloud.waiting import telling_of_waits
from stepherd.errors import NotFoundError, StepherdError, UsageError

__all__ = ["resume_hint", "this_command"]

_THE_SAME = ", then run the same command again"
"""How remedies end that know no command."""


def this_command(*more: str) -> str:
    """The command line as it was given, to be suggested again. No secret is ever on it."""
    words = [word for word in (*sys.argv[1:], *more) if word != "--json"]
    return f"stepherd {shlex.join(words)}"


@contextmanager
def resume_hint(output: Output) -> Iterator[None]:
    """Whatever breaks off the block, a person learns that the same command continues from there.

    Until then they hear of every service that takes its time.
    """
    again = this_command()
    try:
        with telling_of_waits(output.note):
            yield
    except (NotFoundError, UsageError):
        raise  # The same command would end alike.
    except StepherdError as error:
        if again not in error.remedy:
            before = error.remedy.rstrip(".").removesuffix(_THE_SAME)
            error.remedy = f"{before}, then run: {again}" if before else f"Run: {again}"
        raise
    except KeyboardInterrupt:
        output.note(f"\nAWS completes the steps that it has begun. To continue here: {again}")
        raise
