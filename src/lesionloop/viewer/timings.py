"""How long readers were at work: time between their events, without pauses."""

from lesionloop.reader_study.times import times_of
from lesionloop.viewer.library import Library
from lesionloop.viewer.messages import Timing
from lesionloop.viewer.store import Store

__all__ = ["timings"]


def timings(store: Store, library: Library) -> list[Timing]:
    """A row for each session, oldest first; of studies that have gone the name is empty."""
    names = {entry.id: entry.name for entry in library.entries()}
    done = store.done()
    rows = []
    for row in store.sessions():
        log = store.log(row.id)
        rows.append(
            Timing(
                reader=row.reader,
                study=row.study,
                name=names.get(row.study, ""),
                session=row.id,
                seconds=round(times_of(log).active_s, 3),
                events=len(log),
                done=row.id in done,
            )
        )
    return rows
