"""nnU-Net models: planned, trained and saved by nnU-Net, and compared with its own predictor."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Study, Volume, read_study, read_volume, write_volume
from lesionloop.imaging.study import ct_study
from lesionloop.packages import load_package, quiet
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import load_segmenter
from lesionloop.segmenters.adapters.nnunet_channels import AxisOrder, click_map
from lesionloop.segmenters.protocol import needs_pet

StudyMaker = Callable[..., Study]

NAMES = ("CT", "PET", "foreground", "background", "previous")

try:
    import_module("nnunetv2.inference.predict_from_raw_data")
    MISSING = ""
except Exception as error:  # a broken installation is as good as none
    MISSING = f"nnunetv2 cannot be used here: {error}"

needs_nnunet = pytest.mark.skipif(bool(MISSING), reason=MISSING or "-")

#: Plans and preprocesses a data set, then trains a little; nnU-Net's own code throughout. The patch
#: and the network are cut down so that a CPU can do it.
BUILD = """
import json, os, sys
from pathlib import Path

root, names = Path(sys.argv[1]), sys.argv[2].split(",")
for key in ("raw", "preprocessed", "results"):
    os.environ[f"nnUNet_{key}"] = str(root / key)
os.environ.update(nnUNet_n_proc_DA="1", nnUNet_compile="f")


def image(values, path):
    found = sitk.GetImageFromArray(values)
    found.SetSpacing((2.5, 4.0, 2.0))  # the second axis is the coarsest: nnU-Net moves it
    sitk.WriteImage(found, str(path))


if __name__ == "__main__":
    import numpy as np
    import SimpleITK as sitk
    import torch
    from nnunetv2.experiment_planning import plan_and_preprocess_api as api
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    torch.manual_seed(3)
    rng = np.random.default_rng(3)
    raw = root / "raw" / "Dataset321_Tiny"
    for folder in ("imagesTr", "labelsTr"):
        (raw / folder).mkdir(parents=True)
    for case in range(5):
        label = np.zeros((24 + case, 14, 22), np.uint8)
        z, y, x = (int(rng.integers(2, n - 9)) for n in label.shape)
        label[z : z + 7, y : y + 5, x : x + 6] = 1
        for number, name in enumerate(names):
            noise = rng.normal(0, 1, label.shape).astype(np.float32)
            values = {"CT": 100 * noise, "PET": abs(noise) + 6 * label}.get(name)
            if values is None:
                hit = label if name != "background" else 1 - label
                values = (hit & (rng.random(label.shape) < 0.02)).astype(np.float32)
            image(values.astype(np.float32), raw / "imagesTr" / f"c{case}_{number:04d}.nii.gz")
        image(label, raw / "labelsTr" / f"c{case}.nii.gz")
    facts = {"labels": {"background": 0, "lesion": 1}, "numTraining": 5, "file_ending": ".nii.gz"}
    facts["channel_names"] = {str(n): name for n, name in enumerate(names)}
    (raw / "dataset.json").write_text(json.dumps(facts))
    api.extract_fingerprints([321], num_processes=1, show_progress_bar=False)
    api.plan_experiments([321])
    path = root / "preprocessed" / raw.name / "nnUNetPlans.json"
    plans = json.loads(path.read_text())
    built = plans["configurations"]["3d_fullres"]
    built["patch_size"] = [8, 16, 16]
    built["architecture"]["arch_kwargs"].update(
        n_stages=3, features_per_stage=[4, 8, 8], kernel_sizes=[[3, 3, 3]] * 3,
        strides=[[1, 1, 1], [2, 2, 2], [2, 2, 2]], n_conv_per_stage=[1, 1, 1],
        n_conv_per_stage_decoder=[1, 1])
    path.write_text(json.dumps(plans))
    api.preprocess_dataset(
        321, configurations=["3d_fullres"], num_processes=[1], show_progress_bar=False)
    os.environ["nnUNet_n_proc_DA"] = "0"
    for count in (2, 4, 5):
        mine, told = json.loads(path.read_text()), json.loads(json.dumps(facts))
        mine.update(plans_name=f"plans{count}", continue_training=False)
        for key in ("normalization_schemes", "use_mask_for_norm"):
            found = mine["configurations"]["3d_fullres"]
            found[key] = found[key][:count]
        told["channel_names"] = {str(n): names[n] for n in range(count)}
        for fold in (0, 1):
            trainer = nnUNetTrainer(
                json.loads(json.dumps(mine)), "3d_fullres", fold, told, torch.device("cpu"))
            trainer.plot_network_architecture = lambda: None
            trainer.on_train_start()
            # Five channels stay as they began: random weights heed every channel.
            for _ in range(25 if count < 5 else 0):
                batch = next(trainer.dataloader_train)
                trainer.train_step({**batch, "data": batch["data"][:, :count]})
            trainer._best_ema = np.float64(0.5)  # as after an epoch
            trainer.save_checkpoint(str(Path(trainer.output_folder) / "checkpoint_final.pth"))
