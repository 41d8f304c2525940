"""What the routes work with, kept in the application."""

from dataclasses import dataclass

from starlette.requests import Request

from lesionloop.viewer.desk import Desk
from lesionloop.viewer.volumes import VolumeFiles

__all__ = ["Parts", "parts_of"]


@dataclass(frozen=True, eq=False)
class Parts:
    """The desk, the volumes as files, and the version of the program."""

    desk: Desk
    volumes: VolumeFiles
    version: str


def parts_of(request: Request) -> Parts:
    """The parts of the application that a request came to."""
    parts: Parts = request.app.state.parts
    return parts
