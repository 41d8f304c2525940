"""Ranking and statistics of the liver benchmark, from its tables or from records per case."""

from lesionloop.ranking.trials.blocks import BLOCKS, PENALTY, TASKS, TRIALS_METRICS
from lesionloop.ranking.trials.cells import Cell, read_cells
from lesionloop.ranking.trials.data_sets import cell_of
from lesionloop.ranking.trials.records import CaseRecord, read_records, write_records
from lesionloop.ranking.trials.resampling import bootstrap_task, tables_of_task
from lesionloop.ranking.trials.standings import TaskRanking, TrialsRules, rank_task
from lesionloop.ranking.trials.tie_breaks import TieBreak, read_tie_breaks

__all__ = [
    "BLOCKS",
    "PENALTY",
    "TASKS",
    "TRIALS_METRICS",
    "CaseRecord",
    "Cell",
    "TaskRanking",
    "TieBreak",
    "TrialsRules",
    "bootstrap_task",
    "cell_of",
    "rank_task",
    "read_cells",
    "read_records",
    "read_tie_breaks",
    "tables_of_task",
    "write_records",
]
