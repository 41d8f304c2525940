"""The ranking of stored results: tables, figures and the report."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lesionloop.cohort.pictures import LAST_PICTURE
from lesionloop.cohort.results import CohortScores, EmptyRule, centres_of, read_results
from lesionloop.cohort.strata import strata_of
from lesionloop.errors import InputError
from lesionloop.output import finite, write_json, write_text
from lesionloop.ranking import CHALLENGE, Ranking, Rules, rank
from lesionloop.ranking.league import League, analyse
from lesionloop.ranking.schemes import SCHEMES
from lesionloop.reporting.pictures import png_size
from lesionloop.reporting.ranking_report import Extras, ranking_figures, write_ranking_report
from lesionloop.reporting.standalone import plain_svg_text
from lesionloop.versions import versions

__all__ = ["rank_results"]

#: Algorithms, the best ones, whose worst cases are shown, and cases of each.
_PICTURED = 3


def rank_results(
    places: Sequence[Path | str],
    out: Path | None = None,
    *,
    rules: Rules = CHALLENGE,
    centres: str | None = None,
    empty: EmptyRule = "loop",
    resamples: int = 1000,
    seed: int = 1,
    level: float = 0.95,
    facts: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Rank the algorithms of result folders.

    Args:
        places: folders that ``evaluate`` wrote, or tables in the form of their ``scores.csv``.
        out: gets ``ranking.json``, ``ranking.csv``, ``ranking.html`` and ``figures``.
        rules: of the ranking.
        centres: where the centre of a case is told, see ``centres_of``.
        empty: whether lesion-free cases count in the ranking.
        resamples, seed, level: of the bootstrap.
        facts: more lines for the report's last section, such as the command.

    Returns:
        What ``ranking.json`` holds.

    Raises:
        InputError: results cannot be read or ranked, or an option makes no sense.
        OutputError: ``out`` cannot be written.
    """
    scores = read_results(places)
    table = scores.table(centres_of(scores.cases, centres), empty=empty)
    if not table.cases:
        raise InputError(
            "no case is left to rank",
            cause="All cases are free of lesions.",
            remedy="Let them count with --lesion-free loop.",
        )
    free = scores.lesion_free if empty == "loop" else np.zeros(len(table.cases), dtype=np.bool_)
    league = analyse(table, rules, lesion_free=free, resamples=resamples, seed=seed, level=level)
    result = _as_json(league, scores, seed=seed, empty=empty)
    if out is not None:
        write_json(out / "ranking.json", result)
        write_text(out / "ranking.csv", _csv(result["algorithms"]))
        figures = ranking_figures(league)
        write_ranking_report(
            out / "ranking.html",
            title="Ranking",
            league=league,
            figures=figures,
            extras=_extras(scores, league),
            facts={
                "results": ", ".join(str(place) for place in places),
                "centres": centres or "not told",
                "lesion-free cases": f"{int(scores.lesion_free.sum())}, rule: {empty}",
                "bootstrap": f"{resamples} resamples, seed {seed}",
                **(facts or {}),
                **versions(),
            },
        )
        for name, figure in figures.items():
            write_text(out / "figures" / f"{name}.svg", plain_svg_text(figure))
    return result


