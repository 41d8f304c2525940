"""Cases in groups that differ in difficulty: by tracer, centre, and what their lesions are like."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import inf

import numpy as np
from numpy.typing import NDArray

from lesionloop.cohort.lesion_table import CaseRow

__all__ = ["strata_of"]

#: Edges of the strata; half-open from below.
_VOLUMES_ML = (0.0, 10.0, 100.0, inf)
_SUVS = (0.0, 5.0, 15.0, inf)
_LESIONS = (1.0, 2.0, 6.0, inf)

Strata = dict[str, NDArray[np.bool_]]


def strata_of(
    cases: Sequence[str], centres: Sequence[str], rows: Mapping[str, CaseRow]
) -> dict[str, Strata]:
    """Kind of stratum -> its name -> (cases,) bool; empty strata and lone ones are left out.

    Args:
        cases: names.
        centres: of each case.
        rows: what is known of them; a case without a row is in no stratum but its centre's.
    """
    names = sorted(set(centres))
    found: dict[str, Strata] = {
        "centre": {name: np.array([c == name for c in centres]) for name in names},
        "tracer": {
            label: np.array([case in rows and rows[case].tracer == tracer for case in cases])
            for label, tracer in (("FDG", "fdg"), ("PSMA", "psma"), ("not told", ""))
        },
        "lesion volume": _between(cases, rows, _VOLUMES_ML, lambda row: row.volume_ml, "ml"),
        "highest SUV in a lesion": _between(cases, rows, _SUVS, lambda row: row.suv_max, ""),
        "number of lesions": _between(cases, rows, _LESIONS, lambda row: row.lesions, ""),
    }
    kept = {
        kind: {name: chosen for name, chosen in strata.items() if chosen.any()}
        for kind, strata in found.items()
    }
    return {kind: strata for kind, strata in kept.items() if len(strata) > 1}


def _between(
    cases: Sequence[str],
    rows: Mapping[str, CaseRow],
    edges: Sequence[float],
    value: Callable[[CaseRow], float],
    unit: str,
) -> Strata:
    """Cases with lesions, by a value of theirs."""
    strata = {}
    for low, high in pairwise(edges):
        text = f"from {low:g}" if high == inf else f"{low:g} to {high:g}"
        strata[f"{text} {unit}".strip()] = np.array(
            [
                case in rows and rows[case].lesions > 0 and low <= value(rows[case]) < high
                for case in cases
            ]
        )
    return strata
