"""Recipes of other architectures: from text to a mask with strokes."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")
pytest.importorskip("onnx")

from lesionloop.errors import InputError  # noqa: E402
from lesionloop.imaging import Grid, Quantity, Study, Volume  # noqa: E402
from lesionloop.networks import baselines  # noqa: E402
from lesionloop.scribbles import ScribbleSet  # noqa: E402
from lesionloop.segmenters import load_segmenter  # noqa: E402
from lesionloop.segmenters.learned.network import load_runtime  # noqa: E402
from lesionloop.training.command import train_recipe  # noqa: E402
from lesionloop.training.package import finished_network  # noqa: E402
from lesionloop.training.recipe import Recipe  # noqa: E402
from lesionloop.training.sources import open_sources  # noqa: E402
from lesionloop.training.trainer import Trainer  # noqa: E402

TEXT = """
steps = 2
batch = 1
pool = 1
patch = {patch}
architecture = "{architecture}"
widths = {widths}
[[data]]
kind = "procedural"
count = 1
"""


def read(folder: Path, architecture: str, widths: list[int], patch: int = 16) -> Recipe:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.toml"
    path.write_text(TEXT.format(architecture=architecture, widths=widths, patch=patch))
    return Recipe.read(path)


def study() -> Study:
    """A body with one hot lesion, 32 x 28 x 24 voxels of 4 mm."""
    grid = Grid((32, 28, 24), (4.0, 4.0, 4.0))
    suv = np.full(grid.shape, 0.6, np.float32)
    suv[14:19, 12:16, 10:14] = 9
    return Study(Volume(suv, grid, Quantity.SUV_BW), None, "case", "fdg")


@pytest.mark.parametrize(
    ("architecture", "widths", "patch"),
    [
        ("dynunet", [4, 6, 8], 16),
        ("segresnet", [8], 16),
        pytest.param("swinunetr", [12], 64, marks=pytest.mark.slow),
    ],
)
def test_two_steps_and_the_segmenter_works(
    architecture: str, widths: list[int], patch: int, tmp_path: Path
) -> None:
    recipe = read(tmp_path, architecture, widths, patch)
    out = tmp_path / "run"
    found = train_recipe(recipe, out, device="cpu", report=lambda *_: None, patches=1, save_every=1)
    assert found.steps == 2
    assert found.parameters > 1000
    facts = json.loads((out / "network.json").read_text())
    assert (facts["architecture"], facts["window"]) == (architecture, patch)
    inputs = np.random.default_rng(1).random((7, patch, patch, patch), dtype=np.float32)
    one, two = (load_runtime(out, backend, 1).run(inputs) for backend in ("onnx", "torch"))
    np.testing.assert_allclose(one, two, atol=2e-3)
    masks = {}
    for backend in ("onnx", "torch"):
        session = load_segmenter("default", weights=out, backend=backend, threads=1).open(study())
        session.segment(ScribbleSet())
        strokes = ScribbleSet().add([(16, 14, 12)], "foreground").add([(5, 5, 5)], "background")
        masks[backend] = session.segment(strokes)
        assert masks[backend][16, 14, 12]
        assert not masks[backend][5, 5, 5]
    # After two steps logits are nearly flat, and some lie at the threshold.
    assert (masks["onnx"] != masks["torch"]).mean() < 1e-3


@pytest.mark.parametrize("patch", [16, 32])  # with and without bfloat16
def test_interrupted_and_resumed_is_the_same_to_the_bit(patch: int, tmp_path: Path) -> None:
    recipe = read(tmp_path, "segresnet", [8], patch)
    states = []
    for name, parts in (("whole", [None]), ("parts", [1, None])):
        for until in parts:
            trainer = Trainer(recipe, open_sources(recipe, tmp_path), tmp_path / name)
            trainer.run(lambda _: None, until=until)
        states.append(trainer.average.state_dict())
    for name, value in states[0].items():
        assert torch.isfinite(value).all()
        torch.testing.assert_close(states[1][name], value, rtol=0, atol=0)


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    sources = open_sources(read(tmp_path, "compact", [4, 8, 8]), tmp_path)
    Trainer(read(tmp_path, "compact", [4, 8, 8]), sources, tmp_path / "run").save()
    stored = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=False)
    del stored["recipe"]["architecture"]  # as before there was a choice
    torch.save(stored, tmp_path / "run" / "checkpoint.pt")
    Trainer(read(tmp_path, "compact", [4, 8, 8]), sources, tmp_path / "run")
    with pytest.raises(InputError, match="another recipe"):
        Trainer(read(tmp_path, "dynunet", [4, 8, 8]), sources, tmp_path / "run")


def test_an_ensemble_sees_one_window(tmp_path: Path) -> None:
    recipe = read(tmp_path, "dynunet", [4, 6, 8])
    other = tmp_path / "other"
    train_recipe(recipe, other, device="cpu", report=lambda *_: None, patches=1)
    sources = open_sources(recipe, tmp_path)
    assert len(finished_network(Trainer(recipe, sources, tmp_path / "a"), [other]).members) == 2
    compact = read(tmp_path, "compact", [4, 8])
    both = finished_network(Trainer(compact, sources, tmp_path / "b"), [other])
    assert not both.any_size
    large = read(tmp_path, "dynunet", [4, 6, 8], patch=24)
    with pytest.raises(InputError, match="windows of 16"):
        finished_network(Trainer(large, sources, tmp_path / "c"), [other])


def test_recipes_that_do_not_fit_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for architecture, widths, patch, match in (
        ("unet", [4, 8], 16, "architecture is 'unet'"),
        ("segresnet", [12], 16, "widths is out of range"),
        ("swinunetr", [24], 32, "patch is out of range"),
    ):
        with pytest.raises(InputError, match=match):
            read(tmp_path, architecture, widths, patch)
    monkeypatch.setattr(baselines, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="needs monai") as refused:
        read(tmp_path, "segresnet", [8])
    assert "pip install 'lesionloop[baselines]'" in str(refused.value)


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "recipes/baselines").glob("*.toml")), ids=str
)
def test_the_recipes_of_the_baselines_are_comparable(path: Path) -> None:
    recipe = Recipe.read(path)
    first = Recipe.read(path.parent / "compact.toml")
    same = ("seed", "steps", "batch", "pool", "patch", "spacing_mm", "plan", "data", "guidance")
    assert [getattr(recipe, name) for name in same] == [getattr(first, name) for name in same]
