"""What a state folder has of a reader study, read while a server may be at work on it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lesionloop.errors import InputError
from lesionloop.reader_study.plan import Reading, plan_readings
from lesionloop.reader_study.protocol import Protocol
from lesionloop.reader_study.table import Kept
from lesionloop.viewer.begun import Begun, mask_path
from lesionloop.viewer.document import Event

__all__ = ["kept_readings"]


def kept_readings(protocol: Protocol, state: Path) -> dict[Reading, Kept]:
    """The readings that were begun, with their logs and masks.

    Args:
        protocol: by which they were begun.
        state: folder of the sessions.

    Raises:
        InputError: there is no study in the folder, or it was begun by another protocol.
    """
    begun = Begun.read(state)
    begun.check_plan(protocol)
    path = state / "sessions.sqlite"
    if not begun.plans or not path.is_file():
        raise InputError(
            f"no reading was begun in {state}",
            cause="It is not the state folder of a reader study.",
            remedy="Give the --state that `lesionloop serve --reader-study` was given.",
        )
    found = {}
    with _reading(path) as database:
        for reading in plan_readings(protocol):
            place = (begun.studies[reading.case], reading.reader, reading.arm)
            for (session,) in database.execute(
                "SELECT id FROM session WHERE study=? AND reader=? AND arm=?", place
            ).fetchall():
                found[reading] = _kept(database, session, mask_path(state, session))
    return found


def _kept(database: sqlite3.Connection, session: str, mask: Path) -> Kept:
    rows = database.execute(
        "SELECT number, time, kind, data FROM event WHERE session=? ORDER BY number", (session,)
    )
    log = [Event(number, when, kind, json.loads(data)) for number, when, kind, data in rows]
    computing = dict(
        database.execute(
            "SELECT number, seconds FROM outcome WHERE session=? AND seconds IS NOT NULL",
            (session,),
        ).fetchall()
    )
    first = computing.pop(0, None)  # of the first mask, which the first event asked for
    if first is not None and log:
        computing[log[0].number] = first
    return Kept(session, log, computing, mask if mask.is_file() else None)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            database.execute("BEGIN")  # all that is read is of one moment
            yield database
        finally:
            database.close()
    except sqlite3.Error as error:
        raise InputError(
            f"cannot read the session store {path}",
            cause=f"SQLite says: {error}.",
            remedy="Check the folder and its permissions.",
        ) from error
