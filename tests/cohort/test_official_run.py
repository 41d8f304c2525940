"""The released run of the challenge's loop: its stored predictions as an algorithm of ours."""

import csv
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from lesionloop.cohort import evaluate
from lesionloop.imaging import Quantity, Volume, read_label, write_volume

CASE = "psma_ffcaa75377465b37_2018-03-04"

#: Gives the stored mask of the iteration whose scribbles are the ones that it was sent.
REPLAY = """#!{python}
import json, sys
from pathlib import Path
import SimpleITK as sitk
read, write = map(Path, sys.argv[1:3])
sent = json.loads((read / "lesion-clicks.json").read_text())["points"]
key = lambda name: sorted(tuple(p["point"]) for p in sent if p["name"] == name)
for stored in sorted(Path({stored!r}).glob("iter_*_scribbles.json")):
    known = json.loads(stored.read_text())
    if all(sorted(map(tuple, known[n])) == key(n) for n in ("tumor", "background")):
        mask = sitk.ReadImage(str(stored).replace("_scribbles.json", ".nii.gz"))
        mask = sitk.Cast(mask > 0, sitk.sitkUInt8)
        sitk.WriteImage(mask, str(write / "images/tumor-lesion-segmentation/mask.mha"))
        break
else:
    sys.exit("these scribbles were never drawn")
"""


def test_reference_mode_reproduces_the_released_run(shared: Path, tmp_path: Path) -> None:
    run = shared / "data" / "autopet-v-official" / "test"
    stored = run / "final_output" / f"{CASE}_0000"
    dataset = tmp_path / "data"
    label = read_label(run / "labels" / f"{CASE}.nii.gz")
    # The images were not published with it. The algorithm does not look at them.
    uptake = np.ones(label.grid.shape, np.float32, order="F")
    uptake[label.values > 0] = 5
    (dataset / "images").mkdir(parents=True)
    (dataset / "labels").mkdir()
    pet = Volume(uptake, label.grid, Quantity.SUV_BW)
    write_volume(pet, dataset / "images" / f"{CASE}_0001.nii.gz")
    shutil.copy(run / "labels" / f"{CASE}.nii.gz", dataset / "labels")
    program = tmp_path / "replay.py"
    program.write_text(REPLAY.format(python=sys.executable, stored=str(stored)))
    program.chmod(0o755)

    out = tmp_path / "out"
    found = evaluate(
        dataset, out, segmenters=[f"command:{program}"], strategies=["random"], mode="reference"
    )
    with (out / "scores.csv").open(newline="") as file:
        ours = [float(row["dice"]) for row in csv.DictReader(file)]
    theirs = json.loads((run / "final_output" / "dice_scores.json").read_text())[f"{CASE}_0000"]
    np.testing.assert_allclose(ours, [entry["dice"] for entry in theirs], rtol=0, atol=1e-12)
    area = json.loads((run / "final_output" / "dice_scores_AUC.json").read_text())
    (group,) = found.summary["results"]
    assert group["auc_dice"] == pytest.approx(area[f"{CASE}_0000"]["auc"], abs=1e-12)
    (traces,) = (out / "traces").glob(f"*/random/{CASE}")
    for step in range(5):
        drawn = json.loads((traces / f"step_{step}_scribbles.json").read_text())
        known = json.loads((stored / f"iter_{step}_scribbles.json").read_text())
        for name in ("tumor", "background"):
            assert sorted(drawn[name]) == sorted(known[name])
