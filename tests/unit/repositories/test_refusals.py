"""The words of servers, as they say them, and the errors that they become."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.errors import ConfigurationError, CredentialsError, DataError, StepherdError, UnavailableError
from stepherd.repositories import refusals as kinds
from stepherd.repositories.failures import explain
from stepherd.repositories.process import CUT, MOST_WORDS

ACCESS = "fatal: unable to access 'https://forge.example/o/n.git/': "
HOOK = (
    "To https://forge.example/o/n.git\n!\tabc:refs/heads/x\t[remote rejected] (pre-receive hook declined)\n"
    "Done\n"
)
NO = "The requested URL returned error: 403"
FAILED = "error: failed to push some refs to 'https://forge.example/o/n.git'\n"
SAID: dict[str, tuple[type[StepherdError], type[StepherdError], str]] = {
    # what is said → the error, the kind above it, a word of the remedy
    "remote: refusing to allow a Personal Access Token to create or update workflow "
    "`.github/workflows/ci.yml` "
    "without `workflow` scope\n" + HOOK: (kinds.WorkflowScopeMissing, CredentialsError, "'workflow'"),
    "! [remote rejected] x -> x (refusing to allow an OAuth App to create or update workflow "
    "`.github/workflows/ci.yml` without `workflow` scope)": (
        kinds.WorkflowScopeMissing, CredentialsError, "'workflow'"
    ),
    "remote: refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` without "
    "`workflows` permission": (kinds.WorkflowScopeMissing, CredentialsError, "Workflows"),
    "ERROR: The key you are authenticating with has been marked as read only.\nfatal: Could not read "
    "from remote "
    "repository.": (kinds.ReadOnlyCredentials, CredentialsError, "Allow write access"),
    "remote: GitLab: This deploy key does not have write access to this project.": (
        kinds.ReadOnlyCredentials, CredentialsError, "deploy key"
    ),
    "conq: repository access denied. access via a deployment key is read-only.\nfatal: Could not read": (
        kinds.ReadOnlyCredentials, CredentialsError, "deploy key"
    ),
    "remote: Gitea: Deploy Key: 5:ci is not authorized to write to o/n.": (
        kinds.ReadOnlyCredentials, CredentialsError, "deploy key"
    ),
    "remote: Write access to repository not granted.\n" + ACCESS + NO: (
        kinds.ReadOnlyCredentials, CredentialsError, "Contents"
    ),
    "remote: You are not allowed to push code to this project.\n" + ACCESS + NO: (
        kinds.ReadOnlyCredentials, CredentialsError, "write"
    ),
    "remote: TF401027: You need the Git 'GenericContribute' permission to perform this action.": (
        kinds.ReadOnlyCredentials, CredentialsError, "write"
    ),
    ACCESS + "Received HTTP code 407 from proxy after CONNECT": (
        kinds.ProxyRefused, ConfigurationError, "HTTPS_PROXY"
    ),
    ACCESS + "CONNECT tunnel failed, response 407": (kinds.ProxyRefused, ConfigurationError, "http.proxy"),
    ACCESS + "CONNECT tunnel failed, response 403": (kinds.ProxyRefused, ConfigurationError, "NO_PROXY"),
    ACCESS + "Could not resolve proxy: proxy.corp": (kinds.ProxyRefused, ConfigurationError, "http.proxy"),
    "error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413\nfatal: the remote end "
    "hung up "
    "unexpectedly": (kinds.PushTooLarge, DataError, "large files"),
    "remote: error: GH001: Large files detected. You may want to try Git Large File Storage.\nremote: "
    "error: File "
    "a.bin is 140.00 MB; this exceeds GitHub's file size limit of 100.00 MB\n" + HOOK: (
        kinds.PushTooLarge, DataError, "large files"
    ),
    "remote: fatal: pack exceeds maximum allowed size\nerror: remote unpack failed: index-pack "
    "abnormal exit": (
        kinds.PushTooLarge, DataError, "large files"
    ),
    "remote: TF402462: The push was rejected because its size is greater than the 5120 MB limit.": (
        kinds.PushTooLarge, DataError, "large files"
    ),
    "remote: error: GH006: Protected branch update failed for refs/heads/x.\nremote: error: Commits must "
    "have verified "
    "signatures.\n" + HOOK: (kinds.SignatureRequired, DataError, "pull RUN"),
    "remote: error: GH013: Repository rule violations found for refs/heads/x.\nremote: \nremote: - "
    "Commits must have "
    "verified signatures.\n" + HOOK: (kinds.SignatureRequired, DataError, "sign it"),
    "remote: GitLab: Commit must be signed with a GPG "
    "key\n" + HOOK: (kinds.SignatureRequired, DataError, "sign it"),
    "remote: Forgejo: branch x is protected from unverified commit 12ab\n" + HOOK: (
        kinds.SignatureRequired, DataError, "sign it"
    ),
    "remote: error: GH006: Protected branch update failed for refs/heads/x.\nremote: error: Changes must "
    "be made "
    "through a pull request.\n" + HOOK: (kinds.BranchProtected, DataError, "--branch"),
    "remote: error: GH013: Repository rule violations found for refs/heads/x.\nremote: - Cannot create "
    "ref due to "
    "creations being restricted.\n" + HOOK: (kinds.BranchProtected, DataError, "--branch"),
    "remote: GitLab: You are not allowed to push code to protected branches on this project.\n" + HOOK: (
        kinds.BranchProtected, DataError, "--branch"
    ),
    "remote: Permission denied to update branch x.\n" + HOOK: (kinds.BranchProtected, DataError, "--branch"),
    "remote: Gitea: Not allowed to push to protected branch x\n" + HOOK: (
        kinds.BranchProtected, DataError, "--branch"
    ),
    "remote: TF402455: Pushes to this branch are not permitted; you must use a pull request to update "
    "this branch.": (
        kinds.BranchProtected, DataError, "--branch"
    ),
    ACCESS + "SSL certificate problem: unable to get local issuer certificate": (
        kinds.CertificateRefused, ConfigurationError, "http.sslCAInfo"
    ),
    ACCESS + "server certificate verification failed. CAfile: none CRLfile: none": (
        kinds.CertificateRefused, ConfigurationError, "GIT_SSL_CAINFO"
    ),
    ACCESS + "SSL certificate problem: certificate has expired": (
        kinds.CertificateRefused, ConfigurationError, "expired"
    ),
    ACCESS + "SSL: no alternative certificate subject name matches target host name 'forge.example'": (
        kinds.CertificateRefused, ConfigurationError, "CA"
    ),
    ACCESS + "error setting certificate verify locations:  CAfile: /gone.pem CApath: none": (
        kinds.CertificateRefused, ConfigurationError, "CA"
    ),
    ACCESS + "The requested URL returned error: 429": (kinds.RateLimited, UnavailableError, "Wait"),
    "remote: Rate limit for this resource has been exceeded\n" + ACCESS + NO: (
        kinds.RateLimited, UnavailableError, "Wait"
    ),
    "remote: TF400733: The request has been canceled: Request was blocked due to exceeding usage of "
    "resource 'x'.": (
        kinds.RateLimited, UnavailableError, "Wait"
    ),
    "fatal: remote error: the moon is full\nfatal: the remote end hung up unexpectedly": (
        kinds.ServerRefused, DataError, "owner"
    ),
    "fatal: remote error: Repository quota exceeded": (kinds.QuotaExceeded, DataError, "space"),
    "remote: GitLab: Your push has been rejected, because this repository has exceeded its size limit of "
    "10 GB by 1 GB."
    "\n" + HOOK: (kinds.QuotaExceeded, DataError, "space"),
    "remote: Your repository is over its size limit of 4.0 GB and has become read-only.\n" + HOOK: (
        kinds.QuotaExceeded, DataError, "space"
    ),
    "ERROR: This repository was archived so it is read-only.": (
        kinds.RepositoryReadOnly, DataError, "--push none"
    ),
    "remote: The `o' organization has enabled or enforced SAML SSO.\n" + ACCESS + "The requested URL "
    "returned error: "
    "403": (kinds.SignOnRequired, CredentialsError, "SSO"),
    "remote: The `o' organization has an IP allow list enabled, and 192.0.2.1 is not permitted to access "
    "this resource."
    "\n" + ACCESS + NO: (kinds.AddressRefused, CredentialsError, "address"),
    "remote: error: GH009: Secrets detected! This push "
    "failed.\n" + HOOK: (kinds.SecretRefused, DataError, "Remove"),
    "remote: error: GH013: Repository rule violations found for refs/heads/x.\nremote: - GITHUB PUSH "
    "PROTECTION\n"
    + HOOK: (kinds.SecretRefused, DataError, "Remove"),
    "remote: VS403654: The push was rejected because it contains one or more secrets.": (
        kinds.SecretRefused, DataError, "Remove"
    ),
    "remote: error: GH007: Your push would publish a private email address.\n" + HOOK: (
        kinds.IdentityRefused, DataError, "'email'"
    ),
    "remote: GitLab: You cannot push commits for 'robot@example.com'. You can only push commits if the "
    "committer "
    "email is one of your own verified emails.\n" + HOOK: (kinds.IdentityRefused, DataError, "'email'"),
}  # fmt: skip


@pytest.mark.parametrize("said", SAID, ids=lambda said: said[:60])
def test_each_refusal_has_its_kind_its_category_and_its_remedy(said: str) -> None:
    error, above, remedy = SAID[said]
    found = explain("Pushing", "forge.example/o/n", said + FAILED)
    assert type(found) is error
    assert isinstance(found, above)
    assert found.category != above.category
    assert remedy in found.remedy
    assert found.retryable == (error is kinds.RateLimited)


def test_every_kind_has_words_that_are_tried_and_a_category_of_its_own() -> None:
    assert {error for error, _, _ in SAID.values()} == set(kinds.REFUSALS)
    categories = [kind.category for kind in kinds.REFUSALS]
    assert len(categories) == len(set(categories))


@given(
    st.sampled_from(sorted(SAID)),
    st.sampled_from(
        [
            "self-signed-cert",
            "quota",
            "archived",
            "GH006",
            "GH009",
            "protected",
            "HTTP 413",
            "SAML SSO",
            "TLS",
            "407",
        ]
    ),
)
def test_names_that_others_chose_decide_nothing(said: str, name: str) -> None:
    """GIVEN a repository and a branch with a telling name THEN the failure is what it would be without."""
    name = name.replace(" ", "-")
    plain = f"{ACCESS}The requested URL returned error: 403"
    for words in (said, plain):
        named = words.replace("o/n.git", f"{name}/{name}.git").replace("refs/heads/x", f"refs/heads/{name}")
        assert type(explain("Pushing", "p", named)) is type(explain("Pushing", "p", words))


def test_the_first_lines_win_and_blank_ones_do_not_count() -> None:
    reason = "remote: error: GH006: Protected branch update failed for refs/heads/x."
    blank = "remote: \nremote:\nremote: \x1b[K\nremote: ====\n" * 10
    later = "".join(f"remote: see rule {number} of our {'long ' * 20}handbook\n" for number in range(40))
    found = explain("Pushing", "p", f"{blank}{reason}\n{blank}{later}{HOOK}{FAILED}")
    assert f"Git said: {reason}; remote: see rule 0" in found.message
    assert len(found.message) < 800
    assert "remote: see rule 39" in found.details
    assert "[remote rejected]" in found.details
    assert all(line.strip() not in {"", "remote:"} for line in found.details.splitlines())


def test_a_reason_after_a_long_greeting_is_quoted_all_the_same() -> None:
    greeting = "".join(
        f"Welcome to our forge, line {number} of its {'kind ' * 12}greeting\n" for number in range(30)
    )
    said = f"{greeting}ERROR: The key you are authenticating with has been marked as read only.\n"
    assert "marked as read only" in explain("Pushing", "p", said).message


def test_a_line_that_is_made_to_be_searched_for_long_is_not() -> None:
    started = time.process_time()
    for piece in ("archived ", "x", "author ", "branch ", "remote: over the "):
        explain("Pushing", "p", "remote: " + piece * (MOST_WORDS // len(piece)))
        explain("Pushing", "p", ("remote: " + piece * (399 // len(piece)) + "\n") * 200)
    assert time.process_time() - started < 20


def test_what_drives_a_terminal_and_secrets_are_in_neither_quote_nor_details() -> None:
    secret = "canary" + "-t0ken-" + "1f2e3d4c5b"
    said = f"remote: \x1b]0;owned\x07no {secret[:9]}\nremote: {secret[9:]} \x1b[2J\u202eyes\n" + HOOK
    found = explain("Pushing", "p", said, (secret,))
    for text in (found.message, found.details):
        assert secret[:9] not in text
        assert secret[9:] not in text
        assert "\x1b" not in text
        assert "\u202e" not in text


@pytest.mark.exhaustive
def test_next_to_what_was_left_out_stands_no_part_of_a_secret() -> None:
    secret = "".join(f"{number:04x}-" for number in range(180))
    filler = "remote: word by word\n" * 1000
    for at in range(100, len(secret) - 100, 90):
        said = f"{filler}remote: {secret[:at]}{CUT.decode()}{secret[at:]}\n{filler}fatal: the end\n"
        details = explain("Pushing", "p", said, (secret,)).details
        assert not [i for i in range(len(secret) - 10) if secret[i : i + 10] in details]
        assert "[…]" in details
        assert details.startswith("remote: word by word")
        assert details.endswith("fatal: the end")
