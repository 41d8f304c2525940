"""One data set through the loop: cases x segmenters x strategies, in processes or on a cluster.

Every run leaves its trace in ``<out>/traces/<segmenter>/<strategy>/<case>``; an evaluation that was
interrupted goes on from there. Scores are written as runs finish (Parquet) and when all are done.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from lesionloop.cohort.admission import available_memory, case_memory, total_memory
from lesionloop.cohort.lesion_table import CaseRow, LesionRow
from lesionloop.cohort.pictures import read_pictures
from lesionloop.cohort.ray_engine import on_ray
from lesionloop.cohort.runs import Run, RunResult, lost_run, run_case, segmenter_labels
from lesionloop.cohort.scoring import ScoreRow
from lesionloop.cohort.tables import ScoreParts, csv_text
from lesionloop.cohort.workers import in_processes
from lesionloop.datasets import CaseFiles, find_cases
from lesionloop.errors import InputError
from lesionloop.interaction.readers import MODES, Mode
from lesionloop.interaction.trace import remove_left_overs
from lesionloop.output import make_folder, strict, write_json, write_text
from lesionloop.reporting import CaseReport, write_loop_report
from lesionloop.reporting.loop_records import group_cases
from lesionloop.scribbles import STRATEGIES
from lesionloop.scribbles.strategies import require_strategy
from lesionloop.versions import versions

__all__ = ["ENGINES", "Evaluation", "default_steps", "evaluate"]

ENGINES = ("local", "ray")

#: Runs with pictures in the report, the worst ones; all lie in the traces.
_MOST_PICTURED = 60


@dataclass(frozen=True)
class Evaluation:
    """All runs of an evaluation.

    Args:
        results: in the order of case, segmenter, strategy.
        summary: as written to ``summary.json``.
        skipped: cases that reference mode leaves out.
    """

    results: tuple[RunResult, ...]
    summary: dict[str, Any]
    skipped: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[RunResult, ...]:
        """Runs without scores."""
        return tuple(result for result in self.results if result.failure)


#: In place of a strategy: each case has one of the three, as in the challenge's first category.
THIRDS = "thirds"


def _of_case(strategy: str, case: str) -> str:
    """The strategy of a case; of thirds by a hash of its name, whatever else is in the cohort."""
    if strategy != THIRDS:
        return strategy
    digest = blake2b(case.encode(), digest_size=8).digest()
    return STRATEGIES[int.from_bytes(digest, "big") % len(STRATEGIES)]


def default_steps(mode: Mode) -> int:
    """Corrections by default: five (six predictions), and four in the released code."""
    return 5 if mode == "protocol" else 4


def evaluate(
    dataset: Path | str,
    out: Path | str,
    *,
    segmenters: Sequence[str] = ("default",),
    options: dict[str, Any] | None = None,
    strategies: Sequence[str] = ("centerline",),
    mode: Mode = "protocol",
    steps: int | None = None,
    seed: int = 42,
    workers: int = 1,
    engine: str = "local",
    memory: int | None = None,
    gpus: float = 0.0,
    facts: dict[str, str] | None = None,
    on_result: Callable[[RunResult, int, int], None] | None = None,
) -> Evaluation:
    """Run a data set through the loop and write traces, tables and the report.

    Args:
        dataset: folder in the nnU-Net layout, with labels.
        out: gets ``traces``, ``scores.csv``, ``lesions.csv``, ``cases.csv``, ``summary.json`` and
            ``report.html``; with pyarrow also ``scores.parquet``, a part per finished run.
        segmenters: registered names, or command:PROGRAM.
        options: for all of them.
        strategies: of the simulated reader; "thirds" gives every case one of the three, by its
            name, so that each has about a third of the cases.
        mode: "protocol" or "reference".
        steps: corrections after the first mask; None for the mode's default.
        seed: of the simulated reader.
        workers: runs at a time; 1 works in this process (unless on Ray).
        engine: "local" for processes here, "ray" for a cluster (see ``on_ray``).
        memory: what runs may need together, bytes; None for what is free. A run waits until it
            fits by an estimate from its headers, and has no result when it never can.
        gpus: of each run, on Ray.
        facts: more lines for the report's last section, such as the command.
        on_result: called with each result, how many are done and how many there are.

    A case that fails is recorded with its reason and does not stop the others.

    Raises:
        InputError: the data set or an option makes no sense, or every run failed.
        RuntimeError: every run failed, by a fault of the program.
        OutputError: ``out`` cannot be written.
    """
    steps = default_steps(mode) if steps is None else steps
    if steps < 0 or workers < 1:
        raise InputError("steps must be 0 or more and workers at least 1")
    if engine not in ENGINES:
        raise InputError(f"unknown engine {engine!r}", remedy=f"Use {' or '.join(ENGINES)}.")
    if mode not in MODES:
        raise InputError(f"unknown mode {mode!r}", remedy=f"Use {' or '.join(MODES)}.")
    for strategy in strategies:
        if strategy != THIRDS:
            require_strategy(strategy)
    labels = segmenter_labels(segmenters, options)
    out = make_folder(Path(out))
    remove_left_overs(out)
    cases = find_cases(dataset)
    skipped = [case.name for case in cases if mode == "reference" and _reference_skips(case)]
    runs = [
        Run(
            case, name, options or {}, strategy, mode, steps, seed,
            out / "traces" / labels[name] / strategy / case.name, labels[name],
        )
        for case in cases
        if case.name not in skipped
        for name in dict.fromkeys(segmenters)
        for strategy in dict.fromkeys(_of_case(strategy, case.name) for strategy in strategies)
    ]  # fmt: skip
    order = {run.folder: number for number, run in enumerate(runs)}
    results: list[RunResult] = []
    parts = ScoreParts(out)
    for result in _work(runs, workers, engine=engine, memory=memory, gpus=gpus):
        parts.add(result.rows)
        results.append(result)
        if on_result:
            on_result(result, len(results), len(runs))
    results.sort(key=lambda result: order[result.run.folder])
    good = [result for result in results if result.failure is None]
    if not good:
        if any(result.is_fault for result in results):
            raise RuntimeError(f"no run has a result: {results[0].failure}")
        reason = results[0].failure if results else "Every case is skipped in reference mode."
        raise InputError("no run has a result", cause=reason)
    summary = _summary(results, mode=mode, steps=steps, seed=seed, skipped=skipped)
    write_text(out / "scores.csv", csv_text(ScoreRow, [row for r in good for row in r.rows]))
    write_text(out / "lesions.csv", csv_text(LesionRow, [row for r in good for row in r.lesions]))
    cases_seen = {r.case.case: r.case for r in good if r.case is not None}
    write_text(out / "cases.csv", csv_text(CaseRow, list(cases_seen.values())))
    write_json(out / "summary.json", summary)
    write_loop_report(
        out / "report.html",
        title=f"Interactive evaluation of {Path(dataset).resolve().name}",
        cases=_with_pictures(good),
        facts={
            "mode": mode,
            "steps": str(steps),
            "seed": str(seed),
            **{f"failed: {r.run.files.name}": str(r.failure) for r in results if r.failure},
            **({"skipped": ", ".join(skipped)} if skipped else {}),
            **(facts or {}),
            **versions(),
        },
    )
    return Evaluation(tuple(results), summary, tuple(skipped))


def _work(
    runs: Sequence[Run], workers: int, *, engine: str, memory: int | None, gpus: float
) -> Iterator[RunResult]:
    """Results as they come; runs that cannot fit come first, with the reason."""
    of_case = {run.files.name: run.files for run in runs}
    needs = {name: case_memory(files) for name, files in of_case.items()}
    most = memory if memory is not None or engine == "ray" else total_memory()
    fitting = []
    for run in runs:
        need = needs[run.files.name]
        if most is not None and need > most:
            yield lost_run(run, _too_large(run.files, need, most))
        else:
            fitting.append(run)
    of_run = [needs[run.files.name] for run in fitting]
    if engine == "ray":
        yield from on_ray(
            run_case, fitting, workers=workers, lost=lost_run, needs=of_run, gpus=gpus
        )
        return
    yield from in_processes(
        run_case,
        fitting,
        workers,
        lost=lost_run,
        needs=of_run,
        memory=available_memory() if memory is None else memory,
    )


def _too_large(files: CaseFiles, need: int, most: int) -> str:
    images = " and ".join(str(path) for path in (files.pet, files.ct) if path is not None)
    return (
        f"not started: by the headers of {images} it needs about {need / 2**30:.1f} GiB of memory, "
        f"and there are {most / 2**30:.1f}"
    )


def _with_pictures(results: Sequence[RunResult]) -> list[CaseReport]:
    """The reports of the runs; the worst by their last Dice get their pictures."""
    reports = [(result.run, result.report) for result in results if result.report is not None]
    by_score = sorted(range(len(reports)), key=lambda n: reports[n][1].steps[-1].dice)
    pictured = set(by_score[:_MOST_PICTURED])
    return [
        replace(report, pictures=read_pictures(run.folder, report.steps[-1].step))
        if number in pictured
        else report
        for number, (run, report) in enumerate(reports)
    ]


def _reference_skips(case: CaseFiles) -> bool:
    """Whether the released loop would silently leave a case out (autoPET V spec, 3.4)."""
    path = str(case.ct or case.pet)
    return "fdg" in path or "198" in path


def _summary(results: list[RunResult], **facts: Any) -> dict[str, Any]:
    groups = group_cases([r.report for r in results if r.report is not None])
    return {
        **facts,
        "results": [
            {
                "segmenter": group.segmenter,
                "strategy": group.strategy,
                **strict(asdict(group.summary)),
            }
            for group in groups
        ],
        "failures": [
            {
                "case": result.run.files.name,
                "segmenter": result.run.label,
                "strategy": result.run.strategy,
                "reason": result.failure,
            }
            for result in results
            if result.failure
        ],
        "versions": versions(),
    }
