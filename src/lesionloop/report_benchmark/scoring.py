"""All scores of a system, patient by patient and over all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.report_benchmark.cider import cider
from lesionloop.report_benchmark.efficacy import Efficacy, efficacy, state_counts
from lesionloop.report_benchmark.extract import Extractor, drop_impression
from lesionloop.report_benchmark.overlap import (
    BETA,
    MAX_ORDER,
    bleu,
    bleu_counts,
    meteor,
    rouge_l,
)
from lesionloop.report_benchmark.records import ResultRecord
from lesionloop.report_benchmark.tokens import tokeniser
from lesionloop.report_benchmark.vocabulary import Vocabulary

__all__ = ["COLUMNS", "Settings", "SystemScores", "score_system", "summarise"]

#: The six columns whose plain mean, times 100, is the overall score.
COLUMNS: Final = ("bleu_4", "meteor", "rouge_l", "ce_precision", "ce_recall", "ce_f1")

#: A refusal is short; a report that apologises somewhere in it is none.
_REFUSAL_LENGTH: Final = 300


@dataclass(frozen=True)
class Settings:
    """What the scores depend on, told in every result.

    Args:
        tokens: see `lesionloop.report_benchmark.tokens`.
        stem: METEOR also matches English words of one stem.
        strict: see `lesionloop.report_benchmark.efficacy.state_counts`.
        impression: "keep", or "drop" what follows the heading of an impression in both texts.

    Raises:
        InputError: an option is not known.
    """

    tokens: str
    stem: bool
    strict: bool = False
    impression: str = "keep"

    def __post_init__(self) -> None:
        tokeniser(self.tokens)
        if self.impression not in ("keep", "drop"):
            raise InputError(
                f"unknown choice {self.impression!r} for the impression",
                remedy="Use keep or drop.",
            )

    def facts(self, extractor: Extractor) -> dict[str, str]:
        """Every choice in words, also those that have no option."""
        matches = "exact, then Porter stems" if self.stem else "exact"
        absent = (
            "has no state: it misses the reference's, and is left out where the reference is silent"
            if self.strict
            else "is normal"
        )
        return {
            "tokens": f"{self.tokens}, after Unicode NFKC and lower case",
            "BLEU": "corpus level, no smoothing, one reference, by sacrebleu",
            "ROUGE-L": f"mean over reports, F with beta {BETA}, the report as one sequence",
            "METEOR": f"mean over reports, {matches}, no synonyms, by nltk",
            "CIDEr": "mean over reports, CIDEr (not D), times 10, document counts of the references"
            " scored; not in the overall score",
            "states": f"{extractor.name}; {len(extractor.organs)} organs: "
            f"{', '.join(extractor.organs)}",
            "organ not spoken of": absent,
            "impression": f"{self.impression}, in report and reference alike",
            "efficacy": "macro over increased, decreased and absent, pooled over patients and"
            " organs; 0/0 is 0; F1 of macro precision and macro recall",
            "overall": f"mean of {', '.join(COLUMNS)}, times 100",
            "not published by the paper": "tokens, METEOR for Chinese, beta, smoothing, organ"
            " names, extractor, slices, and whether the impression is scored: all of it is our"
            " choice, and the numbers cannot be compared with the published ones",
        }


@dataclass(frozen=True, eq=False)
class SystemScores:
    """What is needed of each patient to score any selection of them.

    Args:
        name: of the system.
        patients: ids, (n,).
        organs: of the states.
        bleu: rows of `BleuCounts`, (n, 10).
        rouge_l, meteor, cider: (n,).
        states: of `state_counts`, (n, organs, states, 3).
        failures: kind to number: missing, empty, truncated, refused.
        notes: what the extractor could have read in two ways, with the patient.
    """

    name: str
    patients: tuple[str, ...]
    organs: tuple[str, ...]
    bleu: NDArray[np.int64]
    rouge_l: NDArray[np.float64]
    meteor: NDArray[np.float64]
    cider: NDArray[np.float64]
    states: NDArray[np.int64]
    failures: Mapping[str, int]
    notes: tuple[str, ...]

    def efficacy(self, weights: NDArray[Any] | None = None) -> Efficacy:
        """Clinical efficacy, each patient counted as often as the weights (n,) say."""
        whole = np.ones(len(self.patients), dtype=np.int64) if weights is None else weights
        return efficacy(np.tensordot(whole, self.states, axes=1), self.organs)


def score_system(
    name: str,
    results: Mapping[str, ResultRecord],
    references: Mapping[str, str],
    *,
    settings: Settings,
    extractor: Extractor,
    vocabulary: Vocabulary,
) -> SystemScores:
    """Score a system; a patient without a result counts with an empty report.

    Args:
        name: of the system.
        results: by patient.
        references: the reference report of every patient.
        settings: of the scores.
        extractor: reads states.
        vocabulary: headings of impressions and words of refusals.

    Raises:
        InputError: a result is of no patient or has another reference, or a package is missing.
    """
    _check(name, results, references)
    cut = tokeniser(settings.tokens)
    organs, notes = extractor.organs, []
    rows: dict[str, list[Any]] = {"bleu": [], "rouge_l": [], "meteor": [], "states": []}
    told, expected = [], []
    for patient, reference in references.items():
        texts = [results[patient].output if patient in results else "", reference]
        if settings.impression == "drop":
            texts = [drop_impression(text, vocabulary) for text in texts]
        tokens, reference_tokens = (cut(text) for text in texts)
        told.append(tokens)
        expected.append(reference_tokens)
        rows["bleu"].append(bleu_counts(tokens, reference_tokens).row())
        rows["rouge_l"].append(rouge_l(tokens, reference_tokens))
        rows["meteor"].append(meteor(tokens, reference_tokens, stem=settings.stem))
        found = [extractor.states(text) for text in texts]
        rows["states"].append(
            state_counts(found[0].states, found[1].states, organs, strict=settings.strict)
        )
        for kind, extraction in zip(("report", "reference"), found, strict=True):
            notes += [f"{patient}, {kind}: {note}" for note in extraction.notes]
    return SystemScores(
        name,
        tuple(references),
        organs,
        np.array(rows["bleu"]),
        np.array(rows["rouge_l"]),
        np.array(rows["meteor"]),
        np.array(cider(told, expected)),
        np.array(rows["states"]),
        _failures(results, references, vocabulary),
        tuple(notes),
    )


def summarise(scores: SystemScores, weights: NDArray[Any] | None = None) -> dict[str, float]:
    """The columns, BLEU of other orders, CIDEr and the overall score, each patient weighted.

    Args:
        scores: of a system.
        weights: how often each patient counts, (n,); None: once.
    """
    whole = np.ones(len(scores.patients), dtype=np.int64) if weights is None else weights
    counts = whole @ scores.bleu
    found = {f"bleu_{order}": bleu(counts, order) for order in range(1, MAX_ORDER + 1)}
    number = float(whole.sum())
    for key, values in (("meteor", scores.meteor), ("rouge_l", scores.rouge_l)):
        found[key] = float(whole @ values) / number
    clinical = scores.efficacy(whole)
    found["ce_precision"], found["ce_recall"] = clinical.precision, clinical.recall
    found["ce_f1"] = clinical.f1
    found["overall"] = overall(found)
    undefined = np.isnan(scores.cider).any()
    found["cider"] = nan if undefined else float(whole @ scores.cider) / number
    return found


def overall(columns: Mapping[str, float]) -> float:
    """Plain mean of the six columns, times 100."""
    return 100 * sum(columns[name] for name in COLUMNS) / len(COLUMNS)


def _check(name: str, results: Mapping[str, ResultRecord], references: Mapping[str, str]) -> None:
    for patient, record in results.items():
        if patient not in references:
            raise InputError(
                f"the results of {name} have the patient {patient!r}, and the records have not",
                remedy="Give the records that were asked.",
            )
        if record.reference is not None and record.reference.strip() != references[patient].strip():
            raise InputError(
                f"the results of {name} have another reference for {patient!r} than the records",
                remedy="Give the records that were asked.",
            )


def _failures(
    results: Mapping[str, ResultRecord], references: Mapping[str, str], vocabulary: Vocabulary
) -> dict[str, int]:
    refusal = vocabulary.groups["refusal"]
    found = {"missing": len(references) - len(results), "empty": 0, "truncated": 0, "refused": 0}
    for record in results.values():
        text = record.output.strip()
        found["empty"] += not text and not record.refused
        found["truncated"] += record.finish == "length"
        plain = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        worded = len(text) < _REFUSAL_LENGTH and refusal.match(plain) is not None
        found["refused"] += record.refused or worded
    return found
