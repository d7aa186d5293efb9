"""Tools: what the model used, functions that it may use, and the loops that run them."""

from __future__ import annotations

from ._function_tools import FunctionTool, tool
from ._tool_runner import ToolRunner
from ._tool_runner_sync import ToolRunnerSync
from ._tooluse import ToolCall, ToolProblem, ToolUseAssembler

__all__ = [
    "FunctionTool",
    "ToolCall",
    "ToolProblem",
    "ToolRunner",
    "ToolRunnerSync",
    "ToolUseAssembler",
    "tool",
]
