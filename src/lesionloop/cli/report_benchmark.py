"""``lesionloop report-benchmark``: reports written by models, judged against references."""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lesionloop.cli.console import JsonOption, note, print_json, print_table, progress

if TYPE_CHECKING:
    from lesionloop.report_benchmark.leaderboard import Board
    from lesionloop.report_benchmark.runners import Runner, Sampling

NAME = "report-benchmark"
_KEY = "LESIONLOOP_API_KEY"

commands = typer.Typer(
    help="Let models write PET/CT reports, and score them against reference reports.",
    epilog=f"A key for the model's server comes from the environment: {_KEY}.",
    no_args_is_help=True,
)

RecordsArgument = Annotated[Path, typer.Argument(help="Prompt records, JSON lines.")]
DataOption = Annotated[
    Path | None,
    typer.Option(help="Folder that image paths start from; default: that of the records."),
]
LanguageOption = Annotated[
    str | None, typer.Option(help="zh or en; default: that of the references.")
]
TokensOption = Annotated[
    str | None,
    typer.Option(help="characters, jieba or words; default: characters for zh, words for en."),
]
TemplateOption = Annotated[
    Path | None, typer.Option(help="Text of another template for the baseline.")
]
OrgansOption = Annotated[
    Path | None, typer.Option(help="TOML file with other organs and cues of the extractor.")
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="An organ not spoken of has no state; else it is normal.")
]
ImpressionOption = Annotated[str, typer.Option(help="keep, or drop the impression of both texts.")]
ResamplesOption = Annotated[int, typer.Option(help="Of the bootstrap over patients; 0: none.")]
SeedOption = Annotated[int, typer.Option(help="Of the bootstrap.")]
LevelOption = Annotated[float, typer.Option(help="Of the intervals.")]


@commands.command(
    epilog="Example: lesionloop report-benchmark prepare dataset/ reports/ --out bench/"
)
def prepare(
    dataset: Annotated[Path, typer.Argument(help="nnU-Net folder of studies with PET and CT.")],
    reports: Annotated[Path, typer.Argument(help="Folder of <case>.txt, the references.")],
    out: Annotated[Path, typer.Option(help="Gets records.jsonl and images/.")],
    mode: Annotated[
        str, typer.Option(help="fused: colour PET over CT; separate: PET and CT apart.")
    ] = "fused",
    slices: Annotated[
        str,
        typer.Option(
            help="Parts of the body's depth from the front, such as 0.25,0.5,0.75; or numbers of "
            "slices, such as 90,100,110."
        ),
    ] = "0.25,0.5,0.75",
    language: Annotated[str, typer.Option(help="Of the instruction: zh or en.")] = "zh",
    suv_max: Annotated[float, typer.Option(help="SUV of the strongest colour.")] = 10.0,
    height: Annotated[int, typer.Option(help="Of a picture, pixels.")] = 768,
    json: JsonOption = False,
) -> None:
    """Make records from studies and reference reports."""
    from lesionloop.errors import InputError
    from lesionloop.output import output_folder
    from lesionloop.report_benchmark.prepare import prepare as make
    from lesionloop.report_benchmark.slices import SliceRule

    if mode not in ("fused", "separate"):
        raise InputError(f"unknown mode {mode!r}", remedy="Use fused or separate.")
    depths, indices = _slices(slices)
    rule = SliceRule(
        depths=depths or (0.5,),
        indices=indices,
        fused=mode == "fused",
        suv_max=suv_max,
        height_px=height,
    )
    with output_folder(out), progress("drawing", None) as bar:
        records = make(
            dataset, reports, out, rule=rule, language=language,
            on_case=lambda name, done, total: bar.update(done, label=name, total=total),
        )  # fmt: skip
    path = out / "records.jsonl"
    if json:
        print_json({"records": path, "patients": len(records), "slices": rule.facts()})
    else:
        note(f"{len(records)} records")
        typer.echo(str(path))


