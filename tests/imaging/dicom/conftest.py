"""Synthetic DICOM series: a PET or CT of a few small slices, every attribute open to change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

STUDY = "1.2.826.0.1.3680043.10.543.1"
FRAME = "1.2.826.0.1.3680043.10.543.2"
CLASSES = {"PT": "1.2.840.10008.5.1.4.1.1.128", "CT": "1.2.840.10008.5.1.4.1.1.2"}


@dataclass(frozen=True)
class Written:
    """What was written: paths and stored values [slice, row, column] in writing order."""

    uid: str
    paths: tuple[Path, ...]
    stored: NDArray[Any]
    instances: tuple[str, ...]


@pytest.fixture(scope="session")
def fdg() -> Callable[..., Dataset]:
    """Make an item of the Radiopharmaceutical Information Sequence; None deletes an attribute."""

    def make(**changes: object) -> Dataset:
        code, agent_code = Dataset(), Dataset()
        code.CodeValue, code.CodingSchemeDesignator = "C-111A1", "SRT"
        code.CodeMeaning = "^18^Fluorine"
        agent_code.CodeValue, agent_code.CodingSchemeDesignator = "C-B1031", "SRT"
        agent_code.CodeMeaning = "Fluorodeoxyglucose F^18^"
        item = Dataset()
        item.Radiopharmaceutical = "Fluorodeoxyglucose"
        item.RadiopharmaceuticalStartTime = "090000.00"
        item.RadionuclideTotalDose = "370000000"
        item.RadionuclideHalfLife = "6586.2"
        item.RadionuclideCodeSequence = Sequence([code])
        item.RadiopharmaceuticalCodeSequence = Sequence([agent_code])
        _apply(item, changes)
        return item

    return make


@pytest.fixture(scope="session")
def pet_header(fdg: Callable[..., Dataset]) -> Callable[..., Dataset]:
    """Make a PET header without pixels: BQML, START, scan at 10:00:00, 70 kg, injected at 9:00."""

    def make(agent: Mapping[str, object] | None = None, **changes: object) -> Dataset:
        header = Dataset()
        header.Manufacturer = "SIEMENS"
        header.SeriesDescription = "PET WB AC"
        header.StudyDate = header.SeriesDate = header.AcquisitionDate = "20240110"
        header.SeriesTime = header.AcquisitionTime = "100000.00"
        header.PatientWeight = "70"
        header.Units = "BQML"
        header.CorrectedImage = ["DECY", "ATTN", "SCAT"]
        header.DecayCorrection = "START"
        header.ActualFrameDuration = "120000"
        header.FrameReferenceTime = "0"
        header.RadiopharmaceuticalInformationSequence = Sequence([fdg(**(agent or {}))])
        _apply(header, changes)
        return header

    return make


@pytest.fixture(scope="session")
def write_series(pet_header: Callable[..., Dataset]) -> Callable[..., Written]:
    """Write a series; ``tags`` change every slice, ``edit(index, dataset)`` single ones."""

    def write(
        folder: Path,
        *,
        modality: str = "PT",
        count: int = 5,
        shape: tuple[int, int] = (6, 7),
        pixel: tuple[float, float] = (2.0, 3.0),
        step: float = 4.0,
        origin: tuple[float, float, float] = (-10.0, -20.0, 30.0),
        cosines: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        stored: NDArray[Any] | None = None,
        agent: Mapping[str, object] | None = None,
        tags: Mapping[str, object] | None = None,
        edit: Callable[[int, Dataset], None] | None = None,
        uid: str | None = None,
        ending: str = ".dcm",
        seed: int = 3,
    ) -> Written:
        folder.mkdir(parents=True, exist_ok=True)
        uid = uid or generate_uid()[:50].rstrip(".")
        if stored is None:
            rng = np.random.default_rng(seed)
            stored = rng.integers(0, 3000, (count, *shape)).astype(np.int16)
        normal = np.cross(cosines[:3], cosines[3:])
        paths, instances = [], []
        for index, plane in enumerate(stored):
            ds = pet_header(agent) if modality == "PT" else Dataset()
            if modality == "CT":
                ds.SeriesDescription = "CT WB"
                ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
            ds.file_meta = FileMetaDataset()
            ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            ds.SOPClassUID = CLASSES[modality]
            ds.SOPInstanceUID = f"{uid}.{index + 1}"
            ds.StudyInstanceUID, ds.SeriesInstanceUID = STUDY, uid
            ds.FrameOfReferenceUID = FRAME
            ds.Modality, ds.PatientID, ds.PatientName = modality, "P1", "Secret^Name"
            ds.SeriesNumber, ds.InstanceNumber = 2 if modality == "CT" else 1, index + 1
            ds.ImageOrientationPatient = [float(c) for c in cosines]
            position = np.array(origin) + index * step * normal
            ds.ImagePositionPatient = [round(float(p), 6) for p in position]
            ds.PixelSpacing = list(pixel)  # between rows, between columns
            ds.SliceThickness = step
            ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
            ds.Rows, ds.Columns = plane.shape
            ds.BitsAllocated = ds.BitsStored = 8 * stored.dtype.itemsize
            ds.HighBit = ds.BitsStored - 1
            ds.PixelRepresentation = int(stored.dtype.kind == "i")
            ds.RescaleSlope = f"{0.5 + 0.25 * index:g}" if modality == "PT" else "1"
            ds.RescaleIntercept = "0" if modality == "PT" else "-1024"
            ds.PixelData = plane.tobytes()
            _apply(ds, tags or {})
            if edit is not None:
                edit(index, ds)
            path = folder / f"{modality}{index:03d}{ending}"
            ds.save_as(path, enforce_file_format=True)
            paths.append(path)
            instances.append(str(ds.SOPInstanceUID))
        return Written(uid, tuple(paths), stored, tuple(instances))

    return write


def _apply(dataset: Dataset, changes: Mapping[str, object]) -> None:
    for keyword, value in changes.items():
        if value is None:
            if keyword in dataset:
                delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
