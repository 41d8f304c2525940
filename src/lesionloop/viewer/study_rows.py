"""The list of studies with their sessions."""

from lesionloop.viewer.desk import Desk
from lesionloop.viewer.messages import SessionName, StudyRow

__all__ = ["study_rows"]


def study_rows(desk: Desk) -> list[StudyRow]:
    """All studies of the library by name, with the sessions that readers have on them."""
    done = desk.store.done()
    by_study: dict[str, list[SessionName]] = {}
    for row in desk.store.sessions():
        name = SessionName(id=row.id, reader=row.reader, done=row.id in done)
        by_study.setdefault(row.study, []).append(name)
    return [
        StudyRow(
            id=entry.id,
            name=entry.name,
            tracer=entry.tracer,
            kind=entry.kind,
            source=entry.source,
            upload=entry.upload,
            sessions=by_study.get(entry.id, []),
        )
        for entry in desk.library.entries()
    ]