@commands.command(
    epilog="Example: lesionloop report-benchmark run bench/records.jsonl --out model.jsonl "
    "--url http://localhost:8000/v1 --model my-vlm"
)
def run(
    records: RecordsArgument,
    out: Annotated[Path, typer.Option(help="Result records; a repeated run goes on there.")],
    url: Annotated[
        str | None, typer.Option(help="Root of an OpenAI-compatible chat interface.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Name at the server, or without --url a folder for transformers."),
    ] = None,
    data: DataOption = None,
    temperature: Annotated[float, typer.Option(help="0: the likeliest word each time.")] = 0.0,
    top_p: Annotated[float, typer.Option(help="Part of the probability to draw from.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the model's drawing.")] = 1,
    max_tokens: Annotated[int, typer.Option(help="Longest answer, tokens.")] = 2048,
    workers: Annotated[int, typer.Option(help="Requests at a time.")] = 1,
    per_minute: Annotated[float, typer.Option(help="Requests a minute at most; 0: any.")] = 0.0,
    timeout: Annotated[float, typer.Option(help="Silence that is taken for an end, s.")] = 300.0,
    tries: Annotated[int, typer.Option(help="Requests at most for one answer.")] = 5,
    device: Annotated[str | None, typer.Option(help="Of a local model: cuda or cpu.")] = None,
    json: JsonOption = False,
) -> None:
    """Ask a model for the report of every record. Interrupted, it goes on where it was."""
    from lesionloop.errors import GatewayError
    from lesionloop.report_benchmark.records import read_prompts
    from lesionloop.report_benchmark.runners import Sampling
    from lesionloop.report_benchmark.running import ask_all

    sampling = Sampling(temperature, top_p, seed, max_tokens)
    prompts = read_prompts(records, data)
    runner = _runner(url, model, sampling, (timeout, tries, per_minute), device)
    with progress("asking", len(prompts)) as bar:
        result = ask_all(
            prompts,
            runner,
            out,
            workers=workers,
            on_answer=lambda name, done, total: bar.update(done, label=name, total=total),
        )
    for patient, cause in result.failures.items():
        note(f"{patient}: no answer: {cause}")
    note(f"{result.asked} answers, {result.kept} were there already")
    if json:
        print_json(
            {"results": out, "asked": result.asked, "kept": result.kept,
             "failures": result.failures, "settings": runner.settings}
        )  # fmt: skip
    else:
        typer.echo(str(out))
    if result.failures:
        raise GatewayError(
            f"{len(result.failures)} of {len(prompts)} records have no answer",
            remedy="The same command asks for them again; scoring counts them as empty.",
        )


@commands.command(
    epilog="Example: lesionloop report-benchmark score bench/records.jsonl model.jsonl"
)
def score(
    records: RecordsArgument,
    results: Annotated[Path, typer.Argument(help="Result records of one system.")],
    data: DataOption = None,
    language: LanguageOption = None,
    tokens: TokensOption = None,
    template: TemplateOption = None,
    organs: OrgansOption = None,
    strict: StrictOption = False,
    impression: ImpressionOption = "keep",
    resamples: ResamplesOption = 1000,
    seed: SeedOption = 1,
    level: LevelOption = 0.95,
    json: JsonOption = False,
) -> None:
    """Score the reports of a system beside the unedited template."""
    board = _board(
        records, {results.stem: results}, data, language, tokens, template, organs, strict,
        impression, resamples, seed, level,
    )  # fmt: skip
    _show(board, json=json)


@commands.command(
    epilog="Example: lesionloop report-benchmark leaderboard bench/records.jsonl --out board/ "
    "model-a=a.jsonl model-b=b.jsonl"
)
def leaderboard(
    records: RecordsArgument,
    systems: Annotated[list[str], typer.Argument(help="NAME=FILE of the results of each system.")],
    out: Annotated[
        Path, typer.Option(help="Gets leaderboard.html, leaderboard.md, .csv and .json.")
    ],
    data: DataOption = None,
    language: LanguageOption = None,
    tokens: TokensOption = None,
    template: TemplateOption = None,
    organs: OrgansOption = None,
    strict: StrictOption = False,
    impression: ImpressionOption = "keep",
    resamples: ResamplesOption = 1000,
    seed: SeedOption = 1,
    level: LevelOption = 0.95,
    json: JsonOption = False,
) -> None:
    """Order systems by their overall score, with intervals, beside the unedited template."""
    from lesionloop.output import output_folder
    from lesionloop.report_benchmark.board_files import write_board

    with output_folder(out):
        board = _board(
            records, _named(systems), data, language, tokens, template, organs, strict,
            impression, resamples, seed, level,
        )  # fmt: skip
        write_board(out, board, facts={"command": shlex.join(["lesionloop", *sys.argv[1:]])})
    _show(board, json=json)
    if not json:
        typer.echo(str(out / "leaderboard.html"))


