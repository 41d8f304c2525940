"""How long readers were at work: time between their events, without pauses."""

from itertools import pairwise
from typing import Final

from lesionloop.viewer.library import Library
from lesionloop.viewer.messages import Timing
from lesionloop.viewer.store import Store

__all__ = ["IDLE_S", "active_seconds", "seconds_between", "timings"]

#: A gap above this is a pause and counts nothing, s.
IDLE_S: Final = 60.0


def seconds_between(before: float, after: float) -> float:
    """Seconds of activity between two events at Unix times, s."""
    gap = after - before
    return gap if 0 <= gap <= IDLE_S else 0.0


def active_seconds(times: list[float]) -> float:
    """Seconds of activity of events at Unix times in their order, s."""
    return sum(seconds_between(before, after) for before, after in pairwise(times))


def timings(store: Store, library: Library) -> list[Timing]:
    """A row for each session, oldest first; of studies that have gone the name is empty."""
    names = {entry.id: entry.name for entry in library.entries()}
    done = store.done()
    rows = []
    for row in store.sessions():
        times = store.times(row.id)
        rows.append(
            Timing(
                reader=row.reader,
                study=row.study,
                name=names.get(row.study, ""),
                session=row.id,
                seconds=round(active_seconds(times), 3),
                events=len(times),
                done=row.id in done,
            )
        )
    return rows
