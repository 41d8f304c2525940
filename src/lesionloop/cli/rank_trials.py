"""``lesionloop rank --scheme trials``: the liver benchmark's ranking, and its options."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lesionloop.cli.console import note, print_json, print_table

if TYPE_CHECKING:
    from lesionloop.ranking.trials.analysis import TrialsOptions

SCHEME = "trials"
PANEL = "Scheme trials"

MissingOption = Annotated[
    str | None,
    typer.Option(
        help="Submission that is missing: worst (values, by default) or skip.",
        rich_help_panel=PANEL,
    ),
]
OffTheShelfOption = Annotated[
    list[str] | None,
    typer.Option(help="Name of a model that is no team. Repeatable.", rich_help_panel=PANEL),
]
PoolOption = Annotated[
    str | None,
    typer.Option(
        help="Who is ranked: all (by default), or challenge, without off-the-shelf models.",
        rich_help_panel=PANEL,
    ),
]
TieBreaksOption = Annotated[
    Path | None,
    typer.Option(
        help="CSV table of declared orders of equal values: block, centre, metric, better, worse.",
        rich_help_panel=PANEL,
    ),
]
RebuildOption = Annotated[
    bool,
    typer.Option(
        "--rebuild-penalties",
        help="Replace RVD and distances of printed tables by the penalty term of the counts "
        "behind precision and recall.",
        rich_help_panel=PANEL,
    ),
]
LesionMeansOption = Annotated[
    str | None,
    typer.Option(
        help="Lesion scores of records: penalised (by default) or accepted lesions only.",
        rich_help_panel=PANEL,
    ),
]
FamilyOption = Annotated[
    str | None,
    typer.Option(
        help="Tests of centres that are corrected together: all (by default), task or parameter.",
        rich_help_panel=PANEL,
    ),
]
LesionsOption = Annotated[
    Path | None,
    typer.Option(
        help="CSV table of lesions, for detection by size: competitor, side, volume_mm3, matched.",
        rich_help_panel=PANEL,
    ),
]

_POOLS = ("all", "challenge")


@dataclass(frozen=True)
class TrialsArguments:
    """The options of this scheme as they are given; None and empty are the defaults."""

    missing: str | None
    off_the_shelf: list[str] | None
    pool: str | None
    tie_breaks: Path | None
    rebuild_penalties: bool
    lesion_means: str | None
    family: str | None
    lesions: Path | None

    def refuse(self) -> None:
        """Say that an option is of this scheme only.

        Raises:
            InputError: one is given.
        """
        from lesionloop.errors import InputError

        for field in fields(self):
            if getattr(self, field.name):
                raise InputError(
                    f"--{field.name.replace('_', '-')} is an option of --scheme {SCHEME}",
                    remedy="Leave it out, or give the scheme.",
                )


def run_trials(
    results: list[Path],
    out: Path | None,
    given: TrialsArguments,
    *,
    ties: str,
    bootstrap: tuple[int, int, float],
    facts: dict[str, str],
    json: bool,
) -> None:
    """Rank, write and print.

    Args:
        results: tables, or folders with a table of records.
        out: folder for the outputs.
        given: options of the scheme.
        ties: rank of equal values.
        bootstrap: resamples, seed and level.
        facts: for the report.
        json: print JSON.
    """
    from contextlib import nullcontext

    from lesionloop.cohort.trials_standings import rank_trials
    from lesionloop.output import output_folder

    options = _options(given, ties, bootstrap)
    with output_folder(out) if out is not None else nullcontext():
        found = rank_trials(
            results,
            out,
            options=options,
            tie_breaks=given.tie_breaks,
            lesions=given.lesions,
            facts=facts,
        )
    if json:
        print_json(found)
        return
    for task in dict.fromkeys(row["task"] for row in found["ranking"]):
        _print_task(task, [row for row in found["ranking"] if row["task"] == task])
    for warning in found["warnings"]:
        note(warning)
    if out is not None:
        typer.echo(str(out / "ranking.html"))


def _options(
    given: TrialsArguments, ties: str, bootstrap: tuple[int, int, float]
) -> "TrialsOptions":
    from lesionloop.errors import InputError
    from lesionloop.ranking.trials.analysis import TrialsOptions
    from lesionloop.ranking.trials.standings import TrialsRules

    pool = given.pool or "all"
    if pool not in _POOLS:
        raise InputError(f"unknown pool {pool!r}", remedy=f"Use {' or '.join(_POOLS)}.")
    models = frozenset(given.off_the_shelf or ())
    if pool == "challenge" and not models:
        raise InputError(
            "--pool challenge needs the names of the models that are no teams",
            remedy="Give each with --off-the-shelf NAME.",
        )
    resamples, seed, level = bootstrap
    missing, means, family = given.missing, given.lesion_means, given.family
    # What is unknown is refused where it is used.
    return TrialsOptions(
        rules=TrialsRules(
            ties,  # type: ignore[arg-type]
            missing or "worst",  # type: ignore[arg-type]
            models if pool == "challenge" else frozenset(),
        ),
        not_teams=models,
        rebuild_penalties=given.rebuild_penalties,
        lesion_means=means or "penalised",  # type: ignore[arg-type]
        family=family or "all",  # type: ignore[arg-type]
        resamples=resamples,
        seed=seed,
        level=level,
    )


def _print_task(task: str, rows: list[dict[str, Any]]) -> None:
    cells = [name for name in rows[0] if "/" in name]
    columns = ["place", "competitor", "average_rank", *cells]
    if "place_low" in rows[0]:
        columns.insert(1, "interval")
    print_table(
        [
            name.removesuffix("_rank") if name in cells else name.replace("_", " ")
            for name in columns
        ],
        [[_shown(row, name) for name in columns] for row in rows],
        title=task,
    )


def _shown(row: dict[str, Any], name: str) -> Any:
    if name == "interval":
        return f"{row['place_low']} to {row['place_high']}"
    return float("nan") if row[name] is None else row[name]
