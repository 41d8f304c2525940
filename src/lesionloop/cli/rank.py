"""``lesionloop rank``: the challenge's ranking of stored results, and how sure it is."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lesionloop.cli.console import JsonOption, print_json, print_table
from lesionloop.cli.rank_trials import (
    SCHEME,
    FamilyOption,
    LesionMeansOption,
    LesionsOption,
    MissingOption,
    OffTheShelfOption,
    PoolOption,
    RebuildOption,
    TieBreaksOption,
    TrialsArguments,
    run_trials,
)

NAME = "rank"
EXAMPLES = (
    "Examples: lesionloop rank results/ --out ranking/   ·   "
    "lesionloop rank team-a/ team-b/ --centres centres.csv --metric auc_dice=0.5 "
    "--metric auc_dmm=0.5 --scheme rank-then-aggregate   ·   "
    "lesionloop rank --scheme trials case_records.csv --out ranking/"
)


def run(
    results: Annotated[
        list[Path],
        typer.Argument(
            help="Folders that `evaluate` wrote, or tables like their scores.csv. For the scheme "
            "trials: tables of values per centre, or of records per case."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Gets ranking.html, ranking.csv, ranking.json and figures/*.svg."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="NAME=WEIGHT; the challenge's auc_dice=0.5 and auc_dmm=0.5 by default."),
    ] = None,
    scheme: Annotated[
        str,
        typer.Option(
            help="aggregate-then-rank, rank-then-aggregate, test-then-rank, or trials: the liver "
            "benchmark's."
        ),
    ] = "aggregate-then-rank",
    ties: Annotated[str, typer.Option(help="Rank of equal values: average or min.")] = "average",
    centres: Annotated[
        str | None,
        typer.Option(
            help="Where centres are told: `name` (tracer_centre_rest), or a CSV file with the "
            "columns case and centre."
        ),
    ] = None,
    lesion_free: Annotated[
        str,
        typer.Option(
            help="loop: lesion-free cases count, Dice 1 for an empty mask; evaluator: they do not."
        ),
    ] = "loop",
    resamples: Annotated[int, typer.Option(help="Of the bootstrap over cases.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 1,
    level: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    missing: MissingOption = None,
    off_the_shelf: OffTheShelfOption = None,
    pool: PoolOption = None,
    tie_breaks: TieBreaksOption = None,
    rebuild_penalties: RebuildOption = False,
    lesion_means: LesionMeansOption = None,
    family: FamilyOption = None,
    lesions: LesionsOption = None,
    json: JsonOption = False,
) -> None:
    """Rank algorithms as the challenge does, with intervals, tests and robustness."""
    from contextlib import nullcontext

    from lesionloop.cohort.results import EMPTY_RULES
    from lesionloop.cohort.standings import rank_results
    from lesionloop.errors import InputError
    from lesionloop.output import output_folder
    from lesionloop.ranking import CHALLENGE, Rules

    trials = TrialsArguments(
        missing, off_the_shelf, pool, tie_breaks, rebuild_penalties, lesion_means, family, lesions
    )
    facts = {"command": shlex.join(["lesionloop", *sys.argv[1:]])}
    if scheme == SCHEME:
        if metric or centres or lesion_free != "loop":
            raise InputError(
                f"--metric, --centres and --lesion-free do not go with --scheme {SCHEME}",
                cause="Its blocks name the metrics, and its tables the centres.",
            )
        run_trials(
            results, out, trials, ties=ties, bootstrap=(resamples, seed, level), facts=facts,
            json=json,
        )  # fmt: skip
        return
    trials.refuse()
    if lesion_free not in EMPTY_RULES:
        raise InputError(
            f"unknown rule {lesion_free!r} for --lesion-free",
            remedy=f"Use {' or '.join(EMPTY_RULES)}.",
        )
    weights = _weights(metric) if metric else dict(CHALLENGE.weights)
    rules = Rules(weights, scheme, ties)  # type: ignore[arg-type]  # Rules checks the names
    with output_folder(out) if out is not None else nullcontext():
        found = rank_results(
            results,
            out,
            rules=rules,
            centres=centres,
            empty="evaluator" if lesion_free == "evaluator" else "loop",
            resamples=resamples,
            seed=seed,
            level=level,
            facts=facts,
        )
    if json:
        print_json(found)
        return
    columns = ["place", "algorithm", "combined_rank"]
    if found["resamples"]:
        columns.insert(1, "interval")
    for name in weights:
        columns += [name, f"{name}_rank"]
    columns.append("missing_cases")
    print_table(
        [name.replace("_", " ") for name in columns],
        [[_shown(entry, name) for name in columns] for entry in found["algorithms"]],
        title=f"{found['scheme']}, {found['cases']} cases, "
        f"{found['lesion_free_cases']} without a lesion",
    )
    if out is not None:
        typer.echo(str(out / "ranking.html"))


def _weights(entries: list[str]) -> dict[str, float]:
    from lesionloop.errors import InputError

    weights = {}
    for entry in entries:
        name, _, text = entry.partition("=")
        try:
            weights[name] = float(text or 1)
        except ValueError as error:
            raise InputError(
                f"--metric {entry!r} is not NAME=WEIGHT", remedy="As in auc_dice=0.5."
            ) from error
    return weights


def _shown(entry: dict[str, Any], name: str) -> Any:
    if name == "interval":
        return f"{entry['place_low']} to {entry['place_high']}"
    return float("nan") if entry[name] is None else entry[name]
