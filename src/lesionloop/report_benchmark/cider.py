"""CIDEr: how much of what is rare in the references a report shares."""

from collections import Counter
from collections.abc import Sequence
from math import log, nan, sqrt
from typing import Final

__all__ = ["cider"]

_MAX_ORDER: Final = 4

Grams = Counter[tuple[str, ...]]


def cider(reports: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> list[float]:
    """CIDEr of each report against its one reference, 0 to 10.

    The cosine between the vectors of n-grams, each weighted by how often it stands there and by
    ``log(N / references that hold it)``; the mean over n = 1 to 4, times 10. N-grams of no
    reference weigh ``log N``. This is CIDEr, not CIDEr-D: neither clipped nor punished for length.

    Returns:
        One value per report; NaN for all when there is one reference alone, whose n-grams all have
        weight 0.

    Source:
        Vedantam et al., CIDEr, CVPR 2015, equations 1 to 3; the factor 10 is that of coco-caption.
    """
    count = len(references)
    if count < 2:
        return [nan] * len(reports)
    totals = [0.0] * len(reports)
    for order in range(1, _MAX_ORDER + 1):
        told = [_grams(tokens, order) for tokens in references]
        holding: Grams = Counter()
        for grams in told:
            holding.update(grams.keys())
        for number, tokens in enumerate(reports):
            totals[number] += _cosine(_grams(tokens, order), told[number], holding, count)
    return [10 * total / _MAX_ORDER for total in totals]


def _grams(tokens: Sequence[str], order: int) -> Grams:
    return Counter(zip(*(tokens[start:] for start in range(order)), strict=False))


def _cosine(first: Grams, second: Grams, holding: Grams, count: int) -> float:
    weights = [
        {gram: times * log(count / max(1, holding[gram])) for gram, times in grams.items()}
        for grams in (first, second)
    ]
    norms = [sqrt(sum(value * value for value in vector.values())) for vector in weights]
    if not all(norms):
        return 0.0
    product = sum(value * weights[1].get(gram, 0.0) for gram, value in weights[0].items())
    return product / (norms[0] * norms[1])
