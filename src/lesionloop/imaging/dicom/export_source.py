"""What exported objects refer to: the study's PET series, or one made up for a study without.

A study that was read from NIfTI or MHA has no patient, no examination and no instances. Its objects
get UIDs that are computed from the PET, so that its SEG, RTSTRUCT and report belong together and a
second export belongs with the first; :attr:`ExportSource.remark` says so in their descriptions.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydicom.dataset import Dataset
from pydicom.uid import PositronEmissionTomographyImageStorage, generate_uid

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.choice import choose_pet
from lesionloop.imaging.dicom.frame_planes import FramePlanes, PlaneFit
from lesionloop.imaging.dicom.segmentation_building import fill_empty, fit_planes
from lesionloop.imaging.dicom.series import Series, scan_folder
from lesionloop.imaging.dicom.source_series import read_source_series
from lesionloop.imaging.study import Study, label_array

__all__ = ["ExportSource", "check_labels", "export_source"]


@dataclass(frozen=True, eq=False)
class ExportSource:
    """A series that objects refer to, and how the study's grid lies in it.

    Args:
        series: whole headers, sorted along the normal.
        planes: of its slices, in the same order.
        fit: which voxels of the grid their pixels are.
        from_dicom: whether the series exists; False: it was made up.
    """

    series: Series
    planes: FramePlanes
    fit: PlaneFit
    from_dicom: bool

    @property
    def remark(self) -> str:
        """For the description of a series: empty, or that the study was not DICOM."""
        return "" if self.from_dicom else ", source not DICOM, UIDs generated"


def export_source(study: Study, source: Path | str | None = None) -> ExportSource:
    """The series that objects of a study refer to.

    Args:
        study: what the objects are about.
        source: folder of the PET series, when the files have moved or the study was read from
            converted files; None: the files that the study was read from, or a made-up series when
            they were not DICOM.

    Raises:
        InputError: the files are gone or damaged, the folder has no such PET, or its pixels are not
            the voxels of the study's grid.
    """
    files = [Path(file) for file in study.provenance.pet_files]
    if source is not None:
        files = _find(study, Path(source))
    if files:
        series, planes = read_source_series(files)
        fill_empty(series.first)
    else:
        series, planes = _made_up(study)
    return ExportSource(series, planes, fit_planes(planes, study.grid, series), bool(files))


def check_labels(labels: ArrayLike, study: Study) -> tuple[NDArray[Any], int]:
    """Labels [x, y, z] as unsigned numbers, and how many lesions they hold.

    Raises:
        InputError: they are not on the study's grid, not whole numbers of 0 or more, or not
            numbered 1 to n without a gap, as DICOM wants its segments.
    """
    values = label_array(labels, study)
    held = np.unique(values[values != 0])
    if not np.array_equal(held, np.arange(1, len(held) + 1)):
        raise InputError(
            "the lesions are not numbered 1 to n without a gap",
            cause=f"{len(held)} lesions, numbers from {held[0]} to {held[-1]}.",
            remedy="Number them with lesionloop.quantification.split_lesions.",
        )
    kind = np.uint8 if len(held) <= np.iinfo(np.uint8).max else np.uint16
    return values.astype(kind), len(held)


def _find(study: Study, folder: Path) -> list[Path]:
    scan = scan_folder(folder)
    uid = study.provenance.facts.get("pet_series_uid")
    for series in scan:
        if series.uid == uid:
            scan.require_whole(series)
            return list(series.files)
    chosen = choose_pet(scan).series
    scan.require_whole(chosen)
    return list(chosen.files)


def _made_up(study: Study) -> tuple[Series, FramePlanes]:
    """Headers of a PET series on the study's grid."""
    grid = study.grid
    key = _key(study)
    x, y = (np.array(grid.direction).reshape(3, 3)[:, a] for a in (0, 1))
    series_uid = generate_uid(entropy_srcs=[key, "series"])
    frame_uid = grid.frame_uid or generate_uid(entropy_srcs=[key, "frame"])
    positions = grid.to_world([(0, 0, k) for k in range(grid.shape[2])])
    headers = []
    for k, position in enumerate(positions):
        header = Dataset()
        header.SOPClassUID = PositronEmissionTomographyImageStorage
        header.SOPInstanceUID = generate_uid(entropy_srcs=[key, str(k)])
        header.StudyInstanceUID = generate_uid(entropy_srcs=[key, "study"])
        header.SeriesInstanceUID = series_uid
        header.FrameOfReferenceUID = frame_uid
        header.PositionReferenceIndicator = ""
        header.Modality = "PT"
        header.SeriesNumber = 0
        header.InstanceNumber = k + 1
        header.Rows, header.Columns = grid.shape[1], grid.shape[0]
        header.PixelSpacing = [_short(grid.spacing[1]), _short(grid.spacing[0])]
        header.SliceThickness = _short(grid.spacing[2])
        header.ImagePositionPatient = [_short(v) for v in position]
        header.ImageOrientationPatient = [_short(v) for v in (*x, *y)]
        fill_empty(header)
        headers.append(header)
    planes = FramePlanes(
        positions=positions,
        orientation=np.stack([x, y]),
        spacing=grid.spacing[:2],
        size=grid.shape[:2],
        frame_uid=frame_uid,
    )
    order = np.argsort(planes.heights(), kind="stable")
    names = (Path(study.pet.source),) * len(headers)
    return (
        Series(str(series_uid), names, tuple(headers[k] for k in order)),
        FramePlanes(positions[order], planes.orientation, planes.spacing, planes.size, frame_uid),
    )


def _short(value: float) -> str:
    """A decimal string of at most 16 characters (PS3.5 6.2, DS), good to 1e-8 below 100 000."""
    return f"{value:.8f}"


def _key(study: Study) -> str:
    """A hash of the PET: same voxels at the same places, same UIDs."""
    grid = study.grid
    values = study.pet.values
    line = values.ravel(order="F") if values.flags.f_contiguous else values.T.ravel()
    found = hashlib.sha256(repr((grid.shape, grid.spacing, grid.origin, grid.direction)).encode())
    found.update(np.ascontiguousarray(line).data)
    return found.hexdigest()
