"""Going on from a mask made elsewhere: the file comes in, and becomes an action of the session."""

import asyncio
import tempfile
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool

from lesionloop.errors import InputError, OutputError
from lesionloop.imaging import Grid
from lesionloop.viewer.mask_intake import grid_facts
from lesionloop.viewer.messages import Answered, Key
from lesionloop.viewer.packed_mask import PackedMask
from lesionloop.viewer.parts import parts_of
from lesionloop.viewer.refusals import TooLargeError
from lesionloop.viewer.sandbox import run_limited
from lesionloop.viewer.states import answered

__all__ = ["MOST_BYTES", "router"]

router = APIRouter(prefix="/sessions/{session}", tags=["sessions"])

#: Of a mask's file.
MOST_BYTES: Final = 512 << 20
#: What reading one may take.
_MEMORY: Final = 6 << 30
_SECONDS: Final = 120.0
#: One is read at a time: each may take that much memory.
_READING: Final = Lock()

_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/start", openapi_extra=_BODY)
async def start(
    request: Request,
    session: str,
    name: Annotated[str, Query(min_length=1, max_length=200)],
    key: Annotated[Key, Query()],
    revision: Annotated[int | None, Query(ge=0, le=2**53)] = None,
) -> Answered:
    """Begin from a mask made elsewhere: a DICOM SEG, NIfTI or MHA file as the body.

    It is an action: scribbles after it correct it, those before it count again when it is undone.
    A second request with the same key is answered, not recorded again.
    """
    desk = parts_of(request).desk
    await run_in_threadpool(desk.row, session)
    with tempfile.TemporaryDirectory(prefix="lesionloop-") as folder:
        await _receive(request, Path(folder) / "given")
        study = await run_in_threadpool(desk.study, session)
        facts, mask = await run_in_threadpool(_read, Path(folder), name, study.grid)
    future = await run_in_threadpool(
        desk.submit, session, "start", facts, key=key, base=revision, mask=mask
    )
    answer = await asyncio.wrap_future(future)
    return await run_in_threadpool(answered, desk, session, answer)


async def _receive(request: Request, path: Path) -> None:
    """Write a request's body to a file as it comes."""
    size = 0
    try:
        with path.open("wb") as file:
            async for piece in request.stream():
                size += len(piece)
                if size > MOST_BYTES:
                    raise TooLargeError(
                        "the file is too large for a mask",
                        cause=f"At most {MOST_BYTES >> 20} MiB are taken.",
                        remedy="Compress it (.nii.gz), or give one on the PET grid.",
                    )
                await run_in_threadpool(file.write, piece)
    except OSError as error:
        raise OutputError(
            "the file cannot be kept on the server: nothing was recorded",
            cause=f"{error.strerror or error}.",
            remedy="Free some space on the disk of the server, then do it again.",
        ) from error
    if not size:
        raise InputError("there is no file in the request", remedy="Send the mask's file.")


def _read(folder: Path, name: str, grid: Grid) -> tuple[dict[str, Any], PackedMask]:
    """What is recorded of a start, and its mask."""
    told = folder / "told"
    given = {
        "path": str(folder / "given"),
        "name": name,
        "grid": grid_facts(grid),
        "to": str(told),
    }
    with _READING:
        found = run_limited(
            "lesionloop.viewer.mask_intake:read",
            given,
            memory_bytes=_MEMORY,
            wall_seconds=_SECONDS,
            subject=name,
        )
    mask = PackedMask(grid.shape, told.read_bytes())
    return {"name": name, "lesions": found["lesions"], "notes": found["notes"]}, mask
