"""Rankings of algorithms from scores per case, and how far they can be trusted."""

from lesionloop.ranking.bootstrap import Bootstrap, bootstrap
from lesionloop.ranking.schemes import CHALLENGE, Ranking, Rules, rank
from lesionloop.ranking.significance import Significance, compare_pairs
from lesionloop.ranking.stability import LeftOut, kendall_tau, leave_out_centres
from lesionloop.ranking.table import AUC_METRICS, METRICS, Metric, ScoreTable

__all__ = [
    "AUC_METRICS",
    "CHALLENGE",
    "METRICS",
    "Bootstrap",
    "LeftOut",
    "Metric",
    "Ranking",
    "Rules",
    "ScoreTable",
    "Significance",
    "bootstrap",
    "compare_pairs",
    "kendall_tau",
    "leave_out_centres",
    "rank",
]
