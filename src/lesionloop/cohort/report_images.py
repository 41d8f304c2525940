"""What a report takes from images: the lesions, a picture, and DICOM objects of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.cohort.pictures import front_png
from lesionloop.errors import InputError
from lesionloop.imaging import Study, read_label, read_study, require_same_grid
from lesionloop.imaging.dicom import read_dicom_study, write_lesion_seg
from lesionloop.quantification import measure_lesions, split_lesions
from lesionloop.reporting.dicom_sr import write_measurement_report
from lesionloop.reporting.structured.quantities import QuantifiedStudy

__all__ = ["SEG", "SR", "Images", "lesion_projection", "read_images",
           "write_dicom"]  # fmt: skip

#: Names of the DICOM files.
SEG, SR = "lesions.seg.dcm", "report.sr.dcm"


@dataclass(frozen=True)
class Images:
    """Images of a study, for what the quantities do not hold: picture, diameters, DICOM SR.

    Args:
        mask: the lesions as they were quantified.
        pet: file in SUV; None with ``dicom``.
        dicom: folder of the study.
        weight_kg: of the patient, for a DICOM study that does not tell.
    """

    mask: Path
    pet: Path | None = None
    dicom: Path | None = None
    weight_kg: float | None = None


def read_images(
    images: Images, quantified: QuantifiedStudy, tracer: str | None
) -> tuple[Study, NDArray[Any]]:
    """The study and its lesions, numbered as in the table.

    Raises:
        InputError: they cannot be read, or are not what was quantified.
    """
    if images.dicom is not None:
        study = read_dicom_study(
            images.dicom, tracer=tracer or quantified.tracer, weight_kg=images.weight_kg
        )
    elif images.pet is not None:
        study = read_study(None, images.pet, name=quantified.name)
    else:
        raise ValueError("images without PET")
    label = read_label(images.mask, study.grid)
    require_same_grid(label, study.pet)
    labels = split_lesions(label.values)
    volumes = np.bincount(labels[labels != 0])[1:] * study.grid.voxel_ml
    told = [row["volume_ml"] for row in quantified.lesions]
    if len(told) != len(volumes) or not np.allclose(told, volumes, rtol=1e-6):
        raise InputError(
            f"the mask {images.mask} is not the one that {quantified.folder} was measured with",
            cause=f"{len(volumes)} lesions against {len(told)}, or other volumes.",
            remedy="Quantify again, or give that mask.",
        )
    return study, labels


def lesion_projection(study: Study, labels: NDArray[Any]) -> bytes:
    """PNG of the PET from the front with the outlines of the lesions, [x, y, z], 0 outside."""
    return front_png(study, labels != 0, masks={"lesions": labels})


def write_dicom(study: Study, labels: NDArray[Any], out: Path, reader: str) -> None:
    """Write the lesions as SEG, and their measures as SR that refers to it.

    Raises:
        InputError: the study's headers or the reader's name cannot be used.
        OutputError: ``out`` cannot be written.
    """
    write_lesion_seg(labels, study, out / SEG)
    measures = measure_lesions(labels, study)
    write_measurement_report(labels, measures, study, out / SR, reader=reader, seg=out / SEG)
