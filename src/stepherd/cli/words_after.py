"""A command whose command line may end with a program of the person's own: behind ``--``, word by word."""

from __future__ import annotations

import click

from stepherd.errors import UsageError

__all__ = ["WordsAfter", "words_after"]

_WORDS = "stepherd.words"


class WordsAfter(click.Command):
    """Keeps what stands behind ``--`` apart: click itself would take it for arguments, with or without."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Everything before it, as ever."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[_WORDS] = tuple(args[at + 1 :])
            args = args[:at]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Add the program and its arguments, which follow ``--``, to the usage line."""
        return [*super().collect_usage_pieces(ctx), "[-- PROGRAM ARGUMENT...]"]


def words_after() -> tuple[str, ...] | None:
    """The words behind ``--`` of the command that runs; None without. Raises UsageError for no words."""
    words: tuple[str, ...] | None = click.get_current_context().meta.get(_WORDS)
    if words is not None and not (words and words[0]):
        raise UsageError("No program stands behind '--'.", remedy="Write it there, with its arguments.")
    return words
