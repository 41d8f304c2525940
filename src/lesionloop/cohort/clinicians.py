"""The clinician-driven regime: recorded sessions of readers, replayed against any segmenter.

The sessions are the same for every algorithm, whatever its masks: what is compared is what each
makes of the same strokes. Traces go to ``<out>/traces/<segmenter>/reader-<name>/<case>``; a replay
that was interrupted goes on from there.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lesionloop.cohort.admission import available_memory, case_memory
from lesionloop.cohort.clinician_outputs import ReplayResult, write_replay
from lesionloop.cohort.recorded import find_sessions
from lesionloop.cohort.replaying import Replay, Replayed, lost_replay, replay_case
from lesionloop.cohort.runs import segmenter_labels
from lesionloop.cohort.workers import in_processes
from lesionloop.datasets import find_cases
from lesionloop.errors import InputError
from lesionloop.interaction.trace import remove_left_overs
from lesionloop.output import make_folder
from lesionloop.scribbles.strategies import require_strategy

__all__ = ["ReplayResult", "replay_sessions"]


def replay_sessions(
    dataset: Path | str,
    sessions: Path | str,
    out: Path | str,
    *,
    segmenters: Sequence[str] = ("default",),
    options: dict[str, Any] | None = None,
    own_errors: str | None = None,
    seed: int = 42,
    workers: int = 1,
    facts: Mapping[str, str] | None = None,
    on_result: Callable[[Replayed, int, int], None] | None = None,
) -> ReplayResult:
    """Play every recorded session against every segmenter; write traces, tables and the report.

    Args:
        dataset: folder in the nnU-Net layout; the cases with a session need a label.
        sessions: folder ``<reader>/<case>.json``, see ``find_sessions``.
        out: gets ``traces``, ``scores.csv``, ``cases.csv``, ``lesions.csv``, ``sessions.csv``,
            ``curves.csv``, ``agreement.csv``, ``summary.json`` and ``clinicians.html``; with own
            errors also ``reader-scores.csv``, the readers' lines of ``scores.csv`` alone.
        segmenters: registered names, or command:PROGRAM.
        options: for all of them.
        own_errors: strategy of a simulated reader that corrects each segmenter's own errors on
            the same cases, in as many steps as the case's longest session has.
        seed: of that reader.
        workers: cases at a time; 1 works in this process.
        facts: more lines for the report's last section, such as the command.
        on_result: called with each case and segmenter, how many are done and how many there are.

    A run that fails is recorded with its reason and does not stop the others.

    Raises:
        InputError: the data set, the sessions or an option make no sense, or every run failed.
        RuntimeError: every run failed, by a fault of the program.
        OutputError: ``out`` cannot be written.
    """
    if own_errors is not None:
        require_strategy(own_errors)
    labels = segmenter_labels(segmenters, options)
    found = find_sessions(sessions)
    cases = {case.name: case for case in find_cases(dataset, labelled=False)}
    strangers = [case for case in found.cases if case not in cases]
    if len(strangers) == len(found.cases):
        raise InputError(
            f"no session in {sessions} is of a case of {dataset}",
            cause=f"The first session is of {strangers[0]}, the first case is {next(iter(cases))}.",
            remedy="Name each session as its case.",
        )
    out = make_folder(Path(out))
    remove_left_overs(out)
    first = next(iter(labels))
    jobs = [
        Replay(
            cases[name],
            segmenter,
            options or {},
            label,
            {f.reader: f.session for f in found.files if f.case == name and f.session is not None},
            {
                f.reader: f.mask
                for f in found.files
                if f.case == name and f.mask is not None and segmenter == first
            },
            own_errors,
            seed,
            out / "traces" / label,
        )
        for name in found.cases
        if name in cases
        for segmenter, label in labels.items()
    ]
    order = {(job.files.name, job.label): number for number, job in enumerate(jobs)}
    results: list[Replayed] = []
    work = in_processes(
        replay_case, jobs, workers, lost=lost_replay,
        needs=[case_memory(job.files) for job in jobs], memory=available_memory(),
    )  # fmt: skip
    for result in work:
        results.append(result)
        if on_result:
            on_result(result, len(results), len(jobs))
    results.sort(key=lambda result: order[result.replay.files.name, result.replay.label])
    runs = [run for result in results for run in result.runs]
    if not any(run.rows and run.reader for run in runs):
        reason = next(run.failure for run in runs if run.failure)
        if any(run.is_fault for run in runs):
            raise RuntimeError(f"no session could be replayed: {reason}")
        raise InputError("no session could be replayed", cause=reason)
    notes = [f"no such case in the data set: {case}" for case in strangers]
    notes += [f"neither a session nor a mask: {path}" for path in found.ignored]
    return write_replay(out, found, results, list(labels.values()), notes=notes, facts=facts)
