"""The nnU-Net layout: ``imagesTr/<name>_0000`` CT, ``_0001`` PET in SUV, ``labelsTr/<name>``.

The raw challenge layout (``images``, ``labels``) has the same file names and is read as well.
"""

from dataclasses import dataclass
from pathlib import Path

from lesionloop.errors import InputError
from lesionloop.imaging import Study, read_label, read_study, require_same_grid, write_volume
from lesionloop.imaging.names import case_name, channel_of, entries_of, image_ending, images_by_name
from lesionloop.imaging.volume import Volume
from lesionloop.output import all_or_none

__all__ = ["FOLDERS", "CaseFiles", "find_cases", "tracer_of", "write_case"]

#: Folders of images and labels, in the order of preference.
FOLDERS = (("imagesTr", "labelsTr"), ("imagesTs", "labelsTs"), ("images", "labels"))


@dataclass(frozen=True)
class CaseFiles:
    """The files of one case.

    Args:
        name: case name, dots and spaces kept.
        pet: PET in SUV.
        ct: CT, or None when the case has none.
        label: reference lesions, or None when there is no label.
    """

    name: str
    pet: Path
    ct: Path | None
    label: Path | None

    def read(self) -> tuple[Study, Volume]:
        """The study and its reference label.

        Raises:
            InputError: a file is missing or damaged, or the label is on another grid.
        """
        if self.label is None:
            raise InputError(
                f"case {self.name} has no label", remedy="An evaluation needs one for every case."
            )
        study = read_study(self.ct, self.pet, tracer=tracer_of(self.name), name=self.name)
        label = read_label(self.label)
        require_same_grid(label, study.pet)
        return study, label


def tracer_of(name: str) -> str | None:
    """Tracer by the challenge's naming (``fdg_…``, ``psma_…``); None when it does not say."""
    first = name.split("_", 1)[0].lower()
    return first if first in ("fdg", "psma") else None


def find_cases(dataset: Path | str, *, labelled: bool = True) -> list[CaseFiles]:
    """Cases of a data set folder, by name.

    Args:
        dataset: folder that holds ``imagesTr`` (or ``imagesTs``, ``images``).
        labelled: refuse cases without a label.

    Raises:
        InputError: not such a folder, or it cannot be read; a PET or a label is missing; a case or
            a label stands there twice.
    """
    dataset = Path(dataset)
    images, labels = _folders(dataset)
    found: dict[str, dict[str, Path]] = {}
    for path in entries_of(images):
        channel = channel_of(path)
        if image_ending(path) is None or channel not in ("0000", "0001"):
            continue
        files = found.setdefault(case_name(path), {})
        if channel in files:
            raise InputError(
                f"case {case_name(path)} has two files of channel {channel}",
                cause=f"{files[channel].name} and {path.name}.",
                remedy="Remove one of them.",
            )
        files[channel] = path
    if not found:
        raise InputError(
            f"no case in {images}",
            cause="There are no files <name>_0000 (CT) and <name>_0001 (PET).",
            remedy="See the nnU-Net layout in docs/formats.md, or run `lesionloop convert`.",
        )
    by_name = images_by_name(labels) if labels.is_dir() else {}
    cases = [_case(images, name, files, by_name) for name, files in found.items()]
    missing = [case.name for case in cases if case.label is None]
    if labelled and missing:
        raise InputError(
            f"{len(missing)} of {len(cases)} cases have no label in {labels}",
            cause=f"The first is {missing[0]}.",
            remedy="Add the labels, or remove these cases.",
        )
    return sorted(cases, key=lambda case: case.name)


def write_case(study: Study, folder: Path | str, *, label: Volume | None = None) -> CaseFiles:
    """Write a study in the nnU-Net layout: CT and PET on the PET grid, compressed.

    Raises:
        InputError: the label is not on the PET grid.
        OutputError: the folder cannot be written; no file of the case is left then.
    """
    if label is not None:
        require_same_grid(label, study.pet)
    folder = Path(folder)
    images = folder / "imagesTr"
    pet = images / f"{study.name}_0001.nii.gz"
    ct = images / f"{study.name}_0000.nii.gz"
    label_path = folder / "labelsTr" / f"{study.name}.nii.gz"
    volumes = [(ct, study.ct), (label_path, label), (pet, study.pet)]
    written = [(path, volume) for path, volume in volumes if volume is not None]
    with all_or_none([path for path, _ in written]):
        for path, volume in written:
            write_volume(volume, path)
    return CaseFiles(
        study.name, pet, ct if study.ct is not None else None, label_path if label else None
    )


def _folders(dataset: Path) -> tuple[Path, Path]:
    for images, labels in FOLDERS:
        if (dataset / images).is_dir():
            return dataset / images, dataset / labels
    problem = "It has no folder imagesTr." if dataset.is_dir() else "There is no such folder."
    raise InputError(
        f"{dataset} is not a data set",
        cause=problem,
        remedy="Give a folder in the nnU-Net layout, or make one with `lesionloop convert`.",
    )


def _case(images: Path, name: str, files: dict[str, Path], labels: dict[str, Path]) -> CaseFiles:
    if "0001" not in files:
        raise InputError(
            f"case {name} has no PET",
            cause=f"{images / name}_0001 is missing beside {files['0000'].name}.",
            remedy="Add it, or remove the case.",
        )
    return CaseFiles(name, files["0001"], files.get("0000"), labels.get(name))
