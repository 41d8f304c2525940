"""The session store: every event of every reader, in one SQLite file.

An event is acknowledged after it is committed with ``synchronous=FULL`` to the write-ahead log: it
survives a killed server and a power cut. Events are only ever added.
"""

import fcntl
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import IO, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError, OutputError
from lesionloop.output import make_folder
from lesionloop.viewer.document import Event
from lesionloop.viewer.packed_mask import PackedMask
from lesionloop.viewer.refusals import MissingError

__all__ = ["Outcome", "SessionRow", "Store"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS study (id TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS session (
    id TEXT PRIMARY KEY, study TEXT NOT NULL REFERENCES study, reader TEXT NOT NULL,
    created REAL NOT NULL, arm TEXT NOT NULL DEFAULT '', UNIQUE (study, reader, arm)
);
CREATE TABLE IF NOT EXISTS event (
    session TEXT NOT NULL REFERENCES session, number INTEGER NOT NULL, time REAL NOT NULL,
    kind TEXT NOT NULL, data TEXT NOT NULL, key TEXT,
    PRIMARY KEY (session, number), UNIQUE (session, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outcome (
    session TEXT NOT NULL REFERENCES session, number INTEGER NOT NULL, segmenter TEXT NOT NULL,
    mtv_ml REAL NOT NULL, tlg REAL NOT NULL, count INTEGER NOT NULL, seconds REAL,
    PRIMARY KEY (session, number, segmenter)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mask (
    digest TEXT PRIMARY KEY, x INTEGER NOT NULL, y INTEGER NOT NULL, z INTEGER NOT NULL,
    data BLOB NOT NULL
);
"""
#: 2 has masks and the events that start from them. What is older lacks tables, which are made.
#: 3 has the arm of a session in a reader study, and the seconds that a mask took.
_VERSION = 3
#: From 1 or 2 to 3; the steps are those that SQLite advises for another UNIQUE.
_TO_3 = """
PRAGMA foreign_keys=OFF;
BEGIN IMMEDIATE;
CREATE TABLE session_3 (
    id TEXT PRIMARY KEY, study TEXT NOT NULL REFERENCES study, reader TEXT NOT NULL,
    created REAL NOT NULL, arm TEXT NOT NULL DEFAULT '', UNIQUE (study, reader, arm)
);
INSERT INTO session_3 SELECT id, study, reader, created, '' FROM session;
DROP TABLE session;
ALTER TABLE session_3 RENAME TO session;
ALTER TABLE outcome ADD COLUMN seconds REAL;
PRAGMA user_version=3;
COMMIT;
PRAGMA foreign_keys=ON;
"""


@dataclass(frozen=True)
class SessionRow:
    """One reader on one study.

    Args:
        id: random, hexadecimal.
        study: id of the study.
        reader: as they call themselves.
        created: Unix time, s.
        arm: of a reader study; "" outside of one.
    """

    id: str
    study: str
    reader: str
    created: float
    arm: str = ""


@dataclass(frozen=True)
class Outcome:
    """Figures of the mask after an action, and the seconds that it took when it was computed first.

    Action 0 is the first mask.
    """

    number: int
    mtv_ml: float
    tlg: float
    count: int
    seconds: float | None = None


class Store:
    """The database of a state folder, for one server at a time; used from any thread."""

    def __init__(self, folder: Path) -> None:
        """Open or make the database.

        Raises:
            OutputError: the folder cannot be made or written.
            InputError: another server has it, or the file is none of ours.
        """
        self._path = make_folder(folder) / "sessions.sqlite"
        self._lock = RLock()
        self._guard = _claim(folder / "lock")
        try:
            self._db = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, timeout=10
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA foreign_keys=ON")
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            if found not in range(_VERSION + 1):
                raise InputError(
                    f"{self._path} is of version {found}",
                    remedy="Use the newer lesionloop that wrote it, or another --state folder.",
                )
            if found in (1, 2):
                self._db.executescript(_TO_3)
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version={_VERSION}")
        except BaseException as error:
            self._guard.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise InputError(
                    f"cannot use the session store {self._path}",
                    cause=f"SQLite says: {error}.",
                    remedy="Choose another folder with --state.",
                ) from error
            raise

    @property
    def path(self) -> Path:
        """The database file."""
        return self._path

    def close(self) -> None:
        """Close the database and let others have it."""
        with self._lock:
            self._db.close()
            self._guard.close()

    @staticmethod
    def now() -> float:
        """The clock of the events: Unix time, s."""
        return time.time()

    def session_of(self, study: str, reader: str, arm: str = "") -> SessionRow | None:
        """The session of a reader on a study in an arm, when there is one."""
        rows = self._rows(
            "SELECT * FROM session WHERE study=? AND reader=? AND arm=?", study, reader, arm
        )
        return SessionRow(*rows[0]) if rows else None

    def session(self, session: str) -> SessionRow:
        """A session by its id.

        Raises:
            MissingError: there is none.
        """
        rows = self._rows("SELECT * FROM session WHERE id=?", session)
        if not rows:
            raise MissingError("there is no such session", remedy="Open the study again.")
        return SessionRow(*rows[0])

    def sessions(self) -> list[SessionRow]:
        """All sessions, oldest first."""
        return [SessionRow(*row) for row in self._rows("SELECT * FROM session ORDER BY created")]

    def create(self, study: str, name: str, reader: str, arm: str = "") -> SessionRow:
        """The session of a reader on a study in an arm, made when there is none.

        Raises:
            OutputError: the disk is full.
        """
        with self._lock, self._writing():
            self._db.execute("INSERT OR IGNORE INTO study VALUES (?, ?)", (study, name))
            self._db.execute(
                "INSERT OR IGNORE INTO session VALUES (?, ?, ?, ?, ?)",
                (uuid4().hex, study, reader, time.time(), arm),
            )
        found = self.session_of(study, reader, arm)
        assert found is not None  # noqa: S101  (it was made above)
        return found

    def append(
        self,
        session: str,
        number: int,
        kind: str,
        data: Mapping[str, Any],
        key: str | None = None,
        *,
        mask: PackedMask | None = None,
    ) -> Event:
        """Add an event, and the mask that it speaks of; when this returns both are on the disk.

        Raises:
            OutputError: the disk is full; nothing was added.
        """
        event = Event(number, time.time(), kind, dict(data))
        text = json.dumps(event.data, separators=(",", ":"))
        with self._lock, self._writing():
            if mask is not None:
                self._db.execute(
                    "INSERT OR IGNORE INTO mask VALUES (?, ?, ?, ?, ?)",
                    (mask.digest, *mask.shape, mask.data),
                )
            self._db.execute(
                "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)",
                (session, number, event.time, kind, text, key),
            )
        return event

    def events(self, session: str) -> list[Event]:
        """All events of a session in their order."""
        rows = self._rows(
            "SELECT number, time, kind, data FROM event WHERE session=? ORDER BY number", session
        )
        return [Event(number, when, kind, json.loads(data)) for number, when, kind, data in rows]

    def mask(self, digest: str) -> NDArray[np.bool_]:
        """A mask that an event speaks of, bool [x, y, z], x fastest.

        Raises:
            MissingError: there is none.
            InputError: it is not what was written.
        """
        rows = self._rows("SELECT x, y, z, data FROM mask WHERE digest=?", digest)
        if not rows:
            raise MissingError("a mask is not in the session store", remedy="Undo that start.")
        found = PackedMask(rows[0][:3], rows[0][3])
        if found.digest != digest:
            raise InputError("a mask in the session store is damaged", remedy="Undo that start.")
        return found.mask()

    def number_of(self, session: str, key: str) -> int | None:
        """The event that was added with a key, or None."""
        rows = self._rows("SELECT number FROM event WHERE session=? AND key=?", session, key)
        return int(rows[0][0]) if rows else None

    def log(self, session: str) -> list[Event]:
        """All events of a session in their order, without their data."""
        rows = self._rows(
            "SELECT number, time, kind FROM event WHERE session=? ORDER BY number", session
        )
        return [Event(number, when, kind) for number, when, kind in rows]

    def done(self) -> set[str]:
        """Ids of the sessions whose reader has finished."""
        return set(self.finished())

    def finished(self) -> dict[str, float]:
        """Sessions whose reader has finished, and when: Unix time, s."""
        rows = self._rows(
            "SELECT session, kind, time, MAX(number) FROM event WHERE kind IN ('done', 'reopen')"
            " GROUP BY session"
        )
        return {session: when for session, kind, when, _ in rows if kind == "done"}

    def keep(self, session: str, segmenter: str, outcome: Outcome) -> None:
        """Note the figures of a mask; they can be computed again, so a full disk is no matter."""
        with suppress(OutputError), self._lock, self._writing():
            self._db.execute(
                "INSERT INTO outcome VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " mtv_ml=excluded.mtv_ml, tlg=excluded.tlg, count=excluded.count",
                (session, outcome.number, segmenter, outcome.mtv_ml, outcome.tlg, outcome.count,
                 outcome.seconds),
            )  # fmt: skip

    def outcomes(self, session: str, segmenter: str) -> dict[int, Outcome]:
        """Figures by the number of the action that they follow."""
        rows = self._rows(
            "SELECT number, mtv_ml, tlg, count, seconds FROM outcome"
            " WHERE session=? AND segmenter=?",
            session, segmenter,
        )  # fmt: skip
        return {row[0]: Outcome(*row) for row in rows}

    def _rows(self, query: str, *values: object) -> list[Any]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.IntegrityError:
            self._undo()
            raise
        except sqlite3.OperationalError as error:
            self._undo()
            raise OutputError(
                "the session store cannot be written: nothing was recorded",
                cause=f"SQLite says: {error}.",
                remedy="Free some space on the disk of the server, then do it again.",
            ) from error
        except BaseException:
            self._undo()
            raise

    def _undo(self) -> None:
        with suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _claim(path: Path) -> IO[bytes]:
    """Hold a lock file as long as this process lives; a killed one lets go."""
    try:
        guard = path.open("ab")
    except OSError as error:
        raise OutputError(
            f"cannot write in the state folder {path.parent}",
            cause=f"{error.strerror or error}.",
            remedy="Choose another one with --state.",
        ) from error
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        guard.close()
        raise InputError(
            f"another viewer is at work in {path.parent}",
            cause="Two servers must not write the same sessions.",
            remedy="Use its address, stop it, or give this one another --state folder.",
        ) from error
    return guard
