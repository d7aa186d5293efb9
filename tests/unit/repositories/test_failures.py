from __future__ import annotations

import pytest

from stepherd.errors import (
    ConfigurationError,
    CredentialsError,
    DataError,
    InternalError,
    NotFoundError,
    StepherdError,
    StorageError,
    UnavailableError,
)
from stepherd.repositories.failures import CommitNotServed, RepositoryMoved, explain, server_words


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("fatal: unable to access 'u': Could not resolve host: nope", UnavailableError),
        ("fatal: unable to access 'u': The requested URL returned error: 503", UnavailableError),
        ("fatal: unable to access 'u': The requested URL returned error: 408", UnavailableError),
        ("fatal: unable to access 'u': gnutls_handshake() failed: Handshake failed", UnavailableError),
        ("fatal: unable to access 'u': The requested URL returned error: 301", RepositoryMoved),
        ("ssh: connect to host h port 22: Connection refused", UnavailableError),
        (
            "fetch-pack: unexpected disconnect while reading sideband\nfatal: early EOF",
            UnavailableError,
        ),
        ("remote: Repository not found.\nfatal: repository 'u' not found", NotFoundError),
        ("fatal: '/x' does not appear to be a git repository", NotFoundError),
        ("Host key verification failed.", CredentialsError),
        ("fatal: remote error: upload-pack: not our ref 1234", CommitNotServed),
        ("error: Server does not allow request for unadvertised object 12", CommitNotServed),
        ("fatal: detected dubious ownership in repository at '/x'", ConfigurationError),
        ("fatal: write error: No space left on device", StorageError),
        ("error: object 12: gitmodulesUrl: disallowed\nfatal: fsck error in packed object", DataError),
        ("fatal: transport 'ext' not allowed", DataError),
        ("fatal: something new", InternalError),
    ],
)
def test_gits_words_become_the_error_that_a_caller_can_act_on(said: str, error: type[StepherdError]) -> None:
    found = explain("Fetching", "h/o/n", said)
    assert type(found) is error
    assert found.message.startswith("Fetching of h/o/n failed")
    assert found.remedy


def test_progress_and_hints_are_left_out_of_the_quote() -> None:
    said = "remote: Counting objects: 5\rremote: Total 3\nhint: try this\nremote: =====\nfatal: no\n\n"
    assert server_words(said) == "fatal: no"
