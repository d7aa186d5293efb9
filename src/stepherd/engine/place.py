"""The account and region that the embedded engine stands for, in every ARN it makes."""

from __future__ import annotations

__all__ = ["ACCOUNT", "REGION"]

REGION = "us-east-1"
ACCOUNT = "000000000000"
