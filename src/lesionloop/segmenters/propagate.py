"""The classical segmenter: avid candidates first, then corrections that spread from the strokes.

First pass: voxels above an uptake level that suits the field of view, smoothed, without specks and
without what geometry recognises as physiologic. Corrections: every stroke shifts that level and
pulls voxels to its class within a bounded reach (:mod:`lesionloop.segmenters.influence`). All in
log-odds, so what is far from any stroke stays exactly as the first pass left it.
"""

from dataclasses import asdict, dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Study, read_label, require_same_grid
from lesionloop.imaging.study import require_suv
from lesionloop.segmenters.influence import Reach
from lesionloop.segmenters.options import file_hash, require_number
from lesionloop.segmenters.propagation import PropagateSession

__all__ = ["Propagate"]


@dataclass(frozen=True)
class Propagate:
    """Avid candidates, corrected by strokes. Needs no training; works with or without CT.

    Args:
        level_suv: uptake that separates lesion from background in the first pass, SUV; None
            chooses by the field of view: 4.0 where trunk organs can be in view (a fixed level
            used for lymphoma), 2.0 in shorter views.
        softness: width of the transition around the level, in units of log SUV.
        strength: log-odds that a stroke adds at its own place.
        smooth_mm: FWHM of the Gaussian that smooths the log-odds.
        least_ml: components below this volume are dropped as specks, unless they hold a foreground
            point or their peak is at least ``sure_factor`` times the level.
        sure_factor: see ``least_ml``.
        edge_mm: detour that crossing one unit of log SUV is worth when a stroke spreads.
        working_mm: spacing of the grid on which strokes spread.
        foreground_share: level that a foreground stroke asks for, as a part of the lower quartile
            of the uptake under it.
        background_share: level that a background stroke asks for, as a part of the median of the
            uptake under it.
        reach: how far a stroke acts; a mapping of its names to mm will do.
        start: a mask made elsewhere to correct, in place of the first pass: NIfTI, MHA or DICOM
            SEG on the PET grid. Near a stroke the uptake decides, as far as the stroke pulls.

    Raises:
        InputError: an option is not a number, or out of range.
    """

    level_suv: float | None = None
    softness: float = 0.4
    strength: float = 2.0
    smooth_mm: float = 6.0
    least_ml: float = 0.5
    sure_factor: float = 2.5
    edge_mm: float = 35.0
    working_mm: float = 4.0
    foreground_share: float = 0.7
    background_share: float = 0.8
    reach: Reach = field(default_factory=Reach)
    start: str | None = None

    def __post_init__(self) -> None:
        if self.start is not None:
            object.__setattr__(self, "start", str(self.start))
        if isinstance(self.reach, dict):
            object.__setattr__(self, "reach", _reach(self.reach))
        if self.level_suv is not None:
            require_number("level_suv", self.level_suv, above=0, below=1000)
        for name in ("smooth_mm", "least_ml", "edge_mm"):
            require_number(name, getattr(self, name), at_least=0)
        for name in (
            "softness", "strength", "sure_factor", "working_mm", "foreground_share",
            "background_share",
        ):  # fmt: skip
            require_number(name, getattr(self, name), above=0)

    @property
    def name(self) -> str:
        """Registered name."""
        return "propagate"

    @property
    def identity(self) -> dict[str, object]:
        """All that decides the mask; of the start mask, what is in the file.

        Raises:
            InputError: the start mask cannot be read.
        """
        start = None if self.start is None else file_hash(self.start)
        return {"name": self.name, "version": 2, **asdict(self), "start": start}

    def open(self, study: Study) -> PropagateSession:
        """Make the first pass; takes most of the time.

        Raises:
            InputError: the PET is not SUV; the start mask is damaged or on another grid.
        """
        require_suv(study)
        if self.start is None:
            return PropagateSession(self, study)
        label = read_label(self.start, study.grid)
        require_same_grid(label, study.pet)
        return PropagateSession(self, study, label.mask())

    def open_from(self, study: Study, mask: NDArray[np.bool_]) -> PropagateSession:
        """Start on a study with a mask made elsewhere, bool [x, y, z], as option ``start`` does.

        Raises:
            InputError: the PET is not SUV.
        """
        require_suv(study)
        return PropagateSession(self, study, mask)


def _reach(lengths: dict[str, float]) -> Reach:
    try:
        return Reach(**lengths)
    except TypeError as error:
        known = ", ".join(entry.name for entry in fields(Reach))
        raise InputError(
            f"option reach must be made of {known}, not {sorted(map(str, lengths))}"
        ) from error
