"""The parts of a stack that the API works on: the store, the pipeline's executions, the logs of its tasks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepherd.api.runs import Runs
from stepherd.services.aws.log_streams import LogStreams
from stepherd.services.store.opening import open_store

if TYPE_CHECKING:
    from stepherd.services.store.contract import Store

__all__ = ["Service"]


@dataclass(frozen=True, slots=True)
class Service:
    """The store, the executions and the logs that the API's function works on."""

    store: Store
    runs: Runs
    tasks: LogStreams | None = None
    """None where tasks write no logs to CloudWatch."""
    keeping: Runs | None = None
    """The executions of the keep machine; None where there is none yet."""

    @classmethod
    def open(cls) -> Service:
        """As the environment says: STORE_URI, PIPELINE_ARN, KEEP_ARN, TASK_LOG_GROUP."""
        group = os.environ.get("TASK_LOG_GROUP")
        return cls(
            open_store(os.environ["STORE_URI"]),
            Runs.open(os.environ["PIPELINE_ARN"]),
            LogStreams.open(group) if group else None,
            Runs.open(keep) if (keep := os.environ.get("KEEP_ARN")) else None,
        )

    @property
    def allow_local(self) -> bool:
        """Whether paths mean something to the tasks: only where the store is a folder beside them."""
        return self.store.reference.startswith("file://")
