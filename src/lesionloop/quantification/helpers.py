"""Arithmetic of reading schemes, as help for a reader: no response, no stage, no diagnosis.

The schemes need a reader's judgement (is it disease? is the liver healthy? is the dose the same?);
here are only the numbers that they compare.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Final, Literal

from lesionloop.quantification.lean_mass import Physique, lean_factor
from lesionloop.quantification.measures import LesionMeasures
from lesionloop.quantification.reference_regions import ReferenceRegion

__all__ = ["MARKED", "Deauville", "Percist", "PercistChange", "deauville_points", "liver_level",
           "percist_change", "percist_measurable"]  # fmt: skip

#: Times the liver's maximum above which uptake counts as marked: Barrington et al. (J Clin Oncol
#: 2014; 32: 3048-3058) say "2 to 3 times"; the lower end is taken.
MARKED: Final = 2.0

#: PERCIST: a change counts from so large a part and so many SUL units on.
_LEAST_CHANGE: Final = 0.30
_LEAST_UNITS: Final = 0.8


@dataclass(frozen=True)
class Percist:
    """Which lesions are measurable by PERCIST 1.0.

    Args:
        quantity: "SUL", or "SUVbw" when lean body mass is not known.
        factor: SUV by body weight times this is ``quantity``.
        reference: "liver" or "blood_pool", what the level rests on; None when neither serves.
        level: SULpeak that a lesion needs, in ``quantity``; NaN without a reference.
        hottest: number of the lesion with the highest peak; None without lesions.
        hottest_peak: its peak, in ``quantity``.
        measurable: numbers of the lesions whose peak is at least the level.
    """

    quantity: Literal["SUL", "SUVbw"]
    factor: float
    reference: Literal["liver", "blood_pool"] | None
    level: float
    hottest: int | None
    hottest_peak: float
    measurable: tuple[int, ...]


@dataclass(frozen=True)
class Deauville:
    """Five-point comparison of SUVmax with blood pool and liver.

    Args:
        points: of the highest lesion, 1 to 5; 1 without lesions; None when a region is missing that
            it takes.
        blood_pool_max, liver_max: highest SUV of the reference regions.
        by_lesion: (number of the lesion, its points or None).
    """

    points: int | None
    blood_pool_max: float
    liver_max: float
    by_lesion: tuple[tuple[int, int | None], ...]


@dataclass(frozen=True)
class PercistChange:
    """Change of the hottest lesion's peak from one study to the next.

    Args:
        before, after: SULpeak (or SUVpeak) of the hottest lesion, which need not be the same one.
        percent: change in percent of ``before``; NaN when there is nothing to compare.
        beyond_limits: PERCIST's least change is reached: 30 % and 0.8 units.
    """

    before: float
    after: float
    percent: float
    beyond_limits: Literal["increase", "decrease"] | None


def liver_level(liver: ReferenceRegion) -> float:
    """PERCIST's level by the liver, 1.5 times its mean and 2 SD, in SUV; NaN without a liver.

    Source: Wahl et al., J Nucl Med 2009; 50 Suppl 1: 122S-150S.
    """
    return 1.5 * liver.mean + 2 * liver.sd if liver.ok else nan


def percist_measurable(
    measures: Sequence[LesionMeasures],
    liver: ReferenceRegion,
    blood_pool: ReferenceRegion,
    physique: Physique,
) -> Percist:
    """Which lesions are hot enough to be followed by PERCIST 1.0.

    The level is 1.5 times the liver's mean and 2 SD; where the liver does not serve, 2 times the
    blood pool's mean and 2 SD (Wahl et al., as above). Level and peak are scaled alike, so the
    answer is the same in SUL and in SUV by body weight.
    """
    factor = lean_factor(physique)
    scale = 1.0 if factor is None else factor
    reference: Literal["liver", "blood_pool"] | None = None
    level = liver_level(liver)
    if liver.ok:
        reference = "liver"
    elif blood_pool.ok:
        reference, level = "blood_pool", 2.0 * blood_pool.mean + 2 * blood_pool.sd
    hottest = max(measures, key=lambda lesion: lesion.suv_peak, default=None)
    return Percist(
        quantity="SUVbw" if factor is None else "SUL",
        factor=scale,
        reference=reference,
        level=level * scale,
        hottest=hottest.number if hottest else None,
        hottest_peak=hottest.suv_peak * scale if hottest else nan,
        measurable=tuple(lesion.number for lesion in measures if lesion.suv_peak >= level),
    )


def deauville_points(
    measures: Sequence[LesionMeasures], liver: ReferenceRegion, blood_pool: ReferenceRegion
) -> Deauville:
    """Compare each lesion's SUVmax with the highest SUV of blood pool and liver.

    2: at most the blood pool; 3: above it, at most the liver; 4: above the liver; 5: above
    :data:`MARKED` times the liver. The scale is that of Barrington et al. (J Clin Oncol 2014; 32:
    3048-3058), who take the liver's highest SUV; that of the blood pool by analogy is ours. 1 is
    uptake not above its surroundings: here the absence of lesions.
    """
    by_lesion = tuple(
        (lesion.number, _points(lesion.suv_max, blood_pool, liver)) for lesion in measures
    )
    known = [points for _, points in by_lesion if points is not None]
    highest: int | None = None
    if max(known, default=0) >= 4 or len(known) == len(by_lesion):
        highest = max(known, default=1)
    return Deauville(highest, blood_pool.high, liver.high, by_lesion)


def percist_change(before: float, after: float) -> PercistChange:
    """Change of the hottest lesion's SULpeak.

    PERCIST 1.0 (Wahl et al., as above) counts a change from 30 % and 0.8 SUL units on. Peaks in
    SUV by body weight give the same percentage as long as the weight stays.

    Args:
        before, after: of the hottest lesion of each study; NaN without a lesion.
    """
    if isnan(before) or isnan(after) or before <= 0:
        return PercistChange(before, after, nan, None)
    change = (after - before) / before
    enough = abs(change) >= _LEAST_CHANGE and abs(after - before) >= _LEAST_UNITS
    direction: Literal["increase", "decrease"] = "increase" if change > 0 else "decrease"
    return PercistChange(before, after, 100 * change, direction if enough else None)


def _points(suv_max: float, blood_pool: ReferenceRegion, liver: ReferenceRegion) -> int | None:
    """Points of one lesion; above the liver the blood pool is not asked for."""
    if not liver.ok:
        return None
    if suv_max > liver.high:
        return 5 if suv_max > MARKED * liver.high else 4
    if not blood_pool.ok:
        return None
    return 3 if suv_max > blood_pool.high else 2
