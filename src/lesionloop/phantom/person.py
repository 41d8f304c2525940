"""A person: the traits that differ between synthetic patients, drawn from a seed."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lesionloop.errors import InputError

__all__ = ["BODY_CENTRE", "Person", "Tracer", "check_tracer", "stream"]

Tracer = Literal["fdg", "psma"]

#: Middle of the scanned part of the body, LPS mm. Height 0 is the top of the lungs; the crown is
#: near +262, the middle of the thighs near -700.
BODY_CENTRE = (0.0, 0.0, -212.0)


@dataclass(frozen=True)
class Person:
    """What the anatomy of one patient is built from.

    Args:
        male: has a prostate; otherwise breasts.
        scale: size relative to a person of middle build, along x, y, z.
        fat_mm: thickness of the fat under the skin at the belly, mm.
        arms_up: arms beside the head, partly out of the field, or along the trunk.
        diaphragm_mm: height of the right dome, mm.
        bladder_ml: filling of the bladder, ml.
        breath_mm: how much higher the diaphragm stands on the CT than on the PET, mm; negative
            after breathing in.
    """

    male: bool
    scale: tuple[float, float, float]
    fat_mm: float
    arms_up: bool
    diaphragm_mm: float
    bladder_ml: float
    breath_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator, tracer: Tracer) -> "Person":
        """Draw a patient; PSMA is given to men."""
        wide = rng.uniform(0.94, 1.08)
        return cls(
            male=bool(rng.random() < 0.5) or tracer == "psma",
            scale=(wide, wide * rng.uniform(0.96, 1.06), rng.uniform(0.93, 1.03)),
            fat_mm=float(rng.uniform(9, 34)),
            arms_up=bool(rng.random() < 0.5),
            diaphragm_mm=float(rng.uniform(-163, -147)),
            bladder_ml=float(np.exp(rng.uniform(np.log(70), np.log(320)))),
            breath_mm=float(np.clip(rng.normal(-1, 4), -9, 9)),
        )


def check_tracer(tracer: str) -> Tracer:
    """Narrow a name to a tracer.

    Raises:
        InputError: it is neither "fdg" nor "psma".
    """
    if tracer == "fdg":
        return "fdg"
    if tracer == "psma":
        return "psma"
    raise InputError(f"unknown tracer {tracer!r}", remedy='Use "fdg" or "psma".')


def stream(seed: int, purpose: str) -> np.random.Generator:
    """Random numbers for one purpose: a change in one part leaves the draws of the others alone."""
    return np.random.default_rng([seed, *purpose.encode()])
