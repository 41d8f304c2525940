"""A small liver CT in the TriALS layout, and a program that segments it from clicks."""

import sys
from pathlib import Path

import numpy as np

from lesionloop.datasets.trials import TrialsCase, find_trials
from lesionloop.imaging import Grid, Quantity, Volume, write_volume

__all__ = ["liver_case", "program"]

PACKAGES = str(Path(np.__file__).parents[1])

#: Balls of 12 mm around the lesion clicks, as far as the CT is dark there; without a click it fails
#: or gives nothing. With each click a voxel in the corner is wrong. Reads the challenge's layout by
#: itself, and refuses a PET.
PROGRAM = """#!{python} -S
import json, os, re, sys, zlib
sys.path.insert(0, {packages!r})
import numpy as np
source, target = sys.argv[1:]
assert not os.listdir(source + "/images/pet")
head, data = open(source + "/images/ct/case.mha", "rb").read().split(b"LOCAL\\n", 1)
text = head.decode()
shape, spacing = (
    [float(n) for n in re.search(f"^{{name}} = (.*)$", text, re.M)[1].split()]
    for name in ("DimSize", "ElementSpacing")
)
assert "ElementType = MET_SHORT" in text
shape = [int(n) for n in shape]
ct = np.frombuffer(zlib.decompress(data), np.int16).reshape(shape, order="F")
clicks = json.load(open(source + "/lesion-clicks.json"))
points = [p["point"] for p in clicks["points"] if p["name"] == "tumor"]
if {strict} and not points:
    sys.exit("no click yet")
mask = np.zeros(shape, np.uint8)
places = np.indices(shape).reshape(3, -1).T
for point in points:
    away = np.linalg.norm((places - point) * spacing, axis=1).reshape(shape)
    mask[(away < 12) & (ct < 80)] = 1
mask[0, 0, :len(points)] = 1
text = re.sub("(?m)^CompressedData.*\\n", "", text).replace("MET_SHORT", "MET_UCHAR")
with open(target + "/images/tumor-lesion-segmentation/case.mha", "wb") as file:
    file.write(text.encode() + b"LOCAL\\n" + mask.tobytes(order="F"))
"""


def program(folder: Path, *, strict: bool = False) -> str:
    """Write the program; its name as a segmenter."""
    path = folder / "run.py"
    path.write_text(PROGRAM.format(python=sys.executable, packages=PACKAGES, strict=strict))
    path.chmod(0o755)
    return f"command:{path}"


def liver_case(folder: Path, name: str, *, lesions: int, images: str = "imagesTr") -> TrialsCase:
    """A small CT with dark balls in a bright liver, and its label."""
    grid = Grid((26, 22, 14), (3.0, 3.5, 5.0), (-30.0, 10.0, 400.0))
    label = np.zeros(grid.shape, np.uint8)
    label[3:23, 3:19, 2:12] = 1
    away = np.indices(grid.shape).reshape(3, -1).T
    for centre in ((8, 8, 6), (17, 13, 7))[:lesions]:
        near = np.linalg.norm((away - centre) * grid.spacing, axis=1).reshape(grid.shape) < 9
        label[near] = 2
    ct = np.choose(label, (-50, 120, 40)).astype(np.int16)
    for kind, values, what in (
        (images, ct, Quantity.HU), (images.replace("images", "labels"), label, Quantity.LABEL),
    ):  # fmt: skip
        path = folder / kind / name / f"{name}_venous.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_volume(Volume(values, grid, what), path)
    return next(case for case in find_trials(folder) if case.name == name)
