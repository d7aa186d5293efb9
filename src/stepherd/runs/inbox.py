"""The inbox: instructions that are uploaded to the store start a run, once, and are answered beside them.

inbox_events      what S3 says
inbox_keys        which objects start a run
inbox_state       which events were acted on
inbox_settings    where the settings of a run come from
reply             what is written beside the instructions
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from stepherd.errors import DataError, NotFoundError, StepherdError, UsageError
from stepherd.runs.front_matter import split_front_matter
from stepherd.runs.ids import derived_run_id
from stepherd.runs.inbox_events import Dropped
from stepherd.runs.inbox_keys import InboxKeys, inbox_keys
from stepherd.runs.inbox_settings import given_settings, read_metadata, read_settings_file
from stepherd.runs.inbox_state import claim_event, close_event
from stepherd.runs.instructions import InstructionsNotFound, find_instructions
from stepherd.runs.prepare import check_whole_request
from stepherd.runs.reply import reply_refusal

if TYPE_CHECKING:
    from stepherd.services.store.contract import Store
    from stepherd.services.store.uploads import Upload, Uploads

__all__ = ["Inbox", "Outcome", "run_id_of"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of handling an event."""

    kind: Literal["started", "running", "refused", "ignored"]
    """running: an earlier delivery has started the run."""
    reason: str = ""


def run_id_of(dropped: Dropped) -> str:
    """The id of the run that the event starts: the same for every delivery of it."""
    return derived_run_id("inbox", dropped.bucket, dropped.key, dropped.sequencer.upper())


@dataclass(frozen=True, slots=True)
class Inbox:
    """The inbox of one store on S3."""

    store: Store
    uploads: Uploads
    start: Callable[[str, Mapping[str, Any]], bool]
    """Starts the execution of that name with that request; false when there is one already."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Request fields for what nothing else says."""

    def take(self, dropped: Dropped) -> Outcome:
        """Act on an event, however often and in whatever order it comes.

        Raises errors that a retry can fix, such as TemporaryError, and CredentialsError.
        """
        keys = self._keys(dropped)
        if keys is None:
            return Outcome("ignored", "it is not an instructions file of the inbox")
        upload = self.uploads.find(dropped.bucket, dropped.key)
        if upload is None:
            return Outcome("ignored", "the object was deleted")
        if _is_replaced(dropped, upload):
            return Outcome("ignored", "the object was replaced, which has an event of its own")
        run_id = run_id_of(dropped)
        claim = claim_event(self.store, dropped, run_id)
        if claim != "ours":
            return Outcome("ignored", "it was acted on" if claim == "done" else "a newer event was seen")
        outcome = self._act(run_id, keys, upload)
        close_event(self.store, dropped, run_id, outcome.kind)
        return outcome

    def _keys(self, dropped: Dropped) -> InboxKeys | None:
        root = f"{self.store.reference}/"
        reference = f"s3://{dropped.bucket}/{dropped.key}"
        return inbox_keys(reference.removeprefix(root)) if reference.startswith(root) else None

    def _act(self, run_id: str, keys: InboxKeys, upload: Upload) -> Outcome:
        try:
            request = self._request(run_id, keys, upload)
        except InstructionsNotFound:
            return Outcome("ignored", "the object was deleted")
        except (UsageError, DataError, NotFoundError) as error:
            return self._refuse(run_id, keys, error)
        return Outcome("started" if self.start(run_id, request) else "running")

    def _request(self, run_id: str, keys: InboxKeys, upload: Upload) -> dict[str, Any]:
        reference = f"{self.store.reference}/{keys.instructions}"
        head, _ = split_front_matter(find_instructions(reference, allow_local=False).text())
        file = read_settings_file(self.store, keys.settings)
        given = given_settings(head, read_metadata(upload.metadata), file, self.defaults)
        request = {"instructions": reference, **given}
        if keys.reply_to:
            request["reply_to"] = keys.reply_to
        check_whole_request(run_id, request, allow_local=False)
        return request

    def _refuse(self, run_id: str, keys: InboxKeys, error: StepherdError) -> Outcome:
        reply_refusal(self.store, keys.reply_to, run_id, error)
        return Outcome("refused", str(error))


def _is_replaced(dropped: Dropped, upload: Upload) -> bool:
    if dropped.version and upload.version:
        return dropped.version != upload.version
    return bool(dropped.etag) and dropped.etag != upload.etag
