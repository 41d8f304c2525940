"""The page: files that `make frontend` builds into the package."""

from pathlib import Path

from starlette.responses import FileResponse, PlainTextResponse, Response

from lesionloop.viewer.refusals import MissingError

__all__ = ["PAGE", "page_file"]

PAGE = Path(__file__).parent / "page"

_NOT_BUILT = """\
The viewer's page is not built.
Build it in the source folder with:  make frontend
The interface is at /api, described in /api/openapi.json.
"""


def page_file(path: str) -> Response:
    """A file of the page; the index for the empty path.

    Raises:
        MissingError: there is none, or it is not of the page.
    """
    if not (PAGE / "index.html").is_file():
        if path in ("", "index.html"):
            return PlainTextResponse(_NOT_BUILT)
        raise MissingError("there is no such file", remedy="Open / in a browser.")
    root = PAGE.resolve()
    try:
        file = (root / (path or "index.html")).resolve()
        found = file.is_relative_to(root) and file.is_file()
    except (OSError, ValueError):  # a name that is too long, or holds a zero
        found = False
    if not found:
        raise MissingError("there is no such file", remedy="Open / in a browser.")
    # The names of assets hold a hash of their content.
    hashed = file.parent != root
    caching = "public, max-age=31536000, immutable" if hashed else "no-cache"
    return FileResponse(file, headers={"Cache-Control": caching})
