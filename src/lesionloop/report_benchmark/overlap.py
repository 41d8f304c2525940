"""Scores of shared words for one pair of reports: BLEU counts, ROUGE-L and METEOR."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError

__all__ = [
    "BETA", "MAX_ORDER", "BleuCounts", "bleu", "bleu_counts", "lcs_length", "meteor", "rouge_l",
]  # fmt: skip

MAX_ORDER: Final = 4
#: Weight of recall in ROUGE-L, as the common captioning tool has it (coco-caption); 1 is plain F1.
BETA: Final = 1.2


@dataclass(frozen=True, eq=False)
class BleuCounts:
    """What BLEU needs of a pair; counts of pairs add up to those of a corpus.

    Args:
        matches: n-grams shared, clipped, (4,), of 1 to 4 tokens.
        totals: n-grams of the report, (4,).
        length: tokens of the report.
        reference_length: tokens of the reference.
    """

    matches: NDArray[np.int64]
    totals: NDArray[np.int64]
    length: int
    reference_length: int

    def row(self) -> NDArray[np.int64]:
        """All of it as one row, (10,)."""
        lengths = [self.length, self.reference_length]
        return np.concatenate([self.matches, self.totals, lengths]).astype(np.int64)


def bleu_counts(report: Sequence[str], reference: Sequence[str]) -> BleuCounts:
    """Count with sacrebleu; tokens must be free of white space.

    Raises:
        InputError: sacrebleu is not installed.
    """
    if not report:
        zero = np.zeros(MAX_ORDER, dtype=np.int64)
        return BleuCounts(zero, zero, 0, len(reference))
    score = _bleu_class()(tokenize="none", smooth_method="none", force=True).corpus_score(
        [" ".join(report)], [[" ".join(reference)]]
    )
    return BleuCounts(np.array(score.counts), np.array(score.totals), score.sys_len, score.ref_len)


def bleu(counts: NDArray[Any], order: int = MAX_ORDER) -> float:
    """BLEU of summed counts, 0 to 1: without smoothing, so 0 when no n-gram of a length is shared.

    Args:
        counts: sum of `BleuCounts.row`, (10,).
        order: longest n-gram, 1 to 4; all up to it weigh the same.

    Source:
        Papineni et al., ACL 2002; computed by sacrebleu (Post, WMT 2018).
    """
    numbers = [int(value) for value in counts]
    score = _bleu_class().compute_bleu(
        numbers[:order], numbers[MAX_ORDER : MAX_ORDER + order], *numbers[2 * MAX_ORDER :],
        smooth_method="none", max_ngram_order=order,
    )  # fmt: skip
    return float(score.score) / 100


def lcs_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    Bits of one large number stand for the positions in ``first``: a pair of reports of a thousand
    characters takes a millisecond, 0.4 s with the table that rouge-score fills.

    Source:
        Hyyrö, Bit-parallel LCS-length computation revisited, AWOCA 2004.
    """
    places: dict[str, int] = {}
    for index, token in enumerate(first):
        places[token] = places.get(token, 0) | 1 << index
    whole = (1 << len(first)) - 1
    row = whole
    for token in second:
        matched = row & places.get(token, 0)
        row = ((row + matched) | (row - matched)) & whole
    return len(first) - row.bit_count()


def rouge_l(report: Sequence[str], reference: Sequence[str], beta: float = BETA) -> float:
    """ROUGE-L of a pair, 0 to 1: ``(1 + b^2) P R / (R + b^2 P)`` of the common subsequence.

    Source:
        Lin, ROUGE, ACL workshop 2004, equations 2 to 4, the whole report as one sequence.
    """
    common = lcs_length(report, reference)
    if not common:
        return 0.0
    precision, recall = common / len(report), common / len(reference)
    return (1 + beta**2) * precision * recall / (recall + beta**2 * precision)


def meteor(report: Sequence[str], reference: Sequence[str], *, stem: bool) -> float:
    """METEOR of a pair without synonyms, 0 to 1.

    ``10 P R / (R + 9 P) * (1 - 0.5 (chunks / matches)^3)``, of tokens that are equal, or have the
    same stem (Porter) when ``stem``. The alignment is that of nltk: from the end, each token to the
    last equal one that is left, which is not always the one with the fewest chunks.

    Raises:
        InputError: nltk is not installed.

    Source:
        Banerjee and Lavie, ACL workshop 2005; computed by nltk.
    """
    try:
        # Heavy, and an extra.
        from nltk.stem.porter import PorterStemmer  # noqa: PLC0415
        from nltk.translate.meteor_score import single_meteor_score  # noqa: PLC0415
    except ImportError as error:
        raise _not_installed("nltk") from error
    return float(
        single_meteor_score(
            reference,
            report,
            preprocess=str,
            stemmer=PorterStemmer() if stem else _NoStems(),
            wordnet=_NoSynonyms(),
            alpha=0.9,
            beta=3.0,
            gamma=0.5,
        )
    )


class _NoStems:
    """Leaves tokens as they are."""

    def stem(self, token: str) -> str:
        return token


class _NoSynonyms:
    """Stands for WordNet, whose data nltk would fetch from the net, and which has no Chinese."""

    def synsets(self, _token: str) -> list[Any]:
        return []


def _bleu_class() -> Any:
    try:
        from sacrebleu.metrics.bleu import BLEU  # noqa: PLC0415  (an extra, and heavy)
    except ImportError as error:
        raise _not_installed("sacrebleu") from error
    return BLEU


def _not_installed(package: str) -> InputError:
    return InputError(
        f"the scores of reports need the package {package}",
        remedy="Install it: pip install 'lesionloop[reports]'.",
    )
