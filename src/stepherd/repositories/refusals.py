"""Refusals by servers, proxies and git, told apart by their words: each has its error, reason and remedy.

The words are those of git 2.39 to 2.51, of libcurl, OpenSSL and GnuTLS, OpenSSH, and of GitHub, GitLab,
Bitbucket, Gitea, Forgejo, Azure DevOps and CodeCommit. A pattern that could also stand in a file's or a
branch's name counts only in what comes from the server (``_SERVER``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stepherd.errors import (
    ConfigurationError,
    CredentialsError,
    DataError,
    NotFoundError,
    StepherdError,
    StorageError,
    UnavailableError,
)
from stepherd.remedies import RUN, Remedy

__all__ = [
    "REFUSALS",
    "RULES",
    "AddressRefused",
    "BranchProtected",
    "CertificateRefused",
    "CommitNotServed",
    "IdentityRefused",
    "ProxyRefused",
    "PushRejected",
    "PushTooLarge",
    "QuotaExceeded",
    "RateLimited",
    "ReadOnlyCredentials",
    "RepositoryMoved",
    "RepositoryReadOnly",
    "Rule",
    "SecretRefused",
    "ServerRefused",
    "SignatureRequired",
    "SignOnRequired",
    "WorkflowScopeMissing",
]


class RepositoryMoved(NotFoundError):
    """The server answers with a redirect, which is never followed with credentials in hand."""


class ServerRefused(DataError):
    """The server gave an answer of its own and no data, in words that no one here knows."""

    category = "refused"


class CommitNotServed(NotFoundError):
    """The server has no such commit or ref, or does not hand it out by its id."""


class PushRejected(DataError):
    """The server took the objects but refused the branch: a hook, a rule."""


class BranchProtected(PushRejected):
    """A rule of the server keeps pushes from this branch; others may be free."""

    category = "protected_branch"


class SignatureRequired(PushRejected):
    """The server takes signed commits alone."""

    category = "signature_required"


class SecretRefused(PushRejected):
    """The server's own scan has found a secret in what is pushed."""

    category = "secret_refused"


class IdentityRefused(PushRejected):
    """The server does not take commits of this author or committer."""

    category = "identity_refused"


class PushTooLarge(PushRejected):
    """A file, or the push as a whole, is larger than the server or a proxy before it takes."""

    category = "too_large"


class QuotaExceeded(PushRejected):
    """The repository or its owner has used up the space that they have."""

    category = "quota"


class RepositoryReadOnly(PushRejected):
    """No one may push: the repository is archived, or a mirror."""

    category = "repository_read_only"


class ReadOnlyCredentials(CredentialsError):
    """The token or key is good and may read, not write."""

    category = "read_only_credentials"


class WorkflowScopeMissing(CredentialsError):
    """The token may push, but not what the forge runs by itself."""

    category = "workflow_scope"


class SignOnRequired(CredentialsError):
    """An organisation wants the token to be authorised for its single sign-on."""

    category = "single_sign_on"


class AddressRefused(CredentialsError):
    """The server takes nothing from this network address."""

    category = "address_refused"


class CertificateRefused(ConfigurationError):
    """The server's or proxy's certificate is not one that is trusted here."""

    category = "certificate"


class ProxyRefused(ConfigurationError):
    """The proxy on the way wants other credentials, or lets no one through to this server."""

    category = "proxy"


class RateLimited(UnavailableError):
    """The server wants fewer requests for a while."""

    category = "rate_limit"


REFUSALS: Final[tuple[type[StepherdError], ...]] = (
    ServerRefused,
    BranchProtected,
    SignatureRequired,
    SecretRefused,
    IdentityRefused,
    PushTooLarge,
    QuotaExceeded,
    RepositoryReadOnly,
    ReadOnlyCredentials,
    WorkflowScopeMissing,
    SignOnRequired,
    AddressRefused,
    CertificateRefused,
    ProxyRefused,
    RateLimited,
)
"""The kinds that have a category of their own."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Words by which a failure is known, searched without regard to case and line by line."""

    pattern: str
    error: type[StepherdError]
    reason: str
    remedy: str


