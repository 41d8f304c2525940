"""What looks wrong in a table of the benchmark, and what of the paper cannot be reproduced."""

from collections.abc import Iterable, Sequence

from lesionloop.errors import InputError
from lesionloop.ranking.trials.blocks import BLOCKS
from lesionloop.ranking.trials.cells import Cell
from lesionloop.ranking.trials.counts import RebuiltCounts, rebuild_counts
from lesionloop.ranking.trials.records import CaseRecord

__all__ = ["NOT_REPRODUCIBLE", "different_predictions", "repeated_rows", "unlike_predictions"]

#: Name -> why: numbers of the paper (arXiv 2605.16572) that its own tables do not give.
NOT_REPRODUCIBLE = {
    "corrected ranks of WLAI, combined, Egypt": (
        "the printed row repeats the visible one; five of its six true values are not printed, and "
        "the printed ranks are those of the wrong row"
    ),
    "order of five printed ties": (
        "three decimals do not tell them apart; the printed ranks imply an order, which is given "
        "as a table of declared ties and not computed"
    ),
    "distances and RVD of accepted lesions": (
        "printed in thousands with the penalties of 9001 in them; only the penalty term can be "
        "rebuilt, from counts"
    ),
    "intervals of ranks": (
        "scores per case are not printed, and the number of bootstrap iterations is not told; here "
        "1000 by default"
    ),
    "interval of Spearman's rho": (
        "the seed is not told; about 0.13 to 0.93 here against 0.11 to 0.92"
    ),
    "p of ASSD, China against External, from two decimals": (
        "the tie 8.43 / 8.43 gives 0.053; the unrounded penalty terms give the printed 0.038"
    ),
    "family of the Benjamini-Hochberg correction": (
        "not told; families of one parameter contradict the printed conclusions, those of a task "
        "or of all twelve tests agree with them"
    ),
    "comparison of acquisition parameters": "no raw values are printed",
    "inter-reader agreement": (
        "the IoU threshold and several numbers of cases are not told, and no scores per case are "
        "printed"
    ),
    "per-lesion F1 by size": "the rule is not defined, and no lesions are printed",
    "mean of Task 1 in 2024": "printed 0.622, the six printed values average 0.6208",
}


def repeated_rows(cells: Iterable[Cell]) -> list[str]:
    """Competitors whose values of both references of Task 2 are the same: a row copied in error."""
    return [
        f"{name}, {cell.centre}: all values of combined are those of visible"
        for cell, names in _repeated(cells)
        for name in names
    ]


def different_predictions(cells: Sequence[Cell]) -> list[str]:
    """Competitors whose predicted lesions cannot be equally many against both references.

    The same prediction is scored twice, so the counts behind the printed precisions must agree.
    Cells whose counts cannot be rebuilt are named. Repeated rows are left out: they were scored
    against one reference only.
    """
    repeated = {cell.place: names for cell, names in _repeated(cells)}
    found = []
    counts: dict[tuple[str, str], list[RebuiltCounts]] = {}
    for cell in cells:
        if BLOCKS[cell.block].task == "task2":
            wrong = repeated.get(cell.place, [])
            kept = cell.only([name for name in cell.competitors if name not in wrong])
            try:
                counts[cell.block, cell.centre] = rebuild_counts(kept)
            except InputError as error:
                found.append(error.what)
    for (block, centre), mine in counts.items():
        others = {entry.competitor: entry for entry in counts.get(("combined", centre), ())}
        for one in mine if block == "visible" else ():
            two = others.get(one.competitor)
            if two is None or _overlap(one, two):
                continue
            found.append(
                f"{one.competitor}, {centre}: {one.predicted} predicted lesions against the "
                f"visible reference, {two.predicted} against the combined one"
            )
    return found


def _repeated(cells: Iterable[Cell]) -> list[tuple[Cell, list[str]]]:
    """Cells of the combined reference with those whose row repeats that of the visible one."""
    by_place = {(cell.block, cell.centre): cell for cell in cells}
    found = []
    for (block, centre), cell in by_place.items():
        other = by_place.get(("visible", centre))
        if block == "combined" and other is not None:
            rows = _rows(other)
            found.append(
                (
                    cell,
                    [
                        name
                        for name, row in _rows(cell).items()
                        if any(row) and rows.get(name) == row
                    ],
                )
            )
    return found


def _rows(cell: Cell) -> dict[str, list[float]]:
    """Competitor -> values of the metrics that rank against both references."""
    metrics = BLOCKS["combined"].metrics
    return {
        name: [float(cell.values[metric][row]) for metric in metrics]
        for row, name in enumerate(cell.competitors)
    }


def unlike_predictions(records: Iterable[CaseRecord]) -> list[str]:
    """Competitors whose predictions have other numbers of lesions against the other reference."""
    lesions: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    for record in records:
        if BLOCKS[record.block].task == "task2":
            cases = lesions.setdefault((record.competitor, record.centre), {})
            cases.setdefault(record.case, {})[record.block] = record.tp0 + record.fp0
    found = []
    for (competitor, centre), cases in lesions.items():
        wrong = [case for case, counts in cases.items() if len(set(counts.values())) > 1]
        if wrong:
            counts = cases[wrong[0]]
            found.append(
                f"{competitor}, {centre}: {len(wrong)} of {len(cases)} predictions have another "
                f"number of lesions against the other reference, the first is {wrong[0]} "
                f"({counts['visible']:g} visible, {counts['combined']:g} combined)"
            )
    return found


def _overlap(one: RebuiltCounts, two: RebuiltCounts) -> bool:
    if None in (one.predicted_low, two.predicted_low):
        return True
    return (one.predicted_low or 0) <= (two.predicted_high or 0) and (two.predicted_low or 0) <= (
        one.predicted_high or 0
    )
