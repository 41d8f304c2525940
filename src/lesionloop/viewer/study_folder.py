"""A folder of studies: which ones it holds, and reading them.

Found are the nnU-Net layout, folders with a CT and a PET image (NIfTI or MHA), and DICOM studies:
the lowest folder that holds all series of one examination. A study's id is a hash of its place in
the folder: it tells nothing, and stays when the folder moves. Links may lead about inside the
folder; what lies outside it is never opened.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from lesionloop.datasets.nnunet import FOLDERS, tracer_of
from lesionloop.errors import InputError
from lesionloop.imaging import Study, read_study
from lesionloop.imaging.files import read_shape
from lesionloop.imaging.names import case_name, channel_of, image_ending, strip_ending

__all__ = ["Source", "StudyEntry", "StudyFolder", "files_below"]

#: Folders below a data folder that are looked into.
_DEPTH = 4
#: The same below an upload, which holds little: archives have folders around folders.
_DEPTH_OF_UPLOAD = 8
#: Files of a folder of which the first headers are read, to see whether it is DICOM.
_TRIES = 8
_WORD = re.compile(r"[^a-z]+")
#: What one voxel of a DICOM study costs is known before its pixels are read, by the file sizes.
_BYTES_PER_DICOM_VOXEL = 2
#: Digits of an upload's id that tell it from others in a name.
_DIGITS = 6

Kind = Literal["dicom", "nifti", "mha"]
Source = Literal["folder", "upload", "pacs"]


@dataclass(frozen=True)
class StudyEntry:
    """A study that can be opened.

    Args:
        id: hash of its place, hexadecimal.
        name: case or folder name.
        tracer: "fdg", "psma" or None when the name does not say.
        kind: "dicom", "nifti" or "mha".
        pet: PET image, or the folder of a DICOM study.
        ct: CT image, or None.
        source: the data folder, an upload, or a PACS.
        upload: id of the upload that it came with, or None.
    """

    id: str
    name: str
    tracer: str | None
    kind: Kind
    pet: Path
    ct: Path | None = None
    source: Source = "folder"
    upload: str | None = None

    def voxels(self) -> int:
        """About how many voxels the PET has, from headers or sizes alone; 0 when unreadable."""
        try:
            if self.kind != "dicom":
                x, y, z = read_shape(self.pet)
                return x * y * z
            sizes = (path.stat().st_size for path in files_below(self.pet))
            return sum(sizes) // _BYTES_PER_DICOM_VOXEL
        except (InputError, OSError):
            return 0

    def files(self) -> Iterator[Path]:
        """All files that belong to it."""
        for path in filter(None, (self.pet, self.ct)):
            if path.is_dir():
                yield from (file for file in files_below(path) if file.is_file())
            else:
                yield path


class StudyFolder:
    """The studies below a folder.

    A data folder is looked through as a whole. Of uploads and what was fetched, each folder below
    has come by itself and is looked through by itself.
    """

    def __init__(
        self, folder: Path, source: Source = "folder", but: frozenset[Path] = frozenset()
    ) -> None:
        """Look below ``folder``, except for folders of ``but`` (without links)."""
        self.root = folder.resolve()
        self._but = but
        self._source: Source = source
        self._depth = _DEPTH if source == "folder" else _DEPTH_OF_UPLOAD

    def studies(self) -> Iterator[StudyEntry]:
        """What is found, in no order."""
        if self._source == "folder":
            yield from self._explore(self.root, 0)
            return
        for arrived in self._contents(self.root)[0]:
            yield from self._arrived(arrived)

    def read(self, entry: StudyEntry) -> Study:
        """Read a study; its paths are checked once more.

        A DICOM PET without what SUV needs is read as activity, and says so.

        Raises:
            InputError: it is damaged, or a link leads out of the folder.
        """
        for path in filter(None, (entry.pet, entry.ct)):
            self._require_inside(path)
        if entry.kind != "dicom":
            return read_study(entry.ct, entry.pet, tracer=entry.tracer, name=entry.name)
        # Imported here: the DICOM libraries are heavy.
        from lesionloop.imaging.dicom import SuvError, read_dicom_study  # noqa: PLC0415

        for path in files_below(entry.pet):
            self._require_inside(path)
        read: Callable[..., Study] = partial(read_dicom_study, entry.pet, name=entry.name)
        try:
            return read()
        except SuvError:
            return read(quantity="bq-ml")

    def _require_inside(self, path: Path) -> None:
        if not path.resolve().is_relative_to(self.root):
            raise InputError(
                f"{path.name} is not opened",
                cause="It is a link that leads out of the data folder.",
                remedy="Copy the file into the data folder, or serve the folder that it is in.",
            )

    def _inside(self, path: Path) -> bool:
        try:
            return path.resolve().is_relative_to(self.root)
        except (OSError, RuntimeError):  # links in a circle
            return False

    def _arrived(self, folder: Path) -> Iterator[StudyEntry]:
        """The studies of one upload, or of what was fetched at a time."""
        files = self._contents(folder)[1]
        if any(image_ending(path) and channel_of(path) == "0001" for path in files):
            yield from self._cases(folder)  # files of the nnU-Net layout without its folder
        else:
            yield from self._explore(folder, 0)

    def _explore(self, folder: Path, depth: int) -> Iterator[StudyEntry]:
        layout = [folder / images for images, _ in FOLDERS if (folder / images).is_dir()]
        if layout:
            for images in layout:
                yield from self._cases(images)
            return
        children, files = self._contents(folder)
        pair = _pair(files)
        if pair is not None:
            yield self._entry(folder.name, *pair)
            return
        if _first_examination(files) is not None:
            yield self._entry(folder.name, folder, None)
            return
        if depth >= self._depth:
            return
        examinations = {child: self._peek(child, depth + 1) for child in children}
        known = [found for found in examinations.values() if found is not None]
        if len(known) > 1 and len(set(known)) == 1:
            yield self._entry(folder.name, folder, None)
            return
        for child in children:
            yield from self._explore(child, depth + 1)

    def _cases(self, images: Path) -> Iterator[StudyEntry]:
        """Cases of a layout that have a PET; the rest is not for the viewer to judge."""
        cases: dict[str, dict[str, Path]] = {}
        for path in self._contents(images)[1]:
            channel = channel_of(path)
            if image_ending(path) and channel in ("0000", "0001"):
                cases.setdefault(case_name(path), {}).setdefault(channel, path)
        for name, files in cases.items():
            if "0001" in files:
                yield self._entry(name, files["0001"], files.get("0000"))

    def _entry(self, name: str, pet: Path, ct: Path | None) -> StudyEntry:
        place = pet.relative_to(self.root).as_posix()
        upload = None
        if self._source != "folder":
            arrived = place.partition("/")[0]
            upload = arrived if self._source == "upload" else None
            name = f"{self._source} {arrived[:_DIGITS]}" if name == arrived else name
            place = f"{self._source}\0{place}"  # no place in the data folder holds a zero
        digest = blake2b(place.encode("utf-8", "surrogateescape"), digest_size=10).hexdigest()
        kind: Kind = "dicom" if pet.is_dir() else "mha" if pet.suffix.lower() == ".mha" else "nifti"
        return StudyEntry(digest, name, tracer_of(name), kind, pet, ct, self._source, upload)

    def _peek(self, folder: Path, depth: int) -> str | None:
        """The one examination of which there are DICOM files below, else None."""
        children, files = self._contents(folder)
        found = _first_examination(files)
        if found is not None or depth >= self._depth or _pair(files) is not None:
            return found
        below = {self._peek(child, depth + 1) for child in children} - {None}
        return below.pop() if len(below) == 1 else None

    def _contents(self, folder: Path) -> tuple[list[Path], list[Path]]:
        """Folders and files, ascending, without hidden ones and links that lead outside."""
        try:
            entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        except OSError:
            return [], []
        inside = [entry for entry in entries if not entry.is_symlink() or self._inside(entry)]
        # A link to a folder may run in a circle; what it leads to is found at its own place.
        folders = [entry for entry in inside if entry.is_dir() and not entry.is_symlink()]
        files = [entry for entry in inside if entry.is_file()]
        return [folder for folder in folders if folder not in self._but], files


def _pair(files: list[Path]) -> tuple[Path, Path | None] | None:
    """The PET and, when there is one, the CT among image files, by their names."""
    roles: dict[str, list[Path]] = {"pet": [], "ct": []}
    for path in files:
        if image_ending(path) is None:
            continue
        words = set(_WORD.split(strip_ending(path).lower()))
        channel = channel_of(path)
        if channel == "0001" or words & {"pet", "suv", "pt"}:
            roles["pet"].append(path)
        elif channel == "0000" or "ct" in words:
            roles["ct"].append(path)
    if len(roles["pet"]) != 1 or len(roles["ct"]) > 1:
        return None
    return roles["pet"][0], roles["ct"][0] if roles["ct"] else None


def _first_examination(files: list[Path]) -> str | None:
    """Study instance UID of the first DICOM file of a folder, None when there is none."""
    # Imported here: the DICOM libraries are heavy.
    from pydicom import Dataset  # noqa: PLC0415

    from lesionloop.imaging.dicom.header import text  # noqa: PLC0415
    from lesionloop.imaging.dicom.series import read_header  # noqa: PLC0415

    for path in [path for path in files if image_ending(path) is None][:_TRIES]:
        header = read_header(path)
        found = text(header, "StudyInstanceUID") if isinstance(header, Dataset) else None
        if found:
            return found
    return None


def files_below(folder: Path) -> Iterator[Path]:
    """All files and links below a folder."""
    for root, folders, names in os.walk(folder):
        for name in (*names, *(name for name in folders if (Path(root) / name).is_symlink())):
            yield Path(root) / name
