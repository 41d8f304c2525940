"""Cohorts: one data set, several segmenters and strategies, one table."""

from lesionloop.cohort.evaluate import Evaluation, evaluate
from lesionloop.cohort.scoring import ScoreRow, score_trace

__all__ = ["Evaluation", "ScoreRow", "evaluate", "score_trace"]
