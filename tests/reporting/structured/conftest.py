"""Quantities of made-up studies, as ``lesionloop quantify`` writes them."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lesionloop.quantification.burden import PLACE_COLUMNS
from lesionloop.quantification.organ_uptake import ORGAN_COLUMNS
from lesionloop.quantification.table import LESION_COLUMNS

Values = Mapping[str, Any]


def region(mean: float | None, *, ok: bool | None = None) -> dict[str, Any]:
    """A reference region."""
    usable = mean is not None if ok is None else ok
    return {
        "mean": mean, "sd": None if mean is None else mean / 10, "volume_ml": 14.0, "ok": usable,
        "why": "" if usable else "made so",
    }  # fmt: skip


def write_quantities(
    folder: Path,
    *,
    organs: Mapping[str, Values] | None = None,
    lesions: Sequence[Values] = (),
    liver: Values | None = None,
    blood_pool: Values | None = None,
    tracer: str | None = "fdg",
    name: str = "case one",
) -> Path:
    """Write the three files; what is not given of a row is empty."""
    folder.mkdir(parents=True, exist_ok=True)
    peaks = [row.get("suv_peak_g_per_ml") for row in lesions]
    uptake = [row.get("suv_max_g_per_ml") for row in lesions]
    burden = {
        "study": name,
        "tracer": tracer,
        "quantity": "SUVbw",
        "totals": {
            "mtv_ml": sum(row["volume_ml"] for row in lesions),
            "tlg": sum(row.get("tlg_g") or 0.0 for row in lesions),
            "lesions": len(lesions),
            "suv_max": max((v for v in uptake if v is not None), default=None),
            "suv_peak": max((v for v in peaks if v is not None), default=None),
            "dmax_mm": 101.25 if len(lesions) > 1 else None,
        },
        "reference_regions": {
            "liver": dict(liver or region(2.0)), "blood_pool": dict(blood_pool or region(1.5)),
        },
        "notes": ["A note with <b>markup</b> and 7 digits."],
        "version": "0.1.0",
    }  # fmt: skip
    (folder / "burden.json").write_text(json.dumps(burden))
    rows = [{"organ": organ, **values} for organ, values in (organs or {}).items()]
    _table(folder / "organs.csv", ORGAN_COLUMNS, [{"study": name, "voxels": 9, **r} for r in rows])
    numbered = [{"lesion": n, **row} for n, row in enumerate(lesions, start=1)]
    _table(folder / "lesions.csv", (*LESION_COLUMNS, *PLACE_COLUMNS), numbered)
    return folder


def _table(path: Path, columns: Sequence[str], rows: Sequence[Values]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def lesion(organ: str = "", share: float = 1.0, **more: Any) -> dict[str, Any]:
    """A row of the table of lesions."""
    place = organ if share >= 0.5 else f"near {organ}"
    return {
        "volume_ml": 3.25, "suv_max_g_per_ml": 9.875, "suv_mean_g_per_ml": 6.5,
        "suv_peak_g_per_ml": 8.0, "tlg_g": 21.125, "location": place if organ else "",
        "organ": organ, "organ_share": share if organ else None, **more,
    }  # fmt: skip


@pytest.fixture(scope="session")
def quantities() -> Callable[..., Path]:
    """Write quantities to a folder."""
    return write_quantities


@pytest.fixture(scope="session")
def a_lesion() -> Callable[..., dict[str, Any]]:
    """A row of the table of lesions."""
    return lesion


@pytest.fixture(scope="session")
def a_region() -> Callable[..., dict[str, Any]]:
    """A reference region."""
    return region
