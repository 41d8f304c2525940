"""The log of a run: a table of every step, and a page with its curves that renews itself."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from lesionloop.output import write_text
from lesionloop.training.run import Progress

__all__ = ["RunLog"]

_POINTS = 60
_REFRESH_SECONDS = 20
_WRITE_EVERY = 50
_WIDTH, _HEIGHT, _MARGIN = 640.0, 260.0, 48.0


class RunLog:
    """Writes ``log.csv`` and ``progress.html`` in the folder of a run.

    Args:
        folder: of the run.
        steps: that the run will have.
        start: steps that the checkpoint holds; lines after it, of a run that was interrupted
            between two checkpoints, are dropped.
    """

    def __init__(self, folder: Path, *, steps: int, start: int) -> None:
        self._path = folder / "log.csv"
        self._page = folder / "progress.html"
        self._steps = steps
        self._rows: list[tuple[int, float, float, float, float]] = []
        if start and self._path.exists():
            with self._path.open(newline="") as file:
                rows = [tuple(map(float, row)) for row in list(csv.reader(file))[1:]]
            self._rows = [(int(r[0]), r[1], r[2], r[3], r[4]) for r in rows if r[0] <= start]

    def add(self, progress: Progress) -> None:
        """Take in a step; now and then the files are written."""
        first = [dice for strokes, dice in progress.dice_by_stroke if strokes == 0]
        later = [dice for strokes, dice in progress.dice_by_stroke if strokes > 0]
        self._rows.append(
            (progress.step, progress.loss, _mean(first), _mean(later), progress.seconds)
        )
        if progress.step % _WRITE_EVERY == 0:
            self.write()

    def recent(self, count: int = 200) -> tuple[float, float, float]:
        """Mean loss, Dice of first masks and Dice of corrected ones, over the last steps."""
        rows = self._rows[-count:]
        return (
            _mean([row[1] for row in rows]),
            _mean([row[2] for row in rows]),
            _mean([row[3] for row in rows]),
        )

    def write(self) -> None:
        """Write both files, each whole or not at all."""
        lines = ["step,loss,dice_first,dice_corrected,seconds"]
        lines += [
            f"{step},{loss:.5f},{first:.4f},{later:.4f},{seconds:.1f}"
            for step, loss, first, later, seconds in self._rows
        ]
        write_text(self._path, "\n".join(lines) + "\n")
        write_text(self._page, self._html())

    def _html(self) -> str:
        step, seconds = (self._rows[-1][0], self._rows[-1][4]) if self._rows else (0, 0.0)
        left = seconds / max(step, 1) * (self._steps - step)
        loss = _chart([self._binned(1)], ["loss"], "loss")
        dice = _chart(
            [self._binned(2), self._binned(3)], ["first mask", "after strokes"], "Dice in training"
        )
        renew = f'<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">'
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8">{renew}'
            "<title>lesionloop train</title><style>body{font:15px system-ui;margin:2rem;"
            "max-width:44rem}svg{width:100%}.a{stroke:#0b62a4;fill:none;stroke-width:2}"
            ".b{stroke:#c2571a;fill:none;stroke-width:2}text{font-size:11px;fill:#555}"
            ".g{stroke:#ddd}</style></head><body>"
            f"<h1>Step {step} of {self._steps}</h1><p>{seconds / 60:.0f} minutes so far, "
            f"about {left / 60:.0f} to go.</p>{loss}{dice}</body></html>\n"
        )

    def _binned(self, column: int) -> list[tuple[float, float]]:
        """(step, mean) of up to 60 stretches of equal length."""
        size = max(1, math.ceil(len(self._rows) / _POINTS))
        found = []
        for start in range(0, len(self._rows), size):
            part = self._rows[start : start + size]
            value = _mean([float(row[column]) for row in part])
            if math.isfinite(value):
                found.append((float(part[-1][0]), value))
        return found


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


def _chart(lines: list[list[tuple[float, float]]], names: list[str], title: str) -> str:
    """Lines over the step as SVG, from 0 up."""
    points = [point for line in lines for point in line]
    if not points:
        return ""
    right = max(x for x, _ in points)
    top = max(1e-6, *(y for _, y in points))
    marks = []
    for part in range(5):
        y = _HEIGHT - _MARGIN - part / 4 * (_HEIGHT - 2 * _MARGIN)
        marks.append(f'<path class="g" d="M{_MARGIN} {y:.1f}H{_WIDTH - _MARGIN}"/>')
        marks.append(f'<text x="6" y="{y + 4:.1f}">{top * part / 4:.3g}</text>')
    for number, (line, name) in enumerate(zip(lines, names, strict=True)):
        path = "L".join(
            f"{_MARGIN + x / right * (_WIDTH - 2 * _MARGIN):.1f} "
            f"{_HEIGHT - _MARGIN - y / top * (_HEIGHT - 2 * _MARGIN):.1f}"
            for x, y in line
        )
        style = "ab"[number % 2]
        marks.append(f'<path class="{style}" d="M{path}"/>' if path else "")
        x = _MARGIN + 130 * number
        marks.append(
            f'<path class="{style}" d="M{x} 18h22"/><text x="{x + 28}" y="22">{name}</text>'
        )
    marks.append(
        f'<text x="{_WIDTH - _MARGIN}" y="{_HEIGHT - 20}" text-anchor="end">step {right:.0f}</text>'
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img"><title>{title}</title>'
        f"{''.join(marks)}</svg>"
    )
