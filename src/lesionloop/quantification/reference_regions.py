"""Reference regions: healthy liver and blood pool, placed in an organ map by fixed rules.

PERCIST (Wahl et al., J Nucl Med 2009; 50 Suppl 1: 122S-150S) asks for a sphere of 3 cm in the right
lobe of the liver and, where the liver is diseased, a cylinder 1 cm across and 2 cm long in the
descending thoracic aorta. Where exactly is ours: the deepest place. The PET values take no part in
the choice, so they do not bias the mean.
"""

from dataclasses import dataclass, replace
from math import nan
from typing import Final

import edt
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d

from lesionloop.imaging.study import Study
from lesionloop.quantification.intensities import intensities
from lesionloop.quantification.organ_map import OrganMap
from lesionloop.quantification.peak import PeakSphere
from lesionloop.quantification.surroundings import ball_at

__all__ = ["ReferenceRegion", "blood_pool_region", "liver_region"]

_LIVER_RADIUS_MM: Final = 15.0
_LIVER_MARGIN_MM: Final = 5.0  # ours: breathing blurs the border of the liver
_POOL_RADIUS_MM: Final = 5.0
_POOL_HALF_LENGTH_MM: Final = 10.0
_WALL_MM: Final = 3.0  # ours: left out of an aorta that holds no cylinder
_HEART_WALL_MM: Final = 10.0  # ours: about the thickness of the myocardium
_LEAST_ML: Final = 1.0
#: Ours: a region whose SD is a larger part of its mean is noisy or not of one tissue.
_MOST_VARIATION: Final = 0.25


@dataclass(frozen=True)
class ReferenceRegion:
    """Uptake of a reference region; SUV by body weight, g/ml; NaN when there is no region.

    Args:
        ok: whether it may serve as a reference.
        why: what is wrong with it, or what to know about it; empty when nothing.
        where: which region was taken.
        mean, sd: of its voxels; the SD divides by their number.
        high: highest voxel.
        peak: largest mean of a sphere of 1 ml around one of its voxels.
        volume_ml: voxels times the volume of a voxel.
        centre_mm: mean of the voxel centres, LPS mm.
    """

    ok: bool
    why: str = ""
    where: str = ""
    mean: float = nan
    sd: float = nan
    high: float = nan
    peak: float = nan
    volume_ml: float = 0.0
    centre_mm: tuple[float, float, float] | None = None


def liver_region(study: Study, organs: OrganMap, near: NDArray[np.bool_]) -> ReferenceRegion:
    """A sphere of 3 cm in the right lobe of the liver.

    Its centre is, of the liver's voxels to the patient's right of the liver's centroid, the one
    furthest from all that is not healthy liver (other tissue, lesions with their rim, the edge of
    the scan); of equal ones the first, x fastest. It fits when that is more than 20 mm: the
    radius and 5 mm.

    Args:
        study: its PET in SUV.
        organs: a map on its grid.
        near: lesions and their rim, [x, y, z]; see
            :func:`lesionloop.quantification.surroundings.with_rim`.
    """
    if "liver" not in organs.organs:
        return ReferenceRegion(False, "The organ map has no liver.")
    box, mask = organs.cut("liver")
    starts = np.array([side.start for side in box])
    free = mask & ~near[box]
    index = _x_fastest(free)
    if not len(index):
        return ReferenceRegion(False, "The liver is all lesion.")
    depth = edt.edt(free, anisotropy=study.grid.spacing, black_border=True)[tuple(index.T)]
    x = study.grid.to_world(index + starts)[:, 0]
    middle = study.grid.to_world(np.argwhere(mask).mean(axis=0) + starts)[0]
    depth = np.where(x < middle, np.round(depth, 3), 0.0)
    best = int(depth.argmax())
    needed = _LIVER_RADIUS_MM + _LIVER_MARGIN_MM
    if depth[best] <= needed:
        lesions, cut = bool((mask & near[box]).any()), _is_cut_off(mask, box, study)
        reasons = ["lesions in the liver"] * lesions + ["the liver cut off by the scan"] * cut
        because = f" ({' and '.join(reasons)})" if reasons else ""
        return ReferenceRegion(
            False,
            "No sphere of 3 cm fits in the right lobe: its deepest place is"
            f" {depth[best]:.1f} mm from the edge, {needed:g} mm are needed{because}.",
        )
    voxels = ball_at(study.grid, index[best] + starts, _LIVER_RADIUS_MM)
    return _measured(study, voxels, "sphere of 3 cm in the right lobe of the liver")


