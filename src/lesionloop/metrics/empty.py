"""What each metric gives when a mask is empty: a decision, written down as data.

| metric   | both empty | reference empty | prediction empty |
| -------- | ---------- | --------------- | ---------------- |
| loop Dice (``voxel_dice``) | 1 | 0      | 0                |
| dsc      | NaN        | NaN             | 0                |
| f1 (DMM) | NaN        | NaN             | 0                |
| fpv_ml   | 0          | whole prediction | 0               |
| fnv_ml   | NaN        | NaN             | whole reference  |
| nsd      | NaN        | 0               | 0                |

The two Dice rules differ on purpose: the interactive loop of autoPET V rewards an empty mask for a
study without lesions, its evaluator leaves such studies out. NaN means "not defined here", and a
mean over cases leaves NaN out. "Whole" volumes come from the general formula.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["EMPTY_RULES", "EmptyRule", "value_when_empty"]


@dataclass(frozen=True)
class EmptyRule:
    """Value of one metric for empty masks; None where the general formula holds.

    The columns are in the order of the table above.
    """

    both: float | None
    reference: float | None
    prediction: float | None


#: The table of this module. Source: autoPET V evaluation code, measured with empty masks.
EMPTY_RULES: Mapping[str, EmptyRule] = MappingProxyType(
    {
        "voxel_dice": EmptyRule(1.0, 0.0, 0.0),
        "dsc": EmptyRule(math.nan, math.nan, 0.0),
        "f1": EmptyRule(math.nan, math.nan, 0.0),
        "fpv_ml": EmptyRule(0.0, None, 0.0),
        "fnv_ml": EmptyRule(math.nan, math.nan, None),
        # As papers on promptable models of PET score; not part of the challenge.
        "nsd": EmptyRule(math.nan, 0.0, 0.0),
    }
)


def value_when_empty(metric: str, *, reference_empty: bool, prediction_empty: bool) -> float | None:
    """Return the value that ``EMPTY_RULES`` fixes, or None when the metric has to be computed."""
    rule = EMPTY_RULES[metric]
    if reference_empty:
        return rule.both if prediction_empty else rule.reference
    return rule.prediction if prediction_empty else None
