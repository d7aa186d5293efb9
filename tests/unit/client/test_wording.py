"""Errors of the client name its parameters, not the flags of the command line."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pytest

from stepherd import Client, Request
from stepherd.client.wording import by_parameters, in_own_words
from stepherd.errors import UsageError
from stepherd.remedies import Remedy, commands_in
from stepherd.runs.request import _REMEDIES

PARAMETERS = {field.name for field in dataclasses.fields(Request)} | {
    name for method in (Client.__init__, Client.start) for name in inspect.signature(method).parameters
}


@pytest.mark.parametrize("remedy", _REMEDIES.values(), ids=_REMEDIES.keys())
def test_no_remedy_of_a_field_names_a_flag(remedy: str) -> None:
    said = by_parameters(remedy)
    assert "--" not in said
    assert set(re.findall(r"(\w+)=", re.sub(r"NAME=\w+", "", said))) <= PARAMETERS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Leave --command out, or --agent apply.", "Leave command out, or agent='apply'."),
        ("Give --push branch or --push none.", "Give push='branch' or push='none'."),
        ("Start with another --branch.", "Start with another branch."),
        ("Choose another --name, or leave it out.", "Choose another run_id, or leave it out."),
        ("Start from: --base main", "Start from: base='main'"),
        ("Choose another --agent.", "Choose another agent."),
        ("Give --secret KEY=env:KEY, or an id.", "Give secrets={'KEY': 'env:KEY'}, or an id."),
        ("Give each with --allow PATH.", "Give each with allow=[PATH]."),
        ("Clone with --submodules.", "Clone with submodules=True."),
        ("See --verify-rounds N and --verify CMD.", "See verify_rounds=N and verify=CMD."),
        (
            "First: aws secretsmanager create-secret --name X --secret-string file://P; --secret K=X",
            "First: aws secretsmanager create-secret --name X --secret-string file://P; secrets={'K': 'X'}",
        ),
        ("ends with --timeoutx and --unknown", "ends with --timeoutx and --unknown"),
    ],
)
def test_flags_become_parameters(text: str, said: str) -> None:
    assert by_parameters(text) == said


def test_commands_of_ours_stay_as_a_shell_takes_them() -> None:
    remedy = Remedy(
        "Give more with --timeout 2h: ", ("redrive", "RUN", "--timeout", "2h"), ", or --branch NAME."
    )
    said = by_parameters(remedy)
    told = "Give more with timeout_seconds='2h': stepherd redrive RUN --timeout 2h, or branch=NAME."
    assert said == told
    assert commands_in(said) == commands_in(remedy)


def test_an_error_keeps_its_kind_and_changes_its_words() -> None:
    with pytest.raises(UsageError) as raised, in_own_words():
        raise UsageError("--max-cost is negative.", remedy="Give --max-cost USD.")
    assert str(raised.value) == "max_cost_usd is negative. Give max_cost_usd=USD."
    assert raised.value.args == ("max_cost_usd is negative.",)


@pytest.mark.parametrize(("given", "seconds"), [("10m", 600), (90, 90), ("45", 45), ("soon", "soon")])
def test_times_are_numbers_or_texts(given: int | str, seconds: int | str) -> None:
    fields = Request(instructions="i.md", timeout_seconds=given, silence_seconds=given).to_json()
    assert (fields["timeout_seconds"], fields["silence_seconds"]) == (seconds, seconds)
