"""Fault 70 (facts/git-and-secrets.md 5): GIT_* variables and the rest of the environment do not reach git."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run

ALLOWED = {
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "TZ",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_GLOBAL",
    "GIT_ATTR_NOSYSTEM",
    "GIT_CEILING_DIRECTORIES",
    "GIT_TERMINAL_PROMPT",
    "GIT_ASKPASS",
    "GIT_ALLOW_PROTOCOL",
    "GIT_SSH_VARIANT",
    "GIT_LFS_SKIP_SMUDGE",
    "GIT_OPTIONAL_LOCKS",
    "GIT_NO_LAZY_FETCH",
    "GIT_NO_REPLACE_OBJECTS",
    "SSH_ASKPASS_REQUIRE",
    "GCM_INTERACTIVE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "SSH_AUTH_SOCK",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "USER",
    "LOGNAME",
    *(f"GIT_{role}_{part}" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL", "DATE")),
    # Variables that a shell adds by itself:
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
}


def test_hostile_variables_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = Origin.create(tmp_path / "origin")
    canary = tmp_path / "canary"
    touch = f"touch {canary}"
    log = tmp_path / "environments"
    real = os.environ["PATH"]
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nenv >> {log}\nPATH={real}\nexport PATH\nexec git "$@"\n')
    wrapper.chmod(0o755)
    hostile = {
        "GIT_ALLOW_PROTOCOL": "ext:file",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": touch,
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={touch}'",
        "GIT_CONFIG_SYSTEM": str(tmp_path / "system"),
        "GIT_SSH_COMMAND": touch,
        "GIT_SSH": touch,
        "GIT_PROXY_COMMAND": touch,
        "GIT_EXTERNAL_DIFF": touch,
        "GIT_EDITOR": touch,
        "GIT_PAGER": touch,
        "GIT_EXEC_PATH": str(tmp_path),
        "GIT_DIR": "/nonexistent",
        "GIT_WORK_TREE": "/",
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_OBJECT_DIRECTORY": str(tmp_path / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(tmp_path),
        "GIT_TEMPLATE_DIR": str(tmp_path),
        "GIT_TRACE": str(tmp_path / "trace"),
        "GIT_TRACE_CURL": str(tmp_path / "trace"),
        "GIT_NAMESPACE": "evil",
        "GIT_AUTHOR_NAME": "Mallory",
        "GIT_COMMITTER_DATE": "1",
        "SSH_ASKPASS": touch,
        "LD_PRELOAD_CANARY": "x",
        "STEPHERD_CANARY": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "PATH": f".:relative:{wrapper.parent}:{real}",
    }
    run = Run(tmp_path / "run", origin.repository)
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)

    run.work()
    facts = run.push()

    assert not canary.exists()
    assert not (tmp_path / "trace").exists()
    assert origin.tip(run.branch) == facts.commit
    lines = log.read_text().splitlines()
    ours = [line for line in lines if not (line.startswith("GIT_DIR=") and line.endswith("/absent.git"))]
    assert {line.partition("=")[0] for line in ours} <= ALLOWED
    assert not any("=.:" in line or "relative" in line for line in lines if line.startswith("PATH="))
