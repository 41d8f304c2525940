"""What a radiologist looks at after the fusion: each lesion in its phases, and those to verify."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import binary_erosion

from lesionloop.output import write_text
from lesionloop.reporting.frame import Rgb, text_font
from lesionloop.reporting.markup import Markup, element
from lesionloop.reporting.mip import png_bytes
from lesionloop.reporting.page import facts_section, page
from lesionloop.reporting.pictures import picture
from lesionloop.reporting.tables import cell, header_row, table

if TYPE_CHECKING:
    from lesionloop.fusion import Fused
    from lesionloop.fusion.quality import LesionQuality

__all__ = ["lesion_picture", "write_fusion_report"]

#: CT window for liver lesions, HU.
_LOW, _HIGH = -60.0, 200.0
#: Half the side of a view, mm, and its size in pixels.
_HALF_MM = 45.0
_SIDE_PX = 220
_HEAD_PX = 22
#: Outlines: fused lesion, and the phase's own (after Okabe and Ito 2008).
_FUSED, _OWN = (230, 159, 0), (0, 174, 239)
_PICTURE_WIDTH = 640


def lesion_picture(
    fused: "Fused", lesion: "LesionQuality", spacing: tuple[float, float, float]
) -> bytes:
    """PNG of the axial slice through a lesion in each phase: the phase's outline and the fused one.

    Args:
        fused: the case.
        lesion: one of its lesions.
        spacing: of the box, mm.
    """
    x, y, z = lesion.at
    names = list(fused.masks)
    sheet = Image.new("RGB", (_SIDE_PX * len(names), _SIDE_PX + _HEAD_PX), (0, 0, 0))
    pen = ImageDraw.Draw(sheet)
    inside = fused.supported.labels[:, :, z] == lesion.number
    for number, name in enumerate(names):
        view = _view(
            fused.images[name][:, :, z],
            ((fused.masks[name][:, :, z], _OWN), (inside, _FUSED)),
            (x, y),
            spacing,
        )
        sheet.paste(view, (number * _SIDE_PX, _HEAD_PX))
        pen.text((number * _SIDE_PX + 6, 4), name, fill=(235, 235, 235), font=text_font(12))
    return png_bytes(sheet)


def _view(
    ct: NDArray[Any],
    outlines: Sequence[tuple[NDArray[np.bool_], Rgb]],
    at: tuple[int, int],
    spacing: tuple[float, float, float],
) -> Image.Image:
    """A square around a voxel; rows go to the back, columns to the patient's left."""
    half = [max(1, round(_HALF_MM / spacing[axis])) for axis in range(2)]
    window = tuple(slice(max(0, a - h), a + h + 1) for a, h in zip(at, half, strict=True))
    grey = np.clip((np.asarray(ct[window], dtype=np.float32) - _LOW) / (_HIGH - _LOW), 0, 1) * 255
    size = tuple(
        max(1, round(n / (2 * h + 1) * _SIDE_PX)) for n, h in zip(grey.shape, half, strict=True)
    )
    view = Image.fromarray(grey.T.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
    coloured = np.array(view.convert("RGB"))
    for mask, colour in outlines:
        part = Image.fromarray(mask[window].T.astype(np.uint8) * 255)
        large = np.array(part.resize(size, Image.Resampling.NEAREST)) > 0
        coloured[large & ~binary_erosion(large, iterations=2)] = colour
    square = Image.new("RGB", (_SIDE_PX, _SIDE_PX), (0, 0, 0))
    square.paste(Image.fromarray(coloured), (0, 0))
    return square


def write_fusion_report(
    path: Path,
    records: Sequence[Mapping[str, Any]],
    failures: Mapping[str, str],
    facts: Mapping[str, str],
) -> None:
    """Write the report of fused cases as HTML, whole or not at all.

    Args:
        path: the file; pictures are taken from ``cases/<case>/`` beside it.
        records: content of ``fusion.json`` of each case.
        failures: case to why it failed.
        facts: what a reader needs to repeat the work.

    Raises:
        OutputError: it cannot be written.
    """
    count = sum(len(record["lesions"]) for record in records)
    verify = sum(lesion["combined_only"] for record in records for lesion in record["lesions"])
    lede = (
        f"{len(records)} cases, {count} lesions; {verify} that the phase without contrast does"
        " not show, for a radiologist to verify."
    )
    sections = [_verify(records), _conflicts(records)]
    if failures:
        rows = [
            element("tr", cell(name, "text"), cell(why, "text")) for name, why in failures.items()
        ]
        body = element("tbody", *rows)
        failed = table(header_row(("case", "why")), body)
        sections.append(element("section", element("h2", "Failed"), failed))
    sections += [_case(record, path.parent) for record in records]
    sections.append(facts_section(facts))
    places = {"To verify": "verify", "Conflicts": "conflicts", "How this was made": "facts"}
    write_text(path, page("Fused labels", lede, places, sections))


def _verify(records: Sequence[Mapping[str, Any]]) -> Markup:
    rows = [
        element("tr", cell(record["case"], "text"), *_lesion_cells(lesion))
        for record in records
        for lesion in record["lesions"]
        if lesion["combined_only"]
    ]
    title = element("h2", "Combined only: to verify", id="verify")
    if not rows:
        return element("section", title, element("p", "None."))
    return element("section", title, table(_header(("case",)), element("tbody", *rows)))


def _conflicts(records: Sequence[Mapping[str, Any]]) -> Markup:
    title = element("h2", "Where STAPLE and the rule of two phases differ", id="conflicts")
    rows = [
        element(
            "tr",
            cell(record["case"], "text"),
            cell(entry["kind"], "text"),
            cell(", ".join(entry["phases"]) or "none", "text"),
            cell(" ".join(map(str, entry["at"])), "text"),
            cell(entry["voxels"]),
        )
        for record in records
        for entry in record["conflicts"]
    ]
    close = [
        element(
            "li", f"{record['case']}: {' and '.join(pair['phases'])}, {pair['mm']:.1f} mm apart"
        )
        for record in records
        for pair in record["close_but_apart"]
    ]
    header = header_row(("case", "what", "shown by", "voxel"), ("voxels",))
    parts = [table(header, element("tbody", *rows)) if rows else element("p", "None.")]
    if close:
        text = "Lesions of two phases that lie close and were not fused; the alignment may be off:"
        parts += [element("p", text), element("ul", *close)]
    return element("section", title, *parts)


def _case(record: Mapping[str, Any], folder: Path) -> Markup:
    rows = [element("tr", *_lesion_cells(lesion)) for lesion in record["lesions"]]
    shown = []
    for lesion in record["lesions"]:
        path = folder / "cases" / record["case"] / f"lesion_{lesion['number']}.png"
        text = f"Lesion {lesion['number']} in each phase; blue the phase's own, orange the fused"
        if path.is_file():
            image = picture(path.read_bytes(), text, _PICTURE_WIDTH)
            shown.append(element("figure", image, element("figcaption", text)))
    lesions = table(_header(()), element("tbody", *rows)) if rows else element("p", "No lesion.")
    return element("section", element("h2", record["case"]), lesions, *shown)


def _header(before: tuple[str, ...]) -> Markup:
    return header_row((*before, "lesion", "shown by"), ("ml", "least Dice", "worst centroid mm"))


def _lesion_cells(lesion: Mapping[str, Any]) -> list[Markup]:
    phases = lesion["phases"]
    return [
        cell(lesion["number"], "text"),
        cell(", ".join(entry["phase"] for entry in phases), "text"),
        cell(f"{lesion['volume_ml']:.2f}"),
        cell(f"{min((entry['dice'] for entry in phases), default=0):.2f}"),
        cell(f"{max((entry['centroid_mm'] for entry in phases), default=0):.1f}"),
    ]
