"""Names of organs: one spelling whatever the map calls them, and the parts that make one organ.

The spelling is that of TotalSegmentator: English, lower case, underscores, the side at the end.
"""

from collections.abc import Mapping

__all__ = ["MERGED", "TOTALSEGMENTATOR", "organ_name"]

_LUNG = (
    "lung_upper_lobe_left", "lung_lower_lobe_left", "lung_upper_lobe_right",
    "lung_middle_lobe_right", "lung_lower_lobe_right",
)  # fmt: skip
_KIDNEYS = ("kidney_right", "kidney_left")

#: Classes 1 to 117 of the task "total" of TotalSegmentator version 2, in the order of their labels
#: (class map of the program, Apache-2.0; Wasserthal et al., Radiol Artif Intell 2023; 5: e230024).
_TOTAL = (
    "spleen", *_KIDNEYS, "gallbladder", "liver", "stomach", "pancreas", "adrenal_gland_right",
    "adrenal_gland_left", *_LUNG, "esophagus", "trachea", "thyroid_gland", "small_bowel",
    "duodenum", "colon", "urinary_bladder", "prostate", "kidney_cyst_left", "kidney_cyst_right",
    "sacrum", "vertebrae_S1", *(f"vertebrae_L{n}" for n in range(5, 0, -1)),
    *(f"vertebrae_T{n}" for n in range(12, 0, -1)), *(f"vertebrae_C{n}" for n in range(7, 0, -1)),
    "heart", "aorta", "pulmonary_vein", "brachiocephalic_trunk", "subclavian_artery_right",
    "subclavian_artery_left", "common_carotid_artery_right", "common_carotid_artery_left",
    "brachiocephalic_vein_left", "brachiocephalic_vein_right", "atrial_appendage_left",
    "superior_vena_cava", "inferior_vena_cava", "portal_vein_and_splenic_vein",
    "iliac_artery_left", "iliac_artery_right", "iliac_vena_left", "iliac_vena_right",
    "humerus_left", "humerus_right", "scapula_left", "scapula_right", "clavicula_left",
    "clavicula_right", "femur_left", "femur_right", "hip_left", "hip_right", "spinal_cord",
    "gluteus_maximus_left", "gluteus_maximus_right", "gluteus_medius_left",
    "gluteus_medius_right", "gluteus_minimus_left", "gluteus_minimus_right", "autochthon_left",
    "autochthon_right", "iliopsoas_left", "iliopsoas_right", "brain", "skull",
    *(f"rib_{side}_{n}" for side in ("left", "right") for n in range(1, 13)),
    "sternum", "costal_cartilages",
)  # fmt: skip

#: Label of TotalSegmentator's task "total", version 2, to name.
TOTALSEGMENTATOR: Mapping[int, str] = dict(enumerate(_TOTAL, start=1))

#: Organs that a map may hold in parts: they are measured whole as well.
MERGED: Mapping[str, tuple[str, ...]] = {"lung": _LUNG, "kidney": _KIDNEYS}

#: What other maps call them; "kidneys", "bladder" and "head glands" are words of autoPET III's.
_OTHER_WORDS = {
    "kidneys": "kidney",
    "bladder": "urinary_bladder",
    "lungs": "lung",
    "left_kidney": "kidney_left",
    "right_kidney": "kidney_right",
    "oesophagus": "esophagus",
}


def organ_name(text: str) -> str:
    """The name of an organ in the one spelling: ``"Head glands"`` gives ``"head_glands"``.

    Only the level of a vertebra keeps its capital, as in ``vertebrae_L1``.
    """
    name = "_".join(text.replace("-", " ").replace("_", " ").split())
    head, _, level = name.rpartition("_")
    if head.lower() == "vertebrae":
        return f"vertebrae_{level.upper()}"
    return _OTHER_WORDS.get(name.lower(), name.lower())
