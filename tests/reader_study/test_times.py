"""Times against sums made by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionloop.reader_study.times import effort_of, gaps, times_of


@dataclass(frozen=True)
class Said:
    number: int
    time: float
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)


def log(*said: tuple[float, str]) -> list[Said]:
    return [
        Said(number, 1e9 + seconds, kind, {"label": "foreground"} if kind == "scribble" else {})
        for number, (seconds, kind) in enumerate(said, start=1)
    ]


@pytest.mark.parametrize(
    ("said", "computing", "active", "wait", "idle"),
    [
        ((), {}, 0, 0, 0),
        (((0, "open"),), {}, 0, 0, 0),
        (((0, "open"), (10, "view"), (30, "view")), {}, 30, 0, 0),
        # A minute counts, more than that is idle.
        (((0, "open"), (60, "view"), (121, "view"), (131, "view")), {}, 70, 0, 61),
        # The first mask takes 12 s, of which nobody can say that they were work.
        (((0, "open"), (20, "scribble"), (25, "view")), {1: 12, 2: 1.5}, 8 + 3.5, 13.5, 0),
        # A slow model is not an idle reader: 90 s of 100 are its own.
        (((0, "open"), (100, "scribble")), {1: 90}, 10, 90, 0),
        (((0, "open"), (200, "scribble")), {1: 90}, 0, 90, 110),
        # The next stroke came before the answer.
        (((0, "scribble"), (2, "scribble"), (10, "view")), {1: 5, 2: 5}, 3, 7, 0),
        # The page was hidden, however short.
        (((0, "open"), (5, "pause"), (15, "resume"), (20, "view")), {}, 10, 0, 10),
        (((0, "open"), (5, "pause"), (15, "scribble"), (20, "view")), {}, 10, 0, 10),
        # What comes after "done" is not reading, until it is reopened.
        (((0, "open"), (5, "done"), (9, "view"), (20, "view")), {}, 5, 0, 0),
        (((0, "open"), (5, "done"), (9, "view"), (20, "reopen"), (23, "done")), {}, 8, 0, 0),
        # The clock was set back.
        (((10, "open"), (5, "view"), (8, "view")), {}, 3, 0, 0),
    ],
)  # fmt: skip
def test_by_hand(
    said: tuple[tuple[float, str], ...],
    computing: dict[int, float],
    active: float,
    wait: float,
    idle: float,
) -> None:
    found = times_of(log(*said), computing)
    assert (found.active_s, found.wait_s, found.idle_s) == pytest.approx((active, wait, idle))
    assert found.task_s == pytest.approx(active + wait)


KINDS = st.sampled_from(["view", "scribble", "undo", "pause", "resume", "accept"])


@given(
    st.lists(st.tuples(st.floats(0, 300), KINDS), max_size=30),
    st.dictionaries(st.integers(1, 30), st.floats(0, 200)),
)
def test_the_parts_sum_to_the_whole(
    steps: list[tuple[float, str]], computing: dict[int, float]
) -> None:
    at, said = 0.0, []
    for gap, kind in steps:
        at += gap
        said.append((at, kind))
    events = log(*said)
    found = times_of(events, computing)
    whole = events[-1].time - events[0].time if events else 0.0
    assert found.active_s + found.wait_s + found.idle_s == pytest.approx(whole, abs=1e-3)
    assert min(found.active_s, found.wait_s, found.idle_s) >= 0
    assert [number for number, _ in gaps(events)] == [event.number for event in events[1:]]


def test_effort() -> None:
    events = [
        *log((0, "open"), (1, "scribble"), (2, "undo"), (3, "scribble"), (4, "accept")),
        Said(6, 1e9 + 5, "scribble", {"label": "background"}),
        Said(7, 1e9 + 6, "done", {"confidence": 4}),
    ]
    found = effort_of(events)
    assert (found.foreground, found.background, found.undone, found.accepted) == (2, 1, 1, 1)
    assert (found.done, found.confidence) == (1e9 + 6, 4)
    reopened = effort_of([*events, Said(8, 1e9 + 9, "reopen")])
    assert (reopened.done, reopened.confidence) == (None, None)
