"""The part of the loop report that shows single runs: steps, notes and pictures."""

from collections.abc import Sequence

from lesionloop.reporting.loop_records import CaseReport, Group, StepRow, runs_by_case
from lesionloop.reporting.markup import Content, Markup, element
from lesionloop.reporting.pictures import picture, png_size
from lesionloop.reporting.tables import amount, cell, score_cells, swatch, table

__all__ = ["case_anchor", "cases_section"]

#: Height of the tallest picture of a run on the page, CSS pixels.
_PICTURE_HEIGHT = 440


def case_anchor(number: int) -> str:
    """Name of the place in the page where case ``number``, from 0, starts."""
    return f"case-{number + 1}"


def cases_section(groups: Sequence[Group]) -> Markup:
    """Every run with its steps, notes and pictures, by case."""
    parts: list[Markup] = []
    for number, (name, runs) in enumerate(runs_by_case(groups).items()):
        parts.append(element("h3", name, id=case_anchor(number)))
        parts += [_run(run, group) for run, group in runs]
    return element("section", element("h2", "Cases", id="cases"), *parts)


def _run(run: CaseReport, group: Group) -> Markup:
    header = element(
        "tr",
        element("th", "Step", scope="col"),
        element("th", "Scribble, points", scope="col", class_="text"),
        *(
            element("th", name, scope="col")
            for name in ("Dice", "DMM", "TP", "FP", "FN", "FPV ml", "FNV ml", "Time s")
        ),
    )
    title = element(
        "h4",
        swatch(group.number),
        f"{run.segmenter} · {run.strategy}",
        element("span", run.mode, class_="badge"),
    )
    notes = [element("li", note) for note in run.notes]
    sizes = [png_size(png) for _, png in run.pictures]
    # One scale for all pictures of a run, whatever their legends add to the height.
    scale = _PICTURE_HEIGHT / max((height for _, height in sizes), default=1)
    pictures = [
        _picture(run, caption, png, round(width * scale))
        for (caption, png), (width, _) in zip(run.pictures, sizes, strict=True)
    ]
    return element(
        "article",
        element(
            "div",
            title,
            table(header, element("tbody", *map(_step_row, run.steps))),
            element("ul", *notes, class_="notes") if notes else None,
            class_="steps",
        ),
        element("div", *pictures, class_="pictures") if pictures else None,
        class_="run",
    )


def _picture(run: CaseReport, caption: str, png: bytes, width: int) -> Markup:
    text = f"{run.case}, {run.segmenter}, {run.strategy}: {caption}"
    return element("figure", picture(png, text, width), element("figcaption", caption))


def _step_row(row: StepRow) -> Markup:
    return element(
        "tr",
        cell(row.step),
        element("td", _scribble(row), class_="text"),
        *score_cells([row.dice], 1),
        *score_cells([row.dmm], 1),
        *(cell(number) for number in (row.tp, row.fp, row.fn)),
        *(cell(amount(value)) for value in (row.fpv_ml, row.fnv_ml, row.seconds)),
    )


def _scribble(row: StepRow) -> Content:
    if row.scribble_label is None:
        return element("span", "none", class_="none")
    known = row.scribble_label in ("foreground", "background")
    text = f"{row.scribble_label}, {row.scribble_points}"
    return element("span", text, class_=row.scribble_label if known else None)
