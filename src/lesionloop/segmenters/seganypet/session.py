"""A study under SegAnyPET: every lesion is prompted for itself, and the masks are united."""

import logging
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging import Grid
from lesionloop.progress import tell
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.protocol import honour, point_sets
from lesionloop.segmenters.seganypet.clicks import Target, find_targets
from lesionloop.segmenters.seganypet.growth import Logits, Windows, grow
from lesionloop.segmenters.seganypet.lattice import Lattice
from lesionloop.segmenters.seganypet.prompts import Prompts

if TYPE_CHECKING:  # it imports torch, which is an extra
    from lesionloop.segmenters.seganypet.engine import Engine

__all__ = ["SegAnyPetSession", "Settings"]

logger = logging.getLogger(__name__)

_Triple = tuple[int, int, int]


class Settings(Protocol):
    """Options of the segmenter that a session reads; see `SegAnyPet`."""

    @property
    def link_mm(self) -> float:
        """Largest gap within an object, mm."""
        ...

    @property
    def every_mm(self) -> float:
        """Least way between clicks of a stroke, mm."""
        ...

    @property
    def clicks(self) -> int:
        """Most clicks of a stroke."""
        ...

    @property
    def rounds(self) -> int:
        """Most decodings per class of strokes in a window."""
        ...

    @property
    def border(self) -> int:
        """Foreground cells of a face that are not followed."""
        ...

    @property
    def windows(self) -> int:
        """Most windows to grow into."""
        ...


class SegAnyPetSession:
    """Keeps embeddings of windows and logits of decodings; the mask does not depend on them."""

    def __init__(self, settings: Settings, engine: "Engine", grid: Grid, lattice: Lattice) -> None:
        self.engine = engine
        self._settings, self._grid, self._lattice = settings, grid, lattice
        config = engine.network.config
        self._side = config.image_size
        self._cell = config.image_size // config.low_side
        x, y, z = (-(-n // self._cell) for n in lattice.shape)
        self._windows = Windows(config.low_side, (x, y, z), settings.border, settings.windows)

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        """Mask for all scribbles so far, bool [x, y, z]; empty without foreground.

        Raises:
            InputError: a point is outside the grid.
        """
        scribbles.check(self._grid)
        mask = np.zeros(self._grid.shape, dtype=bool, order="F")
        sets = point_sets(scribbles, self._grid.shape)
        targets = find_targets(
            *sets,
            self._grid.shape,
            self._grid.spacing,
            link_mm=self._settings.link_mm,
            every_mm=self._settings.every_mm,
            most=self._settings.clicks,
        )
        drawn = None
        if self.engine.network.config.prompt_scribbles:
            x, y = (self._places(np.column_stack(np.unravel_index(p, mask.shape))) for p in sets)
            drawn = (x, y)
        for number, target in enumerate(targets):
            tell(number / len(targets))
            self._add(target, drawn, mask)
        return honour(mask, scribbles)

    def _add(
        self,
        target: Target,
        drawn: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
        mask: NDArray[np.bool_],
    ) -> None:
        """Put the mask of one object into the mask of all."""
        foreground = [self._places(points) for points in target.foreground]
        background = [self._places(points) for points in target.background]
        seeds = self._seeds(self._places(target.anchor[None])[0], foreground)

        def decode(cell: _Triple, previous: Logits | None) -> Logits:
            start = self._start(cell)
            batches = self._batches(foreground, background, start)
            maps = None if drawn is None else self._draw(drawn, start)
            if previous is not None:  # a neighbour: all at once, for the mask tells of the rest
                batches = [_joined(batches)]
            for number in range(len(batches)):
                places, positive = _joined(batches[: number + 1])
                prompts = Prompts(places - start, positive, maps)
                previous = self.engine.decode(start, prompts, previous)
            assert previous is not None  # noqa: S101  (a seed holds a click)
            return previous

        clicks = [self._cell_of(place) for places in foreground for place in places]
        region = grow(seeds, decode, self._windows, clicks)
        if region.cut and self._settings.windows:
            logger.warning(
                "an object goes on beyond %d windows; its mask is cut", len(region.windows)
            )
        box, logits = self._lattice.expand(region.logits, self._start(region.start), self._cell)
        mask[box] |= logits > 0

    def _seeds(
        self, anchor: NDArray[np.float64], foreground: Sequence[NDArray[np.float64]]
    ) -> list[_Triple]:
        """Windows that hold all clicks on an object, the first around its anchor."""
        seeds = [self._around(anchor)]
        for place in np.concatenate(list(foreground)):
            if not any(self._holds(self._start(seed), place[None])[0] for seed in seeds):
                seeds.append(self._around(place))
        return seeds

    def _around(self, place: NDArray[np.float64]) -> _Triple:
        """First cell of the window around a place, at steps of an eighth of a window.

        With steps, a further click nearby finds the window encoded already.
        """
        side = self._windows.side
        step = max(1, side // 8)
        corner = ((place + 0.5) / self._cell - side / 2) / step
        x, y, z = (int(n) * step for n in np.floor(corner + 0.5))
        return (x, y, z)

    def _batches(
        self,
        foreground: Sequence[NDArray[np.float64]],
        background: Sequence[NDArray[np.float64]],
        start: _Triple,
    ) -> list[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
        """Clicks within a window in the order in which they are given, a few strokes at a time."""
        batches = []
        for strokes, positive in ((foreground, True), (background, False)):
            within = [points[self._holds(start, points)] for points in strokes]
            within = [points for points in within if len(points)]
            for part in _split(within, self._settings.rounds):
                points = np.concatenate(part)
                batches.append((points, np.full(len(points), positive)))
        return batches

    def _holds(self, start: _Triple, places: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which places (n, 3) lie in the window."""
        away = places - start
        return np.asarray(((away >= -0.5) & (away < self._side - 0.5)).all(axis=1))

    def _draw(
        self, drawn: tuple[NDArray[np.float64], NDArray[np.float64]], start: _Triple
    ) -> NDArray[np.bool_]:
        """All that was drawn in a window, (2, side, side, side): foreground, background."""
        maps = np.zeros((2, *(self._side,) * 3), dtype=bool)
        for channel, places in enumerate(drawn):
            voxels = np.floor(places[self._holds(start, places)] + 0.5).astype(np.intp) - start
            maps[(channel, *voxels.T)] = True
        return maps

    def _places(self, points: NDArray[np.int64]) -> NDArray[np.float64]:
        return self._lattice.places(points)

    def _start(self, cell: _Triple) -> _Triple:
        x, y, z = (n * self._cell for n in cell)
        return (x, y, z)

    def _cell_of(self, place: NDArray[np.float64]) -> _Triple:
        x, y, z = (int(n) for n in np.floor((place + 0.5) / self._cell))
        return (x, y, z)


def _joined(
    batches: Sequence[tuple[NDArray[np.float64], NDArray[np.bool_]]],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """All clicks of several batches."""
    places = [np.zeros((0, 3)), *(places for places, _ in batches)]
    return np.concatenate(places), np.concatenate(
        [np.zeros(0, dtype=bool), *(positive for _, positive in batches)]
    )


def _split(strokes: list[NDArray[np.float64]], most: int) -> list[list[NDArray[np.float64]]]:
    """The strokes one by one, or in at most so many groups of neighbours in the list."""
    count = min(most, len(strokes))
    ends = [len(strokes) * number // count for number in range(count + 1)] if count else [0]
    return [strokes[a:b] for a, b in pairwise(ends)]
