"""Pictures inside a page."""

import base64
import struct

from lesionloop.errors import InputError
from lesionloop.reporting.markup import Markup, element

__all__ = ["picture", "png_size"]

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def picture(png: bytes, text: str, width: int | None = None) -> Markup:
    """A PNG file as part of the page.

    Args:
        png: the file.
        text: spoken by screen readers.
        width: in CSS pixels; its own when not given.
    """
    source = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    return element("img", src=source, alt=text, width=width)


def png_size(png: bytes) -> tuple[int, int]:
    """Width and height in pixels, which open every PNG file (PNG specification, 11.2.2 IHDR).

    Raises:
        InputError: it is no PNG file.
    """
    if len(png) < 24 or not png.startswith(_PNG_SIGNATURE):
        raise InputError("a picture of the report is not a PNG file")
    width, height = struct.unpack(">II", png[16:24])
    return int(width), max(1, int(height))
