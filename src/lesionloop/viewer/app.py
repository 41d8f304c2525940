"""The application: routes, answers to errors, and the layers of safety around them."""

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from lesionloop.errors import LesionLoopError
from lesionloop.reader_study import Protocol
from lesionloop.segmenters import load_segmenter
from lesionloop.segmenters.protocol import Segmenter
from lesionloop.viewer import (
    routes_pacs,
    routes_reader_study,
    routes_sessions,
    routes_start,
    routes_studies,
    routes_uploads,
    routes_work,
)
from lesionloop.viewer.desk import Desk
from lesionloop.viewer.library import Library
from lesionloop.viewer.messages import Problem
from lesionloop.viewer.pacs import PacsDesk
from lesionloop.viewer.page_files import page_file
from lesionloop.viewer.parts import Parts, parts_of
from lesionloop.viewer.reader_study import ServedStudy, assign
from lesionloop.viewer.refusals import status_of
from lesionloop.viewer.removing import FetchedStudies
from lesionloop.viewer.routes_reader_study import only_what_readers_may
from lesionloop.viewer.security import (
    BodyLayer,
    HeaderLayer,
    HostLayer,
    OriginLayer,
    TokenLayer,
    allowed_names,
    check_exposure,
    is_loopback,
)
from lesionloop.viewer.store import Store
from lesionloop.viewer.uploads import Uploads
from lesionloop.viewer.volumes import VolumeFiles

if TYPE_CHECKING:
    from lesionloop.imaging.dicomweb import Pacs

__all__ = ["Exposure", "create_app", "protect"]

_LOG = logging.getLogger(__name__)
#: Requests at work or waiting for a file or the database at a time.
_THREADS = 100
_REFUSALS = {
    status: {"model": Problem, "description": text}
    for status, text in {
        401: "No token, or a wrong one.",
        403: "Asked for by another site.",
        404: "No such thing.",
        409: "Does not fit the state.",
        413: "Too large.",
        422: "Wrong input.",
        502: "The PACS does not answer, or refuses; or a segmenter from outside failed.",
        507: "The disk is full.",
    }.items()
}


@dataclass(frozen=True)
class Exposure:
    """Under which names a server answers, and to whom.

    Args:
        host: address that it listens on.
        token: that is asked for; None: none.
        names: more names that it is known by, such as that of a proxy in front.
    """

    host: str = "127.0.0.1"
    token: str | None = None
    names: tuple[str, ...] = ()


def create_app(
    data: Path,
    state: Path,
    *,
    segmenter: Segmenter | None = None,
    threads: int = 1,
    most_bytes: int | None = None,
    reader_study: Protocol | None = None,
    pacs: "Pacs | None" = None,
) -> FastAPI:
    """The application for a data folder, without the layers of `protect`.

    Args:
        data: folder of the studies; nothing outside it and the state folder is opened.
        state: folder of the sessions and of what is kept to be quick.
        segmenter: None: the default one.
        threads: sessions that are computed at a time.
        most_bytes: bound of the studies in memory; None: a share of what is free.
        pacs: that readers fetch studies from and store in, or None.
        reader_study: protocol; with it only its readers may open what is theirs.

    Raises:
        InputError: there is no data folder, another server has the state folder, or the protocol is
            not of these studies.
        OutputError: the state folder cannot be written.
    """
    library = Library(data, {"upload": state / "uploads", "pacs": state / "fetched"})
    segmenter = segmenter or load_segmenter()
    assigned = None
    if reader_study is not None:
        assigned = assign(reader_study, library, state, segmenter.identity)
    store = Store(state)
    desk = Desk(library, store, segmenter, threads=threads, most_bytes=most_bytes)
    volumes = VolumeFiles(state / "volumes", desk.warm)
    uploads = Uploads(state / "uploads", library, store, volumes.forget)
    fetched = FetchedStudies(state / "fetched", library, store, volumes.forget)
    pacs_desk = None if pacs is None else PacsDesk(pacs, state, library)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        yield
        uploads.close()
        if pacs_desk is not None:
            pacs_desk.close()
        desk.close()
        store.close()

    app = FastAPI(
        title="lesionloop viewer",
        version=version("lesionloop"),
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    study = None if assigned is None else ServedStudy(assigned, desk, state)
    app.state.parts = Parts(
        desk, volumes, uploads, fetched, version("lesionloop"), reader_study=study, pacs=pacs_desk
    )
    for module in (
        routes_studies,
        routes_sessions,
        routes_reader_study,
        routes_pacs,
        routes_start,
        routes_uploads,
        routes_work,
    ):
        app.include_router(
            module.router,
            prefix="/api",
            responses=dict(_REFUSALS.items()),
            dependencies=[Depends(only_what_readers_may)],
        )
    app.add_api_route("/api/{path:path}", _nothing, include_in_schema=False)
    app.add_api_route("/{path:path}", _page, include_in_schema=False, methods=["GET", "HEAD"])
    app.add_exception_handler(LesionLoopError, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _cut_off)
    app.add_exception_handler(Exception, _fault)
    return app


def protect(app: ASGIApp, exposure: Exposure) -> ASGIApp:
    """Put the layers of safety around an application; the outermost is asked first.

    Raises:
        InputError: reachable from outside without a token.
    """
    check_exposure(exposure.host, exposure.token)
    inner: ASGIApp = BodyLayer(app)
    if exposure.token is not None:
        inner = TokenLayer(inner, exposure.token)
    inner = HostLayer(
        OriginLayer(inner),
        allowed_names(exposure.host, exposure.names),
        any_address=not is_loopback(exposure.host),
    )
    return HeaderLayer(inner)


def _page(path: str) -> Response:
    return page_file(path)


def _nothing(path: str) -> Response:
    return _problem(404, f"there is no /api/{path[:100]}", remedy="See /api/openapi.json.")


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, LesionLoopError)  # noqa: S101  (registered for it)
    study = parts_of(request).reader_study
    error = study.blinded(error) if study is not None else error
    return _problem(status_of(error), error.what, cause=error.cause, remedy=error.remedy)


def _not_valid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  (registered for it)
    return _problem(422, "the request is not valid", cause=_first_fault(error.errors()))


def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  (registered for it)
    return _problem(error.status_code, str(error.detail).lower())


def _cut_off(_request: Request, _error: Exception) -> Response:
    return _problem(400, "the request was cut off", remedy="Send it again.")  # nobody may listen


def _fault(request: Request, error: Exception) -> Response:
    _LOG.error("a fault of ours in %s", request.scope.get("route"), exc_info=error)
    return _problem(
        500, "a fault in the server", remedy="What was acknowledged is kept. Please report it."
    )


def _first_fault(errors: Iterable[dict[str, object]]) -> str:
    for found in errors:
        place = found.get("loc")
        where = ".".join(map(str, place)) if isinstance(place, tuple) else ""
        return f"{where}: {found.get('msg')}."
    return "It is malformed."


def _problem(
    status: int, error: str, *, cause: str | None = None, remedy: str | None = None
) -> Response:
    return JSONResponse({"error": error, "cause": cause, "remedy": remedy}, status_code=status)
