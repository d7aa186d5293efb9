"""Checks of access to a deployed stack, and of its ways to reach people: secrets, API keys, mail, logins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from stepherd.api_keys.opening import open_ring
from stepherd.doctor.checkup import Finding, Status
from stepherd.doctor.tokens import binding_finding
from stepherd.errors import ConfigurationError, CredentialsError, DataError
from stepherd.remedies import Remedy
from stepherd.services.aws.errors import error_code, translated
from stepherd.services.secrets.contract import SecretNotFound, parse_secret

if TYPE_CHECKING:
    from stepherd.cloud.stack import Stack
    from stepherd.doctor.checked_stack import CheckedStack

__all__ = ["look_at_keys", "look_at_mail", "look_at_secrets"]

_GIT: Final = "GitCredentialsSecretId"
_SECRETS: Final = {
    _GIT: ("git credentials", '{"token": "…"}'),
    "AgentCredentialsSecretId": ("agent credentials", '{"ANTHROPIC_API_KEY": "…"}'),
    "AmazonQCredentialsSecretId": (
        "login settings",
        '{"sso_url": "https://….awsapps.com/start", "region": "…"}',
    ),
}
_MAY_BE_ABSENT: Final = "amazon-q-headless/amazon-q-credentials"
"""The one default that a run can do without: AWS Builder ID is asked then."""
_KEY_ENDS_SOON: Final = timedelta(days=14)


def look_at_secrets(checked: CheckedStack, stack: Stack) -> Iterator[Finding]:
    """Whether the secrets that the stack names are there; of git's, which is read, which hosts it is for."""
    for parameter, (name, form) in _SECRETS.items():
        reference = stack.parameters.get(parameter, "")
        if reference in ("", "none"):
            if parameter == _GIT:
                words = "The stack has none: runs can only clone public repositories, and push nothing."
                yield Finding(name, "warning", words, checked.own("init"))
            continue
        finding = _secret_finding(checked, name, reference, form)
        bound = parameter == _GIT and finding.status == "ok"
        yield _git_finding(checked, stack, reference, finding) if bound else finding


def _git_finding(checked: CheckedStack, stack: Stack, reference: str, found: Finding) -> Finding:
    change = checked.own("init --git-hosts github.com")
    try:
        with translated(f"the secret {reference}"):
            value = checked.client("secretsmanager").get_secret_value(SecretId=reference)
        secret = parse_secret(value.get("SecretString", ""), reference)
        return binding_finding(found.text, secret, change, stack.parameters.get("DefaultRepo", ""))
    except (ConfigurationError, DataError, SecretNotFound) as error:
        return replace(found, status="problem", text=error.message, remedy=error.remedy)
    except CredentialsError:
        return replace(found, text=f"{found.text}; you may not read their hosts")


def _secret_finding(checked: CheckedStack, name: str, reference: str, form: str) -> Finding:
    with translated(f"the secret {reference}"):
        try:
            secret = checked.client("secretsmanager").describe_secret(SecretId=reference)
        except Exception as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            return _absent_secret(checked, name, reference, form)
    if secret.get("DeletedDate"):
        restore = checked.aws(f"secretsmanager restore-secret --secret-id {reference}")
        return Finding(name, "problem", f"{reference} is about to be deleted and cannot be read.", restore)
    changed = secret.get("LastChangedDate")
    return Finding(name, "ok", f"{reference}{f', changed {changed:%Y-%m-%d}' if changed else ''}")


def _absent_secret(checked: CheckedStack, name: str, reference: str, form: str) -> Finding:
    if reference == _MAY_BE_ABSENT:
        return Finding(name, "ok", "Not set: logins use AWS Builder ID.")
    make = checked.aws(f"secretsmanager create-secret --name {reference} --secret-string file://FILE")
    words = f"There is no secret '{reference}', but runs need it."
    return Finding(name, "problem", words, f"Write {form} into a file, then: {make}")


def look_at_keys(_: CheckedStack, stack: Stack) -> Iterator[Finding]:
    """Whether anybody can use the HTTP API, and whose key ends soon. Raises CredentialsError and others."""
    secret, now = stack.outputs.get("ApiKeysSecretId"), datetime.now(UTC)
    if not secret:
        return
    entries = [entry for entry in open_ring(secret).entries() if entry.usable(now)]
    if not entries:
        words = "No key is valid: the HTTP API refuses everyone."
        yield Finding("api keys", "warning", words, Remedy(("keys", "create", "--owner", "NAME")))
        return
    soon = [each for each in entries if each.expires and not each.usable(now + _KEY_ENDS_SOON)]
    words = f"{len(entries)} valid, of {', '.join(sorted({entry.owner for entry in entries}))}."
    if soon:
        first = min(soon, key=lambda entry: str(entry.expires))
        words += f" The key sk_live_{first.id}… of {first.owner} ends {first.expires}."
        yield Finding("api keys", "warning", words, Remedy(("keys", "create", "--owner", first.owner)))
    else:
        yield Finding("api keys", "ok", words)


def look_at_mail(checked: CheckedStack, stack: Stack) -> Iterator[Finding]:
    """Whether somebody is told when a login needs a person, and whether the answer is waited for."""
    topic = stack.outputs.get("LoginTopicArn")
    if not topic:
        return
    with translated(f"the topic {topic}"):
        pages = checked.client("sns").get_paginator("list_subscriptions_by_topic")
        found = [each for page in pages.paginate(TopicArn=topic) for each in page["Subscriptions"]]
    people = [each for each in found if each["Protocol"] not in ("lambda", "sqs")]
    subscribe = checked.aws(
        f"sns subscribe --topic-arn {topic} --protocol email --notification-endpoint MAIL"
    )
    yield _people_finding(people, subscribe)
    if not any(each["Protocol"] == "lambda" for each in found):
        words = "The function CompleteLogin is not subscribed to the topic: no approval will be noticed."
        yield Finding("login approval", "problem", words, checked.own("init"))


def _people_finding(people: list[dict[str, Any]], subscribe: str) -> Finding:
    pending = [each["Endpoint"] for each in people if not each["SubscriptionArn"].startswith("arn:")]
    confirmed = [each["Endpoint"] for each in people if each["SubscriptionArn"].startswith("arn:")]
    status: Status = "ok" if confirmed and not pending else "warning"
    if pending:
        words = f"{', '.join(pending)} has not confirmed yet and gets no mail."
        remedy = (
            f"Follow the link in the mail 'AWS Notification - Subscription Confirmation'; again: {subscribe}"
        )
        return Finding("login mail", status, words, remedy.replace("MAIL", pending[0]))
    if not confirmed:
        return Finding("login mail", status, "No one is told when a login needs a person.", subscribe)
    return Finding("login mail", status, f"{', '.join(confirmed)} is asked to approve logins.")
