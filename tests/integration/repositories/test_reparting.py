"""Paths that are let through later let no secret through that no one knows any more by then."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run

from stepherd.repositories.changes import Changes
from stepherd.repositories.known_secrets import KnownSecrets
from stepherd.repositories.parting import Rules
from stepherd.repositories.reparting import part_again
from stepherd.steps.left_out import facts_of_left_out, left_out_of

SECRET = "Zx9Q-opensesame-77aa"


def parted_again(run: Run, changes: Changes, *allow: str) -> Changes:
    """As a redrive does it, which reads the findings from the result, and has another key by now."""
    assert run.facts is not None
    found = left_out_of(facts_of_left_out(changes.left_out))
    rules = Rules(KnownSecrets(), allow=allow)
    target = run.folder / "again.bundle"
    return part_again(run.private_git, run.facts.base_commit, run.bundle, target, run.scratch, rules, found)


@pytest.mark.parametrize(
    "path", ["venv/{}", "venv/{}.txt", "venv/a/{}/b/c", "venv/x{}{}y", "venv/plain", "venv/one\n{}"]
)
@pytest.mark.parametrize("allow", ["venv", "venv/**", "**"])
def test_a_folder_that_is_allowed_brings_no_secret_back(tmp_path: Path, path: str, allow: str) -> None:
    run = Run(tmp_path / "run", Origin.create(tmp_path / "origin").repository)
    run.clone()
    name = path.replace("{}", SECRET)
    text = "nothing" if SECRET in name else f"key = {SECRET}\n"
    run.write({"a.txt": "a\n", "venv/pyvenv.cfg": "home = x\n", "venv/good.py": "pass\n", name: text})
    changes = run.recorded(known_secrets=[SECRET])
    assert [file.path for file in changes.files] == ["a.txt"]
    again = parted_again(run, changes, allow)
    # Where the whole of a name is masked, any may be the one.
    good = [] if path == "venv/{}" else ["venv/good.py", "venv/pyvenv.cfg"]
    assert [file.path for file in again.files] == ["a.txt", *good]
    assert SECRET not in str(again.left_out)


def test_secrets_of_the_run_are_named_before_all_else(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", Origin.create(tmp_path / "origin").repository)
    run.clone()
    keys = {f"a{number}.pem": "AKIAZ7QWERTYUIOPLKJH\n" for number in range(520)}
    run.write({**keys, "venv/pyvenv.cfg": "home = x\n", "venv/zz.txt": f"{SECRET}\n"})
    again = parted_again(run, run.recorded(known_secrets=[SECRET]), "venv", "**/*.pem")
    assert "venv/zz.txt" not in {file.path for file in again.files}
