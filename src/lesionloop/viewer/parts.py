"""What the routes work with, kept in the application."""

from dataclasses import dataclass

from starlette.requests import Request

from lesionloop.viewer.desk import Desk
from lesionloop.viewer.pacs import PacsDesk
from lesionloop.viewer.reader_study import ServedStudy
from lesionloop.viewer.removing import FetchedStudies
from lesionloop.viewer.uploads import Uploads
from lesionloop.viewer.volumes import VolumeFiles

__all__ = ["Parts", "parts_of"]


@dataclass(frozen=True, eq=False)
class Parts:
    """The desk, the volumes as files, what came in by itself, the version, the PACS."""

    desk: Desk
    volumes: VolumeFiles
    uploads: Uploads
    fetched: FetchedStudies
    version: str
    pacs: PacsDesk | None = None
    reader_study: ServedStudy | None = None


def parts_of(request: Request) -> Parts:
    """The parts of the application that a request came to."""
    parts: Parts = request.app.state.parts
    return parts
