"""The document against a plain list of undo and redo."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionloop.viewer.document import Document, Event, fold
from lesionloop.viewer.refusals import ConflictError

DATA = {"label": "foreground", "points": [[1, 2, 3]], "at": [1, 2, 3]}
KINDS = st.sampled_from(["scribble", "lock", "reject", "undo", "redo", "view", "done", "reopen"])


def document(*kinds: str) -> Document:
    return fold(Event(number, 0.0, kind, DATA) for number, kind in enumerate(kinds, start=1))


@given(st.lists(KINDS, max_size=40))
def test_it_is_what_two_stacks_say(kinds: list[str]) -> None:
    done: list[int] = []
    undone: list[int] = []
    for number, kind in enumerate(kinds, start=1):
        if kind in ("scribble", "lock", "reject"):
            done, undone = [*done, number], []
        elif kind == "undo" and done:
            undone.append(done.pop())
        elif kind == "redo" and undone:
            done.append(undone.pop())
    found = document(*kinds)
    assert [action.number for action in found.actions] == done
    assert [action.number for action in found.undone] == undone
    assert [stroke.stroke for stroke in found.strokes] == list(range(1, len(found.strokes) + 1))
    assert (found.undo is None, found.redo is None) == (not done, not undone)
    assert found.last == len(kinds)
    # What was in force when an action was made is what stands before it.
    for action in found.actions:
        assert found.before(action).actions == document(*kinds[: action.number]).actions[:-1]


def test_undo_says_what_it_takes_back() -> None:
    found = document("scribble", "scribble", "lock", "undo")
    assert found.undo == "foreground scribble 2"
    assert found.redo == "locking the lesion at 1, 2, 3"


@pytest.mark.parametrize(
    ("before", "kind", "says"),
    [
        ((), "undo", "nothing to undo"),
        (("scribble",), "redo", "nothing to redo"),
        (("scribble", "undo", "scribble"), "redo", "nothing to redo"),
        (("done",), "scribble", "done"),
        (("scribble", "done"), "undo", "done"),
    ],
)
def test_what_cannot_follow(before: tuple[str, ...], kind: str, says: str) -> None:
    with pytest.raises(ConflictError, match=says):
        document(*before).check(kind)


def test_a_session_can_be_reopened() -> None:
    found = document("scribble", "done", "reopen")
    found.check("undo")
    assert not found.done


def started(*kinds: str) -> Document:
    """With starts, each from a mask of its own."""
    return fold(
        Event(number, 0.0, kind, {**DATA, "name": f"{number}.dcm", "mask": f"{number}"})
        for number, kind in enumerate(kinds, start=1)
    )


@given(st.lists(KINDS | st.just("start"), max_size=40))
def test_only_what_came_after_the_last_start_counts(kinds: list[str]) -> None:
    found = started(*kinds)
    numbers = [action.number for action in found.actions]
    starts = [action.number for action in found.actions if action.kind == "start"]
    begun = starts[-1] if starts else 0
    assert (found.start.number if found.start else 0) == begun
    assert [a.number for a in found.since_start] == [n for n in numbers if n > begun]
    assert [stroke.stroke for stroke in found.strokes] == list(range(1, len(found.strokes) + 1))
    assert len(found.scribbles()) == len(found.strokes)
    first = found.first()
    assert (first.start, first.since_start) == (found.start, ())
    for action in found.since_start:
        assert found.before(action).start == found.start


def test_undo_brings_back_what_was_before_a_start() -> None:
    found = started("scribble", "scribble", "start", "scribble")
    assert (found.undo, len(found.strokes)) == ("foreground scribble 1", 1)
    assert started("scribble", "start").undo == "start from 2.dcm"
    assert len(started("scribble", "scribble", "start", "scribble", "undo", "undo").strokes) == 2