def _board(
    records: Path,
    systems: dict[str, Path],
    data: Path | None,
    language: str | None,
    tokens: str | None,
    template: Path | None,
    organs: Path | None,
    strict: bool,
    impression: str,
    resamples: int,
    seed: int,
    level: float,
) -> "Board":
    from lesionloop.report_benchmark.evaluation import Choices, evaluate_systems

    choices = Choices(language, tokens, template, organs, strict, impression)
    with progress("scoring", len(systems) + 1) as bar:
        return evaluate_systems(
            records, systems, choices, data=data, resamples=resamples, seed=seed, level=level,
            on_system=lambda name, done: bar.update(done, label=name),
        )  # fmt: skip


def _show(board: "Board", *, json: bool) -> None:
    from lesionloop.report_benchmark.board_files import board_content, board_table

    for row in board.rows:
        told = ", ".join(f"{count} {kind}" for kind, count in row.failures.items() if count)
        if told:
            note(f"{row.name}: {told}")
    if json:
        print_json(board_content(board))
        return
    columns, rows = board_table(board)
    print_table(columns, rows, title=f"{board.patients} patients")
    for name, value in board.settings.items():
        note(f"{name}: {value}")


def _runner(
    url: str | None,
    model: str | None,
    sampling: "Sampling",
    link: tuple[float, int, float],
    device: str | None,
) -> "Runner":
    from lesionloop.errors import InputError

    if model is None:
        raise InputError("no model is named", remedy="Give --model.")
    if url is None:
        from lesionloop.report_benchmark.runners.local_model import LocalModel

        return LocalModel(Path(model), sampling=sampling, device=device)
    if device is not None:
        raise InputError("--device does not go with --url", remedy="The server chooses its device.")
    try:
        from lesionloop.report_benchmark.runners.openai_chat import OpenAiChat
    except ImportError as error:
        if error.name not in ("requests", "urllib3"):
            raise
        raise InputError(
            "asking a server needs the package requests",
            remedy="Install it: pip install 'lesionloop[reports]'.",
        ) from error
    timeout, tries, per_minute = link
    chat = OpenAiChat(
        url, model, key=os.environ.get(_KEY) or None, sampling=sampling, timeout_s=timeout,
        tries=tries, per_minute=per_minute,
    )  # fmt: skip
    if not chat.is_private:
        note("the way to the server is not encrypted: others on it can read images and key")
    return chat


def _slices(text: str) -> tuple[tuple[float, ...], tuple[int, ...] | None]:
    """Parts of the depth, or numbers of slices."""
    from lesionloop.errors import InputError

    words = [word.strip() for word in text.split(",")]
    try:
        if all(word.isdigit() for word in words):
            return (), tuple(int(word) for word in words)
        return tuple(float(word) for word in words), None
    except ValueError as error:
        raise InputError(
            f"--slices {text!r} is neither parts nor numbers",
            remedy="As in 0.25,0.5,0.75 or 90,100,110.",
        ) from error


def _named(systems: list[str]) -> dict[str, Path]:
    from lesionloop.errors import InputError

    found: dict[str, Path] = {}
    for entry in systems:
        name, equals, path = entry.partition("=")
        if not equals or not name.strip() or not path or name in found:
            raise InputError(
                f"{entry!r} is not NAME=FILE, or its name is there twice",
                remedy="As in model-a=a.jsonl.",
            )
        found[name] = Path(path)
    return found
