"""Scans of folders and of synthetic bodies, and whole runs of the command on them."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lesionloop.datasets.nnunet import write_case  # noqa: E402
from lesionloop.errors import InputError  # noqa: E402
from lesionloop.imaging import Grid, Quantity, Study, Volume  # noqa: E402
from lesionloop.networks.seganypet import SegAnyPET, SegAnyPETConfig  # noqa: E402
from lesionloop.segmenters.seganypet.weights import load_network  # noqa: E402
from lesionloop.training.seganypet import package  # noqa: E402
from lesionloop.training.seganypet.command import train_points  # noqa: E402
from lesionloop.training.seganypet.objects import Cut, cut_object  # noqa: E402
from lesionloop.training.seganypet.places import Place  # noqa: E402
from lesionloop.training.seganypet.recipe import Options, PointData, PointRecipe  # noqa: E402
from lesionloop.training.seganypet.scans import BodyScans, StudyScans, open_scans  # noqa: E402
from lesionloop.training.seganypet.seeds import seeded  # noqa: E402


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two cases of 4 mm voxels, each with one hot lesion near the right, front, foot corner."""
    folder = tmp_path / "data" / "set"
    for name in ("one", "two"):
        grid = Grid((20, 18, 16), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
        values = np.ones(grid.shape, np.float32)
        label = np.zeros(grid.shape, np.uint8)
        label[2:5, 3:7, 1:4] = 1
        values[label > 0] = 8
        write_case(
            Study(Volume(values, grid, Quantity.SUV_BW, name), None, name),
            folder,
            label=Volume(label, grid, Quantity.LABEL, name),
        )
    return folder


def test_studies_are_resampled_once_and_turned_to_ras(dataset: Path, tmp_path: Path) -> None:
    prepared: list[str] = []

    def scans() -> StudyScans:
        return StudyScans(
            dataset, names=["one"], prepared=tmp_path / "p", spacing_mm=4.0, report=prepared.append
        )

    scan = scans().draw(seeded(1))
    assert scan.pet.shape == (20, 18, 16)
    assert scan.sizes.tolist() == [36]
    # x and y are reversed: LPS on the disk, RAS for the network.
    assert scan.boxes.tolist() == [[[15, 18], [11, 15], [1, 4]]]
    assert scan.pet[15:18, 11:15, 1:4].min() > 5 > scan.pet[:14].max()
    assert (scan.lesions[15:18, 11:15, 1:4] == 1).all()
    one = cut_object(scan, Cut(8, 0.064, "object"), seeded(1))
    assert one is not None
    assert int(one.reference.sum()) == 36
    stamp = (tmp_path / "p" / "one" / "pet.npy").stat().st_mtime_ns
    again = scans().draw(seeded(2))
    assert (tmp_path / "p" / "one" / "pet.npy").stat().st_mtime_ns == stamp
    assert again.sizes.tolist() == [36]


def test_excluded_studies_are_held_out(dataset: Path, tmp_path: Path) -> None:
    entry = PointData("studies", str(dataset), exclude=("one",), noisy=True)
    plan = PointRecipe(data=(entry,), spacing_mm=4.0)
    ((weight, noisy, source),) = open_scans(plan, tmp_path, 16)
    assert (weight, noisy) == (1.0, True)
    assert source.names == ("two",)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="excludes all"):
        open_scans(replace(plan, data=(replace(entry, exclude=("one", "two")),)), tmp_path, 16)


def test_synthetic_bodies_need_their_own_spacing(tmp_path: Path) -> None:
    plan = PointRecipe(data=(PointData("procedural", count=1),), spacing_mm=1.5)
    with pytest.raises(InputError, match="4 mm"):
        open_scans(plan, tmp_path, 16)


def test_kept_patches_do_not_depend_on_the_order_of_drawing(cube_sample: object) -> None:
    class Counting:
        made = 0

        def draw(self, generator: Any) -> object:
            self.made += 1
            return replace(
                cube_sample,  # type: ignore[type-var]
                pet=torch.rand(cube_sample.pet.shape, generator=generator),  # type: ignore[attr-defined]
            )

    one, other = Counting(), Counting()
    first = BodyScans(one, kept=2, seed=5)  # type: ignore[arg-type]
    second = BodyScans(other, kept=2, seed=5)  # type: ignore[arg-type]
    pets = {number: first.draw(seeded(number)).pet for number in range(12)}
    for number in reversed(range(12)):
        assert np.array_equal(second.draw(seeded(number)).pet, pets[number])
    assert one.made == other.made == 2


