"""The table of activity, from what the store has."""

import time
from pathlib import Path

import pytest

from lesionloop.viewer.library import Library
from lesionloop.viewer.store import Store
from lesionloop.viewer.timings import timings


def test_pauses_and_hidden_pages_do_not_count(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "state")
    library = Library(data)
    study = library.entries()[0]
    log = [
        ("open", 0), ("view", 10), ("scribble", 30), ("view", 130), ("pause", 140),
        ("resume", 150), ("done", 155), ("view", 165),
    ]  # fmt: skip
    row = store.create(study.id, study.name, "me")
    for number, (kind, seconds) in enumerate(log, start=1):
        monkeypatch.setattr(time, "time", lambda seconds=seconds: 1e9 + seconds)
        store.append(row.id, number, kind, {})
    found = timings(store, library)
    # 10 + 20, not the 100 above a minute, 10, not the 10 of the hidden page, 5, nothing when done.
    assert [(r.name, r.seconds, r.events, r.done) for r in found] == [(study.name, 45, 8, True)]
    store.close()
