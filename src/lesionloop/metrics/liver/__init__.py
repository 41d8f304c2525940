"""Scores of the liver-lesion benchmark (TriALS): detection with merges, overlap and surfaces."""

from lesionloop.metrics.liver.case import Detection, LiverCase, missing_case, score_liver_case
from lesionloop.metrics.liver.click_curve import (
    ClickCurve,
    FileOrder,
    score_click_curve,
    score_whole_lesion,
)
from lesionloop.metrics.liver.dataset import (
    LESION_SCORES,
    accepted_means,
    lesion_sums,
    liver_dataset,
    penalised_means,
    total_detection,
)
from lesionloop.metrics.liver.lesion_scores import WORST, LesionScores
from lesionloop.metrics.liver.mask_values import MASK_VALUES, MaskValues, lesion_mask
from lesionloop.metrics.liver.modes import DEFAULT_MODE, MODES, Mode
from lesionloop.metrics.liver.readers import (
    ReaderCase,
    ReaderStudy,
    compare_readers,
    pool_readers,
)
from lesionloop.metrics.liver.sizes import SizedLesion, sized_lesions

__all__ = [
    "DEFAULT_MODE",
    "LESION_SCORES",
    "MASK_VALUES",
    "MODES",
    "WORST",
    "ClickCurve",
    "Detection",
    "FileOrder",
    "LesionScores",
    "LiverCase",
    "MaskValues",
    "Mode",
    "ReaderCase",
    "ReaderStudy",
    "SizedLesion",
    "accepted_means",
    "compare_readers",
    "lesion_mask",
    "lesion_sums",
    "liver_dataset",
    "missing_case",
    "penalised_means",
    "pool_readers",
    "score_click_curve",
    "score_liver_case",
    "score_whole_lesion",
    "sized_lesions",
    "total_detection",
]
