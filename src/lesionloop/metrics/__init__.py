"""Scores of masks and of interactive loops, from arrays and spacing alone."""

from lesionloop.metrics.aggregate import Aggregate, aggregate, mean_without_nan, subset_of
from lesionloop.metrics.case_score import IOU_THRESHOLD, CaseScore, detection_f1, score_case
from lesionloop.metrics.curves import auc, mean_curve, normalised_auc
from lesionloop.metrics.dice import voxel_dice
from lesionloop.metrics.empty import EMPTY_RULES, EmptyRule, value_when_empty
from lesionloop.metrics.lesions import Connectivity, label_lesions
from lesionloop.metrics.loop_summary import LoopScores, LoopSummary, summarise_loops
from lesionloop.metrics.overlap import LesionOverlap, find_overlap
from lesionloop.metrics.surface_dice import surface_dice

__all__ = [
    "EMPTY_RULES",
    "IOU_THRESHOLD",
    "Aggregate",
    "CaseScore",
    "Connectivity",
    "EmptyRule",
    "LesionOverlap",
    "LoopScores",
    "LoopSummary",
    "aggregate",
    "auc",
    "detection_f1",
    "find_overlap",
    "label_lesions",
    "mean_curve",
    "mean_without_nan",
    "normalised_auc",
    "score_case",
    "subset_of",
    "summarise_loops",
    "surface_dice",
    "value_when_empty",
    "voxel_dice",
]
