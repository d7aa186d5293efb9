from __future__ import annotations

import pytest

from stepherd.repositories.address import parse_repository
from stepherd.repositories.links import compare_link


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("https://github.com/o/n.git", "https://github.com/o/n/compare/main...stepherd/run_1?expand=1"),
        ("git@github.com:o/n.git", "https://github.com/o/n/compare/main...stepherd/run_1?expand=1"),
        (
            "https://gitlab.example.com/g/s/n",
            "https://gitlab.example.com/g/s/n/-/compare/main...stepherd/run_1",
        ),
        ("ssh://git@codeberg.org/o/n", "https://codeberg.org/o/n/compare/main...stepherd/run_1"),
        (
            "git@bitbucket.org:o/n.git",
            "https://bitbucket.org/o/n/branches/compare/stepherd%2Frun_1%0Dmain",
        ),
        (
            "https://dev.azure.com/org/proj/_git/n",
            "https://dev.azure.com/org/proj/_git/n/branchCompare"
            "?baseVersion=GBmain&targetVersion=GBstepherd%2Frun_1",
        ),
        (
            "git@ssh.dev.azure.com:v3/org/proj/n",
            "https://dev.azure.com/org/proj/_git/n/branchCompare"
            "?baseVersion=GBmain&targetVersion=GBstepherd%2Frun_1",
        ),
        (
            "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/n",
            "https://eu-west-1.console.aws.amazon.com/codesuite/codecommit/repositories/n"
            "/compare/refs/heads/main/.../refs/heads/stepherd/run_1?region=eu-west-1",
        ),
        ("https://git.example.com/o/n", None),
        ("https://dev.azure.com/org", None),
    ],
)
def test_a_known_forge_has_a_page_that_compares(address: str, link: str | None) -> None:
    assert compare_link(parse_repository(address), "main", "stepherd/run_1") == link
