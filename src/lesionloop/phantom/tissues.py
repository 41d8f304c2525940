"""Tissues: what the body is made of, its CT number and the organ that it belongs to."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["HU", "ORGANS", "ORGAN_OF", "Tissue", "lookup"]


class Tissue(IntEnum):
    """Labels of the inner map, finer than the organ map that a phantom hands out."""

    AIR = 0
    TABLE = 1
    FAT = 2
    MUSCLE = 3
    CONNECTIVE = 4  # mediastinum, face and neck between the organs
    VISCERAL_FAT = 5
    BONE = 6
    MARROW = 7
    LUNG = 8
    AIRWAY = 9
    BLOOD = 10
    HEART_BLOOD = 11
    MYOCARDIUM = 12  # left ventricle
    RIGHT_VENTRICLE = 13
    LIVER = 14
    SPLEEN = 15
    STOMACH = 16
    PANCREAS = 17
    RENAL_CORTEX = 18
    RENAL_PELVIS = 19
    URETER = 20
    BLADDER = 21
    PROXIMAL_BOWEL = 22
    SMALL_BOWEL = 23
    COLON = 24
    GAS = 25
    PROSTATE = 26
    GREY_MATTER = 27
    WHITE_MATTER = 28
    PAROTID = 29
    SUBMANDIBULAR = 30
    LACRIMAL = 31
    TONSIL = 32
    EYE = 33
    GLANDULAR = 34  # breast
    CORD = 35


#: Names of the labels of the organ map; the numbers are those of the autoPET III organ labels.
ORGANS: dict[int, str] = {
    1: "spleen",
    2: "kidneys",
    3: "liver",
    4: "bladder",
    5: "lung",
    6: "brain",
    7: "heart",
    8: "stomach",
    9: "prostate",
    10: "head glands",
}

#: Which organ a tissue counts to; the others to none (0).
ORGAN_OF: dict[Tissue, int] = {
    Tissue.SPLEEN: 1,
    Tissue.RENAL_CORTEX: 2,
    Tissue.RENAL_PELVIS: 2,
    Tissue.LIVER: 3,
    Tissue.BLADDER: 4,
    Tissue.LUNG: 5,
    Tissue.GREY_MATTER: 6,
    Tissue.WHITE_MATTER: 6,
    Tissue.HEART_BLOOD: 7,
    Tissue.MYOCARDIUM: 7,
    Tissue.RIGHT_VENTRICLE: 7,
    Tissue.STOMACH: 8,
    Tissue.PROSTATE: 9,
    Tissue.PAROTID: 10,
    Tissue.SUBMANDIBULAR: 10,
    Tissue.LACRIMAL: 10,
}

#: Typical CT numbers, HU, of a low-dose portal-venous or plain scan at 120 kV. Textbook values,
#: rounded; the bone value is that of cortex and trabeculae shared by a PET-sized voxel.
HU: dict[Tissue, float] = {
    Tissue.AIR: -1000,
    Tissue.TABLE: -250,
    Tissue.FAT: -105,
    Tissue.MUSCLE: 50,
    Tissue.CONNECTIVE: 5,
    Tissue.VISCERAL_FAT: -95,
    Tissue.BONE: 620,
    Tissue.MARROW: 190,
    Tissue.LUNG: -800,
    Tissue.AIRWAY: -980,
    Tissue.BLOOD: 60,
    Tissue.HEART_BLOOD: 55,
    Tissue.MYOCARDIUM: 65,
    Tissue.RIGHT_VENTRICLE: 58,
    Tissue.LIVER: 65,
    Tissue.SPLEEN: 55,
    Tissue.STOMACH: 30,
    Tissue.PANCREAS: 40,
    Tissue.RENAL_CORTEX: 50,
    Tissue.RENAL_PELVIS: 12,
    Tissue.URETER: 15,
    Tissue.BLADDER: 8,
    Tissue.PROXIMAL_BOWEL: 35,
    Tissue.SMALL_BOWEL: 35,
    Tissue.COLON: 25,
    Tissue.GAS: -850,
    Tissue.PROSTATE: 42,
    Tissue.GREY_MATTER: 38,
    Tissue.WHITE_MATTER: 30,
    Tissue.PAROTID: 5,
    Tissue.SUBMANDIBULAR: 40,
    Tissue.LACRIMAL: 40,
    Tissue.TONSIL: 50,
    Tissue.EYE: 10,
    Tissue.GLANDULAR: 0,
    Tissue.CORD: 30,
}


def lookup(table: dict[Tissue, float] | dict[Tissue, int]) -> NDArray[np.float32]:
    """Array, (number of tissues,), to index with a map of tissues; 0 for those not in the table."""
    values = np.zeros(len(Tissue), dtype=np.float32)
    for tissue, value in table.items():
        values[tissue] = value
    return values
