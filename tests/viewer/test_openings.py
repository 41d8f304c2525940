"""Readers of one study share its first pass, and nothing of what they draw."""

import gc
import threading
import weakref
from collections.abc import Callable
from copy import copy
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.progress import CancelledError, watched
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import load_segmenter
from lesionloop.segmenters.protocol import Session, honour
from lesionloop.viewer.desk import Desk
from lesionloop.viewer.library import Library
from lesionloop.viewer.openings import Openings
from lesionloop.viewer.store import Store

PATIENCE_S = 20.0


class Counting:
    """Counts its first passes, and holds them until it is told."""

    name = "counting"
    identity: dict[str, object] = {"name": "counting"}  # noqa: RUF012

    def __init__(self, kind: type["Single"]) -> None:
        self.kind = kind
        self.opened = 0
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.failure: BaseException | None = None

    def open(self, study: Study) -> Session:
        self.opened += 1
        self.begun.set()
        assert self.go_on.wait(PATIENCE_S)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return self.kind(study)


class Single:
    """Cannot be begun from another."""

    def __init__(self, study: Study) -> None:
        self.study = study

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        return honour(np.asarray(self.study.pet.values > 4), scribbles)


class Repeated(Single):
    def afresh(self) -> "Repeated":
        return copy(self)


def study_of(seed: int = 0) -> Study:
    values = np.random.default_rng(seed).gamma(2.0, 1.0, (24, 20, 16)).astype(np.float32)
    return Study(Volume(values, Grid(values.shape, (4.0, 4.0, 4.0)), Quantity.SUV_BW), None, "s")


def in_thread(act: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=act)
    thread.start()
    return thread


def test_two_at_once_make_one_first_pass() -> None:
    segmenter, study, found = Counting(Repeated), study_of(), list[Session]()
    openings = Openings(segmenter)
    threads = [in_thread(lambda: found.append(openings.open(study))) for _ in range(3)]
    assert segmenter.begun.wait(PATIENCE_S)
    segmenter.go_on.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert segmenter.opened == 1
    assert len({id(session) for session in found}) == 3
    openings.open(study)  # later as well
    assert segmenter.opened == 1
    openings.open(study_of())  # equal, but not known to be
    assert segmenter.opened == 2


def test_readers_of_one_study_wait_for_one_first_pass(data: Path, tmp_path: Path) -> None:
    """On a desk that computes several sessions at a time, and whatever they have drawn."""
    segmenter = Counting(Repeated)
    library, store = Library(data), Store(tmp_path)
    desk = Desk(library, store, segmenter, threads=3)
    study, other, _ = library.entries()
    rows = [desk.open(study.id, f"reader {number}") for number in range(3)]
    waiting = [desk.current(row.id) for row in rows]
    assert segmenter.begun.wait(PATIENCE_S)
    segmenter.go_on.set()
    first = [future.result(PATIENCE_S).snapshot.labels.dense() for future in waiting]
    assert segmenter.opened == 1
    np.testing.assert_array_equal(first[0], first[1])
    drawn = {"label": "foreground", "points": [[1, 1, 1]]}
    desk.submit(rows[0].id, "scribble", drawn).result(PATIENCE_S)
    late = desk.open(study.id, "late")
    found = desk.current(late.id).result(PATIENCE_S).snapshot.labels.dense()
    np.testing.assert_array_equal(found, first[0])
    assert segmenter.opened == 1
    desk.current(desk.open(other.id, "late").id).result(PATIENCE_S)
    assert segmenter.opened == 2
    desk.close()
    store.close()


def test_who_waits_for_another_can_leave() -> None:
    segmenter, study, found = Counting(Repeated), study_of(), list[Session]()
    openings = Openings(segmenter)
    thread = in_thread(lambda: found.append(openings.open(study)))
    assert segmenter.begun.wait(PATIENCE_S)

    def leave(_part: float) -> None:
        raise CancelledError

    with watched(leave), pytest.raises(CancelledError):
        openings.open(study)
    segmenter.go_on.set()
    thread.join(PATIENCE_S)
    assert (segmenter.opened, len(found)) == (1, 1)


def test_a_first_pass_that_breaks_off_is_made_by_the_next() -> None:
    segmenter, study = Counting(Repeated), study_of()
    segmenter.go_on.set()
    openings = Openings(segmenter)
    for failure in (InputError("no"), CancelledError()):
        segmenter.failure = failure
        with pytest.raises(type(failure)):
            openings.open(study)
    openings.open(study)
    assert segmenter.opened == 3


def test_nothing_is_kept_when_all_sessions_have_gone() -> None:
    segmenter, study = Counting(Repeated), study_of()
    segmenter.go_on.set()
    openings = Openings(segmenter)
    one, two = openings.open(study), openings.open(study)
    watch = weakref.ref(study)
    del one
    gc.collect()
    three = openings.open(study)  # from the second, which the first has left behind
    assert segmenter.opened == 1
    del two, three
    gc.collect()
    openings.open(study)
    assert segmenter.opened == 2
    del study
    gc.collect()
    assert watch() is None


def test_a_segmenter_that_cannot_share_is_opened_each_time() -> None:
    segmenter, study = Counting(Single), study_of()
    segmenter.go_on.set()
    openings = Openings(segmenter)
    assert openings.open(study) is not openings.open(study)
    assert segmenter.opened == 2


def test_masks_are_the_cold_ones_whatever_others_draw_at_the_same_time() -> None:
    """Threads draw on one study, and open sessions on it in the middle of that."""
    segmenter, study = load_segmenter("propagate"), study_of(3)
    openings = Openings(segmenter)
    wrong: list[str] = []

    def read(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(3):
            session, scribbles = openings.open(study), ScribbleSet()
            for _ in range(4):
                start = rng.integers((2, 2, 2), (18, 18, 14))
                points = start + np.arange(3)[:, None] * np.array([1, 0, 0])
                label = ("foreground", "background")[int(rng.integers(2))]
                scribbles = scribbles.add(points, label)  # type: ignore[arg-type]
                cold = segmenter.open(study).segment(scribbles)
                if not np.array_equal(session.segment(scribbles), cold):
                    wrong.append(f"reader {seed}")

    threads = [in_thread(lambda seed=seed: read(seed)) for seed in range(3)]  # type: ignore[misc]
    for thread in threads:
        thread.join(60)
    assert wrong == []
