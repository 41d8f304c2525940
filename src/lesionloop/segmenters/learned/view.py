"""What the network sees of a study: its volumes on the working grid, and patches of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging import Study
from lesionloop.imaging.orientation import Orientation
from lesionloop.imaging.working import IsotropicGrid
from lesionloop.networks.channels import (
    CHANNELS,
    NO_CT_HU,
    NO_SCRIBBLE_MM,
    OUTSIDE_HU,
    Channel,
    scribble_channel,
)
from lesionloop.segmenters.boxes import Box, box_around, place_in, within
from lesionloop.segmenters.learned.network import Runtime
from lesionloop.segmenters.learned.slabs import run_box
from lesionloop.segmenters.learned.tracer import infer_tracer
from lesionloop.segmenters.learned.windows import run_windows, widened

__all__ = ["StudyView"]

#: Where the body is: above this CT number, or without a CT above this uptake.
_BODY_HU = -500.0
_BODY_SUV = 0.1
_BODY_MARGIN_MM = 24.0

_TRACER_CODE = {"fdg": 1.0, "psma": -1.0}

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class StudyView:
    """A study on the working grid, in the axes of the PET grid.

    Args:
        grid: the working grid.
        pet: SUV, [x, y, z].
        ct: HU; None where the study has none.
        tracer: "fdg" or "psma"; inferred when the study does not say.
        orientation: how to turn arrays to the axes that the network was trained in.
        body: box that holds the body.
        geodesic: guidance counts changes of the uptake as way.
    """

    grid: IsotropicGrid
    pet: Floats
    ct: Floats | None
    tracer: str
    orientation: Orientation
    body: Box
    geodesic: bool = False

    @classmethod
    def of(cls, study: Study, spacing_mm: float, *, geodesic: bool = False) -> "StudyView":
        """Bring a study to the working grid."""
        grid = IsotropicGrid.of(study.grid, spacing_mm)
        pet = np.maximum(grid.sample(study.pet.values), 0)
        ct = None if study.ct is None else grid.sample(study.ct.values)
        occupied = pet > _BODY_SUV if ct is None else ct > _BODY_HU
        places = np.argwhere(occupied)
        margin = round(_BODY_MARGIN_MM / spacing_mm)
        shape = grid.shape
        body = (
            box_around(places, margin, shape)
            if len(places)
            else (slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2]))
        )
        orientation = Orientation(study.grid.direction)
        tracer = study.tracer or infer_tracer(np.asarray(orientation.turn(pet)), spacing_mm)
        return cls(grid, pet, ct, tracer, orientation, body, geodesic)

    def logits(
        self,
        runtime: Runtime,
        multiple: int,
        box: Box,
        *,
        foreground: NDArray[np.int64] | None = None,
        background: NDArray[np.int64] | None = None,
        previous: Floats | None = None,
        window: int = 0,
    ) -> Floats:
        """Logits of a box, float32 [x, y, z].

        Args:
            runtime: computes the network.
            multiple: sides of patches are multiples of it.
            box: of the working grid.
            foreground: (n, 3) scribbled working voxels; those outside the box do not count.
            background: likewise.
            previous: probability of the first pass on the whole working grid.
            window: voxels per side of the only patches that the network is shown; 0 for any size.
        """
        asked = box
        if window:
            box = widened(box, window, self.grid.shape)
        inputs = np.zeros((CHANNELS, *self.pet[box].shape), dtype=np.float32)
        inputs[Channel.PET] = self.pet[box]
        inputs[Channel.CT] = NO_CT_HU if self.ct is None else self.ct[box]
        for channel, points in (
            (Channel.FOREGROUND, foreground), (Channel.BACKGROUND, background),
        ):  # fmt: skip
            inputs[channel] = scribble_channel(
                _inside(points, box), self.pet[box], self.grid.spacing_mm, geodesic=self.geodesic
            )
        if previous is not None:
            inputs[Channel.PREVIOUS] = previous[box]
        inputs[Channel.TRACER] = _TRACER_CODE[self.tracer]
        inputs[Channel.FIELD] = 1
        turned = np.stack([self.orientation.turn(channel) for channel in inputs])
        if window:
            logits = run_windows(runtime, turned, window, self._padding())
        else:
            logits = run_box(runtime, turned, multiple, self._padding())
        return np.asarray(self.orientation.turn_back(logits)[place_in(asked, box)])

    def distance(self, points: NDArray[np.int64] | None, box: Box) -> Floats:
        """Distance in mm of a box's voxels to the points in it; very far when there is none."""
        return scribble_channel(_inside(points, box), self.pet[box], self.grid.spacing_mm)

    def _padding(self) -> Floats:
        values = np.zeros(CHANNELS, dtype=np.float32)
        values[Channel.CT] = NO_CT_HU if self.ct is None else OUTSIDE_HU
        values[Channel.FOREGROUND] = values[Channel.BACKGROUND] = NO_SCRIBBLE_MM
        values[Channel.TRACER] = _TRACER_CODE[self.tracer]
        return values


def _inside(points: NDArray[np.int64] | None, box: Box) -> NDArray[np.int64]:
    return np.empty((0, 3), dtype=np.int64) if points is None else within(points, box)
