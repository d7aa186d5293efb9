"""Where a forge shows what a branch has more than its base."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from stepherd.repositories.address import Repository

__all__ = ["compare_link"]

# By the first label of the host, so that github.example.com and gitlab.example.com are known too.
_FORGES: Final = {
    "github": "/compare/{base}...{head}?expand=1",
    "gitlab": "/-/compare/{base}...{head}",
    "codeberg": "/compare/{base}...{head}",
    "gitea": "/compare/{base}...{head}",
    "forgejo": "/compare/{base}...{head}",
}
_CODECOMMIT: Final = re.compile(r"git-codecommit(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com")


def compare_link(repository: Repository, base_ref: str, branch: str) -> str | None:
    """A page that compares ``branch`` with ``base_ref``; None when the host is no known forge."""
    host = (repository.host or "").lower()
    path = repository.path.removesuffix(".git")
    base, head = quote(base_ref, safe="/"), quote(branch, safe="/")
    first = host.split(".")[0]
    if host == "bitbucket.org":
        return f"https://{host}/{path}/branches/compare/{quote(branch, safe='')}%0D{quote(base_ref, safe='')}"
    if host in {"dev.azure.com", "ssh.dev.azure.com"} or host.endswith(".visualstudio.com"):
        return _azure(host, path, base_ref, branch)
    if match := _CODECOMMIT.fullmatch(host):
        return _codecommit(match[1], path, base, head)
    if first in _FORGES:
        return f"https://{host}/{path}" + _FORGES[first].format(base=base, head=head)
    return None


def _azure(host: str, path: str, base: str, branch: str) -> str | None:
    parts = path.removeprefix("v3/").split("/")
    if "_git" in parts:
        parts.remove("_git")
    if host.endswith(".visualstudio.com"):
        parts.insert(0, host.split(".", maxsplit=1)[0])
    if len(parts) != 3:
        return None
    organisation, project, name = parts
    return (
        f"https://dev.azure.com/{organisation}/{project}/_git/{name}/branchCompare"
        f"?baseVersion=GB{quote(base, safe='')}&targetVersion=GB{quote(branch, safe='')}"
    )


def _codecommit(region: str, path: str, base: str, head: str) -> str | None:
    name = path.removeprefix("v1/repos/")
    return (
        f"https://{region}.console.aws.amazon.com/codesuite/codecommit/repositories/{name}"
        f"/compare/refs/heads/{base}/.../refs/heads/{head}?region={region}"
    )
