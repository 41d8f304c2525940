"""What stands around a picture of uptake: the SUV scale, a length bar and the legend."""

from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

__all__ = ["INK", "PAPER", "Entry", "Font", "Rgb", "draw_mark", "frame_picture", "text_font"]

Rgb = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

#: Colour of an entry of the legend and what it looks like: "line" or a label of scribbles.
Entry = tuple[Rgb, str]

INK: Rgb = (70, 76, 84)
PAPER: Rgb = (255, 255, 255)


@dataclass(frozen=True)
class _Pen:
    """What draws beside the picture: the canvas, the letters and the height of a line in pixels."""

    draw: ImageDraw.ImageDraw
    font: Font
    line: int


def frame_picture(
    picture: Image.Image, key: Mapping[str, Entry], *, suv_max: float, pixels_per_mm: float
) -> Image.Image:
    """Return the picture on a larger sheet, with the SUV scale at its right and the legend below.

    Args:
        picture: inverted grey from SUV 0 (white) to ``suv_max`` (black).
        key: text of the legend -> colour and shape; may be empty.
        suv_max: SUV at the black end.
        pixels_per_mm: for the length bar of 10 cm, which is left out where it does not fit.
    """
    font, line = text_font(picture.height / 38), round(picture.height / 24)
    lines = _legend_lines(key, font, picture.width + line * 2.5, line)
    size = (picture.width + round(line * 2.5), picture.height + line * (len(lines) + 1))
    sheet = Image.new("RGB", size, PAPER)
    sheet.paste(picture, (0, 0))
    pen = _Pen(ImageDraw.Draw(sheet), font, line)
    _suv_scale(pen, picture.width + line // 2, suv_max)
    if 100 * pixels_per_mm < picture.width / 2:
        _length_bar(pen, picture.height, 100 * pixels_per_mm)
    for number, entries in enumerate(lines):
        for x, name in entries:
            y = picture.height + line * (number + 0.75)
            _legend_entry(pen, (x, y), name, key[name])
    return sheet


def draw_mark(
    draw: ImageDraw.ImageDraw,
    centre: tuple[float, float],
    radius: float,
    label: str,
    fill: Rgb | int,
) -> None:
    """Draw one scribble point (x, y): a diamond for background, a dot for all else."""
    x, y = centre
    if label == "background":
        reach = radius * 1.25
        corners = [(x - reach, y), (x, y - reach), (x + reach, y), (x, y + reach)]
        draw.polygon(corners, fill=fill)
    else:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def text_font(size: float) -> Font:
    """Return the letters that come with Pillow, at least 10 pixels high."""
    return ImageFont.load_default(max(10.0, size))


def _suv_scale(pen: _Pen, left: int, suv_max: float) -> None:
    top, height, width = pen.line * 2, pen.line * 8, max(6, pen.line // 2)
    for row in range(height):
        grey = round(255 * row / (height - 1))
        pen.draw.line((left, top + row, left + width - 1, top + row), fill=(grey, grey, grey))
    pen.draw.rectangle((left - 1, top - 1, left + width, top + height), outline=INK)
    pen.draw.text((left - 1, top - pen.line / 2), "SUV", fill=INK, font=pen.font, anchor="ls")
    for part in (0.0, 0.5, 1.0):
        x, y = left + width, top + (height - 1) * (1 - part)
        pen.draw.line((x, y, x + 3, y), fill=INK)
        text = f"{suv_max * part:g}"
        pen.draw.text((x + 6, y), text, fill=INK, font=pen.font, anchor="lm")


def _length_bar(pen: _Pen, height: int, length: float) -> None:
    left, y = pen.line / 2, height - pen.line / 2
    pen.draw.line((left, y, left + length, y), fill=INK, width=2)
    position = (left + length / 2, y - 4)
    pen.draw.text(position, "10 cm", fill=INK, font=pen.font, anchor="ms")


def _legend_lines(
    key: Mapping[str, Entry], font: Font, width: float, line: int
) -> list[list[tuple[float, str]]]:
    """Left position and name of the entries of each line of the legend."""
    lines: list[list[tuple[float, str]]] = []
    x = float("inf")
    for name in key:
        needed = line * 1.3 + font.getlength(name)
        if x + needed > width:
            lines.append([])
            x = line * 0.5
        lines[-1].append((x, name))
        x += needed + line
    return lines


def _legend_entry(pen: _Pen, position: tuple[float, float], name: str, entry: Entry) -> None:
    (x, y), (colour, shape), line = position, entry, pen.line
    if shape == "line":
        pen.draw.line((x, y, x + line, y), fill=colour, width=3)
    else:
        for part in (0.2, 0.5, 0.8):
            draw_mark(pen.draw, (x + line * part, y), line * 0.16, shape, colour)
    pen.draw.text((x + line * 1.3, y), name, fill=INK, font=pen.font, anchor="lm")
