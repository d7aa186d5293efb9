"""The modules that a run's functions and steps load, for the process that they are forked from on a laptop.

Nothing here may start a thread or read a variable while it is loaded: each of them has an environment of its
own. So ``telemetry``, whose logger reads its level, and AWS's client, which reads its server's address, are
left to the functions. The store is a folder.
"""

from __future__ import annotations

from importlib import import_module

__all__: list[str] = []

_MODULES = (
    "awslambdaric.lambda_runtime_marshaller",
    "aws_lambda_powertools.logging",
    "aws_lambda_powertools.metrics",
    "ctypes",
    "importlib.util",
    "stepherd.agents.judgement",
    "stepherd.runs.amendments",
    "stepherd.runs.prepare",
    "stepherd.runs.reply",
    "stepherd.runs.report",
    "stepherd.services.store.folder",
    "stepherd.steps.agent",
    "stepherd.steps.agent_sandbox",
    "stepherd.steps.clone",
    "stepherd.steps.execution",
    "stepherd.steps.push",
    "zstandard",
)

for _module in _MODULES:
    import_module(_module)
