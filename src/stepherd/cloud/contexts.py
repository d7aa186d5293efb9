"""Contexts: names of the places where runs can be, kept in the home's ``config.yaml``.

The file is private (0600) and replaced whole. Other entries are kept; comments are not::

    default_context: aws
    contexts:
      aws: {stack: stepherd, region: eu-west-1, account: '123456789012', profile: work}

The context ``local`` is the embedded engine of the home. It is always there and never in the file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from stepherd.errors import ConfigurationError, NotFoundError, UsageError
from stepherd.remedies import Remedy
from stepherd.services.aws.regions import REGION
from stepherd.services.disk import disk_error, folder_lock, replacement, write_all

__all__ = [
    "CONFIG",
    "DEFAULT_CONTEXT",
    "DEFAULT_STACK",
    "LOCAL",
    "Context",
    "Contexts",
    "check_context_name",
    "choose_default",
    "forget_context",
    "keep_context",
    "profile_in_use",
    "prove_writable",
    "read_contexts",
    "use",
    "use_profile",
    "use_region",
]

LOCAL: Final = "local"
"""The embedded engine of the home; built in."""
DEFAULT_CONTEXT: Final = "aws"
DEFAULT_STACK: Final = "stepherd"
"""The name of a stack that is given no other, as a context and in CloudFormation."""
CONFIG: Final = "config.yaml"
_HEAD: Final = "# Written by stepherd. Other keys are kept, comments are not.\n"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_FORMS: Final = {
    "stack": (re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}", re.ASCII), "the name of a CloudFormation stack"),
    "region": (re.compile(REGION), "an AWS region"),
    "account": (re.compile(r"\d{12}", re.ASCII), "an AWS account, twelve digits in quotes"),
    "profile": (re.compile(r"[^\x00-\x1f\x7f]{0,255}"), "a profile of the AWS configuration"),
}


@dataclass(frozen=True, slots=True)
class Context:
    """A deployed stack, by a name of one's own."""

    name: str
    stack: str
    """CloudFormation's name of it."""
    region: str
    account: str
    """The account's twelve digits."""
    profile: str = ""
    """Of the AWS configuration; empty leaves the choice to the environment."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """The contexts of a home."""

    default: str = LOCAL
    known: Mapping[str, Context] = field(default_factory=dict)
    """By name, in the order of the file; without ``local``."""

    def find(self, name: str) -> Context | None:
        """The context of a name; None for ``local``. Raises NotFoundError with those that there are."""
        if name == LOCAL:
            return None
        if name not in self.known:
            there_are = ", ".join([LOCAL, *self.known])
            raise NotFoundError(
                f"There is no context '{name}'; there are: {there_are}.",
                remedy=Remedy("Choose one of them, or find a stack with: ", ("configure",)),
            )
        return self.known[name]


def read_contexts(home: Path) -> Contexts:
    """The contexts of a home; only ``local`` where there is no file.

    Raises ConfigurationError naming the file, the field and the next command.
    """
    path = home / CONFIG
    raw = _read(path)
    known = _known(path, raw)
    default = raw.get("default_context") or LOCAL
    if default != LOCAL and (not isinstance(default, str) or default not in known):
        words = f"'{path}': default_context names '{default}', but there is no such context."
        raise ConfigurationError(
            words, remedy=Remedy("Choose one: ", ("context", f"{next(iter(known), LOCAL)}"))
        )
    return Contexts(default, known)


def check_context_name(name: str) -> None:
    """Raises UsageError for a name that is taken or malformed."""
    if name == LOCAL or not _NAME.fullmatch(name):
        remedy = "Use --name with letters, digits, '-' and '_', and not 'local'."
        raise UsageError(f"'{name}' cannot be the name of a context.", remedy=remedy)


def prove_writable(home: Path) -> None:
    """Write the file as it is: what would keep a context from being kept, found before much is done for one.

    Raises ConfigurationError, CredentialsError, StorageError.
    """
    _rewrite(home / CONFIG, lambda _: None)


def keep_context(home: Path, context: Context, *, default: bool) -> None:
    """Write a context, over one of the same name. ``default`` makes it the default, too.

    Raises UsageError for a name that is taken or malformed, ConfigurationError, StorageError.
    """
    check_context_name(context.name)
    path = home / CONFIG
    fields = {name: value for name, value in asdict(context).items() if name != "name" and value}
    _parsed(path, context.name, fields)

    def change(raw: dict[str, Any]) -> None:
        raw["contexts"] = {**(raw.get("contexts") or {}), context.name: fields}
        if default:
            raw["default_context"] = context.name

    _rewrite(path, change)


def forget_context(home: Path, name: str) -> None:
    """Remove a context; the default falls back to ``local`` when it was this one. Absent: no error."""

    def change(raw: dict[str, Any]) -> None:
        contexts = dict(raw.get("contexts") or {})
        contexts.pop(name, None)
        raw["contexts"] = contexts
        if raw.get("default_context") == name:
            raw["default_context"] = LOCAL

    path = home / CONFIG
    if path.exists():
        _rewrite(path, change)


def choose_default(home: Path, name: str) -> None:
    """Make a context the default. Raises NotFoundError for one that is not there."""
    path = home / CONFIG
    Contexts(LOCAL, _known(path, _read(path))).find(name)
    if name != LOCAL or path.exists():
        _rewrite(path, lambda raw: raw.update(default_context=name))


def use(context: Context) -> None:
    """Let the AWS clients that this process makes from now on be of the context's profile and region."""
    use_region(context.region)
    if context.profile:
        use_profile(context.profile)


