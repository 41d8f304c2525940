"""Interactive lesion segmentation in whole-body PET/CT: segment, scribble, correct, measure.

The names below are the library's front door; each is imported when it is first used, so that
``import lesionloop`` stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lesionloop.cohort import evaluate
    from lesionloop.cohort.clinicians import replay_sessions
    from lesionloop.cohort.standings import rank_results
    from lesionloop.errors import InputError, LesionLoopError, OutputError
    from lesionloop.imaging import (
        Grid,
        Provenance,
        Quantity,
        Study,
        Volume,
        read_label,
        read_study,
        read_volume,
        write_mask,
        write_volume,
    )
    from lesionloop.imaging.dicom import read_dicom_seg, read_dicom_study, write_dicom_seg
    from lesionloop.interaction import (
        RecordedReader,
        SimulatedReader,
        Trace,
        run_loop,
    )
    from lesionloop.metrics import CaseScore, aggregate, auc, normalised_auc, score_case, voxel_dice
    from lesionloop.phantom import make_phantom
    from lesionloop.scribbles import (
        Scribble,
        ScribbleSet,
        simulate_scribble,
        training_scribbles,
    )
    from lesionloop.segmenters import Segmenter, Session, load_segmenter

_HOMES = {
    "cohort": ("evaluate",),
    "cohort.clinicians": ("replay_sessions",),
    "cohort.standings": ("rank_results",),
    "errors": ("InputError", "LesionLoopError", "OutputError"),
    "imaging": (
        "Grid", "Provenance", "Quantity", "Study", "Volume", "read_label", "read_study",
        "read_volume", "write_mask", "write_volume",
    ),
    "imaging.dicom": ("read_dicom_seg", "read_dicom_study", "write_dicom_seg"),
    "interaction": ("RecordedReader", "SimulatedReader", "Trace", "run_loop"),
    "metrics": (
        "CaseScore", "aggregate", "auc", "normalised_auc", "score_case", "voxel_dice",
    ),
    "phantom": ("make_phantom",),
    "scribbles": ("Scribble", "ScribbleSet", "simulate_scribble", "training_scribbles"),
    "segmenters": ("Segmenter", "Session", "load_segmenter"),
}  # fmt: skip

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "CaseScore",
    "Grid",
    "InputError",
    "LesionLoopError",
    "OutputError",
    "Provenance",
    "Quantity",
    "RecordedReader",
    "Scribble",
    "ScribbleSet",
    "Segmenter",
    "Session",
    "SimulatedReader",
    "Study",
    "Trace",
    "Volume",
    "aggregate",
    "auc",
    "evaluate",
    "load_segmenter",
    "make_phantom",
    "normalised_auc",
    "rank_results",
    "read_dicom_seg",
    "read_dicom_study",
    "read_label",
    "read_study",
    "read_volume",
    "replay_sessions",
    "run_loop",
    "score_case",
    "simulate_scribble",
    "training_scribbles",
    "voxel_dice",
    "write_dicom_seg",
    "write_mask",
    "write_volume",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
