"""What the server does in a session: state, mask, events, projections, exports."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from lesionloop.errors import InputError
from lesionloop.reporting.mip import png_bytes
from lesionloop.viewer.desk import Desk
from lesionloop.viewer.exports import export, job_of
from lesionloop.viewer.messages import (
    Answered,
    Changes,
    Done,
    Mark,
    Picked,
    Scribbled,
    SessionState,
    Stroke,
    Viewed,
)
from lesionloop.viewer.parts import parts_of
from lesionloop.viewer.projections import Projector, Theme
from lesionloop.viewer.snapshot import Answer
from lesionloop.viewer.states import answered, changes, session_state

__all__ = ["router"]

router = APIRouter(prefix="/sessions/{session}", tags=["sessions"])

Degrees = Annotated[int, Path(ge=0, le=350, multiple_of=10)]
Part = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]
High = Annotated[float | None, Query(gt=0, le=1e12, allow_inf_nan=False)]


@router.get("")
async def state(request: Request, session: str) -> SessionState:
    """All of a session, with every event so far."""
    parts = parts_of(request)
    answer = await _current(parts.desk, session, lenient=True)
    study = parts.reader_study
    label = None if study is None else study.reading(session).label
    return await run_in_threadpool(session_state, parts.desk, session, answer, label=label)


@router.get("/changes")
async def changed(
    request: Request, session: str, since: Annotated[int, Query(ge=0, le=2**53)]
) -> Changes:
    """What has changed since a revision: for a second window on the same session."""
    desk = parts_of(request).desk
    answer = await _current(desk, session, since, lenient=True)
    return await run_in_threadpool(changes, desk, session, answer)


@router.get(
    "/mask",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
async def mask(
    request: Request, session: str, step: Annotated[int | None, Query(ge=0, le=0)] = None
) -> Response:
    """Labels of all voxels: zlib of one byte each, x fastest; 0 none, n lesion n, at most 255.

    With `step=0` the first mask, or that of the start in force, before any scribble.
    """
    desk = parts_of(request).desk
    if step is None:
        snapshot = (await _current(desk, session, lenient=True)).snapshot
        labels, revision = snapshot.labels, snapshot.revision
    else:
        labels, revision = await run_in_threadpool(desk.first, session), 0
    data = await run_in_threadpool(labels.packed, labels.whole())
    headers = {"X-Revision": str(revision)}
    return Response(data, media_type="application/octet-stream", headers=headers)


@router.post("/events")
async def post_event(
    request: Request, session: str, body: Annotated[Scribbled, Body()]
) -> Answered:
    """Record an event and answer with what it changed; it is on the disk then.

    A second request with the same key is answered, not recorded again.
    """
    desk, study = parts_of(request).desk, parts_of(request).reader_study
    kept = None
    if study is not None:
        await run_in_threadpool(study.check_event, session, body.kind)
        if body.kind == "done":  # the mask first: a reading that is done has one, come what may
            kept = (await _current(desk, session)).snapshot
            await run_in_threadpool(study.keep, session, kept)
    future = await run_in_threadpool(
        desk.submit, session, body.kind, _data(body), key=body.key, base=body.revision
    )
    answer = await asyncio.wrap_future(future)
    if study is not None and kept is not None and kept.revision != answer.snapshot.revision:
        await run_in_threadpool(study.keep, session, answer.snapshot)  # another window drew
    return await run_in_threadpool(answered, desk, session, answer)


@router.get(
    "/mip/{degrees}.png",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}},
)
async def projection(
    request: Request, session: str, degrees: Degrees, theme: Theme = "dark", high: High = None
) -> Response:
    """The PET from one side, with the outline of the mask and the scribbles.

    `high` is the value that is shown brightest; without it SUV 10, where the PET is SUV.
    """
    desk = parts_of(request).desk
    answer = await _current(desk, session, lenient=True)
    tag = f'"{session[:8]}-{answer.snapshot.revision}-{degrees}-{theme}-{high}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)

    def draw() -> bytes:
        document = answer.snapshot.document
        strokes = [(stroke.label, stroke.points) for stroke in document.scribbles()]
        picture = desk.projector(session).picture(
            degrees, labels=answer.snapshot.labels, strokes=strokes, theme=theme, high=high
        )
        return png_bytes(picture)

    return Response(await run_in_threadpool(draw), media_type="image/png", headers=headers)


@router.get("/mip/{degrees}/pick")
def pick(request: Request, session: str, degrees: Degrees, u: Part, v: Part) -> Picked:
    """The voxel of highest uptake behind a point of the projection.

    `u` from the left and `v` from the top are parts of the picture's width and height.
    """
    projector: Projector = parts_of(request).desk.projector(session)
    return Picked(at=projector.pick(degrees, u, v))


@router.get("/export/{what}", response_class=Response)
async def download(request: Request, session: str, what: str) -> Response:
    """A file of the session: see the list of exports in the documentation."""
    desk = parts_of(request).desk
    answer = await _current(desk, session)

    def make() -> tuple[bytes, str]:
        return export(job_of(desk, session, answer.snapshot), what)

    data, media = await run_in_threadpool(make)
    headers = {"Content-Disposition": f'attachment; filename="{what}"'}
    return Response(data, media_type=media, headers=headers)


async def _current(
    desk: Desk, session: str, since: int | None = None, *, lenient: bool = False
) -> Answer:
    future = await run_in_threadpool(desk.current, session, since, lenient=lenient)
    return await asyncio.wrap_future(future)


def _data(body: Any) -> dict[str, Any]:
    """What of a request is recorded."""
    if isinstance(body, Stroke):
        if (body.points is None) == (body.points_mm is None):
            raise InputError(
                "a scribble has either points or points_mm",
                remedy="Give voxels as points, or LPS mm as points_mm.",
            )
        points = (
            {"points": body.points} if body.points_mm is None else {"points_mm": body.points_mm}
        )
        return {"label": body.label, **points}
    if isinstance(body, Mark):
        return {"at": list(body.at)}
    if isinstance(body, Done) and body.confidence is not None:
        return {"confidence": body.confidence}
    return {"what": body.what} if isinstance(body, Viewed) else {}
