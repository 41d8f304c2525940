"""The store: what it returned from is there, whatever happens after."""

import sqlite3
from pathlib import Path

import pytest

from lesionloop.errors import InputError, OutputError
from lesionloop.viewer.refusals import MissingError
from lesionloop.viewer.store import Outcome, Store


def test_events_come_back_in_order(tmp_path: Path) -> None:
    store = Store(tmp_path)
    row = store.create("s", "case", "Ünïcode 患者")
    assert store.create("s", "case", "Ünïcode 患者") == row
    assert store.create("s", "case", "other").id != row.id
    for number in range(1, 13):
        store.append(row.id, number, "view", {"what": f"é {number}"}, key=f"k{number}")
    store.close()
    again = Store(tmp_path)
    assert again.session(row.id) == row
    events = again.events(row.id)
    assert [event.number for event in events] == list(range(1, 13))
    assert [event.data["what"] for event in events] == [f"é {n}" for n in range(1, 13)]
    assert again.number_of(row.id, "k7") == 7
    assert again.number_of(row.id, "k77") is None
    assert (again.session_of("s", "nobody"), again.done()) == (None, set())
    with pytest.raises(MissingError):
        again.session("none")


def test_every_commit_reaches_the_disk(tmp_path: Path) -> None:
    """WAL with synchronous=FULL (2): https://sqlite.org/pragma.html#pragma_synchronous"""
    store = Store(tmp_path)
    assert store._rows("PRAGMA journal_mode") == [("wal",)]
    assert store._rows("PRAGMA synchronous") == [(2,)]


def test_a_number_or_a_key_is_taken_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    row = store.create("s", "case", "a")
    store.append(row.id, 1, "view", {}, key="k")
    for number, key in ((1, "other"), (2, "k")):
        with pytest.raises(sqlite3.IntegrityError):
            store.append(row.id, number, "view", {}, key=key)
    assert len(store.events(row.id)) == 1


def test_a_full_disk_is_said_and_survived(tmp_path: Path) -> None:
    store = Store(tmp_path)
    row = store.create("s", "case", "a")
    pages = store._rows("PRAGMA page_count")[0][0]
    store._rows(f"PRAGMA max_page_count={pages}")
    with pytest.raises(OutputError, match="nothing was recorded"):
        store.append(row.id, 1, "view", {"what": "x" * 50_000})
    store.keep(row.id, "m", Outcome(0, 1.0, 2.0, 3))  # may be lost, and does not fail
    store._rows("PRAGMA max_page_count=100000")
    store.append(row.id, 1, "view", {"what": "x" * 50_000})
    assert len(store.events(row.id)) == 1


def test_figures_are_kept_by_segmenter(tmp_path: Path) -> None:
    store = Store(tmp_path)
    row = store.create("s", "case", "a")
    store.keep(row.id, "one", Outcome(0, 1.0, 2.0, 3))
    store.keep(row.id, "one", Outcome(0, 1.5, 2.5, 4))
    assert store.outcomes(row.id, "one") == {0: Outcome(0, 1.5, 2.5, 4)}
    assert store.outcomes(row.id, "two") == {}


def test_one_server_at_a_time(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(InputError, match="another viewer"):
        Store(tmp_path)
    store.close()
    Store(tmp_path).close()


def test_a_file_that_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "sessions.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match="cannot use the session store"):
        Store(tmp_path)
