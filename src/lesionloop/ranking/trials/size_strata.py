"""Detection by lesion size.

The paper names the strata and not the rule. Here a reference lesion, found or missed, is in the
stratum of its own volume, and a predicted lesion that matches none in that of the predicted volume.
A stratum takes in its lower bound and not its upper one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from lesionloop.errors import InputError
from lesionloop.ranking.trials.csv_rows import read_rows

__all__ = ["CONVENTION", "STRATA_MM3", "SizeStratum", "read_size_strata", "size_strata"]

#: Lower bounds in mm^3, and the end.
STRATA_MM3 = (0.0, 100.0, 1_000.0, 10_000.0, 100_000.0, inf)

#: What stands beside every table of strata.
CONVENTION = (
    "A reference lesion counts in the stratum of its own volume, a false one in that of its "
    "predicted volume; F1 = 2 TP / (2 TP + FP + FN)."
)


@dataclass(frozen=True)
class SizeStratum:
    """Detection in one stratum.

    Args:
        low_mm3, high_mm3: bounds, the lower one taken in.
        tp, fn: reference lesions found and missed.
        fp: predicted lesions that match none.
    """

    low_mm3: float
    high_mm3: float
    tp: int
    fp: int
    fn: int

    @property
    def name(self) -> str:
        """The bounds for people."""
        if self.low_mm3 == 0:
            return f"<{self.high_mm3:g}"
        return (
            f">={self.low_mm3:g}" if self.high_mm3 == inf else f"{self.low_mm3:g}-{self.high_mm3:g}"
        )

    @property
    def f1(self) -> float:
        """``2 TP / (2 TP + FP + FN)``, NaN without any lesion."""
        lesions = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / lesions if lesions else nan


def size_strata(
    reference_mm3: ArrayLike,
    found: ArrayLike,
    false_mm3: ArrayLike = (),
    *,
    bounds: Sequence[float] = STRATA_MM3,
) -> list[SizeStratum]:
    """Count found, missed and false lesions by size.

    Args:
        reference_mm3: (n,) volumes of reference lesions.
        found: (n,) bool, whether each is detected.
        false_mm3: (m,) volumes of predicted lesions that match none.
        bounds: of the strata, ascending; all volumes lie within them.

    Raises:
        InputError: the lengths differ, or a volume is negative or not a number.
    """
    sizes, false = (np.asarray(v, dtype=np.float64) for v in (reference_mm3, false_mm3))
    hits = np.asarray(found, dtype=np.bool_)
    if sizes.shape != hits.shape:
        raise InputError(f"{sizes.size} lesions have {hits.size} marks of being found")
    for volumes in (sizes, false):
        if not np.all(np.isfinite(volumes) & (volumes >= 0)):
            raise InputError("a lesion's volume is a number of mm^3, 0 or more")
    inner = np.asarray(bounds[1:-1])
    count = len(bounds) - 1
    tp, fn, fp = (
        np.bincount(np.searchsorted(inner, volumes, side="right"), minlength=count)
        for volumes in (sizes[hits], sizes[~hits], false)
    )
    return [
        SizeStratum(bounds[n], bounds[n + 1], int(tp[n]), int(fp[n]), int(fn[n]))
        for n in range(count)
    ]


def read_size_strata(path: Path) -> dict[str, list[SizeStratum]]:
    """Competitor -> detection by size, from a table of lesions.

    Columns: ``competitor``, ``side`` ("reference" or "prediction"), ``volume_mm3``, ``matched`` (1
    or 0). Predicted lesions that match are not counted again.

    Raises:
        InputError: the table cannot be read, or a row is not a lesion.
    """
    rows = read_rows(path, ("competitor", "side", "volume_mm3", "matched"))
    lesions: dict[str, dict[str, list[tuple[float, bool]]]] = {}
    for number, row in enumerate(rows, start=2):
        where = f"{path}, line {number}"
        if row["side"] not in ("reference", "prediction") or row["matched"] not in ("0", "1"):
            raise InputError(f"{where}: side is reference or prediction, matched is 0 or 1")
        try:
            volume = float(row["volume_mm3"])
        except ValueError as error:
            raise InputError(f"{where}: {row['volume_mm3']!r} is no volume") from error
        sides = lesions.setdefault(row["competitor"], {"reference": [], "prediction": []})
        sides[row["side"]].append((volume, row["matched"] == "1"))
    return {
        competitor: size_strata(
            [volume for volume, _ in sides["reference"]],
            [matched for _, matched in sides["reference"]],
            [volume for volume, matched in sides["prediction"] if not matched],
        )
        for competitor, sides in lesions.items()
    }
