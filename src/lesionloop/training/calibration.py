"""Calibration: what a logit is worth as a probability, and from where on it counts as lesion."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from lesionloop.networks.ensemble import Ensemble
from lesionloop.training.episode import Plan, start_episode
from lesionloop.training.sample import Source

__all__ = ["Calibration", "calibrate", "fit_logistic"]

#: Segmenters always tell the tracer, as they infer it when nobody does.
_AS_USED = Plan(tracer_told=1.0, ct_missing=0.0)
#: Logits tried as threshold.
_CANDIDATES = np.linspace(-3, 3, 25)


@dataclass(frozen=True)
class Calibration:
    """Probability is 1 / (1 + exp(-(logit / temperature + bias))).

    Args:
        temperature: above 0.
        bias: in log-odds.
        threshold: calibrated probability from which a voxel counts as lesion.
        patches: on which it was found.
        error: expected calibration error on them, over 10 equal bins of probability weighted by
            their voxels, of voxels with a probability of at least 0.01.
    """

    temperature: float
    bias: float
    threshold: float
    patches: int
    error: float


def calibrate(
    network: Ensemble, sources: list[Source], *, patches: int, seed: int, spacing_mm: float
) -> Calibration:
    """Calibrate first passes on patches drawn from the sources in turn.

    The threshold is the one with the highest mean Dice over all patches, where a patch without a
    lesion counts 1 when its mask is empty and 0 when it is not: both kinds of studies have a say.
    """
    generator = torch.Generator().manual_seed(seed)
    logits, references = [], []
    network = network.cpu().eval()
    for number in range(patches):
        sample = sources[number % len(sources)].draw(generator)
        episode = start_episode(sample, _AS_USED, spacing_mm, generator)
        with torch.inference_mode():
            found = network(episode.inputs()[None])[0, 0]
        logits.append(found[sample.field].numpy())
        references.append(sample.reference[sample.field].numpy())
    x, y = np.concatenate(logits), np.concatenate(references)
    slope, bias = fit_logistic(x, y)
    scores = [_mean_dice(logits, references, candidate) for candidate in _CANDIDATES]
    best = float(_CANDIDATES[int(np.argmax(scores))])
    probability = 1 / (1 + np.exp(-(slope * x + bias)))
    return Calibration(
        temperature=1 / slope,
        bias=bias,
        threshold=float(1 / (1 + np.exp(-(slope * best + bias)))),
        patches=patches,
        error=_calibration_error(probability, y),
    )


def fit_logistic(x: NDArray[np.float32], y: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope (above 0) and bias of the logistic regression of ``y`` on ``x``, both (n,).

    Source: Platt, Advances in Large Margin Classifiers, 1999, pp. 61-74, without its prior.
    """
    sign = np.where(y, 1.0, -1.0)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope = np.exp(parameters[0])
        margin = sign * (slope * x + parameters[1])
        pull = -sign / (1 + np.exp(np.minimum(margin, 50)))
        gradient = np.array([(pull * x).mean() * slope, pull.mean()])
        return float(np.logaddexp(0, -margin).mean()), gradient

    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-4, 4), (-20, 20)])
    return float(np.exp(found.x[0])), float(found.x[1])


def _mean_dice(
    logits: list[NDArray[np.float32]], references: list[NDArray[np.bool_]], threshold: float
) -> float:
    scores = []
    for found, reference in zip(logits, references, strict=True):
        mask = found > threshold
        size = int(mask.sum()) + int(reference.sum())
        scores.append(2 * int((mask & reference).sum()) / size if size else 1.0)
    return float(np.mean(scores))


def _calibration_error(probability: NDArray[np.float64], y: NDArray[np.bool_]) -> float:
    seen = probability >= 0.01
    bins = np.minimum((probability[seen] * 10).astype(int), 9)
    counts = np.bincount(bins, minlength=10)
    expected = np.bincount(bins, probability[seen], minlength=10)
    observed = np.bincount(bins, y[seen], minlength=10)
    return float(np.abs(expected - observed).sum() / max(1, counts.sum()))