def blood_pool_region(study: Study, organs: OrganMap, near: NDArray[np.bool_]) -> ReferenceRegion:
    """A cylinder 1 cm across and 2 cm long in the descending thoracic aorta, else what there is.

    The cylinder stands along the grid axis that is nearest to head-foot. Its centre is the aorta's
    voxel whose distance to all else, in the slice and in all slices of the cylinder, is largest
    and more than 5 mm; of equal ones the first, x fastest. It is sought behind the heart's
    centroid at the heart's heights; without a heart in the map, behind the aorta's centroid in the
    upper half of the aorta. When it does not fit, the aorta without 3 mm of wall serves; without
    an aorta the heart without 10 mm of wall, which holds some myocardium.

    Args:
        study: its PET in SUV.
        organs: a map on its grid.
        near: lesions and their rim, [x, y, z].
    """
    if "aorta" in organs.organs:
        voxels = _descending_cylinder(study, organs, near)
        if len(voxels):
            where = "cylinder of 1 cm by 2 cm in the descending thoracic aorta"
            return _measured(study, voxels, where)
        voxels = _without_wall(study, organs, near, "aorta", _WALL_MM)
        if len(voxels) * study.grid.voxel_ml >= _LEAST_ML:
            note = "No cylinder of 1 cm by 2 cm fits in the descending aorta."
            return _measured(study, voxels, f"aorta without {_WALL_MM:g} mm of wall", note)
    if "heart" in organs.organs:
        voxels = _without_wall(study, organs, near, "heart", _HEART_WALL_MM)
        if len(voxels) * study.grid.voxel_ml >= _LEAST_ML:
            note = "The map has no usable aorta; the heart holds myocardium beside blood."
            return _measured(study, voxels, f"heart without {_HEART_WALL_MM:g} mm of wall", note)
    return ReferenceRegion(False, "The organ map has no usable aorta and no usable heart.")


def _measured(study: Study, index: NDArray[np.intp], where: str, note: str = "") -> ReferenceRegion:
    values = intensities(study.pet.values[tuple(index.T)])
    x, y, z = study.grid.to_world(index.mean(axis=0))
    region = ReferenceRegion(
        ok=True,
        why=note,
        where=where,
        mean=values.mean,
        sd=values.sd,
        high=values.high,
        peak=float(PeakSphere(study.grid.spacing).means(study.pet.values, index).max()),
        volume_ml=len(index) * study.grid.voxel_ml,
        centre_mm=(float(x), float(y), float(z)),
    )
    if values.mean <= 0:
        return replace(region, ok=False, why=f"{note} Its mean is not above 0.".strip())
    if values.sd > _MOST_VARIATION * values.mean:
        told = f"Its SD is {values.sd / values.mean:.0%} of its mean, {_MOST_VARIATION:.0%} is"
        return replace(region, ok=False, why=f"{note} {told} the most allowed.".strip())
    return region


def _descending_cylinder(
    study: Study, organs: OrganMap, near: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Voxels (n, 3) of the cylinder; none when it does not fit."""
    grid = study.grid
    along = int(np.abs(np.array(grid.direction).reshape(3, 3)[2]).argmax())
    box, mask = organs.cut("aorta")
    starts = np.array([side.start for side in box])
    free = np.moveaxis(mask & ~near[box], along, 0)
    across = tuple(s for axis, s in enumerate(grid.spacing) if axis != along)
    depth = np.stack([_in_slice(plane, across) for plane in free])
    reach = int(_POOL_HALF_LENGTH_MM / grid.spacing[along] + 1e-9)
    depth = minimum_filter1d(depth, 2 * reach + 1, axis=0, mode="constant", cval=0.0)
    depth = np.moveaxis(depth, 0, along)
    index = _x_fastest(depth > _POOL_RADIUS_MM)
    if not len(index):
        return index
    world = grid.to_world(index + starts)
    if "heart" in organs.organs:
        place, heart = organs.cut("heart")
        around = grid.to_world(np.argwhere(heart) + [side.start for side in place])
        low, high, front = around[:, 2].min(), around[:, 2].max(), around[:, 1].mean()
    else:
        around = grid.to_world(np.argwhere(mask) + starts)
        high, front = around[:, 2].max(), around[:, 1].mean()
        low = (around[:, 2].min() + high) / 2
    thoracic = (world[:, 2] >= low) & (world[:, 2] <= high) & (world[:, 1] > front)
    if not thoracic.any():
        return index[:0]
    index = index[thoracic]
    centre = index[int(np.round(depth[tuple(index.T)], 3).argmax())] + starts
    steps = np.arange(-reach, reach + 1)
    disc = ball_at(grid, centre, _POOL_RADIUS_MM)
    disc = disc[disc[:, along] == centre[along]]
    whole = np.repeat(disc[None], len(steps), axis=0)
    whole[..., along] += steps[:, None]
    return np.asarray(whole.reshape(-1, 3))


def _in_slice(plane: NDArray[np.bool_], across: tuple[float, ...]) -> NDArray[np.float32]:
    """Distance of the set pixels to the nearest that is not, mm."""
    distance: NDArray[np.float32] = edt.edt(
        np.ascontiguousarray(plane), anisotropy=across, black_border=True
    )
    return distance


def _without_wall(
    study: Study, organs: OrganMap, near: NDArray[np.bool_], organ: str, wall_mm: float
) -> NDArray[np.intp]:
    box, mask = organs.cut(organ)
    inner = edt.edt(mask, anisotropy=study.grid.spacing, black_border=True) > wall_mm
    return np.asarray(_x_fastest(inner & ~near[box]) + [side.start for side in box])


def _is_cut_off(mask: NDArray[np.bool_], box: tuple[slice, ...], study: Study) -> bool:
    """Whether an organ reaches the edge of the scan."""
    for axis, side in enumerate(box):
        first, last = np.take(mask, 0, axis), np.take(mask, -1, axis)
        if (side.start == 0 and first.any()) or (
            side.stop == study.grid.shape[axis] and last.any()
        ):
            return True
    return False


def _x_fastest(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Set voxels, (n, 3), x fastest."""
    return np.asarray(np.argwhere(mask.T)[:, ::-1])
