"""Checks of this machine: Python, git, ssh, the clock, and AWS where it is set up."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stepherd.doctor.checkup import Check, Finding
from stepherd.engine.identity import JOURNAL
from stepherd.logins.kinds import DATABASE_VARIABLE
from stepherd.services.aws.errors import is_from_aws
from stepherd.services.program_path import absolute_path
from stepherd.text.durations import seconds_text

__all__ = ["MACHINE_CHECKS", "git_finding", "python_finding"]

_SAFE_GIT: Final = {43: 7, 44: 4, 45: 4, 46: 4, 47: 3, 48: 2, 49: 1, 50: 1}
"""Minor version of git 2 → the first patch with the fixes of CVE-2025-48384 and CVE-2025-48385."""
_OLDEST_GIT: Final = (2, 30)
"""Below it the options that clones and pushes are made safe with are missing."""
_SECONDS: Final = 5


def _python(_: Path) -> Iterator[Finding]:
    yield python_finding(sys.version_info[:3])


def python_finding(version: tuple[int, int, int]) -> Finding:
    """Judge a version of Python."""
    name = "Python {}.{}.{}".format(*version)
    if version[:2] < (3, 11):
        return Finding("python", "problem", f"{name} is too old.", "Install Python 3.11 or newer.")
    return Finding("python", "ok", f"{name}, {sys.executable}")


def _git(_: Path) -> Iterator[Finding]:
    path = shutil.which("git", path=absolute_path())
    if path is None:
        yield Finding("git", "problem", "There is no git on PATH.", "Install git 2.50.1 or newer.")
        return
    yield git_finding(_output([path, "--version"]))


def git_finding(said: str) -> Finding:
    """Judge the answer of ``git --version``: its age, and known security fixes."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", said)
    if found is None:
        return Finding("git", "warning", f"git does not report its version: {said[:80]!r}")
    version = (int(found[1]), int(found[2]), int(found[3] or 0))
    name = "git {}.{}.{}".format(*version)
    if version[:2] < _OLDEST_GIT:
        return Finding("git", "problem", f"{name} is too old.", "Install git 2.50.1 or newer.")
    floor = _SAFE_GIT.get(version[1], 0 if version[1] > max(_SAFE_GIT) else 1_000)
    if version[0] == 2 and version[2] < floor:
        words = f"{name} is older than the fix of CVE-2025-48384, unless your distribution has backported it."
        return Finding("git", "warning", words, "Install the newest git of your distribution, or 2.50.1.")
    return Finding("git", "ok", name)


def _ssh(_: Path) -> Iterator[Finding]:
    path = shutil.which("ssh", path=absolute_path())
    if path is None:
        words = "There is no ssh on PATH: repositories can only be reached over https."
        yield Finding("ssh", "warning", words, "Install an OpenSSH client.")
        return
    agent = os.environ.get("SSH_AUTH_SOCK", "")
    keys = "" if agent and Path(agent).exists() else "; no ssh-agent runs here"
    yield Finding("ssh", "ok", f"{_output([path, '-V']) or path}{keys}")


def _clock(home: Path) -> Iterator[Finding]:
    """Nothing can have been written after now; asking a time server would take a network."""
    written = [Path(__file__), home / JOURNAL, home / "store"]
    newest = max((path.stat().st_mtime for path in written if path.exists()), default=0.0)
    ahead = newest - time.time()
    if ahead > 60:
        words = f"The clock is behind: files here were written {seconds_text(ahead)} after now."
        yield Finding("clock", "problem", words, "Set the clock, because logins and signatures depend on it.")
    else:
        yield Finding("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()))


def _aws(_: Path) -> Iterator[Finding]:
    """Only where something says that AWS is meant."""
    if not _wants_aws():
        return
    try:
        # Only now: it takes its time to load, and an installation may be without it.
        from botocore.session import Session
    except ImportError:
        yield Finding("aws", "problem", "boto3 is not installed.", "pip install 'stepherd[aws]'")
        return
    session = Session()
    try:
        region = os.environ.get("AWS_REGION") or session.get_config_variable("region")
        credentials = session.get_credentials()
    except Exception as error:
        if not is_from_aws(error):
            raise
        yield Finding(
            "aws", "problem", f"The AWS configuration cannot be used: {error}", "aws configure list"
        )
        return
    if region:
        yield Finding("aws region", "ok", str(region))
    else:
        yield Finding("aws region", "warning", "No region is set.", "export AWS_REGION=us-east-1")
    if credentials is None:
        yield Finding("aws credentials", "warning", "None were found.", "aws configure, or aws sso login")
    else:
        yield Finding("aws credentials", "ok", f"from {credentials.method}")


def _wants_aws() -> bool:
    names = ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION", DATABASE_VARIABLE)
    if any(os.environ.get(name) for name in names):
        return True
    configured = os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config"
    shared = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
    return any(Path(path).expanduser().exists() for path in (configured, shared))


def _output(command: list[str]) -> str:
    """The first line that a program says of itself; empty when it says nothing in time."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False, text=True,
            errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return next(iter((done.stdout or done.stderr).strip().splitlines()), "")


MACHINE_CHECKS: Final = (
    Check("python", _python),
    Check("git", _git),
    Check("ssh", _ssh),
    Check("clock", _clock),
    Check("aws", _aws),
)
