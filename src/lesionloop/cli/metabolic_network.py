"""``lesionloop metabolic-network``: which organs' uptake goes together over a cohort."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lesionloop.cli.console import JsonOption, note, print_json, print_table, progress

if TYPE_CHECKING:
    from lesionloop.metabolic.inference import Rule

NAME = "metabolic-network"
EXAMPLES = (
    "Examples: lesionloop metabolic-network quantified/organs.csv --out network/   ·   "
    "lesionloop metabolic-network organs.csv --covariates people.csv --groups diagnosis "
    "--reference healthy --density 0.2 --out network/"
)
_STEPS = 100


def run(
    table: Annotated[
        Path,
        typer.Argument(
            help="organs.csv of `quantify`, or a row per subject and a column per organ (CSV, "
            "Parquet)."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="Gets edges.csv, nodes.csv, matrix.csv, summary.json, report.html and figures."
        ),
    ],
    covariates: Annotated[
        Path | None, typer.Option(help="A row per subject: age, sex, injected dose, group, ...")
    ] = None,
    covariate: Annotated[
        list[str] | None,
        typer.Option(help="Column to regress out; all but --groups by default. Repeatable."),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            help="Column of the covariates with the group: a network each; two are tested."
        ),
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="Group that every single subject is held against.")
    ] = None,
    organ: Annotated[
        list[str] | None, typer.Option(help="Organ to use; all by default. Repeatable.")
    ] = None,
    value: Annotated[
        str, typer.Option(help="Of an organ: mean, peak, liver-ratio or blood-ratio.")
    ] = "mean",
    missing: Annotated[
        str,
        typer.Option(
            help="listwise: leave out subjects that lack a value; drop-organs: first leave out "
            "organs that some subject lacks."
        ),
    ] = "listwise",
    estimator: Annotated[
        str, typer.Option(help="pearson, ledoit-wolf, oas or glasso.")
    ] = "pearson",
    partial: Annotated[
        bool | None,
        typer.Option(
            help="Partial correlation, all other organs held fixed; glasso's default.",
            show_default=False,
        ),
    ] = None,
    density: Annotated[
        float | None, typer.Option(help="Edges: this share of all pairs, the strongest.")
    ] = None,
    least_r: Annotated[
        float | None, typer.Option(help="Edges: coefficients of at least this size.")
    ] = None,
    alpha: Annotated[
        float, typer.Option(help="Edges otherwise: false discovery rate. Not for glasso.")
    ] = 0.05,
    bootstrap: Annotated[int, typer.Option(help="Resamples of the subjects; 0 for none.")] = 1000,
    permutations: Annotated[int, typer.Option(help="Of two groups; 0 for no test.")] = 1000,
    level: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Of all that is by chance.")] = 1,
    parquet: Annotated[bool, typer.Option("--parquet", help="Tables as Parquet as well.")] = False,
    json: JsonOption = False,
) -> None:
    """Make the network between organs over a cohort, with intervals, tests and figures.

    A run takes seconds and writes its files at the end, so there is nothing to resume.
    """
    from lesionloop.metabolic import Options, analyse, read_cohort
    from lesionloop.metabolic.estimators import EXTRA
    from lesionloop.metabolic.files import require_parquet, write_analysis
    from lesionloop.output import output_folder
    from lesionloop.packages import load_package
    from lesionloop.progress import watched
    from lesionloop.versions import versions

    load_package("networkx", EXTRA)
    if parquet:
        require_parquet()
    kind = "partial" if (estimator == "glasso" if partial is None else partial) else "correlation"
    options = Options(
        estimator=estimator,  # type: ignore[arg-type]  # Options checks the names
        kind=kind,  # type: ignore[arg-type]
        rule=_rule(estimator, density, least_r, alpha),
        level=level,
        bootstrap=bootstrap,
        permutations=permutations,
        reference=reference,
        seed=seed,
    )
    with output_folder(out):
        cohort = read_cohort(
            table,
            covariates,
            value=value,  # type: ignore[arg-type]  # checked there
            organs=organ or (),
            use=covariate or (),
            groups=groups,
            missing=missing,  # type: ignore[arg-type]
        )
        with (
            progress("resampling", _STEPS) as bar,
            watched(lambda part: bar.update(round(part * _STEPS))),
        ):
            analysis = analyse(cohort, options)
        facts = {
            "command": shlex.join(["lesionloop", *sys.argv[1:]]),
            "table": str(table),
            "seed": str(seed),
            **versions(),
        }
        found = write_analysis(out, analysis, facts, parquet=parquet)
    for line in cohort.notes:
        note(line)
    if permutations and len(analysis.networks) > 2:
        note(f"There are {len(analysis.networks)} groups; the test needs just two.")
    if json:
        print_json(found)
        return
    columns = ("subjects", "edges", "density", "global_efficiency", "mean_clustering", "modularity")
    print_table(
        ["network", *(name.replace("_", " ") for name in columns)],
        [
            [name, *(float("nan") if entry[key] is None else entry[key] for key in columns)]
            for name, entry in found["networks"].items()
        ],
    )
    if "comparison" in found:
        print_table(
            ["of the difference", "value", "p"],
            [
                [name.replace("_", " "), entry["difference"], entry["p"]]
                for name, entry in found["comparison"]["global"].items()
            ],
        )
    typer.echo(str(out / "report.html"))


def _rule(estimator: str, density: float | None, least_r: float | None, alpha: float) -> "Rule":
    from lesionloop.errors import InputError
    from lesionloop.metabolic.inference import Rule

    if density is not None and least_r is not None:
        raise InputError("--density and --least-r exclude each other", remedy="Give one of them.")
    if density is not None:
        return Rule("density", density)
    if least_r is not None:
        return Rule("least-r", least_r)
    return Rule("nonzero") if estimator == "glasso" else Rule("fdr", alpha)
