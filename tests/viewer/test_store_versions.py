"""Stores of earlier versions are taken over whole, and sessions of the arms kept apart."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.viewer.packed_mask import PackedMask
from lesionloop.viewer.store import Outcome, Store

#: As the first version made it.
FIRST = """
CREATE TABLE study (id TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE session (
    id TEXT PRIMARY KEY, study TEXT NOT NULL REFERENCES study, reader TEXT NOT NULL,
    created REAL NOT NULL, UNIQUE (study, reader)
);
CREATE TABLE event (
    session TEXT NOT NULL REFERENCES session, number INTEGER NOT NULL, time REAL NOT NULL,
    kind TEXT NOT NULL, data TEXT NOT NULL, key TEXT,
    PRIMARY KEY (session, number), UNIQUE (session, key)
) WITHOUT ROWID;
CREATE TABLE outcome (
    session TEXT NOT NULL REFERENCES session, number INTEGER NOT NULL, segmenter TEXT NOT NULL,
    mtv_ml REAL NOT NULL, tlg REAL NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (session, number, segmenter)
) WITHOUT ROWID;
PRAGMA user_version=1;
INSERT INTO study VALUES ('s', 'case');
INSERT INTO session VALUES ('one', 's', 'Ünïcode 患者', 12.5), ('two', 's', 'b', 13.5);
INSERT INTO event VALUES ('one', 1, 20.25, 'open', '{}', NULL);
INSERT INTO event VALUES ('one', 2, 21.5, 'view', '{"what":"x"}', 'k');
INSERT INTO event VALUES ('two', 1, 30.0, 'done', '{}', 'k');
INSERT INTO outcome VALUES ('one', 0, 'm', 1.5, 2.5, 3);
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "sessions.sqlite") as database:
        database.executescript(FIRST)
    database.close()
    return tmp_path


def test_an_old_store_is_taken_over(old: Path) -> None:
    for _ in range(2):  # the second time there is nothing to do
        store = Store(old)
        assert [(row.id, row.reader, row.created, row.arm) for row in store.sessions()] == [
            ("one", "Ünïcode 患者", 12.5, ""),
            ("two", "b", 13.5, ""),
        ]
        events = store.events("one")
        assert [(e.number, e.time, e.kind, e.data) for e in events] == [
            (1, 20.25, "open", {}),
            (2, 21.5, "view", {"what": "x"}),
        ]
        assert store.number_of("one", "k") == 2
        assert store.finished() == {"two": 30.0}
        assert store.outcomes("one", "m") == {0: Outcome(0, 1.5, 2.5, 3)}
        assert store._rows("PRAGMA foreign_key_check") == []
        assert store._rows("PRAGMA foreign_keys") == [(1,)]
        store.close()


def test_a_store_of_the_first_version_takes_masks(old: Path) -> None:
    """It had none."""
    store = Store(old)
    mask = PackedMask.of(np.ones((2, 3, 4), dtype=bool))
    store.append("one", 3, "start", {"mask": mask.digest}, mask=mask)
    store.close()
    again = Store(old)
    assert [event.kind for event in again.events("one")] == ["open", "view", "start"]
    assert again.mask(mask.digest).all()


def test_what_was_taken_over_can_be_gone_on_with(old: Path) -> None:
    store = Store(old)
    store.append("one", 3, "view", {})
    with pytest.raises(sqlite3.IntegrityError):
        store.append("none", 1, "view", {})  # no such session: the reference still holds
    assert store.create("s", "case", "b").id == "two"
    manual, assisted = (store.create("s", "case", "b", arm) for arm in ("manual", "assisted"))
    assert len({"two", manual.id, assisted.id}) == 3
    assert store.create("s", "case", "b", "manual") == manual
    assert store.session(manual.id).arm == "manual"
    assert store.session_of("s", "b", "assisted") == assisted


def test_a_newer_store_is_refused(old: Path) -> None:
    with sqlite3.connect(old / "sessions.sqlite") as database:
        database.execute("PRAGMA user_version=4")
    database.close()
    with pytest.raises(InputError, match="version 4"):
        Store(old)


def test_the_seconds_are_those_of_the_first_time(tmp_path: Path) -> None:
    """Computed again, as after a restart, a mask takes a time that no reader waited."""
    store = Store(tmp_path)
    row = store.create("s", "case", "a")
    store.keep(row.id, "m", Outcome(0, 1.0, 2.0, 3, 4.5))
    store.keep(row.id, "m", Outcome(0, 1.5, 2.5, 4, 99.0))
    assert store.outcomes(row.id, "m") == {0: Outcome(0, 1.5, 2.5, 4, 4.5)}
