"""The files of ``lesionloop quantify`` of one study, read and checked."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Final

from lesionloop.errors import InputError

__all__ = ["BURDEN", "LESIONS", "ORGANS", "QuantifiedStudy", "read_quantified"]

BURDEN: Final = "burden.json"
LESIONS: Final = "lesions.csv"
ORGANS: Final = "organs.csv"

#: Columns that hold words.
_WORDS: Final = ("study", "organ", "location", "body_region")
_LESION_COLUMNS: Final = (
    "lesion", "volume_ml", "suv_max_g_per_ml", "suv_mean_g_per_ml", "suv_peak_g_per_ml", "tlg_g",
)  # fmt: skip
_ORGAN_COLUMNS: Final = ("organ", "voxels", "suv_mean")
_TOTALS: Final = ("mtv_ml", "tlg", "lesions", "suv_max", "suv_peak", "dmax_mm")
_REGION: Final = ("mean", "sd", "volume_ml")
_AGAIN: Final = "Run `lesionloop quantify` again."

Row = Mapping[str, Any]


@dataclass(frozen=True)
class QuantifiedStudy:
    """The quantities of a study.

    Args:
        folder: where the files are.
        name: of the study.
        tracer: "fdg", "psma" or None.
        burden: content of ``burden.json``.
        lesions: rows of ``lesions.csv``: numbers, None where empty, words as they stand.
        organs: organ to its row of ``organs.csv``.
    """

    folder: Path
    name: str
    tracer: str | None
    burden: Mapping[str, Any]
    lesions: tuple[Row, ...]
    organs: Mapping[str, Row]


def read_quantified(folder: Path | str) -> QuantifiedStudy:
    """Read the three files of a study.

    Raises:
        InputError: one is missing or damaged, or they are not of one study.
    """
    folder = Path(folder)
    burden = _burden(folder / BURDEN)
    lesions = _table(folder / LESIONS, _LESION_COLUMNS)
    rows = _table(folder / ORGANS, _ORGAN_COLUMNS)
    if burden["totals"]["lesions"] != len(lesions):
        raise InputError(
            f"{folder / LESIONS} does not belong to its {BURDEN}",
            cause=f"{len(lesions)} lesions against {burden['totals']['lesions']}.",
            remedy=_AGAIN,
        )
    _check_numbers(folder / LESIONS, [row["lesion"] for row in lesions])
    organs = {str(row["organ"]): row for row in rows}
    if len(organs) != len(rows):
        raise InputError(f"{folder / ORGANS} names an organ twice", remedy=_AGAIN)
    name = " ".join(str(burden["study"]).split())
    return QuantifiedStudy(folder, name, burden.get("tracer"), burden, tuple(lesions), organs)


def _check_numbers(path: Path, numbers: list[Any]) -> None:
    whole = all(number is not None and number >= 1 and number == int(number) for number in numbers)
    if not whole or len(set(numbers)) != len(numbers):
        raise InputError(
            f"{path} does not number its lesions",
            cause="The column lesion holds something else than different whole numbers from 1.",
            remedy=_AGAIN,
        )


def _burden(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"cannot read the quantities {path}",
            cause=f"{getattr(error, 'strerror', None) or error}.",
            remedy=_AGAIN,
        ) from error
    problem = _problem(content)
    if problem:
        raise InputError(f"{path} is not of `lesionloop quantify`", cause=problem, remedy=_AGAIN)
    return dict(content)


def _problem(content: Any) -> str | None:
    """What ``burden.json`` lacks."""
    if not isinstance(content, dict) or not isinstance(content.get("study"), str):
        return "It names no study."
    if not isinstance(content.get("tracer"), str | None):
        return "Its tracer is no word."
    regions = content.get("reference_regions")
    held = regions if isinstance(regions, dict) else {}
    found = [_part_problem("totals", content.get("totals"), _TOTALS)]
    for name in ("liver", "blood_pool"):
        found.append(_part_problem(name, held.get(name), _REGION))
        if found[-1] is None and not isinstance(held[name].get("ok"), bool):
            found.append(f"The region {name} does not say whether it is ok.")
    if found[0] is None and not isinstance(content["totals"]["lesions"], int):
        found.append("The number of lesions is not known.")
    return next((problem for problem in found if problem), None)


def _part_problem(name: str, part: Any, keys: tuple[str, ...]) -> str | None:
    if not isinstance(part, dict):
        return f"It has no {name}."
    wrong = [key for key in keys if key not in part or not _is_number(part[key])]
    return f"{wrong[0]} of {name} is missing or is no number." if wrong else None


def _is_number(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _table(path: Path, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(
                    f"{path} has no column {missing[0]}",
                    cause="It is not a table of `lesionloop quantify`.",
                    remedy=_AGAIN,
                )
            return [_row(path, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"cannot read the table {path}",
            cause=f"{getattr(error, 'strerror', None) or error}.",
            remedy=_AGAIN,
        ) from error


def _row(path: Path, line: int, row: Mapping[str | None, Any]) -> dict[str, Any]:
    if None in row or None in row.values():
        raise InputError(f"line {line} of {path} is cut off or too long", remedy=_AGAIN)
    found: dict[str, Any] = {}
    for name, text in row.items():
        if name is None or name in _WORDS:
            found[str(name)] = text
            continue
        try:
            value = float(text) if text else None
        except ValueError as error:
            raise InputError(
                f"line {line} of {path}: {name} is not a number", cause=f"{text[:40]!r}.",
                remedy=_AGAIN,
            ) from error  # fmt: skip
        found[name] = value if value is None or isfinite(value) else None
    return found
