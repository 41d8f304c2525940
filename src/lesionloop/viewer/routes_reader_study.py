"""What readers of a study ask: their list of cases, and to begin the next one.

While a study is served everything else that would name a case, or open one out of turn, is refused:
what is not in the list below is closed, so that new routes are closed until somebody thought of it.
"""

import re
from typing import Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from lesionloop.viewer.messages import BeginReading, ReaderName, SessionName, Worklist
from lesionloop.viewer.parts import parts_of
from lesionloop.viewer.reader_study import ServedStudy
from lesionloop.viewer.refusals import ConflictError, MissingError

__all__ = ["only_what_readers_may", "router"]

router = APIRouter(prefix="/reader-study", tags=["reader study"])

#: What readers may ask for; sessions and studies must be of theirs.
_OPEN: Final = re.compile(
    r"/api/(info|reader-study/(worklist|begin)"
    r"|studies/(?P<study>[0-9a-f]+)/(pet|ct)\.nii\.gz"
    r"|sessions/(?P<session>[0-9a-f]+)(/(changes|mask|events|work|mip/.+))?)"
)


async def only_what_readers_may(request: Request) -> None:
    """Close what readers of a study may not ask for; without a study everything is open.

    Raises:
        ConflictError: it is closed.
    """
    study = parts_of(request).reader_study
    if study is None:
        return
    asked = _OPEN.fullmatch(request.url.path)
    if asked is None:
        exports = "/export/" in request.url.path
        raise ConflictError(
            "this is closed while a reader study is served",
            cause="The study's owner exports." if exports else "It could tell the cases apart.",
            remedy="Begin the cases of your list.",
        )
    if asked["session"]:
        await run_in_threadpool(study.reading, asked["session"])
    if asked["study"] and not study.has(asked["study"]):
        raise MissingError("there is no such study")


@router.post("/worklist")
def worklist(request: Request, body: ReaderName) -> Worklist:
    """All readings of a reader in their order, under labels that tell no case."""
    return _served(request).worklist(body.reader)


@router.post("/begin")
def begin(request: Request, body: BeginReading) -> SessionName:
    """Open a reading, or go on with it; its mask is computed from now on."""
    row = _served(request).begin(body.reader, body.position)
    desk = parts_of(request).desk
    desk.begin(row.id)
    return SessionName(id=row.id, reader=row.reader, done=row.id in desk.store.done())


def _served(request: Request) -> ServedStudy:
    study = parts_of(request).reader_study
    if study is None:
        raise MissingError(
            "no reader study is served", remedy="Start with: lesionloop serve --reader-study."
        )
    return study
