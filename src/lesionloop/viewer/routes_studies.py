"""What the server says of studies: the list, their volumes, opening a session."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response

from lesionloop.viewer.messages import (
    Info,
    NewSession,
    SessionState,
    StudyRow,
    Timing,
)
from lesionloop.viewer.parts import parts_of
from lesionloop.viewer.states import session_state
from lesionloop.viewer.study_rows import study_rows
from lesionloop.viewer.timings import timings
from lesionloop.viewer.volumes import Role

__all__ = ["router"]

router = APIRouter(tags=["studies"])


@router.get("/info")
def info(request: Request) -> Info:
    """About the server."""
    parts = parts_of(request)
    return Info(
        version=parts.version,
        segmenter=parts.desk.segmenter.name,
        reader_required=True,
        pacs=None if parts.pacs is None else parts.pacs.name,
        reader_study=None if parts.reader_study is None else parts.reader_study.info,
    )


@router.get("/studies")
def studies(request: Request) -> list[StudyRow]:
    """All studies with their sessions."""
    return study_rows(parts_of(request).desk)


@router.post("/studies/{study}/sessions")
async def open_session(request: Request, study: str, body: NewSession) -> SessionState:
    """The session of a reader on a study; a new one takes as long as the first mask."""
    desk = parts_of(request).desk
    row = await run_in_threadpool(desk.open, study, body.reader)
    future = await run_in_threadpool(desk.current, row.id, lenient=True)
    answer = await asyncio.wrap_future(future)
    return await run_in_threadpool(session_state, desk, row.id, answer)


@router.delete("/studies/{study}", status_code=204)
def remove(request: Request, study: str) -> None:
    """Remove a study that was fetched from the PACS and that no session uses."""
    parts_of(request).fetched.remove(study)


@router.get("/studies/{study}/{role}.nii.gz", response_class=FileResponse)
def volume(request: Request, study: str, role: Role) -> Response:
    """PET (float32, SUV) or CT (int16, HU) on the PET grid, as compressed NIfTI."""
    parts = parts_of(request)
    path, tag = parts.volumes.file(parts.desk.library.entry(study), role)
    headers = {"ETag": tag, "Cache-Control": "private, max-age=0, must-revalidate"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type="application/gzip", headers=headers)


@router.get("/timings")
def activity(request: Request) -> list[Timing]:
    """Seconds of activity by reader and study; pauses above a minute do not count."""
    desk = parts_of(request).desk
    return timings(desk.store, desk.library)