def _as_json(
    league: League, scores: CohortScores, *, seed: int, empty: EmptyRule
) -> dict[str, Any]:
    ranking, boot = league.ranking, league.bootstrap
    entries = []
    for n in ranking.order:
        entry: dict[str, Any] = {
            "algorithm": ranking.algorithms[n],
            "place": int(ranking.place[n]),
            "combined_rank": float(ranking.combined[n]),
        }
        if boot is not None:
            low, high = boot.place_interval()[n]
            entry |= {"place_low": int(low), "place_high": int(high)}
        for name in ranking.means:
            entry[name] = finite(float(ranking.means[name][n]))
            if name in ranking.ranks:
                entry[f"{name}_rank"] = float(ranking.ranks[name][n])
            if boot is not None:
                low, high = boot.mean_interval(name)[n]
                entry |= {f"{name}_low": finite(float(low)), f"{name}_high": finite(float(high))}
        entry["missing_cases"] = int(league.table.missing[n].sum())
        entries.append(entry)
    tau = boot.tau if boot is not None else np.empty(0)
    without = league.without_empty
    return {
        "scheme": league.rules.scheme,
        "weights": dict(league.rules.weights),
        "ties": league.rules.ties,
        "lesion_free_rule": empty,
        "cases": len(league.table.cases),
        "lesion_free_cases": int(scores.lesion_free.sum()),
        "strategies": list(scores.strategies),
        "carried_forward": scores.carried,
        "resamples": 0 if boot is None else len(boot.places),
        "seed": seed,
        "level": None if boot is None else boot.level,
        "tau_median": finite(float(np.nanmedian(tau))) if np.isfinite(tau).any() else None,
        "algorithms": entries,
        "places_with_lesions_only": None if without is None else _places(without),
        "places_without_centre": {
            left.centre: {"tau": finite(float(left.tau)), "places": _places(left.ranking)}
            for left in league.left_out
        },
        "significantly_better": {
            name: [
                [league.table.algorithms[row], league.table.algorithms[column]]
                for row, column in np.argwhere(tests.better).tolist()
            ]
            for name, tests in league.tests.items()
        },
        "versions": versions(),
    }


def _places(ranking: Ranking) -> dict[str, int]:
    return {ranking.algorithms[n]: int(ranking.place[n]) for n in ranking.order}


def _extras(scores: CohortScores, league: League) -> Extras:
    numbers = range(len(scores.algorithms))
    others: dict[str, Ranking] = {}
    for scheme in SCHEMES:
        if scheme != league.rules.scheme:
            rules = Rules(league.rules.weights, scheme, league.rules.ties)
            others[scheme] = rank(league.table, rules)
    free = scores.lesion_free
    empty: list[float] = []
    if free.any():
        dice = scores.curves["dice"][:, free]
        empty = [float(np.nanmean(dice[n] == 1)) for n in numbers]
    return Extras(
        curves={
            label: [scores.mean_curve(column, n) for n in numbers]
            for label, column in (("Dice", "dice"), ("DMM", "dmm"))
        },
        strata=strata_of(league.table.cases, league.table.centres, scores.rows),
        other_schemes=others,
        carried=scores.carried,
        lesion_free_empty=empty,
        worst=_worst(scores, league),
        failures=[
            f"{scores.algorithms[a]}: no result for {scores.cases[c]}"
            for a, c in np.argwhere(scores.missing).tolist()
        ],
    )


def _worst(scores: CohortScores, league: League) -> list[tuple[str, bytes]]:
    """Caption and picture of the cases with the lowest areas under the Dice curve.

    Those of the best algorithm first, each case with the strategy that went worst.
    """
    found = []
    for algorithm in league.ranking.order[:_PICTURED]:
        name = scores.algorithms[algorithm]
        dice = scores.curves["dice"][algorithm]
        areas = np.trapezoid(dice, axis=-1) / max(dice.shape[-1] - 1, 1)
        areas = np.where(np.isnan(areas), np.inf, areas)  # runs without scores have no picture
        for case in np.argsort(areas.min(axis=1), kind="stable")[:_PICTURED]:
            strategy = int(areas[case].argmin())
            traces, segmenter = scores.traces[name]
            below = Path(segmenter, scores.strategies[strategy], scores.cases[case])
            last = dice[case, strategy, -1]
            caption = (
                f"{name}: {scores.cases[case]}, {scores.strategies[strategy]}, Dice {last:.2f}"
            )
            found += [(caption, png) for png in _last_picture(traces, below)]
    return found


def _last_picture(traces: Path, below: Path) -> list[bytes]:
    """The picture of a trace, if there is one that is a picture.

    The names come from a table that somebody sent: they must not lead out of the folder.
    """
    try:
        path = (traces / below / LAST_PICTURE).resolve()
        if not path.is_relative_to(traces.resolve()):
            return []
        png = path.read_bytes()
        png_size(png)
    except (OSError, InputError):
        return []
    return [png]


def _csv(entries: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(entries[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(entries)
    return text.getvalue()
