"""Networks between organs: which organs' uptake goes together over the subjects of a cohort.

A covariance network is a property of a cohort, not of a person: two organs are joined when
subjects with more uptake in one have more, or less, in the other.
"""

from lesionloop.metabolic.analysis import Analysis, Options, analyse
from lesionloop.metabolic.cohort import VALUES, Cohort, read_cohort

__all__ = ["VALUES", "Analysis", "Cohort", "Options", "analyse", "read_cohort"]
