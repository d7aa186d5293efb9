"""This machine's own engine, where a stack is the default and AWS cannot even be asked."""

from __future__ import annotations

import pytest
from tests.e2e.place import Place

from stepherd.cloud.contexts import Context, keep_context

AWS = Context("aws", "flock", "us-east-1", "123456789012")


@pytest.mark.exhaustive
def test_a_run_of_this_machine_is_one_option_away(place: Place) -> None:
    keep_context(place.home, AWS, default=True)
    # WHEN a run is left to an engine in the background, which must not take the default either
    words = place.run_words("sh -c 'touch new.txt'", "--context", "local", "--detach")
    started = place.cli(*words, STEPHERD_CONTEXT="aws").ok()
    # THEN it is there, and what is suggested names the context
    assert "stepherd watch --context local run_1" in started.err
    assert place.cli("watch", "run_1", "--context", "local", "--json").ok().json["status"] == "SUCCEEDED"
    assert "agent: succeeded" in place.cli("logs", "run_1", STEPHERD_CONTEXT="local").ok().out
    assert place.cli("resume", "--context", "local").ok().err == "Nothing is unfinished.\n"
    refused = place.cli("resume", "run_1")
    assert (refused.code, "stepherd resume --context local" in refused.err) == (64, True)


def test_a_file_that_makes_no_sense_stops_only_who_needs_it(place: Place) -> None:
    place.home.mkdir()
    (place.home / "config.yaml").write_text("contexts: [")
    done = place.cli("list")
    assert done.code == 78
    assert f"'{place.home}/config.yaml': line 1 is no YAML" in done.err
    assert place.cli("list", "--context", "local").code == 0
    assert place.cli("context").code == 78
    (place.home / "config.yaml").write_text("")
    none = place.cli("context", "nope")
    assert (none.code, "there are: local." in none.err) == (66, True)
