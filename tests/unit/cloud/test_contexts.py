"""Contexts in the home's config.yaml."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
import yaml

from stepherd.cloud.contexts import (
    CONFIG,
    LOCAL,
    Context,
    choose_default,
    forget_context,
    keep_context,
    profile_in_use,
    read_contexts,
    use,
)
from stepherd.errors import ConfigurationError, NotFoundError, StorageError, UsageError

AWS = Context("aws", "stepherd", "eu-west-1", "012345678901", "work")
ENTRY = "{stack: s, region: eu-west-1, account: '123456789012'}"


def test_a_home_without_a_file_has_the_context_local_alone(tmp_path: Path) -> None:
    contexts = read_contexts(tmp_path / "not-there")
    assert (contexts.default, dict(contexts.known)) == (LOCAL, {})
    assert contexts.find(LOCAL) is None
    assert not (tmp_path / "not-there").exists()


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    other = Context("other", "s-2", "us-gov-west-1", "123456789012")
    keep_context(tmp_path / "home", AWS, default=True)
    keep_context(tmp_path / "home", other, default=False)
    contexts = read_contexts(tmp_path / "home")
    assert contexts.default == "aws"
    assert list(contexts.known.values()) == [AWS, other]
    assert contexts.find("other") == other


def test_the_file_is_private_whatever_it_was_and_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / CONFIG
    path.write_text("")
    path.chmod(0o644)
    before = os.umask(0)
    try:
        keep_context(tmp_path, AWS, default=False)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_others_wrote_into_the_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / CONFIG
    path.write_text("theirs: {a: [1, ü]}\ncontexts: {}\n")
    keep_context(tmp_path, AWS, default=True)
    forget_context(tmp_path, "aws")
    kept = yaml.safe_load(path.read_text())
    assert kept == {"theirs": {"a": [1, "ü"]}, "contexts": {}, "default_context": LOCAL}


def test_an_entry_keeps_fields_that_are_not_known_until_it_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text(f"contexts: {{aws: {ENTRY[:-1]}, colour: red}}}}\n")
    choose_default(tmp_path, "aws")
    assert yaml.safe_load((tmp_path / CONFIG).read_text())["contexts"]["aws"]["colour"] == "red"


def test_a_forgotten_default_falls_back_to_local(tmp_path: Path) -> None:
    keep_context(tmp_path, AWS, default=True)
    forget_context(tmp_path, "never-there")
    assert read_contexts(tmp_path).default == "aws"
    forget_context(tmp_path, "aws")
    assert read_contexts(tmp_path).default == LOCAL


def test_forgetting_makes_no_file(tmp_path: Path) -> None:
    forget_context(tmp_path / "home", "aws")
    choose_default(tmp_path / "home", LOCAL)
    assert not (tmp_path / "home").exists()


def test_a_default_is_chosen_among_those_that_there_are(tmp_path: Path) -> None:
    keep_context(tmp_path, AWS, default=False)
    choose_default(tmp_path, "aws")
    assert read_contexts(tmp_path).default == "aws"
    with pytest.raises(NotFoundError, match=r"no context 'b'; there are: local, aws"):
        choose_default(tmp_path, "b")


def test_a_default_that_is_not_there_says_so_and_can_be_mended(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text(f"default_context: gone\ncontexts: {{aws: {ENTRY}}}\n")
    with pytest.raises(ConfigurationError, match=r"default_context names 'gone'") as raised:
        read_contexts(tmp_path)
    assert raised.value.remedy == "Choose one: stepherd context aws"
    choose_default(tmp_path, "aws")
    assert read_contexts(tmp_path).default == "aws"


@pytest.mark.parametrize("name", ["local", "", "a b", "-a", "../a", "ä", "a" * 65])
def test_names_that_cannot_be_are_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        keep_context(tmp_path, Context(name, "s", "eu-west-1", "123456789012"), default=True)
    assert not (tmp_path / CONFIG).exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("contexts: [", "line 1"),
        ("- a", "must be a mapping"),
        ("contexts: [a]", "contexts must be names"),
        ("contexts: {a: 1}", "contexts.a must have"),
        (f"contexts: {{local: {ENTRY}}}", "contexts.local cannot"),
        ("contexts: {a: {stack: s, region: eu-west-1, account: 123456789012}}", "contexts.a.account"),
        ("contexts: {a: {stack: s, region: mars, account: '123456789012'}}", "contexts.a.region"),
        ("contexts: {a: {region: eu-west-1, account: '123456789012'}}", "contexts.a.stack"),
        ("a: !!python/object/apply:os.system [true]", "line 1"),
    ],
)
def test_a_file_that_makes_no_sense_is_named_with_the_field_and_left_alone(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / CONFIG).write_text(text)
    for attempt in (read_contexts, lambda home: keep_context(home, AWS, default=True)):
        with pytest.raises(ConfigurationError) as raised:
            attempt(tmp_path)
        assert said in raised.value.message
        assert str(tmp_path / CONFIG) in raised.value.message
        assert "stepherd configure" in raised.value.remedy
    assert (tmp_path / CONFIG).read_text() == text


def test_a_file_in_another_encoding_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_bytes(b"a: \xff\xfe")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        read_contexts(tmp_path)


def test_a_folder_in_the_way_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / CONFIG).mkdir()
    with pytest.raises(StorageError, match=r"config\.yaml"):
        read_contexts(tmp_path)


def test_two_who_write_at_once_lose_nothing(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(24)]
    start = threading.Barrier(len(names))

    def keep(name: str) -> None:
        start.wait()
        keep_context(tmp_path, Context(name, "s", "eu-west-1", "123456789012"), default=False)

    threads = [threading.Thread(target=keep, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_contexts(tmp_path).known) == sorted(names)


def test_using_a_context_sets_profile_and_region_for_every_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "before")
    use(Context("a", "s", "eu-west-1", "123456789012"))
    assert [os.environ[n] for n in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION")] == [
        "before", "eu-west-1", "eu-west-1",
    ]  # fmt: skip
    use(AWS)
    assert os.environ["AWS_PROFILE"] == "work"


def test_a_context_s_profile_counts_more_than_keys_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.setenv(name, "before")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-north-1")
    assert profile_in_use() == ""
    use(Context("a", "s", "eu-west-1", "123456789012"))
    assert os.environ["AWS_ACCESS_KEY_ID"] == "before"
    use(AWS)
    assert profile_in_use() == "work"
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} & os.environ.keys()
