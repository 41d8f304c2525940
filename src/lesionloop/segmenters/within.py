"""A segmenter that looks at a region alone, such as the liver, and at a rim around it.

The study is cut to the box around the region, grown by a share of each side at both ends; what the
segmenter says of this part is put back. Nothing outside of the box is lesion but what is drawn as
foreground there.

Source of the box and its margin: the method that won the TriALS challenge of 2025
(arXiv 2605.16572).
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging import Study, Volume, require_same_grid
from lesionloop.imaging.crop import MARGIN, Box, crop_study, region_box
from lesionloop.scribbles import Scribble, ScribbleSet
from lesionloop.segmenters.boxes import within
from lesionloop.segmenters.protocol import Segmenter, Session, honour, needs_pet

__all__ = ["Within", "WithinSession"]


@dataclass(frozen=True, eq=False)
class Within:
    """Any segmenter, kept to a region.

    Args:
        segmenter: sees the box alone.
        region: on the grid of the studies; inside is what is above 0.
        margin: share of each side of the region's box that is added at both ends.
        region_only: no lesion outside of the region itself either, only where foreground is drawn.

    Raises:
        InputError: the region is empty, or the margin is not a number from 0.
    """

    segmenter: Segmenter
    region: Volume
    margin: float = MARGIN
    region_only: bool = False

    def __post_init__(self) -> None:
        region_box(self.region, margin=self.margin)

    @property
    def name(self) -> str:
        """That of the segmenter and "-within"."""
        return f"{self.segmenter.name}-within"

    @property
    def identity(self) -> dict[str, object]:
        """The segmenter's, the margin, and which voxels are in the region."""
        inside = np.packbits(self.region.mask().ravel(order="F"))
        shape = repr(self.region.grid.shape).encode()
        return {
            "name": self.name,
            "segmenter": self.segmenter.identity,
            "region": blake2b(shape + inside.tobytes(), digest_size=16).hexdigest(),
            "margin": self.margin,
            "region_only": self.region_only,
        }

    @property
    def needs_pet(self) -> bool:
        """As its segmenter."""
        return needs_pet(self.segmenter)

    def open(self, study: Study) -> "WithinSession":
        """Start on the box of a study.

        Raises:
            InputError: the region is on another grid, or the segmenter refuses the study.
        """
        require_same_grid(self.region, study.pet)
        box = region_box(self.region, margin=self.margin)
        session = self.segmenter.open(crop_study(study, box))
        kept = self.region.mask()[box] if self.region_only else None
        return WithinSession(session, study, box, kept)


class WithinSession:
    """A session on a box of a study.

    Args:
        session: of the box.
        study: the whole study.
        box: where in it.
        kept: bool [x, y, z] of the box; False is no lesion. None keeps all of the box.
    """

    def __init__(
        self, session: Session, study: Study, box: Box, kept: NDArray[np.bool_] | None
    ) -> None:
        self._session, self._study, self._box, self._kept = session, study, box, kept

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        """Mask for all scribbles so far, bool [x, y, z] on the whole grid.

        Raises:
            InputError: a point is outside the grid.
        """
        scribbles.check(self._study.grid)
        found = self._session.segment(_in_box(scribbles, self._box))
        mask = np.zeros_like(self._study.pet.values, dtype=np.bool_)
        mask[self._box] = found if self._kept is None else found & self._kept
        return honour(mask, scribbles)


def _in_box(scribbles: ScribbleSet, box: Box) -> ScribbleSet:
    """The scribbles as far as they are in the box, counted from its corner."""
    parts = ((scribble, within(scribble.points, box)) for scribble in scribbles)
    return ScribbleSet(
        tuple(Scribble(points, s.label, s.step) for s, points in parts if len(points))
    )
