"""Everything outside the process, behind references whose form says what serves them.

===========  ==============================================  =========================================
service      references                                      opened by
===========  ==============================================  =========================================
store        ``s3://bucket/prefix``, ``file:///path``, path  :func:`open_store`
secrets      Secrets Manager id or ARN, ``env:NAME``,        :func:`read_secret`
             ``file:PATH``, ``none``
documents    Secrets Manager id or ARN, ``file:PATH``        :func:`open_document`
notices      ``arn:…:sns:…``, ``console:``,                  :func:`open_notices`
             ``console:/path/of/file.jsonl``
queues       ``https://sqs…``, ``sqlite:///path#name``       :func:`open_queue`
===========  ==============================================  =========================================

Nothing asks whether it runs on a laptop: the factories look at the reference alone. Each form is
imported when the first reference of that form is opened, so boto3 loads only where AWS is meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepherd.errors import UsageError
from stepherd.services.aws.installed import needs_boto3

if TYPE_CHECKING:
    from stepherd.services.notices.contract import Notices
    from stepherd.services.queues.contract import Queue
    from stepherd.services.secrets.documents import SecretDocument
    from stepherd.services.store.contract import Store

__all__ = [
    "open_document",
    "open_notices",
    "open_queue",
    "open_store",
    "read_secret",
]


def open_store(reference: str) -> Store:
    """Open the store that ``reference`` names; it need not hold anything yet.

    ``s3://bucket/prefix`` is served by S3; ``file:///path`` (percent-encoded) and a plain path by a
    folder. Raises UsageError for any other scheme.
    """
    scheme, separator, _ = reference.partition("://")
    if separator and scheme == "s3":
        with needs_boto3("Amazon S3"):
            # Only now: whoever imports any service would load what serves every form.
            from stepherd.services.store.s3 import S3Store
        return S3Store.open(reference)
    if separator and scheme != "file" and "/" not in scheme:
        raise UsageError(
            f"No store is served under {scheme}://.",
            remedy="Name an S3 address (s3://bucket/prefix) or a folder (a path or file:///path).",
        )
    # Only now, as above.
    from stepherd.services.store.folder import FolderStore

    return FolderStore.open(reference)


def read_secret(reference: str) -> dict[str, str] | None:
    """Read the secret that ``reference`` names; None when it is empty or ``none``.

    ``env:NAME`` and ``file:PATH`` hold a JSON object of strings, or bare text which becomes
    ``{"token": text}``; anything else is a Secrets Manager id or ARN. Raises SecretNotFound,
    CredentialsError when reading is refused, and DataError when the value has another shape. No
    error ever quotes the value.
    """
    if reference in {"", "none"}:
        return None
    if reference.startswith(("env:", "file:")):
        # Only now, as above.
        from stepherd.services.secrets.local import read_local_secret

        return read_local_secret(reference)
    # Only now, as above.
    from stepherd.services.secrets.aws import read_aws_secret

    return read_aws_secret(reference)


def open_document(reference: str) -> SecretDocument:
    """Open a secret that is written, too: a Secrets Manager id or ARN, or ``file:PATH``.

    Raises UsageError for any other form, ``env:NAME`` among them.
    """
    if reference.startswith("file:"):
        # Only now, as above.
        from stepherd.services.secrets.documents_file import FileDocument

        return FileDocument.open(reference)
    if reference in {"", "none"} or reference.startswith("env:"):
        raise UsageError(
            f"{reference!r} names no secret that can be written.",
            remedy="Write a Secrets Manager id or ARN, or file:/path/of/secret.",
        )
    with needs_boto3("Amazon Secrets Manager"):
        # Only now, as above.
        from stepherd.services.secrets.documents_aws import AwsDocument
    return AwsDocument.open(reference)


def open_notices(reference: str) -> Notices:
    """Open the channel by which people are told things: an SNS topic ARN, or ``console:[PATH]``.

    ``record:PATH`` keeps notices in the file and does not show them. Raises UsageError for any other form.
    """
    if reference.startswith(("console:", "record:")):
        # Only now, as above.
        from stepherd.services.notices.console import ConsoleNotices

        return ConsoleNotices.open(reference)
    if reference.startswith("arn:") and reference.split(":")[2:3] == ["sns"]:
        # Only now, as above.
        from stepherd.services.notices.sns import SnsNotices

        return SnsNotices.open(reference)
    raise UsageError(
        f"No notices are served under {reference!r}.",
        remedy="Name an SNS topic (arn:aws:sns:…), console: or console:/path/to/file.jsonl.",
    )


def open_queue(reference: str) -> Queue:
    """Open a queue: an SQS queue URL, or ``sqlite:///path#name``, made when it is not there.

    Raises UsageError for any other form.
    """
    if reference.startswith("sqlite:"):
        # Only now, as above.
        from stepherd.services.queues.sqlite import SqliteQueue

        return SqliteQueue.open(reference)
    if reference.startswith(("https://", "http://")):
        with needs_boto3("Amazon SQS"):
            # Only now, as above.
            from stepherd.services.queues.sqs import SqsQueue
        return SqsQueue.open(reference)
    raise UsageError(
        f"No queue is served under {reference!r}.",
        remedy="Name an SQS queue URL (https://sqs.…) or a local queue (sqlite:///path/of/file.db#name).",
    )
