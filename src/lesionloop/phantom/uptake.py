"""Uptake: how much tracer each tissue takes up, as ranges of SUV to draw a patient from.

Sources for FDG: Wang et al., Mol Imaging Biol 2007;9:83-90, doi 10.1007/s11307-006-0075-y (SUV mean
of 98 patients: cerebellum 8.0, palatine tonsils 3.5, sublingual glands 3.3). Sources for PSMA:
"Evaluation of practical interpretation hurdles in 68Ga-PSMA PET/CT in 55 patients", Clin Nucl Med
2017, PMID 28481787 (SUV max: kidneys 66, submandibular 27, parotid 24, duodenum 18, lacrimal 16,
spleen 11, Waldeyer ring 10, liver 8). Means lie below such maxima. Where these are silent the
ranges are what readers see every day; they are wide on purpose and are no normal values.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.phantom.person import Tracer
from lesionloop.phantom.tissues import Tissue

__all__ = ["FDG", "PSMA", "Uptake", "UptakeRange", "draw_uptake"]


@dataclass(frozen=True)
class UptakeRange:
    """SUV of a tissue: lowest and highest mean, and the relative spread inside one patient."""

    low: float
    high: float
    patchiness: float = 0.06


@dataclass(frozen=True)
class Uptake:
    """Uptake of one patient, both (number of tissues,), indexed by `Tissue`.

    Args:
        suv: mean SUV.
        patchiness: relative standard deviation of the smooth variation inside the tissue.
    """

    suv: NDArray[np.float32]
    patchiness: NDArray[np.float32]


_T = Tissue

FDG: dict[Tissue, UptakeRange] = {
    _T.FAT: UptakeRange(0.2, 0.4, 0.15),
    _T.MUSCLE: UptakeRange(0.55, 0.85, 0.12),
    _T.CONNECTIVE: UptakeRange(0.7, 1.1, 0.15),
    _T.VISCERAL_FAT: UptakeRange(0.35, 0.6, 0.2),
    _T.BONE: UptakeRange(0.5, 0.9, 0.12),
    _T.MARROW: UptakeRange(1.0, 1.8, 0.12),
    _T.LUNG: UptakeRange(0.35, 0.55, 0.15),
    _T.BLOOD: UptakeRange(1.4, 1.9, 0.04),
    _T.HEART_BLOOD: UptakeRange(1.4, 1.9, 0.04),
    _T.MYOCARDIUM: UptakeRange(1.5, 10.0, 0.2),
    _T.RIGHT_VENTRICLE: UptakeRange(1.5, 2.6, 0.15),
    _T.LIVER: UptakeRange(1.9, 2.7, 0.06),
    _T.SPLEEN: UptakeRange(1.5, 2.2, 0.06),
    _T.STOMACH: UptakeRange(1.4, 3.0, 0.25),
    _T.PANCREAS: UptakeRange(1.2, 1.8, 0.12),
    _T.RENAL_CORTEX: UptakeRange(2.2, 6.0, 0.15),
    _T.RENAL_PELVIS: UptakeRange(6.0, 40.0, 0.45),
    _T.URETER: UptakeRange(5.0, 25.0, 0.4),
    _T.BLADDER: UptakeRange(8.0, 60.0, 0.06),
    _T.PROXIMAL_BOWEL: UptakeRange(1.5, 3.0, 0.35),
    _T.SMALL_BOWEL: UptakeRange(1.2, 2.5, 0.4),
    _T.COLON: UptakeRange(1.0, 4.5, 0.6),
    _T.GAS: UptakeRange(0.3, 0.6),
    _T.PROSTATE: UptakeRange(1.3, 2.2, 0.1),
    _T.GREY_MATTER: UptakeRange(8.0, 12.0, 0.12),
    _T.WHITE_MATTER: UptakeRange(3.5, 5.0, 0.1),
    _T.PAROTID: UptakeRange(1.2, 2.4, 0.1),
    _T.SUBMANDIBULAR: UptakeRange(1.5, 3.3, 0.1),
    _T.LACRIMAL: UptakeRange(1.0, 2.0, 0.1),
    _T.TONSIL: UptakeRange(2.5, 6.0, 0.15),
    _T.EYE: UptakeRange(0.6, 1.0),
    _T.GLANDULAR: UptakeRange(0.6, 1.2, 0.15),
    _T.CORD: UptakeRange(1.2, 2.0, 0.08),
}

PSMA: dict[Tissue, UptakeRange] = {
    _T.FAT: UptakeRange(0.15, 0.3, 0.15),
    _T.MUSCLE: UptakeRange(0.4, 0.65, 0.12),
    _T.CONNECTIVE: UptakeRange(0.5, 0.9, 0.15),
    _T.VISCERAL_FAT: UptakeRange(0.3, 0.5, 0.2),
    _T.BONE: UptakeRange(0.35, 0.6, 0.12),
    _T.MARROW: UptakeRange(0.5, 0.95, 0.15),
    _T.LUNG: UptakeRange(0.25, 0.45, 0.15),
    _T.BLOOD: UptakeRange(1.0, 1.7, 0.04),
    _T.HEART_BLOOD: UptakeRange(1.0, 1.7, 0.04),
    _T.MYOCARDIUM: UptakeRange(1.0, 1.6, 0.1),
    _T.RIGHT_VENTRICLE: UptakeRange(1.0, 1.6, 0.1),
    _T.LIVER: UptakeRange(3.5, 6.5, 0.07),
    _T.SPLEEN: UptakeRange(3.0, 8.0, 0.07),
    _T.STOMACH: UptakeRange(0.8, 2.0, 0.25),
    _T.PANCREAS: UptakeRange(1.2, 2.2, 0.12),
    _T.RENAL_CORTEX: UptakeRange(25.0, 60.0, 0.1),
    _T.RENAL_PELVIS: UptakeRange(10.0, 60.0, 0.3),
    _T.URETER: UptakeRange(6.0, 30.0, 0.4),
    _T.BLADDER: UptakeRange(5.0, 50.0, 0.05),
    _T.PROXIMAL_BOWEL: UptakeRange(5.0, 12.0, 0.3),
    _T.SMALL_BOWEL: UptakeRange(1.5, 4.0, 0.5),
    _T.COLON: UptakeRange(0.6, 2.0, 0.5),
    _T.GAS: UptakeRange(0.2, 0.5),
    _T.PROSTATE: UptakeRange(1.5, 3.5, 0.15),
    _T.GREY_MATTER: UptakeRange(0.05, 0.15),
    _T.WHITE_MATTER: UptakeRange(0.05, 0.15),
    _T.PAROTID: UptakeRange(10.0, 20.0, 0.1),
    _T.SUBMANDIBULAR: UptakeRange(10.0, 20.0, 0.1),
    _T.LACRIMAL: UptakeRange(6.0, 14.0, 0.1),
    _T.TONSIL: UptakeRange(2.5, 6.0, 0.15),
    _T.EYE: UptakeRange(0.3, 0.6),
    _T.GLANDULAR: UptakeRange(0.4, 0.8, 0.15),
    _T.CORD: UptakeRange(0.2, 0.4, 0.08),
}


def draw_uptake(tracer: Tracer, rng: np.random.Generator) -> Uptake:
    """Draw the uptake of one patient.

    Narrow ranges are drawn evenly, wide ones evenly on a log scale, so that a bladder of SUV 10 is
    as usual as one of 40. Blood in the heart is the blood of the vessels.
    """
    table = FDG if tracer == "fdg" else PSMA
    suv = np.zeros(len(Tissue), dtype=np.float32)
    patchiness = np.zeros(len(Tissue), dtype=np.float32)
    for tissue in Tissue:
        if tissue not in table:
            continue
        entry = table[tissue]
        if entry.high > 2.5 * entry.low:
            suv[tissue] = np.exp(rng.uniform(np.log(entry.low), np.log(entry.high)))
        else:
            suv[tissue] = rng.uniform(entry.low, entry.high)
        patchiness[tissue] = entry.patchiness
    suv[Tissue.HEART_BLOOD] = suv[Tissue.BLOOD]
    return Uptake(suv, patchiness)