def test_a_ct_is_prepared_when_it_is_asked_for(dataset: Path, tmp_path: Path) -> None:
    def draw(*, ct: bool, names: tuple[str, ...] = ("with",)) -> Any:
        scans = StudyScans(dataset, names=names, prepared=tmp_path / "p", spacing_mm=4.0, ct=ct)
        return scans.draw(seeded(1))

    grid = Grid((20, 18, 16), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    pet = np.ones(grid.shape, np.float32)
    pet[2:5] = 8
    hu = np.full(grid.shape, -200, np.float32)
    hu[2:5, 3:7, 1:4] = 60
    label = (hu > 0).astype(np.uint8)
    write_case(
        Study(
            Volume(pet, grid, Quantity.SUV_BW, "with"),
            Volume(hu, grid, Quantity.HU, "with"),
            "with",
        ),
        dataset,
        label=Volume(label, grid, Quantity.LABEL, "with"),
    )
    assert draw(ct=False).ct is None
    scan = draw(ct=True)  # although the PET was prepared before
    # Smoothed on the way to the working grid: the soft tissue stands out, and only there.
    assert scan.ct[16, 12:14, 2].min() > 0
    assert scan.ct[15:18, 11:15, 1:4].min() > -100
    assert (scan.ct[:13] == -200).all()
    with pytest.raises(InputError, match="one has no CT"):
        draw(ct=True, names=("one",))


def test_synthetic_bodies_bring_their_ct(cube_sample: Any) -> None:
    class Source:
        def draw(self, generator: Any) -> Any:
            del generator
            return cube_sample

    assert BodyScans(Source()).draw(seeded(1)).ct is None
    found = BodyScans(Source(), ct=True).draw(seeded(1)).ct
    assert found is not None
    np.testing.assert_allclose(found, cube_sample.ct.flip(0, 1).numpy(), atol=1)


@pytest.fixture
def tiny_config(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = SegAnyPETConfig(
        image_size=16, patch=4, width=12, depth=1, heads=2, global_blocks=(0,), embed=24,
        decoder_heads=2, decoder_mlp=24, quality_width=8, decoder_depth=1,
    )  # fmt: skip
    monkeypatch.setitem(package._CONFIGS, "small", lambda: tiny)


@pytest.mark.usefixtures("tiny_config")
def test_a_run_ends_with_weights_that_another_begins_with(dataset: Path, tmp_path: Path) -> None:
    entry = PointData("studies", str(dataset), hold_out_every=2)
    plan = PointRecipe(
        data=(entry,), steps=3, batch=2, micro_batch=1, spacing_mm=4.0, clicks=(1, 3)
    )
    said: list[str] = []
    out = tmp_path / "run"
    out.mkdir()
    found = train_points(
        plan, out, place=Place(torch.device("cpu")), held_out=2, clicks=3,
        report=lambda _done, label, _total: said.append(label),
    )  # fmt: skip
    assert found.steps == 3
    assert len(found.dice_by_click) == 3
    assert all(0 <= dice <= 1 for dice in found.dice_by_click)
    assert (out / "log.csv").read_text().count("\n") == 4
    assert any("loss" in label for label in said)
    stored = torch.load(found.weights, weights_only=True)
    assert str(tmp_path) not in str(stored["training"])
    again = package.build_network(replace(plan, start=str(found.weights)))
    assert isinstance(again, SegAnyPET)
    for name, value in stored["model_state_dict"].items():
        assert torch.equal(again.state_dict()[name], value)
    assert not again.config.compatible


@pytest.mark.usefixtures("tiny_config")
def test_a_recipe_switches_options_on_and_the_segmenter_loads_them(
    dataset: Path, tmp_path: Path
) -> None:
    plan = PointRecipe(
        data=(PointData("studies", str(dataset)),), steps=2, batch=2, micro_batch=2,
        spacing_mm=4.0, clicks=(2, 3), strokes=1.0, encoder_rate=1e-3,
        options=Options(scribbles=True, checkpointing=True),
    )  # fmt: skip
    found = train_points(
        plan, tmp_path, place=Place(torch.device("cpu")), held_out=0, report=lambda *_: None
    )
    network = load_network(found.weights).network
    assert network.config.prompt_scribbles
    assert network.prompts.scribbles[-1].weight.abs().max() > 0  # it began at 0 and has learned
    with pytest.raises(InputError, match="cannot have these options"):  # patches of 4 voxels
        package.build_network(replace(plan, options=Options(finer=True)))


@pytest.mark.usefixtures("tiny_config")
def test_options_are_added_to_weights_without_a_change_at_first(tmp_path: Path) -> None:
    plan = PointRecipe(data=(PointData("procedural"),))
    torch.manual_seed(3)
    old = package.build_network(plan).eval()
    with torch.no_grad():
        for value in old.parameters():
            value.add_(0.05 * torch.randn_like(value))
    path = tmp_path / "w.pt"
    stored = {"model_state_dict": old.state_dict(), "config": asdict(old.config), "spacing_mm": 4.0}
    torch.save(stored, path)
    options = Options(ct=True, scribbles=True)
    new = package.build_network(replace(plan, start=str(path), options=options)).eval()
    assert (new.config.channels_in, new.config.prompt_scribbles) == (2, True)
    pet, ct = torch.randn(2, 1, 1, 16, 16, 16)
    points, labels = torch.tensor([[[8.0, 8, 8]]]), torch.tensor([[1]])
    drawn = (torch.rand(1, 2, 16, 16, 16) > 0.9).float()
    with torch.no_grad():
        before = old.decode(old.encode(pet), points, labels)
        image = torch.cat([pet, ct], dim=1)
        after = new.decode(new.encode(image), points, labels, None, drawn)
    torch.testing.assert_close(after, before)
    # Weights that have an option keep it when the recipe does not name it.
    torch.save({**stored, "model_state_dict": new.state_dict(), "config": asdict(new.config)}, path)
    again = package.build_network(replace(plan, start=str(path), options=Options(scribbles=True)))
    assert again.config.channels_in == 2


def test_weights_to_start_with_must_be_there_and_be_weights(tmp_path: Path) -> None:
    plan = PointRecipe(data=(PointData("procedural"),), start=str(tmp_path / "none.pt"))
    with pytest.raises(InputError, match="cannot read"):
        package.build_network(plan)
    (tmp_path / "none.pt").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"not a checkpoint|not loaded"):
        package.build_network(plan)
    torch.save({"model_state_dict": {"a": torch.ones(1)}}, tmp_path / "none.pt")
    with pytest.raises(InputError, match="does not hold"):
        package.build_network(plan)
