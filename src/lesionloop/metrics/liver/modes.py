"""The three ways to score a liver case, as data.

| mode     | union of a match            | means of lesion scores         | 8 and 16 bit limits |
| -------- | --------------------------- | ------------------------------ | ------------------- |
| official | as released, with its fault | accepted lesions               | refused             |
| paper    | as released, with its fault | accepted lesions and penalties | refused             |
| strict   | prediction and reference    | accepted lesions               | none                |

``official`` does what the released code does, ``paper`` what the printed tables hold. ``strict`` is
for new work: its result does not depend on how components are numbered, save that where a lesion
shares equally many voxels with two others the lower number wins.

Source: TriALS, arXiv 2605.16572, and its released code (xmed-lab/TriALS, commit de701ea), rebuilt
from their description.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from lesionloop.errors import InputError

__all__ = ["DEFAULT_MODE", "MODES", "Mode", "ModeRules", "rules_of"]

Mode = Literal["official", "paper", "strict"]


@dataclass(frozen=True)
class ModeRules:
    """What a mode decides.

    Args:
        union_by_row: take the union with what is painted under the number of the *predicted*
            component, as the released code does by mistake.
        penalised: lesion means include a penalty for each missed and each false lesion.
        small_labels: refuse what the 8 and 16 bit labels of the released code cannot hold.
    """

    union_by_row: bool
    penalised: bool
    small_labels: bool


#: The table of this module.
MODES: Mapping[str, ModeRules] = MappingProxyType(
    {
        "official": ModeRules(union_by_row=True, penalised=False, small_labels=True),
        "paper": ModeRules(union_by_row=True, penalised=True, small_labels=True),
        "strict": ModeRules(union_by_row=False, penalised=False, small_labels=False),
    }
)

DEFAULT_MODE: Mode = "strict"


def rules_of(mode: str) -> ModeRules:
    """The rules of a mode.

    Raises:
        InputError: there is no such mode.
    """
    if mode not in MODES:
        raise InputError(f"unknown mode {mode!r}", remedy=f"Use {', '.join(MODES)}.")
    return MODES[mode]