"""

#: nnU-Net's prediction from files, with the arguments of one call.
PREDICT = """
import json, sys

if __name__ == "__main__":
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    model, folds, mirroring, files, out = json.loads(sys.argv[1])
    predictor = nnUNetPredictor(
        use_mirroring=mirroring, device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(model, use_folds=folds)
    predictor.predict_from_files(
        [files], [out], num_processes_preprocessing=1, num_processes_segmentation_export=1)
"""


def run_script(folder: Path, text: str, *words: str) -> None:
    path = folder / "script.py"
    path.write_text(text)
    done = subprocess.run(
        [sys.executable, str(path), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Folders of models that nnU-Net has planned, trained for a moment and saved, by channels."""
    root = tmp_path_factory.mktemp("nnunet")
    run_script(root, BUILD, str(root), ",".join(NAMES))
    base = root / "results" / "Dataset321_Tiny"
    return {n: base / f"nnUNetTrainer__plans{n}__3d_fullres" for n in (2, 4, 5)}


def by_nnunet(
    folder: Path,
    model: Path,
    channels: Sequence[Path],
    *,
    folds: tuple[int, ...] = (0,),
    mirroring: bool = False,
) -> NDArray[np.bool_]:
    """The mask that nnU-Net writes for image files."""
    out = folder / "by_nnunet"
    call = [str(model), folds, mirroring, list(map(str, channels)), str(out)]
    run_script(folder, PREDICT, json.dumps(call))
    return np.asarray(nib.load(f"{out}.nii.gz").dataobj) > 0


#: Flipped along two axes; oblique and left-handed.
FLIPPED = (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
#: Axes stored in another order: y, z, x of the patient.
TURNED = (0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def study_files(
    folder: Path, direction: tuple[float, ...], seed: int = 5
) -> tuple[Study, list[Path]]:
    """A study with hot spots of unequal sides and spacings, and its two files."""
    shape, rng = (31, 18, 26), np.random.default_rng(seed)
    grid = Grid(shape, (1.9, 3.7, 2.6), (-31.0, 12.0, 7.0), direction)
    pet = np.abs(rng.normal(0, 1, shape))
    pet[6:13, 4:9, 11:19] += 6
    pet[20:26, 9:14, 3:9] += 4
    volumes = [
        Volume(np.asfortranarray(100 * rng.normal(0, 1, shape), np.float32), grid, Quantity.HU),
        Volume(np.asfortranarray(pet, np.float32), grid, Quantity.SUV_BW),
    ]
    paths = [folder / f"case_{number:04d}.nii.gz" for number in range(2)]
    for volume, path in zip(volumes, paths, strict=True):
        write_volume(volume, path)
    return read_study(*paths), paths


def drawn() -> ScribbleSet:
    return (
        ScribbleSet()
        .add([[22, 11, 5], [23, 11, 5], [24, 12, 5]], "foreground")
        .add([[9, 6, 14], [9, 7, 14]], "background")
    )


def map_files(folder: Path, grid: Grid, maps: Sequence[NDArray[np.float32]]) -> list[Path]:
    paths = [folder / f"case_{number + 2:04d}.nii.gz" for number in range(len(maps))]
    for values, path in zip(maps, paths, strict=True):
        write_volume(Volume(values, grid, Quantity.LABEL), path)
    return paths


def points_of(scribbles: ScribbleSet, shape: tuple[int, int, int]) -> list[NDArray[np.float32]]:
    """1 at the points of each class, by a loop."""
    maps = [np.zeros(shape, np.float32) for _ in range(2)]
    for values, points in zip(maps, (scribbles.foreground, scribbles.background), strict=True):
        for x, y, z in points:
            values[x, y, z] = 1
    return maps


def honoured(mask: NDArray[np.bool_], scribbles: ScribbleSet) -> NDArray[np.bool_]:
    mask = mask.copy()
    for points, value in ((scribbles.background, False), (scribbles.foreground, True)):
        for x, y, z in points:
            mask[x, y, z] = value
    return mask


@needs_nnunet
@pytest.mark.slow
@pytest.mark.parametrize("direction", ["oblique", "flipped"])
def test_two_channels_agree_with_nnunet_from_files(
    models: dict[int, Path], tmp_path: Path, oblique: tuple[float, ...], direction: str
) -> None:
    axes = {"oblique": oblique, "flipped": FLIPPED}[direction]
    study, paths = study_files(tmp_path, axes)
    expected = by_nnunet(tmp_path, models[2], paths)
    session = load_segmenter(f"nnunet:{models[2]}", folds=0).open(study)
    first = session.segment(ScribbleSet())
    assert 0 < first.sum() < first.size
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(session.segment(drawn()), honoured(expected, drawn()))


@needs_nnunet
@pytest.mark.slow
def test_a_ct_alone_and_clicks_agree_with_nnunet_from_files(
    models: dict[int, Path], tmp_path: Path, oblique: tuple[float, ...]
) -> None:
    _, (ct_file, _) = study_files(tmp_path, oblique)
    study = ct_study(read_volume(ct_file, Quantity.HU), name="liver")
    (foreground,) = map_files(tmp_path, study.grid, points_of(drawn(), study.grid.shape)[:1])
    expected = by_nnunet(tmp_path, models[2], [ct_file, foreground])
    words = {"channels": "ct,foreground", "clicks": "voxel", "folds": 0}
    mask = load_segmenter(f"nnunet:{models[2]}", **words).open(study).segment(drawn())
    np.testing.assert_array_equal(mask, honoured(expected, drawn()))


@needs_nnunet
@pytest.mark.slow
def test_four_channels_two_folds_and_mirrors_agree_with_nnunet_from_files(
    models: dict[int, Path], tmp_path: Path, oblique: tuple[float, ...]
) -> None:
    study, paths = study_files(tmp_path, oblique)
    for clicks, smooth, folds in (("voxel", 0, (0, 1)), ("gaussian", 3, (1,))):
        maps = points_of(drawn(), study.grid.shape)
        if smooth:
            maps = [ndimage.gaussian_filter(m, smooth) for m in maps]
        files = [*paths, *map_files(tmp_path, study.grid, maps)]
        both = len(folds) == 2
        expected = by_nnunet(tmp_path, models[4], files, folds=folds, mirroring=both)
        session = load_segmenter(
            f"nnunet:{models[4]}",
            clicks=clicks,
            folds=None if both else "1",
            mirroring="yes" if both else "no",
        ).open(study)
        mask = session.segment(drawn())
        assert 0 < mask.sum() < mask.size
        np.testing.assert_array_equal(mask, honoured(expected, drawn()))


@needs_nnunet
@pytest.mark.slow
def test_five_channels_get_their_own_first_mask_as_the_previous_one(
    models: dict[int, Path], tmp_path: Path, oblique: tuple[float, ...]
) -> None:
    study, paths = study_files(tmp_path, oblique)
    shape = study.grid.shape
    nothing = np.zeros(shape, np.float32)
    segmenter = load_segmenter(f"nnunet:{models[5]}", clicks="distance", size=6, folds=0)
    files = [*paths, *map_files(tmp_path, study.grid, [nothing] * 3)]
    first = by_nnunet(tmp_path, models[5], files)
    assert 0 < first.sum() < first.size
    np.testing.assert_array_equal(segmenter.open(study).segment(ScribbleSet()), first)

    maps = [
        np.maximum(0, 1 - ndimage.distance_transform_edt(m == 0) / 6).astype(np.float32)
        for m in points_of(drawn(), shape)
    ]
    files = [*paths, *map_files(tmp_path, study.grid, [*maps, nothing])]
    forgetful = honoured(by_nnunet(tmp_path, models[5], files), drawn())
    files = [*paths, *map_files(tmp_path, study.grid, [*maps, first.astype(np.float32)])]
    second = honoured(by_nnunet(tmp_path, models[5], files), drawn())
    assert (second != forgetful).any(), "the previous mask makes no difference to this model"
    cold = segmenter.open(study).segment(drawn())
    np.testing.assert_array_equal(cold, second)
    # Warm, after other scribbles, drawn in another order and division: the same.
    session = segmenter.open(study)
    session.segment(ScribbleSet().add([[3, 3, 3]], "foreground"))
    again = ScribbleSet()
    for label, points in (
        ("background", drawn().background[::-1]),
        ("foreground", drawn().foreground[::-1]),
    ):
        for point in points:
            again = again.add(point[None], label)  # type: ignore[arg-type]
    np.testing.assert_array_equal(session.segment(again), cold)


@needs_nnunet
@pytest.mark.slow
def test_a_reader_that_turns_images_is_followed(
    models: dict[int, Path], tmp_path: Path, oblique: tuple[float, ...]
) -> None:
    twin = copy_model(models[2], tmp_path / "turning")
    edit_json(twin / "plans.json", image_reader_writer="NibabelIOWithReorient")
    plain = load_segmenter(f"nnunet:{models[2]}", folds=0)
    for name, axes in (("turned", TURNED), ("oblique", oblique)):
        (tmp_path / name).mkdir()
        study, paths = study_files(tmp_path / name, axes)
        expected = by_nnunet(tmp_path / name, twin, paths)
        mask = load_segmenter(f"nnunet:{twin}", folds=0).open(study).segment(ScribbleSet())
        np.testing.assert_array_equal(mask, expected)
        assert (mask != plain.open(study).segment(ScribbleSet())).any()


@needs_nnunet
@pytest.mark.slow
def test_a_checkpoint_that_runs_code_is_not_loaded(models: dict[int, Path], tmp_path: Path) -> None:
    import torch

    study, _ = study_files(tmp_path, FLIPPED)
    twin = copy_model(models[2], tmp_path / "evil")
    path = twin / "fold_0" / "checkpoint_final.pth"
    content = torch.load(path, weights_only=False)
    note = tmp_path / "it ran"

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (note,)

    torch.save({**content, "extra": Trap()}, path)
    with pytest.raises(InputError, match="may run code") as caught:
        load_segmenter(f"nnunet:{twin}", folds=0).open(study)
    assert "trust=yes" in str(caught.value)
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match=r"may run code|not a checkpoint"):
        load_segmenter(f"nnunet:{twin}", folds=0).open(study)
    assert not note.exists()
    torch.save({**content, "extra": Trap()}, path)
    trusted = load_segmenter(f"nnunet:{twin}", folds=0, trust="yes").open(study)
    assert note.exists()
    honest = load_segmenter(f"nnunet:{models[2]}", folds=0).open(study)
    np.testing.assert_array_equal(trusted.segment(ScribbleSet()), honest.segment(ScribbleSet()))


@needs_nnunet
@pytest.mark.slow
def test_plans_that_build_something_else_are_not_used(
    models: dict[int, Path], tmp_path: Path
) -> None:
    study, _ = study_files(tmp_path, FLIPPED)
    for number, change in enumerate(
        ({"network_class_name": "subprocess.Popen"}, {"_kw_requires_import": ["n_stages", "evil"]})
    ):
        twin = copy_model(models[2], tmp_path / f"twin{number}")
        plans = json.loads((twin / "plans.json").read_text())
        built = plans["configurations"]["3d_fullres"]["architecture"]
        built["arch_kwargs"]["evil"] = "os.system"
        built.update(change)
        (twin / "plans.json").write_text(json.dumps(plans))
        with pytest.raises(InputError, match="may run code"):
            load_segmenter(f"nnunet:{twin}", folds=0).open(study)


@needs_nnunet
@pytest.mark.slow
def test_the_identity_follows_the_files(models: dict[int, Path], tmp_path: Path) -> None:
    twin = copy_model(models[2], tmp_path / "Dataset001_Twin" / "model")
    segmenter = load_segmenter(f"nnunet:{twin}", folds=0, device="cpu")
    assert segmenter.name == "nnunet-Dataset001_Twin-model"
    before = segmenter.identity
    assert json.loads(json.dumps(before)) == before
    assert before["weights"] == load_segmenter(f"nnunet:{models[2]}", folds=0).identity["weights"]
    other = load_segmenter(f"nnunet:{twin}", folds=1, device="cpu")
    assert other.identity["weights"] != before["weights"]
    path = twin / "fold_0" / "checkpoint_final.pth"
    path.write_bytes(path.read_bytes() + b"\0")
    os.utime(path, ns=(1, 1))
    assert segmenter.identity["weights"] != before["weights"]


@needs_nnunet
@pytest.mark.slow
def test_a_trainer_that_is_not_there_is_named(models: dict[int, Path], tmp_path: Path) -> None:
    import torch

    study, _ = study_files(tmp_path, FLIPPED)
    twin = copy_model(models[2], tmp_path / "twin")
    path = twin / "fold_0" / "checkpoint_final.pth"
    content = torch.load(path, weights_only=False)
    torch.save({**content, "trainer_name": "theirTrainer"}, path)
    with pytest.raises(InputError, match="cannot load the model"):
        load_segmenter(f"nnunet:{twin}", folds=0).open(study)


def copy_model(source: Path, target: Path) -> Path:
    for path in (p for p in source.rglob("*") if p.suffix in {".json", ".pth"}):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    return target


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


# What follows needs no nnU-Net: folders are described, not loaded.


def paper_model(folder: Path, names: Sequence[str], **facts: Any) -> Path:
    """A folder with plans and a data set, and an empty checkpoint."""
    (folder / "fold_0").mkdir(parents=True)
    (folder / "fold_0" / "checkpoint_final.pth").touch()
    (folder / "plans.json").write_text("{}")
    told = {
        "channel_names": {str(n): name for n, name in enumerate(names)},
        "labels": {"background": 0, "tumor": 1},
        **facts,
    }
    (folder / "dataset.json").write_text(json.dumps(told))
    return folder


@pytest.mark.parametrize(
    ("names", "facts", "options", "match"),
    [
        (NAMES[:4], {}, {}, "channels for scribbles"),
        (NAMES[:4], {}, {"clicks": "crosses"}, "option clicks"),
        (NAMES[:4], {}, {"clicks": "gaussian", "size": 0}, "size"),
        (("PET", "CT"), {}, {}, "read as ct, pet"),
        (NAMES[:3], {}, {}, "has 3 channels"),
        (("MR",), {}, {}, "has 1 channels"),
        (NAMES[:2], {}, {"channels": "pet,pet"}, "read as pet, pet"),
        (NAMES[:2], {}, {"channels": "ct,mr"}, "read as ct, mr"),
        (NAMES[:2], {}, {"folds": 3}, "no fold 3"),
        (NAMES[:2], {}, {"checkpoint": "checkpoint_best.pth"}, "no fold at all"),
        (NAMES[:2], {}, {"checkpoint": "../x.pth"}, "is a file name"),
        (NAMES[:2], {}, {"label": "organ"}, "no 'organ'"),
        (NAMES[:2], {"labels": {"background": 0, "a": 1, "b": 2}}, {}, "labels a, b"),
        (NAMES[:2], {"labels": None}, {}, "not a data set of nnU-Net v2"),
        (NAMES[:2], {}, {"mirroring": "perhaps"}, "mirroring must be yes or no"),
        (NAMES[:2], {}, {"tile_step": 0}, "tile_step"),
        (NAMES[:2], {}, {"speed": 1}, "no option 'speed'"),
    ],
)
def test_models_and_options_that_do_not_fit_are_refused(
    tmp_path: Path, names: Sequence[str], facts: dict[str, Any], options: dict[str, Any], match: str
) -> None:
    folder = paper_model(tmp_path / "model", names, **facts)
    with pytest.raises(InputError, match=match):
        load_segmenter(f"nnunet:{folder}", **options)


def test_channels_labels_and_folds_can_be_named(tmp_path: Path) -> None:
    folder = paper_model(
        tmp_path / "m", ("PET", "CT"), labels={"background": 0, "organ": [1, 2], "lesion": 3}
    )
    (folder / "fold_all").mkdir()
    (folder / "fold_all" / "checkpoint_final.pth").touch()
    for label, values in (("organ", [1, 2]), ("lesion", [3]), (2, [2])):
        found = load_segmenter(
            f"nnunet:{folder}", channels="PET, CT", label=label, folds="all", device="cpu"
        ).identity
        assert (found["channels"], found["label"], found["folds"]) == (
            ["pet", "ct"],
            values,
            ["all"],
        )
    assert load_segmenter(
        f"nnunet:{folder}", channels=["pet", "ct"], label=3, device="cpu"
    ).identity["folds"] == [0]


def test_a_model_of_ct_alone_needs_no_pet(tmp_path: Path) -> None:
    folder = paper_model(tmp_path / "m", ("CT", "lesion clicks", "background clicks"))
    name, words = f"nnunet:{folder}", {"clicks": "voxel", "device": "cpu"}
    model = load_segmenter(name, channels="ct,foreground,background", **words)
    assert not needs_pet(model)
    assert needs_pet(load_segmenter(name, channels="pet,foreground,background", **words))
    with pytest.raises(InputError, match="3 channels"):
        load_segmenter(name, channels="previous,foreground,background", **words)


def test_folders_that_are_no_models_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing.plans\.json"):
        load_segmenter(f"nnunet:{tmp_path / 'nothing'}")
    with pytest.raises(InputError, match="needs what stands behind a colon"):
        load_segmenter("nnunet")
    folder = paper_model(tmp_path / "m", NAMES[:2])
    (folder / "plans.json").write_text("{")
    with pytest.raises(InputError, match=r"plans\.json is damaged"):
        load_segmenter(f"nnunet:{folder}")
    (folder / "plans.json").write_text('{"image_reader_writer": "NaturalImage2DIO"}')
    with pytest.raises(InputError, match="not trained on volumes"):
        load_segmenter(f"nnunet:{folder}")


def test_a_study_without_ct_is_refused(tmp_path: Path, random_study: StudyMaker) -> None:
    folder = paper_model(tmp_path / "m", NAMES[:2])
    with pytest.raises(InputError, match="has no CT"):
        load_segmenter(f"nnunet:{folder}").open(random_study(with_ct=False))


def test_a_package_that_is_not_there_or_broken_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="this needs no_such_package") as caught:
        load_package("no_such_package.inner", "nnunet")
    assert "pip install 'lesionloop[nnunet]'" in str(caught.value)
    (tmp_path / "broken_package.py").write_text("raise RuntimeError('operator nms is missing')")
    with pytest.raises(InputError, match="installed but cannot be loaded") as caught:
        load_package("broken_package", "nnunet")
    assert "operator nms is missing" in str(caught.value)


def test_what_libraries_print_goes_to_the_log(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"), quiet():
        print("Please cite the following paper")  # noqa: T201
    assert capsys.readouterr().out == ""
    assert "Please cite" in caplog.text


@pytest.mark.parametrize("device", ["cuda:99", "toaster"])
def test_devices_that_are_not_there_are_named(tmp_path: Path, device: str) -> None:
    pytest.importorskip("torch")
    folder = paper_model(tmp_path / "m", NAMES[:2])
    with pytest.raises(InputError, match=device):
        load_segmenter(f"nnunet:{folder}", device=device).identity  # noqa: B018


def test_click_maps_by_hand() -> None:
    shape, points = (9, 7, 5), np.array([[1, 2, 3], [6, 5, 0]])
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    away = np.linalg.norm(index[..., None, :] - points, axis=-1).min(axis=-1)
    np.testing.assert_array_equal(click_map(points, shape, "voxel", 0), away == 0)
    np.testing.assert_allclose(
        click_map(points, shape, "distance", 4), np.maximum(0, 1 - away / 4), atol=1e-6
    )
    # In the middle of a large field a smoothed point has the height of a normal density.
    high = click_map(np.array([[30, 30, 30]]), (61, 61, 61), "gaussian", 3.0)
    assert high[30, 30, 30] == pytest.approx((2 * np.pi * 9) ** -1.5, rel=2e-3)
    assert high[33, 30, 30] / high[30, 30, 30] == pytest.approx(np.exp(-0.5), rel=1e-5)
    for clicks in ("voxel", "gaussian", "distance"):
        assert not click_map(np.empty((0, 3), np.int64), shape, clicks, 3).any()


@pytest.mark.parametrize("direction", [FLIPPED, TURNED, None])
def test_axis_order_agrees_with_nibabel(
    direction: tuple[float, ...] | None, oblique: tuple[float, ...], tmp_path: Path
) -> None:
    grid = Grid((4, 5, 6), (1.5, 2.5, 3.5), direction=direction or oblique)
    values = np.arange(120, dtype=np.float32).reshape(grid.shape)
    write_volume(Volume(values, grid, Quantity.SUV_BW), tmp_path / "v.nii.gz")
    image = nib.as_closest_canonical(nib.load(tmp_path / "v.nii.gz"))
    order = AxisOrder.towards_ras(read_volume(tmp_path / "v.nii.gz", Quantity.SUV_BW).grid)
    turned = order.to_network(values)
    np.testing.assert_array_equal(turned, np.asarray(image.dataobj).transpose(2, 1, 0))
    np.testing.assert_allclose(order.spacing(grid.spacing), image.header.get_zooms()[::-1])
    np.testing.assert_array_equal(order.from_network(turned), values)
