"""A reader study as it is served: who may open what now, and under which name.

The readings of a reader are worked off in the order of the plan: the next one can be begun when
all before it are done, in a crossover's second period not before the washout has passed. Readers
tell their names and nothing else; the server's token guards the door.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Final, Literal

from lesionloop.errors import InputError, LesionLoopError, OutputError
from lesionloop.imaging import write_mask
from lesionloop.reader_study.plan import Reading, readings_of
from lesionloop.reader_study.protocol import Protocol
from lesionloop.viewer.begun import Begun, mask_path
from lesionloop.viewer.desk import Desk
from lesionloop.viewer.library import Library, StudyEntry
from lesionloop.viewer.messages import ReaderStudyInfo, ReadingRow, Worklist
from lesionloop.viewer.refusals import ConflictError, MissingError
from lesionloop.viewer.snapshot import Snapshot
from lesionloop.viewer.store import SessionRow

__all__ = ["Assigned", "ServedStudy", "assign", "studies_of"]

_DAY_S: Final = 86400.0
State = Literal["waiting", "open", "done"]


def studies_of(protocol: Protocol, library: Library) -> dict[str, StudyEntry]:
    """The study of each case, by its name or id.

    Raises:
        InputError: there is none, or several have the name.
    """
    entries = [entry for entry in library.entries() if entry.source == "folder"]
    found = {}
    for case in protocol.cases:
        matches = [entry for entry in entries if case in (entry.id, entry.name)]
        if len(matches) != 1:
            many = "Several have this name" if matches else "There is no study of this name"
            ids = f": {', '.join(entry.id for entry in matches)}" if matches else ""
            raise InputError(
                f"case {case!r} of the protocol cannot be found in {library.root}",
                cause=f"{many}{ids}.",
                remedy="Give names as `lesionloop reader-study init` lists them, or ids.",
            )
        found[case] = matches[0]
    return found


@dataclass(frozen=True)
class Assigned:
    """A protocol that fits the data folder and what was begun.

    Args:
        protocol: of the study.
        studies: of its cases.
        begun: what the readings so far were begun with.
    """

    protocol: Protocol
    studies: Mapping[str, StudyEntry]
    begun: Begun

    @property
    def ids(self) -> dict[str, str]:
        """Case to the id of its study."""
        return {case: entry.id for case, entry in self.studies.items()}


def assign(protocol: Protocol, library: Library, state: Path, segmenter: object) -> Assigned:
    """Find the cases, and see that the study was begun with nothing else.

    Raises:
        InputError: a case is missing, or the plan, the segmenter or the studies were others.
    """
    found = Assigned(protocol, studies_of(protocol, library), Begun.read(state))
    found.begun.check(protocol, segmenter, found.ids)
    return found


class ServedStudy:
    """A protocol at work on a desk; asked from any thread."""

    def __init__(self, assigned: Assigned, desk: Desk, state: Path) -> None:
        self.protocol = assigned.protocol
        self._assigned, self._studies = assigned, assigned.studies
        self._desk = desk
        self._state = state
        self._begun = assigned.begun
        self._plans = {r: readings_of(self.protocol, r) for r in self.protocol.readers}
        self._lock = RLock()
        files = [path for e in self._studies.values() for path in (e.pet, e.ct) if path]
        names = {str(desk.library.root), *(e.name for e in self._studies.values())}
        words = map(re.escape, names | {path.name for path in files})
        self._telling = re.compile(rf"(?<!\w)({'|'.join(words)})(?!\w)")

    @property
    def info(self) -> ReaderStudyInfo:
        """What everybody may know of it."""
        return ReaderStudyInfo(title=self.protocol.title, readers=list(self.protocol.readers))

    def worklist(self, reader: str) -> Worklist:
        """All readings of a reader.

        Raises:
            MissingError: nobody of the study has this name.
        """
        plan, sessions = self._of(reader)
        finished = self._desk.store.finished()
        items = [
            ReadingRow(
                position=reading.position,
                label=reading.label,
                arm=reading.arm,
                arm_text=self.protocol.arm_text[reading.arm],
                state=_state(sessions.get(reading.position), finished),
                session=sessions[reading.position].id if reading.position in sessions else None,
            )
            for reading in plan
        ]
        following = next((item.position for item in items if item.state != "done"), None)
        wait = following and self._not_before(following, plan, sessions, finished)
        return Worklist(
            title=self.protocol.title,
            reader=plan[0].reader,
            items=items,
            next=following,
            not_before=wait,
            instructions=self.protocol.instructions,
        )

    def begin(self, reader: str, position: int) -> SessionRow:
        """Open a reading, or go on with it.

        Raises:
            MissingError: no such reader or position.
            ConflictError: another one is next, it is done, or the washout has not passed.
            OutputError: the disk is full.
        """
        with self._lock:
            plan, sessions = self._of(reader)
            if position > len(plan):
                raise MissingError(f"there is no reading {position}")
            reading = plan[position - 1]
            finished = self._desk.store.finished()
            earlier = [
                r for r in plan[: position - 1] if _state_of(r, sessions, finished) != "done"
            ]
            if earlier:
                raise ConflictError(
                    f"{reading.label} cannot be begun yet",
                    cause=f"{earlier[0].label} comes first.",
                    remedy="Finish the cases in their order.",
                )
            if _state_of(reading, sessions, finished) == "done":
                raise ConflictError(f"{reading.label} is done", remedy="Go on with the next case.")
            wait_until = self._not_before(position, plan, sessions, finished)
            if wait_until is not None and self._desk.store.now() < wait_until:
                days = (wait_until - self._desk.store.now()) / _DAY_S
                raise ConflictError(
                    f"{reading.label} cannot be begun yet",
                    cause=f"{self.protocol.washout_days:g} days lie between the two periods;"
                    f" {days:.1f} are left.",
                    remedy="Come back then.",
                )
            self._note_begun(reading.reader)
            return self._desk.open(self._studies[reading.case].id, reading.reader, reading.arm)

    def reading(self, session: str) -> Reading:
        """The reading that a session is of.

        Raises:
            ConflictError: it is of none.
        """
        row = self._desk.row(session)
        for reading in self._plans.get(row.reader, ()):
            if (self._studies[reading.case].id, reading.arm) == (row.study, row.arm):
                return reading
        raise ConflictError(
            "this session is not of the reader study that is served",
            remedy="Begin a case of your list.",
        )

    def has(self, study: str) -> bool:
        """Whether a study is behind one of the cases."""
        return any(entry.id == study for entry in self._studies.values())

    def check_event(self, session: str, kind: str) -> None:
        """Refuse to reopen a reading when a later one was begun.

        Raises:
            ConflictError: it was.
        """
        if kind != "reopen":
            return
        reading = self.reading(session)
        if max(self._of(reading.reader)[1]) > reading.position:
            raise ConflictError(
                f"{reading.label} is closed",
                cause="A later case was begun.",
                remedy="Tell the study's owner.",
            )

    def keep(self, session: str, snapshot: Snapshot) -> None:
        """Keep the mask of a reader who is about to finish, or has just finished.

        Raises:
            OutputError: the disk is full.
        """
        study = self._desk.study(session)
        write_mask(snapshot.labels.dense() > 0, study, mask_path(self._state, session))

    def blinded(self, error: LesionLoopError) -> LesionLoopError:
        """The error, without what would tell readers which study it is about.

        The refusals of the viewer itself name no file; those of the readers of files do.
        """
        if isinstance(error, ConflictError | MissingError) or not self._telling.search(str(error)):
            return error
        kind = OutputError if isinstance(error, OutputError) else InputError
        return kind(
            "this case cannot be shown",
            cause="Something is wrong with its files; what it is, is not told to readers.",
            remedy="Tell the study's owner, who can open it without --reader-study.",
        )

    def _of(self, reader: str) -> tuple[list[Reading], Mapping[int, SessionRow]]:
        """The plan of a reader, and the sessions that there are by position."""
        name = reader.strip()
        if name not in self._plans:
            raise MissingError(
                "nobody of this reader study has that name",
                remedy="Choose one of the names of the list.",
            )
        plan = self._plans[name]
        rows = {
            (row.study, row.arm): row for row in self._desk.store.sessions() if row.reader == name
        }
        places = {r.position: (self._studies[r.case].id, r.arm) for r in plan}
        return plan, {p: rows[place] for p, place in places.items() if place in rows}

    def _not_before(
        self,
        position: int,
        plan: list[Reading],
        sessions: Mapping[int, SessionRow],
        finished: Mapping[str, float],
    ) -> float | None:
        """When a reading of the second period may be begun, Unix time in s; None: at any time."""
        if plan[position - 1].period == 1 or position in sessions:
            return None
        first = [sessions[r.position].id for r in plan if r.period == 1 and r.position in sessions]
        ends = [finished[session] for session in first if session in finished]
        return max(ends) + self.protocol.washout_days * _DAY_S if ends else None

    def _note_begun(self, reader: str) -> None:
        if reader not in self._begun.plans:
            identity = self._desk.segmenter.identity
            begun = self._begun.with_reader(self.protocol, reader, identity, self._assigned.ids)
            begun.write(self._state)
            self._begun = begun


def _state(row: SessionRow | None, finished: Mapping[str, float]) -> State:
    if row is None:
        return "waiting"
    return "done" if row.id in finished else "open"


def _state_of(
    reading: Reading, sessions: Mapping[int, SessionRow], finished: Mapping[str, float]
) -> State:
    return _state(sessions.get(reading.position), finished)
