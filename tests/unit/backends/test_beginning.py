"""Everything begun early for a run is released, unless it was taken over or the run may have begun."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stepherd.backends.beginning import Beginning
from stepherd.errors import CannotCreateError, StepherdError, TemporaryError


class Loaded:
    """An engine, here or in the background, that counts how often it was let go."""

    def __init__(self) -> None:
        self.released = 0

    def release(self) -> None:
        self.released += 1

    give_up = release


def no_call(_operation: str, _arguments: Any) -> dict[str, Any]:
    return {}


def refused(error: StepherdError) -> Callable[[Any], str]:
    def begin(_call: Any) -> str:
        raise error

    return begin


def test_a_run_that_is_not_begun_leaves_nothing() -> None:
    engine, background, undone = Loaded(), Loaded(), Loaded()
    with Beginning("run_1", lambda _: "run_1", engine=engine, background=background, undo=undone.release):  # type: ignore[arg-type]
        pass
    assert (engine.released, background.released, undone.released) == (1, 1, 1)


def test_what_was_taken_over_is_its_takers_and_a_run_that_began_keeps_what_it_reads() -> None:
    engine, background, undone = Loaded(), Loaded(), Loaded()
    given: Any = {"engine": engine, "background": background, "undo": undone.release}
    with Beginning("run_1", lambda _: "run_1", **given) as beginning:
        assert beginning.take_engine() is engine
        assert beginning.take_engine() is None
        assert beginning.take_background() is background
        assert beginning(no_call) == "run_1"
    assert (engine.released, background.released, undone.released) == (0, 0, 0)


@pytest.mark.parametrize(
    ("error", "undone"),
    [(CannotCreateError("The run exists."), 1), (TemporaryError("No answer came."), 0)],
)
def test_a_refusal_takes_back_what_was_uploaded_unless_the_run_may_have_begun(
    error: StepherdError, undone: int
) -> None:
    engine, uploaded = Loaded(), Loaded()
    given: Any = {"engine": engine, "undo": uploaded.release}
    with pytest.raises(type(error)), Beginning("run_1", refused(error), **given) as beginning:
        beginning(no_call)
    assert (engine.released, uploaded.released) == (1, undone)
