"""The whole pipeline inside one container: the embedded engine, with tasks as its processes."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

from stepherd.backends.home.home_check import check_home
from stepherd.cli.output import Output
from stepherd.cloud.contexts import LOCAL
from stepherd.container.logs import TaskOutput
from stepherd.container.variables import DEFAULTS, request_of
from stepherd.errors import StepherdError, StorageError
from stepherd.processes.account import agent_account

__all__ = ["run_pipeline"]

_HOME: Final = "/tmp/stepherd"  # noqa: S108 - the container's own, and often the only place to write


def run_pipeline(environment: MutableMapping[str, str]) -> int:
    """Run the request that the variables describe to its end; the exit code of ``stepherd run``.

    What tasks write goes to standard output, how the run goes on to standard error. SIGTERM stops the run,
    keeping partial work. A wrong variable is said in one line, and is exit code 64.
    """
    from stepherd.backends.home.start import start
    from stepherd.runs.ids import check_run_id, new_run_id

    for name, value in DEFAULTS.items():
        environment.setdefault(name, value)
    output = Output(Path(environment.setdefault("STEPHERD_HOME", _HOME)), context=LOCAL)
    try:
        account = agent_account()
        check_home(output.home, not_of=account.user if account else None)
        run_id = check_run_id(environment.get("RUN_ID", "").strip() or new_run_id())
        request = request_of(environment)
        environment["STEPHERD_TASK_TMPDIR"] = str(_scratch(output.home))
        with TaskOutput(output, run_id):
            return start(output, run_id, request)
    except StepherdError as error:
        return output.error(error)


def _scratch(home: Path) -> Path:
    """A folder that the agent's user may pass through: below ``home`` it may not."""
    scratch = home.with_name(f"{home.name}-work")
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        scratch.chmod(0o711)
    except OSError as error:
        words = f"{scratch} cannot be made: {error.strerror}."
        raise StorageError(
            words, remedy="Give the container a /tmp to write to: --tmpfs /tmp:exec"
        ) from error
    return scratch
