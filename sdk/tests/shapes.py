"""The shape files of the service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["FILES"]

FILES: dict[str, dict[str, Any]] = {
    name: json.loads((Path(__file__).parent / "models" / f"codewhisperer_{name}_shapes.json").read_text())
    for name in ("streaming", "runtime")
}
