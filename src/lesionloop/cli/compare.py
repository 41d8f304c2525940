"""``lesionloop compare``: networks of recipes, trained and measured alike."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lesionloop.cli.console import (
    JsonOption,
    SegmentersOption,
    note,
    parse_points,
    print_json,
    print_table,
    progress,
)
from lesionloop.cli.devices import training_device

NAME = "compare"
EXAMPLES = (
    "Examples: lesionloop compare recipes/baselines/*.toml --on phantoms --out runs/baselines"
    "   ·   lesionloop compare my.toml other.toml --data data/ --on data/held_out "
    "--segmenter default --untrained --out runs/compared"
)

#: In place of a data set.
_PHANTOMS = "phantoms"


def run(
    out: Annotated[
        Path, typer.Option(help="Gets a folder per network, comparison.csv and .json, dice.svg.")
    ],
    on: Annotated[
        str,
        typer.Option(
            help="nnU-Net folder with imagesTr and labelsTr to measure on, or `phantoms`: "
            "synthetic studies, made once in OUT."
        ),
    ],
    recipes: Annotated[
        list[Path] | None, typer.Argument(help="Recipes of any method, as of `lesionloop train`.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Where the recipes' folders are; else beside each recipe.")
    ] = None,
    segmenter: SegmentersOption = None,
    untrained: Annotated[
        bool, typer.Option("--untrained", help="Measure each network before training as well.")
    ] = False,
    points: Annotated[str, typer.Option(help="Score after so many points.")] = "1,3,5",
    target: Annotated[
        str,
        typer.Option(help="all: everything labelled. lesions: each connected lesion by itself."),
    ] = "all",
    smallest_ml: Annotated[float, typer.Option(help="Leave smaller objects out.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the points.")] = 0,
    phantoms: Annotated[int, typer.Option(help="How many, with --on phantoms.")] = 6,
    steps: Annotated[
        int | None,
        typer.Option(help="Stop each training after so many steps; go on by running again."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="CPU threads.")] = None,
    json: JsonOption = False,
) -> None:
    """Train recipes and compare their networks: the same objects, the same points.

    Interrupted, it goes on; what is trained is not trained again.
    """
    from lesionloop.cohort.comparing import Contestant, compare, require_distinct
    from lesionloop.cohort.phantom_data import write_phantoms
    from lesionloop.datasets.nnunet import find_cases
    from lesionloop.errors import InputError
    from lesionloop.output import output_folder
    from lesionloop.segmenters import load_segmenter

    if not recipes and not segmenter:
        raise InputError("there is nothing to compare", remedy="Give recipes, or --segmenter NAME.")
    if steps is not None and steps < 1:
        raise InputError(f"--steps must be 1 or more, not {steps}")
    options = _options(points, target, smallest_ml, seed)
    ready = [
        Contestant(name, name, {"threads": threads} if threads and name == "default" else {})
        for name in segmenter or ()
    ]
    for one in ready:
        load_segmenter(one.segmenter, **one.options)
    stems = [path.stem for path in recipes or ()]
    before = [f"{stem}-untrained" for stem in stems] if untrained else []
    require_distinct([*stems, *before, *(one.name for one in ready)])
    dataset = out / _PHANTOMS if on == _PHANTOMS else Path(on)
    if on != _PHANTOMS:
        find_cases(dataset)
    candidates = _read(recipes, data, device, threads)
    contestants: list[Contestant] = []
    with output_folder(out), progress("comparing", None) as bar:
        if on == _PHANTOMS:
            write_phantoms(
                dataset, phantoms, on_case=lambda name, done, total: bar.update(done, name, total)
            )
        for number, (candidate, train) in enumerate(candidates):
            note(f"{candidate.name}, network {number + 1} of {len(candidates)}")
            contestants.append(train(candidate, out, report=bar.update, until=steps))
            if untrained:
                contestants.append(train(candidate, out, report=bar.update, untrained=True))
        found = compare(
            [*contestants, *ready],
            dataset,
            out,
            options,
            lambda name, done, total: bar.update(done, name, total),
        )
    if json:
        print_json(found)
    else:
        _print(found)
        typer.echo(str(out / "dice.svg"))


def _read(
    recipes: list[Path] | None, data: Path | None, device: str, threads: int | None
) -> list[tuple[Any, Any]]:
    """What is to be trained, and the function that does it; ready segmenters need no PyTorch."""
    if not recipes:
        return []
    device = training_device(device, threads)
    from functools import partial

    from lesionloop.training.comparison import read_candidate, train_candidate

    train = partial(train_candidate, device=device, threads=threads)
    return [(read_candidate(path, data), train) for path in recipes]


def _options(points: str, target: str, smallest_ml: float, seed: int) -> Any:
    from lesionloop.cohort.comparing import COMPARED_TARGETS
    from lesionloop.cohort.point_scores import PointOptions
    from lesionloop.errors import InputError

    counts = parse_points([points])
    if target not in COMPARED_TARGETS:
        raise InputError(
            f"unknown target {target!r}", remedy=f"Use {' or '.join(COMPARED_TARGETS)}."
        )
    return PointOptions(points=counts, target=target, smallest_ml=smallest_ml, seed=seed)


def _print(found: dict[str, Any]) -> None:
    counts = found["protocol"]["points"]
    scores = [f"{name} {n}" for name in ("Dice", "NSD") for n in counts]
    rows = []
    for network in found["networks"]:
        facts = [network["name"], network["steps"], network["parameters_million"]]
        seconds = network["training_seconds"]
        facts.append(None if seconds is None else seconds / 60)
        medians = [
            entry[f"{name}_median"] for name in ("dice", "nsd") for entry in network["scores"]
        ]
        rows.append([*facts, *medians, network["first_seconds"], network["further_seconds"]])
    print_table(
        ["network", "steps", "M parameters", "minutes", *scores, "s first", "s further"],
        [[float("nan") if value is None else value for value in row] for row in rows],
        title=f"{found['dataset']}: medians after points, {found['protocol']['target']}",
    )
