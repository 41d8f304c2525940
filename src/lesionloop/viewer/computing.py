"""From a document to its snapshot: the mask, its lesions, their figures, where to look next."""

import time
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging import Grid, Quantity
from lesionloop.progress import stage, tell
from lesionloop.quantification import LesionMeasures, measure_lesions, split_lesions, totals
from lesionloop.segmenters.boxes import Box
from lesionloop.viewer.document import Document
from lesionloop.viewer.label_map import LabelMap
from lesionloop.viewer.snapshot import Lesion, Place, Snapshot
from lesionloop.viewer.warm import Desktop

__all__ = ["find_places", "take_snapshot"]

_PLACES: Final = 5
#: A reader who drew a stroke has looked at what is this close to it, mm.
_LOOKED_AT_MM: Final = 20.0


def take_snapshot(
    desktop: Desktop, document: Document, before: Snapshot | None, start: float
) -> Snapshot:
    """Compute the mask of a document and all that is said of it.

    Args:
        desktop: the study and the segmenter at work.
        document: what the reader did.
        before: the snapshot before it; its places are kept until new ones are found.
        start: when the work began, s of the monotonic clock.

    Raises:
        CancelledError: it is to stop.
    """
    study = desktop.study
    with stage(0.0, 0.8):
        mask = desktop.evaluator.mask(document)
    tell(0.8)
    labels = split_lesions(mask)
    tell(0.9)
    measures = _measured(labels, desktop)
    label_map = LabelMap.of(labels)
    locked = {
        label_map.at(_first_inside(region.box, region.inside))
        for region in desktop.evaluator.locked(document)
    }
    accepted = {label_map.at(at) for at in desktop.evaluator.accepted(document)}
    lesions = tuple(Lesion(m, m.number in locked, m.number in accepted) for m in measures)
    if before is None:
        places, of_revision = find_places(desktop, document), document.revision
    else:
        known = before.places if before.document.start == document.start else ()
        places = _not_drawn_at(known, document, study.grid)
        of_revision = before.places_revision
    return Snapshot(
        document=document,
        labels=label_map,
        lesions=lesions,
        totals=totals(measures),
        places=places,
        places_revision=of_revision,
        seconds=time.monotonic() - start,
    )


def _measured(labels: NDArray[Any], desktop: Desktop) -> list[LesionMeasures]:
    """Measures of all lesions; where the PET is not SUV, of activity under the same names."""
    study = desktop.study
    if study.pet.quantity is Quantity.SUV_BW:
        return measure_lesions(labels, study, peaks=desktop.peaks)
    return measure_lesions(labels, replace(study, pet=replace(study.pet, quantity=Quantity.SUV_BW)))


def find_places(desktop: Desktop, document: Document) -> tuple[Place, ...]:
    """Where to look next, from segmenters that say; none from the others."""
    ask = getattr(desktop.session(document.start), "next_places", None)
    if ask is None:
        return ()
    found = ask(document.scribbles(), _PLACES)
    return tuple(Place(p.point, p.kind, p.gain_ml, p.probability) for p in found)


def _not_drawn_at(places: tuple[Place, ...], document: Document, grid: Grid) -> tuple[Place, ...]:
    """Those of earlier places that no stroke is near to."""
    scribbles = document.scribbles()
    drawn = np.concatenate([scribbles.foreground, scribbles.background])
    spacing = np.array(grid.spacing)
    return tuple(
        place
        for place in places
        if not (np.linalg.norm((drawn - place.at) * spacing, axis=1) < _LOOKED_AT_MM).any()
    )


def _first_inside(box: Box, inside: NDArray[np.bool_]) -> tuple[int, int, int]:
    first = np.unravel_index(int(np.argmax(inside)), inside.shape)
    x, y, z = (int(i) + s.start for i, s in zip(first, box, strict=True))
    return (x, y, z)
