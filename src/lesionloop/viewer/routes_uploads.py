"""Studies that come through the page: begin, send files, finish."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool

from lesionloop.viewer.messages import UploadDone, UploadName
from lesionloop.viewer.parts import parts_of
from lesionloop.viewer.study_rows import study_rows

__all__ = ["router"]

router = APIRouter(tags=["uploads"])

#: Bytes that are gathered before they are written.
_PIECE = 1 << 20
_RAW = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/uploads")
def begin(request: Request) -> UploadName:
    """Begin an upload."""
    return UploadName(id=parts_of(request).uploads.begin())


@router.put("/uploads/{upload}/files", status_code=204, openapi_extra=_RAW)
async def add_file(
    request: Request, upload: str, path: Annotated[str, Query(min_length=1, max_length=2000)]
) -> None:
    """A file of an upload as raw bytes, by its relative path; sent again it is replaced."""
    uploads = parts_of(request).uploads
    waiting = bytearray()
    with await run_in_threadpool(uploads.add, upload, path) as file:
        async for piece in request.stream():
            waiting += piece
            if len(waiting) >= _PIECE:
                await run_in_threadpool(file.write, waiting)
                waiting = bytearray()
        await run_in_threadpool(file.write, waiting)
        await run_in_threadpool(file.keep)


@router.post("/uploads/{upload}/finish")
def finish(request: Request, upload: str) -> UploadDone:
    """Open what was sent; answers when all studies of it were opened once."""
    parts = parts_of(request)
    notes = parts.uploads.finish(upload)
    studies = [row for row in study_rows(parts.desk) if row.upload == upload]
    return UploadDone(studies=studies, notes=notes)


@router.delete("/uploads/{upload}", status_code=204)
def remove(request: Request, upload: str) -> None:
    """Remove an upload that no session uses."""
    parts_of(request).uploads.remove(upload)
