"""From files of records and results to a leaderboard."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lesionloop.errors import InputError
from lesionloop.report_benchmark.extract import RuleExtractor
from lesionloop.report_benchmark.leaderboard import (
    BASELINE,
    Board,
    baseline_results,
    make_board,
    references_of,
)
from lesionloop.report_benchmark.prepare import read_report
from lesionloop.report_benchmark.prompts import template_report
from lesionloop.report_benchmark.records import read_prompts, read_results
from lesionloop.report_benchmark.scoring import Settings, score_system
from lesionloop.report_benchmark.tokens import language_of
from lesionloop.report_benchmark.vocabulary import read_vocabulary

__all__ = ["Choices", "evaluate_systems"]


@dataclass(frozen=True)
class Choices:
    """What a user may choose about the scores.

    Args:
        language: "zh" or "en"; None: that of the references.
        tokens: None: characters for zh, words for en.
        template: text file of the baseline; None: our template of the language.
        organs: vocabulary; None: ours.
        strict, impression: as of `lesionloop.report_benchmark.scoring.Settings`.
    """

    language: str | None = None
    tokens: str | None = None
    template: Path | None = None
    organs: Path | None = None
    strict: bool = False
    impression: str = "keep"


def evaluate_systems(
    records: Path,
    systems: Mapping[str, Path],
    choices: Choices,
    *,
    data: Path | None = None,
    resamples: int = 1000,
    seed: int = 1,
    level: float = 0.95,
    on_system: Callable[[str, int], None] | None = None,
) -> Board:
    """Score systems and the unedited template.

    Args:
        records: prompt records.
        systems: name to file of result records.
        choices: about the scores.
        data: folder of the images; None: that of ``records``.
        resamples, seed, level: of the bootstrap over patients.
        on_system: is told the system and how many are done.

    Raises:
        InputError: a file or an option cannot be used, or a package is missing.
    """
    if BASELINE in systems:
        raise InputError(
            f"a system may not be called {BASELINE!r}",
            cause="The template has this name on every board.",
            remedy="Choose another name.",
        )
    references = references_of(read_prompts(records, data))
    results = {name: {r.patient: r for r in read_results(path)} for name, path in systems.items()}
    language = choices.language or language_of("\n".join(references.values()))
    ours = template_report(language)
    template = ours if choices.template is None else read_report(choices.template)
    vocabulary = read_vocabulary(choices.organs)
    extractor = RuleExtractor(vocabulary)
    settings = Settings(
        tokens=choices.tokens or ("characters" if language == "zh" else "words"),
        stem=language == "en",
        strict=choices.strict,
        impression=choices.impression,
    )
    every = {BASELINE: baseline_results(template, list(references)), **results}
    scored = []
    for done, (name, found) in enumerate(every.items(), start=1):
        scored.append(
            score_system(
                name,
                found,
                references,
                settings=settings,
                extractor=extractor,
                vocabulary=vocabulary,
            )
        )
        if on_system is not None:
            on_system(name, done)
    source = "that of lesionloop" if choices.template is None else choices.template.name
    facts = {
        "language": language,
        "template": f"{source}, as it stands with its brackets",
        **settings.facts(extractor),
    }
    return make_board(
        scored[0], scored[1:], settings=facts, resamples=resamples, seed=seed, level=level
    )
