"""What the liver benchmark ranks: its blocks, their metrics, directions and worst values.

A block is an image with a reference: the venous phase (Task 1), and the non-contrast phase once
with its own reference and once with that of all phases (Task 2, visible and combined).

Source: TriALS, arXiv 2605.16572.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lesionloop.errors import InputError
from lesionloop.ranking.table import Metric

__all__ = [
    "BLOCKS",
    "PENALTY",
    "TASKS",
    "THOUSANDS",
    "TRIALS_METRICS",
    "Block",
    "block_named",
]

#: What a lesion that is missed or false, and a missing submission, get for RVD and distances (mm).
PENALTY = 9001.0

#: Metrics of a data set, in the order of the printed tables.
TRIALS_METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("dice_per_case", "Dice per case"),
            Metric("dice_global", "global Dice"),
            Metric("precision_iou05", "precision, IoU > 0.5"),
            Metric("recall_iou05", "recall, IoU > 0.5"),
            Metric("precision_iou0", "precision, any overlap"),
            Metric("recall_iou0", "recall, any overlap"),
            Metric("voe", "VOE", higher_is_better=False, worst=1.0),
            Metric("rvd", "RVD", higher_is_better=False, worst=PENALTY),
            Metric("assd", "ASSD, mm", higher_is_better=False, worst=PENALTY),
            Metric("rmsd", "RMSD, mm", higher_is_better=False, worst=PENALTY),
            Metric("msd", "MSD, mm", higher_is_better=False, worst=PENALTY),
        )
    }
)

#: Metrics that tables print in thousands, in columns that end in ``_k``.
THOUSANDS = ("rvd", "assd", "rmsd", "msd")


@dataclass(frozen=True)
class Block:
    """An image with a reference.

    Args:
        name: as in tables.
        label: for people.
        task: that it belongs to.
        metrics: that rank.
        others: names under which tables know it too.
    """

    name: str
    label: str
    task: str
    metrics: tuple[str, ...]
    others: tuple[str, ...] = ()


_ALL = tuple(TRIALS_METRICS)

BLOCKS: Mapping[str, Block] = MappingProxyType(
    {
        block.name: block
        for block in (
            Block("task1", "Task 1", "task1", _ALL, ("t1", "task 1")),
            Block("visible", "Task 2 visible", "task2", _ALL, ("task2-visible",)),
            Block("combined", "Task 2 combined", "task2", _ALL[:6], ("task2-combined",)),
        )
    }
)

#: Task -> the blocks whose centres are averaged.
TASKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        task: tuple(block.name for block in BLOCKS.values() if block.task == task)
        for task in ("task1", "task2")
    }
)


def block_named(name: str) -> Block:
    """The block of a name in a table, upper or lower case.

    Raises:
        InputError: there is none.
    """
    wanted = name.strip().lower()
    for block in BLOCKS.values():
        if wanted in (block.name, *block.others):
            return block
    raise InputError(f"unknown block {name!r}", remedy=f"Known are: {', '.join(BLOCKS)}.")