_SERVER: Final = r"^(?:remote:|(?-i:ERROR):|fatal: remote error:|conq:)[^\n]*?"
_AGAIN: Final = Remedy("then continue with: ", ("redrive", RUN))
_CREDENTIALS: Final = "Check the token or key in the git credentials secret, its scopes and its expiry date."
_PROXY: Final = (
    "Check the proxy in HTTPS_PROXY or git's http.proxy, and the name and password in its address; or "
    "name the "
    "server in NO_PROXY."
)
# The first rule that matches decides, so the narrow ones come first.
RULES: Final = (
    Rule(
        r"writ[^\n]*: file too large",
        DataError,
        "it sends more than 50 GiB, or than half of what the disk has left",
        "Free some space, or give a repository that fits.",
    ),
    Rule(
        r"out of memory|cannot allocate memory|[mc]alloc failed",
        DataError,
        "git ran out of memory",
        "The repository or the change does not fit when unpacked. Leave out what makes it so large.",
    ),
    Rule(
        r"^(?:remote: )?(?:fatal: |error: )?unable to read [0-9a-f]{40}",
        DataError,
        "it does not have all contents of that commit: it is a partial clone, or damaged",
        "Fetch the rest there, with: git fetch --refetch --no-filter. Or give the address of its remote.",
    ),
    Rule(
        r"HTTP code 407 from proxy|CONNECT tunnel failed, response 407|returned error: 407",
        ProxyRefused,
        "the proxy wants a name and password, or different ones (407)",
        _PROXY,
    ),
    Rule(
        r"HTTP code \d+ from proxy|CONNECT tunnel failed|proxy CONNECT aborted|could not resolve proxy"
        r"|unsupported proxy",
        ProxyRefused,
        "the proxy did not let the connection through",
        _PROXY,
    ),
    Rule(
        r"SSL certificate problem|certificate verification failed|server certificate|SSL CA cert|CAfile"
        r"|certificate (?:verify|file|subject|has|is|chain|issuer)|self[- ]signed cert|peer's certificate"
        r"|certificate verify locations|trust anchors|certificate required|unknown ca\b"
        r"|alternative certificate",
        CertificateRefused,
        "the server's certificate is not trusted here",
        "Name the file of your organisation's CA: git config --global http.sslCAInfo PATH, or "
        "GIT_SSL_CAINFO or "
        "SSL_CERT_FILE in the environment; if it has expired, tell the server's owner.",
    ),
    Rule(
        r"returned error: 30\d|unable to update url base from redirection",
        RepositoryMoved,
        "the server says that the repository is at another address, and redirects are not followed",
        "Open the address in a browser and use the one that it leads to.",
    ),
    Rule(
        r"without [`'\"]?workflows?[`'\"]? (?:scope|permission)|refusing to allow .* (?:create"
        r"|update).* workflow",
        WorkflowScopeMissing,
        "the token may not push changes of workflows",
        Remedy(
            "Give the token the scope 'workflow' (of a fine-grained token or an app: the permission "
            "Workflows, write), or keep the agent from changing .github/workflows; ",
            _AGAIN,
        ),
    ),
    Rule(
        r"GH009|push protection|PUSH BLOCKED: Secrets|cannot contain secrets|contains one or more secrets"
        r"|secrets? (?:was|were)? ?detected",
        SecretRefused,
        "the server found a secret in the changes",
        Remedy(
            "Fetch the work with: ",
            ("pull", RUN),
            ". Remove the secret, replace it where it is valid, and push by hand.",
        ),
    ),
    Rule(
        r"verified signatures?\b|must be signed|requires? signed commits|not signed|unsigned commit"
        r"|unverified commit"
        r"|commits? (?:is|are) unsigned|not have a verified signature",
        SignatureRequired,
        "the server only accepts signed commits, and Stepherd's are not signed",
        Remedy(
            "Use a branch that the rule does not cover, with ",
            ("redrive", RUN, "--branch", "NAME"),
            ", or fetch the work with '",
            ("pull", RUN),
            "', sign it and push it by hand.",
        ),
    ),
    Rule(
        r"GH007|private email address|is not a member of team|you can only push commits (?:for|if|with|of)"
        r"|cannot push commits for|(?:author|committer)[^\n]*(?:does not follow|does not match"
        r"|is not verified"
        r"|is not allowed|not recogni[sz]ed)",
        IdentityRefused,
        "the server does not accept commits by this author",
        Remedy(
            "Put a name and email that it accepts into the git credentials secret ('name', 'email'), ", _AGAIN
        ),
    ),
    Rule(
        r"returned error: 413|HTTP 413|exceeds maximum allowed size|larger than the allowed size|GH001"
        r"|file size limit"
        r"|size is greater than the|exceeds GitHub's|(?:file|push|pack|blob)s? (?:is|are) too (?:large|big)"
        r"|request entity too large",
        PushTooLarge,
        "the change is larger than the server accepts",
        Remedy(
            "Keep large files out of the change, or ask the server's owner for a higher limit "
            "(413 often comes from a proxy before it). Fetch the work with: ",
            ("pull", RUN),
        ),
    ),
    Rule(
        r"returned error: 429|HTTP 429|TF400733|" + _SERVER + r"(?:rate.?limit|too many requests"
        r"|rate exceeded|throttl|exceeding usage of resource)",
        RateLimited,
        "the server wants fewer requests for a while",
        Remedy("Wait some minutes, ", _AGAIN),
    ),
    Rule(
        _SERVER + r"(?:quota|(?:size|storage) limit|over (?:its|the|your) [^\n]*limit"
        r"|exceed(?:ed)? (?:its|the) [^\n]*limit|out of (?:disk )?space)",
        QuotaExceeded,
        "the repository, or its owner, has no space left on the server",
        Remedy("Free some space there, or ask its owner for more, ", _AGAIN),
    ),
    Rule(
        r"repository (?:was|is|has been) archived|repo is archived|archived[^\n]*read.only"
        r"|mirror[^\n]*read.only"
        r"|repository is (?:currently )?read.only|repository is in read.only",
        RepositoryReadOnly,
        "the repository accepts no pushes: it is archived or read-only",
        Remedy(
            "Use a repository that accepts pushes, or run with --push none and fetch the work with: ",
            ("pull", RUN),
        ),
    ),
    Rule(
        r"SAML SSO|single sign-on|enforced SAML",
        SignOnRequired,
        "the token is not authorised for the organisation's single sign-on",
        Remedy("Authorise it on the forge's page of tokens (Configure SSO), ", _AGAIN),
    ),
    Rule(
        r"IP allow ?list|IP address is not (?:permitted|allowed|whitelisted)|IP range|not (?:permitted"
        r"|allowed) from your IP",
        AddressRefused,
        "the server accepts nothing from this network address",
        Remedy(
            "Run where the organisation's list of addresses allows it, or have this address added, ", _AGAIN
        ),
    ),
    Rule(
        r"marked as read.only|deploy(?:ment)? key (?:is read.only|does not have write)"
        r"|via a deployment key is read.only"
        r"|is not authorized to write|access key[^\n]*read.only|key (?:is|has) read.only"
        r"|write access to repository not granted|TF401027|not allowed to push code to this project"
        r"|(?:does|do) not have (?:the )?(?:write|push) (?:access|permission)",
        ReadOnlyCredentials,
        "the token or key may only read",
        "Allow it to write (a deploy key: 'Allow write access'; a token: Contents or "
        "repository, write), or "
        "name another one with --git-credentials.",
    ),
    Rule(
        r"GH006|GH013|protected branch|branch [^\n]* is protected|permission denied to update branch|TF402455"
        r"|can only be modified through pull requests|creations being restricted"
        r"|protected from (?:force )?push",
        BranchProtected,
        "a rule of the server protects the branch",
        Remedy(
            "Use another branch, with ",
            ("redrive", RUN, "--branch", "NAME"),
            ", or ask the repository's owner for an exception. The work is kept in the run.",
        ),
    ),
    Rule(
        r"returned error: 403|permission to .* denied|not allowed to (push|upload)"
        r"|insufficient permission|HTTP 403",
        CredentialsError,
        "the credentials do not allow that",
        _CREDENTIALS,
    ),
    Rule(
        r"authentication failed|could not read (username|password)|returned error: 401|invalid username or"
        r"|permission denied \(|too many authentication failures|HTTP Basic: Access denied"
        r"|load key .*(invalid|error)|terminal prompts disabled|password authentication was removed",
        CredentialsError,
        "the server did not accept the credentials, or there are none",
        _CREDENTIALS,
    ),
    Rule(
        r"host key verification failed|host identification has changed",
        CredentialsError,
        "the server's SSH host key is not the known one",
        "Compare the key with the one that the server's owner publishes, then put it into known_hosts.",
    ),
    Rule(
        r"not our ref|unadvertised object|couldn't find remote ref|no such remote ref",
        CommitNotServed,
        "the server does not have or does not hand out that commit or ref",
        "Check the base: it must be a branch, a tag or a full commit id that the repository has.",
    ),
    Rule(
        r"\[remote rejected\]|pre-receive hook declined|denyCurrentBranch|\bGH0\d\d\b",
        PushRejected,
        "the server refused the branch",
        Remedy(
            "Use another branch, with ",
            ("redrive", RUN, "--branch", "NAME"),
            ", or ask the repository's owner for an exception. The work is kept in the run.",
        ),
    ),
    Rule(
        r"returned error: 404|repository .*not found|does not appear to be a git repository|TF401019"
        r"|project you were looking for could not be found|does not exist|no such file or directory",
        NotFoundError,
        "there is no such repository, or the credentials may not see it",
        "Check the address, and that the git credentials may read the repository.",
    ),
    Rule(
        r"dubious ownership",
        ConfigurationError,
        "the folder belongs to another user",
        "Run Stepherd as its owner, or trust it: git config --global --add safe.directory PATH",
    ),
    Rule(
        r"no space left|disk quota|read-only file system|unable to write (file|new index|loose)|cannot mkdir",
        StorageError,
        "the disk could not be written",
        "Free some space, or point STEPHERD_HOME at another disk.",
    ),
    Rule(
        r"^(?:fatal: remote error|(?-i:ERROR)):[^\n]*(?:try again|temporar|unavailable|overload|due to load)",
        UnavailableError,
        "the server cannot serve this at the moment",
        Remedy("Wait some minutes, ", _AGAIN),
    ),
    Rule(
        r"^(?:fatal: remote error|(?-i:ERROR)):",
        ServerRefused,
        "the server refused it in its own words",
        Remedy(
            "Ask the server's owner what they mean; everything it said is in the task's log: ", ("logs", RUN)
        ),
    ),
    Rule(
        r"could not resolve|couldn't connect|connection (refused|reset|closed)|timed out|no route to"
        r"|network is unreachable|returned error: (5\d\d|408)|early EOF|hung up|RPC failed|SSL|TLS|gnutls"
        r"|unexpected disconnect|too slow|Empty reply|transfer closed|failed to connect",
        UnavailableError,
        "the server cannot be reached, or the connection failed",
        Remedy("Check the address and the network, then try again: ", ("redrive", RUN)),
    ),
    Rule(
        r"fsck error|invalid index-pack|index-pack failed|bad object|object corrupt|unresolved deltas",
        DataError,
        "the repository contains objects that git's own check refuses",
        "Run git fsck on the repository, and repair the objects that it names.",
    ),
    Rule(
        r"transport '.*' not allowed",
        DataError,
        "the server redirects git to a protocol that is not allowed",
        "Use the repository's final address.",
    ),
)