def use_region(name: str) -> None:
    """Let the AWS clients that this process makes from now on be of a region.

    Both names of it are set, because boto3 reads AWS_DEFAULT_REGION first and others AWS_REGION.
    """
    os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = name


def profile_in_use() -> str:
    """The profile that this process's AWS clients are of; empty where keys of the environment count."""
    return "" if os.environ.get(_KEYS[0]) else os.environ.get("AWS_PROFILE", "")


def use_profile(name: str) -> None:
    """Let the AWS clients that this process makes from now on be of a profile.

    Keys of the environment are forgotten: boto3 would let them go before a profile of the environment.
    """
    for key in _KEYS:
        os.environ.pop(key, None)
    os.environ["AWS_PROFILE"] = name


def _known(path: Path, raw: Mapping[str, Any]) -> dict[str, Context]:
    contexts = raw.get("contexts") or {}
    if not isinstance(contexts, dict):
        raise _wrong(path, "contexts", "must be names with their stacks")
    return {str(name): _parsed(path, str(name), fields) for name, fields in contexts.items()}


def _parsed(path: Path, name: str, fields: object) -> Context:
    where = f"contexts.{name}"
    if name == LOCAL or not _NAME.fullmatch(name):
        raise _wrong(path, where, "cannot be the name of a context")
    if not isinstance(fields, dict):
        raise _wrong(path, where, "must have stack, region and account")
    values = {field: fields.get(field, "") for field in _FORMS}
    for field_name, value in values.items():
        form, words = _FORMS[field_name]
        if not isinstance(value, str) or not form.fullmatch(value):
            raise _wrong(path, f"{where}.{field_name}", f"must be {words}")
    return Context(name, **values)


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise _wrong(path, "the file", "is not UTF-8 text") from None
    except OSError as error:
        raise disk_error(error, "Reading", path) from error
    return _loaded(path, text)


def _loaded(path: Path, text: str) -> dict[str, Any]:
    # Only now: most homes have no such file, and YAML takes its time to load.
    from stepherd.services.yaml_text import UnreadableYaml, read_yaml

    try:
        raw = read_yaml(text)
    except UnreadableYaml as error:
        where = "the file" if error.line is None else f"line {error.line}"
        raise _wrong(path, where, f"is no YAML: {error.reason}") from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise _wrong(path, "the file", "must be a mapping")
    return raw


def _rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what the file holds; two processes that do so at once wait for each other."""
    # Only now, as above.
    import yaml

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with folder_lock(path.parent):
            raw = _read(path)
            _known(path, raw)
            change(raw)
            text = _HEAD + yaml.safe_dump(raw, sort_keys=False, allow_unicode=True)
            with replacement(path) as file:
                write_all(file, text.encode())
    except OSError as error:
        raise disk_error(error, "Writing", path) from error


def _wrong(path: Path, where: str, what: str) -> ConfigurationError:
    words = f"'{path}': {where} {what}."
    return ConfigurationError(words, remedy=Remedy("Fix it, or move it away and run: ", ("configure",)))
