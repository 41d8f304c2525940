"""PET and CT as the page takes them: NIfTI on the PET grid, made once and kept as files.

PET is float32 (SUV where the study has it), CT is int16 HU. The name of a file holds a hash of what
it was made from, so it also is the ETag.
"""

from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Final, Literal

import numpy as np

from lesionloop.imaging import Study, write_volume
from lesionloop.imaging.volume import Quantity, Volume
from lesionloop.output import make_folder
from lesionloop.viewer.library import StudyEntry
from lesionloop.viewer.refusals import MissingError
from lesionloop.viewer.warm import WarmStudies

__all__ = ["Role", "VolumeFiles"]

Role = Literal["pet", "ct"]
#: Files that are kept; the one used longest ago goes first.
_MOST: Final = 24


class VolumeFiles:
    """A folder of volumes; asked from any thread."""

    def __init__(self, folder: Path, warm: WarmStudies) -> None:
        """Use a folder.

        Raises:
            OutputError: it cannot be made.
        """
        self._folder = make_folder(folder)
        self._warm = warm
        self._lock = Lock()

    def file(self, entry: StudyEntry, role: Role) -> tuple[Path, str]:
        """A volume of a study as a file, and its ETag.

        Raises:
            MissingError: the study has no CT.
            InputError: the study cannot be read.
            OutputError: the disk is full.
        """
        stamp = _stamp(entry)
        path = self._folder / f"{entry.id}-{stamp}-{role}.nii.gz"
        with self._lock:
            if path.exists():
                path.touch()
            else:
                write_volume(_volume(self._warm.study(entry), role), path)
                self._let_go(path)
        return path, f'"{stamp}-{role}"'

    def forget(self, study: str) -> None:
        """Remove the volumes of a study that was removed, here and in memory."""
        self._warm.forget(study)
        with self._lock:
            for path in self._folder.glob(f"{study}-*.nii.gz"):
                path.unlink(missing_ok=True)

    def _let_go(self, but: Path) -> None:
        files = sorted(self._folder.glob("*.nii.gz"), key=lambda file: file.stat().st_mtime)
        for file in [file for file in files if file != but][: max(0, len(files) - _MOST)]:
            file.unlink(missing_ok=True)


def _volume(study: Study, role: Role) -> Volume:
    if role == "pet":
        return study.pet
    if study.ct is None:
        raise MissingError("this study has no CT")
    values = np.clip(np.rint(study.ct.values), -32768, 32767).astype(np.int16)
    return Volume(values, study.grid, Quantity.HU, study.ct.source)


def _stamp(entry: StudyEntry) -> str:
    """Hash of the names, sizes and times of a study's files."""
    text = "|".join(
        f"{path.name} {stat.st_size} {stat.st_mtime_ns}"
        for path in sorted(entry.files())
        if (stat := path.stat())
    )
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
