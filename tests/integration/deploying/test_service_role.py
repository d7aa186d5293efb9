"""The first deployment in an account that has never used ECS."""

from __future__ import annotations

import pytest
from tests.integration.deploying.account import Fault
from tests.integration.deploying.conftest import Person

_SMALL = ("--no-image", "--no-api-key", "--no-git")
_UNKNOWN = "Unable to assume the service linked role. Please verify that the ECS service linked role exists."
_TAKEN = (
    "Service role name AWSServiceRoleForECS has been taken in this account, please try a different suffix."
)


def _ours(person: Person) -> list[str]:
    """The calls to the two services, and when the stack was made."""
    wanted = {"CreateServiceLinkedRole", "CreateCluster", "DeleteCluster", "CreateChangeSet"}
    return [operation for operation in person.account.operations() if operation in wanted]


@pytest.mark.exhaustive
def test_the_role_of_ecs_is_made_and_can_be_used_before_the_stack_is(person: Person) -> None:
    refused = Fault("CreateCluster", "InvalidParameterException", _UNKNOWN, times=2)
    person.account.faults.append(refused)
    person.init(*_SMALL)
    assert _ours(person)[:6] == [
        "CreateServiceLinkedRole",
        *["CreateCluster"] * 3,
        "DeleteCluster",
        "CreateChangeSet",
    ]
    roles = person.account.client("iam").list_roles()["Roles"]
    assert [role["Arn"] for role in roles if "/ecs.amazonaws.com/" in role["Arn"]]
    # AND of the cluster that was tried nothing is left
    ecs = person.account.client("ecs")
    tried = [arn for arn in ecs.list_clusters()["clusterArns"] if "stepherd-first" in arn]
    assert {each["status"] for each in ecs.describe_clusters(clusters=tried)["clusters"]} <= {"INACTIVE"}
    # AND a stack that is there is not asked for it again
    person.init(*_SMALL)
    assert _ours(person).count("CreateServiceLinkedRole") == 1


@pytest.mark.exhaustive
def test_a_role_that_is_there_is_waited_for_no_more(person: Person) -> None:
    person.account.faults.append(Fault("CreateServiceLinkedRole", "InvalidInput", _TAKEN))
    person.init(*_SMALL)
    assert _ours(person)[:2] == ["CreateServiceLinkedRole", "CreateChangeSet"]


@pytest.mark.exhaustive
def test_who_may_not_make_it_deploys_all_the_same(person: Person) -> None:
    person.account.faults.append(Fault("CreateServiceLinkedRole", "AccessDenied", status=403))
    done = person.init(*_SMALL)
    assert "It exists if ECS was ever used in this account" in done.stderr
    assert person.account.cloudformation.find("stepherd").status == "CREATE_COMPLETE"


@pytest.mark.exhaustive
def test_when_it_fails_all_the_same_it_is_to_be_run_again_and_nothing_is_to_be_mended(person: Person) -> None:
    person.account.cloudformation.trouble.create["Cluster"] = (
        f'Resource handler returned message: "Invalid request provided: CreateCluster Invalid Request: '
        f'{_UNKNOWN} (Service: AmazonECS; Status Code: 400)" '
        "(RequestToken: 1, HandlerErrorCode: InvalidRequest)"
    )
    done = person.init(*_SMALL, code=75)
    assert f"there is nothing to fix. Run it again: stepherd init --yes {' '.join(_SMALL)}" in done.stderr
    assert "Fix that" not in done.stderr
    person.init(*_SMALL)
    assert person.account.cloudformation.find("stepherd").status == "CREATE_COMPLETE"
