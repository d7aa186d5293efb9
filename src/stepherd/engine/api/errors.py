"""Errors of the API."""

from __future__ import annotations

from typing import Any

__all__ = ["ApiError", "invalid_member"]


class ApiError(Exception):
    """An error answer: AWS's code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def invalid_member(member: str, value: Any, rule: str) -> ApiError:
    """A ValidationException in AWS's words: ``rule`` follows 'Member must'."""
    words = f"Value '{value}' at '{member}' failed to satisfy constraint: Member must {rule}"
    return ApiError("ValidationException", f"1 validation error detected: {words}")
