"""Organ maps by TotalSegmentator, where the program and its weights are installed.

The program (Wasserthal et al., Radiol Artif Intell 2023; 5: e230024) is not part of this package:
its code is Apache-2.0, and so are the weights of its task "total", which is the only one used.
"""

import os
import shutil
import tempfile
from pathlib import Path

from lesionloop.errors import InputError
from lesionloop.imaging import Volume, write_volume
from lesionloop.output import atomic_path
from lesionloop.segmenters.adapters.program import run_program
from lesionloop.segmenters.protocol import StepFailureError

__all__ = ["require_totalsegmentator", "run_totalsegmentator", "weights_folder"]

_PROGRAM = "TotalSegmentator"
#: Networks of the task "total": one of 3 mm, or five of 1.5 mm.
_FAST, _FULL = (297,), (291, 292, 293, 294, 295)


def weights_folder() -> Path:
    """Where the program keeps its weights, by its own rules."""
    given = os.environ.get("TOTALSEG_WEIGHTS_PATH")
    if given:
        return Path(given)
    home = os.environ.get("TOTALSEG_HOME_DIR")
    return (Path(home) if home else Path.home() / ".totalsegmentator") / "nnunet" / "results"


def require_totalsegmentator(*, fast: bool = True) -> str:
    """The program's path.

    Raises:
        InputError: the program or its weights are missing; nothing is downloaded.
    """
    program = shutil.which(_PROGRAM)
    if program is None:
        raise InputError(
            "organ maps by TotalSegmentator need the program",
            cause=f"There is no program {_PROGRAM} on the PATH.",
            remedy="Install it (pip install TotalSegmentator), or give maps with --organs FOLDER.",
        )
    folder = weights_folder()
    missing = [n for n in (_FAST if fast else _FULL) if not any(folder.glob(f"Dataset{n}_*"))]
    if missing:
        task = "total_fast" if fast else "total"
        raise InputError(
            "TotalSegmentator has no weights here",
            cause=f"{folder} holds no Dataset{missing[0]}.",
            remedy=f"Fetch them once with `totalseg_download_weights -t {task}`.",
        )
    return program


def run_totalsegmentator(
    ct: Volume, path: Path | str, *, fast: bool = True, timeout_s: float = 3600.0
) -> None:
    """Write the organ map of a CT, labels as in
    :data:`lesionloop.quantification.organ_names.TOTALSEGMENTATOR`.

    Args:
        ct: in HU, best on its own grid.
        path: the map to write, .nii.gz, on the CT's grid.
        fast: networks of 3 mm, about as fine as PET and a good deal quicker.
        timeout_s: the program is ended after so long, s.

    Raises:
        InputError: the program or its weights are missing, or it failed.
        OutputError: the map cannot be written.
    """
    program = require_totalsegmentator(fast=fast)
    with tempfile.TemporaryDirectory(prefix="lesionloop-organs-") as folder:
        source, made = Path(folder) / "ct.nii.gz", Path(folder) / "organs.nii.gz"
        write_volume(ct, source)
        words = [program, "-i", str(source), "-o", str(made), "--ml", "--task", "total"]
        try:
            run_program([*words, *(["--fast"] if fast else [])], timeout_s=timeout_s, who=_PROGRAM)
        except StepFailureError as error:
            raise InputError(
                f"TotalSegmentator made no organ map of {ct.source}",
                cause=f"{error}.",
                remedy="Run it by hand on this CT, or give maps with --organs FOLDER.",
            ) from error
        if not made.is_file():
            raise InputError(
                f"TotalSegmentator made no organ map of {ct.source}",
                cause="It ended well but wrote nothing.",
                remedy="Check its version: 2 is asked for.",
            )
        with atomic_path(Path(path)) as temporary:
            shutil.copyfile(made, temporary)
