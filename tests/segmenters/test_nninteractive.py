"""nnInteractive: its real session and its real server, with a tiny network of random weights.

The official weights are not here: what is tested is that prompts, axes and replay are right, not
that masks are good.
"""

import contextlib
import io
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Study, write_mask
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import load_segmenter
from lesionloop.segmenters.adapters.nninteractive import LICENCE, flat_strokes
from lesionloop.segmenters.protocol import StepFailureError

StudyMaker = Callable[..., Study]

try:
    with contextlib.redirect_stdout(io.StringIO()):
        import_module("nnInteractive.inference.inference_session")
    MISSING = ""
except Exception as error:  # a broken installation is as good as none
    MISSING = f"nnInteractive cannot be used here: {error}"

needs_nninteractive = pytest.mark.skipif(bool(MISSING), reason=MISSING or "-")

YES = {"accept_licence": "yes", "device": "cpu"}

#: Sides of the network's field of view, z, y, x: unequal, so that swapped axes show.
PATCH = (8, 12, 16)

PLANS: dict[str, Any] = {
    "dataset_name": "Dataset999_Tiny",
    "plans_name": "plans",
    "image_reader_writer": "SimpleITKIO",
    "transpose_forward": [0, 1, 2],
    "transpose_backward": [0, 1, 2],
    "label_manager": "LabelManager",
    "configurations": {
        "3d_fullres": {
            "data_identifier": "tiny",
            "preprocessor_name": "DefaultPreprocessor",
            "batch_size": 2,
            "patch_size": list(PATCH),
            "spacing": [1.0, 1.0, 1.0],
            "normalization_schemes": ["ZScoreNormalization"],
            "use_mask_for_norm": [False],
            "architecture": {
                "network_class_name": (
                    "dynamic_network_architectures.architectures.unet.PlainConvUNet"
                ),
                "arch_kwargs": {
                    "n_stages": 2,
                    "features_per_stage": [4, 8],
                    "conv_op": "torch.nn.modules.conv.Conv3d",
                    "kernel_sizes": [[3, 3, 3], [3, 3, 3]],
                    "strides": [[1, 1, 1], [2, 2, 2]],
                    "n_conv_per_stage": [1, 1],
                    "n_conv_per_stage_decoder": [1],
                    "conv_bias": True,
                    "norm_op": None,
                    "norm_op_kwargs": {},
                    "dropout_op": None,
                    "dropout_op_kwargs": None,
                    "nonlin": "torch.nn.LeakyReLU",
                    "nonlin_kwargs": {"inplace": True},
                },
                "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
            },
        }
    },
}


def paper_weights(folder: Path, licence: str | None = None, **plans: object) -> Path:
    """A folder that looks like weights, with an empty checkpoint."""
    (folder / "fold_0").mkdir(parents=True)
    (folder / "fold_0" / "checkpoint_final.pth").touch()
    (folder / "plans.json").write_text(json.dumps({**PLANS, **plans}))
    facts = {"channel_names": {"0": "image"}, "labels": {"background": 0, "object": 1}}
    (folder / "dataset.json").write_text(json.dumps(facts))
    (folder / "inference_info.json").write_text("{}")
    if licence is not None:
        (folder / "LICENSE").write_text(f"\n{licence}\nhttps://example.org\n")
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in nnInteractive's format, with random weights in a network built by nnU-Net."""
    import torch

    folder = paper_weights(tmp_path_factory.mktemp("weights") / "tiny", licence="CC0 1.0")
    handler = import_module("nnunetv2.utilities.plans_handling.plans_handler")
    trainer = import_module("nnInteractive.trainer.nnInteractiveTrainer").nnInteractiveTrainer_stub
    plans = handler.PlansManager(PLANS)
    torch.manual_seed(8)
    network = trainer.build_network_architecture(
        plans, plans.get_configuration("3d_fullres"), 8, 2, enable_deep_supervision=False
    )
    for name, values in network.state_dict().items():
        torch.nn.init.normal_(values, std=0.2 if name.endswith("weight") else 0.05)
    content = {
        "network_weights": network.state_dict(),
        "trainer_name": "nnInteractiveTrainer_stub",
        "init_args": {"configuration": "3d_fullres"},
    }
    torch.save(content, folder / "fold_0" / "checkpoint_final.pth")
    return folder


@pytest.fixture
def study(random_study: StudyMaker, oblique: tuple[float, ...]) -> Study:
    return random_study(2, (37, 29, 23), direction=oblique)


def drawn() -> ScribbleSet:
    """Two foreground strokes in different slices, touching along z, and a background one."""
    return (
        ScribbleSet()
        .add([[9, 8, 7], [10, 8, 7], [11, 9, 7]], "foreground")
        .add([[11, 9, 8], [12, 9, 8]], "foreground")
        .add([[16, 11, 9], [16, 12, 9]], "background")
    )


#: The prompts of `drawn` in the session's order: slice, box and the marked voxels, as z, y, x.
PROMPTS = [
    (True, [[7, 8], [8, 10], [9, 12]], [(0, 0, 0), (0, 0, 1), (0, 1, 2)]),
    (True, [[8, 9], [9, 10], [11, 13]], [(0, 0, 0), (0, 0, 1)]),
    (False, [[9, 10], [11, 13], [16, 17]], [(0, 0, 0), (0, 1, 0)]),
]


def by_nninteractive(
    weights: Path, image: NDArray[Any], *, start: NDArray[Any] | None = None, autozoom: bool = True
) -> NDArray[np.bool_]:
    """The prompts of `drawn` given by hand to a session of the real package; image [z, y, x]."""
    import torch

    package = import_module("nnInteractive.inference.inference_session")
    with contextlib.redirect_stdout(io.StringIO()):
        session = package.nnInteractiveInferenceSession(
            device=torch.device("cpu"), do_autozoom=autozoom
        )
        session.initialize_from_trained_model_folder(str(weights), use_fold=0)
        session.set_image(image[None].astype(np.float32))
        target = np.zeros(image.shape, np.uint8)
        session.set_target_buffer(target)
        if start is not None:
            session.add_initial_seg_interaction(start.astype(np.uint8))
        for include, box, marked in PROMPTS:
            crop = np.zeros([b - a for a, b in box], np.uint8)
            for place in marked:
                crop[place] = 1
            session.add_scribble_interaction(crop, include, interaction_bbox=box)
    return target.transpose(2, 1, 0) > 0


def honoured(mask: NDArray[np.bool_], scribbles: ScribbleSet) -> NDArray[np.bool_]:
    mask = mask.copy()
    for points, value in ((scribbles.background, False), (scribbles.foreground, True)):
        for x, y, z in points:
            mask[x, y, z] = value
    return mask


@needs_nninteractive
@pytest.mark.slow
@pytest.mark.parametrize("image", ["pet", "ct"])
def test_masks_are_those_of_the_package(weights: Path, study: Study, image: str) -> None:
    assert study.ct is not None
    values = (study.pet if image == "pet" else study.ct).values
    expected = by_nninteractive(weights, values.transpose(2, 1, 0))
    segmenter = load_segmenter(f"nninteractive:{weights}", image=image, **YES)
    session = segmenter.open(study)
    assert not session.segment(ScribbleSet()).any()
    only_background = ScribbleSet().add([[3, 3, 3]], "background")
    assert not session.segment(only_background).any()
    mask = session.segment(drawn())
    assert 10 < mask.sum() < mask.size / 2
    np.testing.assert_array_equal(mask, honoured(expected, drawn()))
    # Warm or cold, in another order and division of the points: the same.
    again = ScribbleSet()
    for label, points in (
        ("background", drawn().background[::-1]),
        ("foreground", drawn().foreground[::-1]),
    ):
        for point in points:
            again = again.add(point[None], label)  # type: ignore[arg-type]
    np.testing.assert_array_equal(session.segment(again), mask)
    np.testing.assert_array_equal(segmenter.open(study).segment(again), mask)


@needs_nninteractive
@pytest.mark.slow
@pytest.mark.parametrize("prompt", ["scribble", "point"])
def test_a_prompt_acts_where_it_was_drawn(weights: Path, study: Study, prompt: str) -> None:
    """Without zoom the network sees one patch around the stroke, and nothing else can change."""
    segmenter = load_segmenter(f"nninteractive:{weights}", prompt=prompt, autozoom="no", **YES)
    middle = np.array([24, 16, 12])
    mask = segmenter.open(study).segment(ScribbleSet().add(middle[None], "foreground"))
    found = np.argwhere(mask)
    half = np.array(PATCH[::-1]) // 2
    # The middle of a box of one voxel is rounded, so that the patch may begin one further on.
    assert (found >= middle - half).all()
    assert (found <= middle + half).all()
    # Random weights fill the patch with a pattern that reaches far along each axis.
    assert (np.ptp(found, axis=0) > half).all()


@needs_nninteractive
@pytest.mark.slow
def test_a_start_mask_is_corrected(weights: Path, study: Study, tmp_path: Path) -> None:
    start = np.zeros(study.grid.shape, bool)
    start[2:6, 3:9, 4:7] = True
    write_mask(start, study, tmp_path / "start.nii.gz")
    segmenter = load_segmenter(f"nninteractive:{weights}", start=tmp_path / "start.nii.gz", **YES)
    session = segmenter.open(study)
    np.testing.assert_array_equal(session.segment(ScribbleSet()), start)
    expected = by_nninteractive(
        weights, study.pet.values.transpose(2, 1, 0), start=start.transpose(2, 1, 0)
    )
    np.testing.assert_array_equal(session.segment(drawn()), honoured(expected, drawn()))


@pytest.fixture
def server(weights: Path) -> Iterator[Callable[[], str]]:
    """A function that starts the real server, on this machine only, and gives its address."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [
            sys.executable, "-c", "from nnInteractive.inference.server.main import main; main()",
            "--model-dir", str(weights), "--fold", "0", "--device", "cpu", "--no-torch-compile",
            "--port", str(port), *words,
        ]  # fmt: skip
        running.append(
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return f"http://127.0.0.1:{port}"
            assert running[-1].poll() is None, "the server ended"
            time.sleep(0.2)
        raise AssertionError("the server does not answer")

    yield start
    for process in running:
        process.kill()
        process.wait()


@needs_nninteractive
@pytest.mark.slow
def test_a_server_gives_the_same_masks(
    weights: Path, study: Study, server: Callable[..., str]
) -> None:
    pytest.importorskip("uvicorn", reason="the server's packages are not installed")
    local = load_segmenter(f"nninteractive:{weights}", **YES).open(study)
    address = server("--max-sessions", "2", "--idle-timeout-seconds", "4")
    with pytest.raises(InputError, match="is not accepted") as caught:
        load_segmenter(f"nninteractive:{address}").open(study)
    assert "CC0 1.0" in str(caught.value)
    segmenter = load_segmenter(f"nninteractive:{address}", accept_licence=True)
    assert segmenter.identity["server"] == address
    session = segmenter.open(study)
    expected = local.segment(drawn())
    np.testing.assert_array_equal(session.segment(drawn()), expected)
    time.sleep(12)  # the place is given away; the next step claims another one and replays
    np.testing.assert_array_equal(session.segment(drawn()), expected)
    # A session that is dropped gives its place back: more follow than the server has.
    for _ in range(3):
        del session
        session = segmenter.open(study)
    others = [session, segmenter.open(study)]
    with pytest.raises(InputError, match="ServerAtCapacityError"):
        segmenter.open(study)
    assert len(others) == 2


@needs_nninteractive
@pytest.mark.slow
def test_a_server_that_goes_away_fails_the_step(
    study: Study, server: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("uvicorn", reason="the server's packages are not installed")
    address = server("--api-key", "open-sesame")
    with pytest.raises(InputError, match="cannot use the server"):
        load_segmenter(f"nninteractive:{address}", **YES).open(study)
    monkeypatch.setenv("NN_INTERACTIVE_API_KEY", "open-sesame")
    session = load_segmenter(f"nninteractive:{address}", **YES).open(study)
    session._inner._http.base_url = "http://127.0.0.1:1"  # type: ignore[attr-defined]
    with pytest.raises(StepFailureError, match="server failed"):
        session.segment(drawn())
    session._inner._http.base_url = address  # type: ignore[attr-defined]
    assert session.segment(drawn()).any()


@needs_nninteractive
def test_no_server_is_told(study: Study) -> None:
    with pytest.raises(InputError, match="cannot use the server"):
        load_segmenter("nninteractive:http://127.0.0.1:1", **YES).open(study)


@needs_nninteractive
@pytest.mark.slow
def test_weights_that_run_code_are_not_loaded(weights: Path, study: Study, tmp_path: Path) -> None:
    import torch

    note = tmp_path / "it ran"

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (note,)

    folder = paper_weights(tmp_path / "evil")
    content = torch.load(weights / "fold_0" / "checkpoint_final.pth", weights_only=True)
    torch.save({**content, "extra": Trap()}, folder / "fold_0" / "checkpoint_final.pth")
    with pytest.raises(InputError, match="may run code"):
        load_segmenter(f"nninteractive:{folder}", **YES).open(study)
    assert not note.exists()
    assert load_segmenter(f"nninteractive:{folder}", trust="yes", **YES).open(study)
    assert note.exists()


def test_a_licence_is_shown_and_must_be_accepted(tmp_path: Path) -> None:
    for number, (licence, plans, told) in enumerate(
        (
            ("CC0 1.0", {}, "Licence: CC0 1.0."),
            (None, {"dataset_name": "Dataset225_nnInteractiveV2"}, f"Licence: {LICENCE}."),
            (None, {}, f"not stated; that of the official weights is {LICENCE}"),
        )
    ):
        folder = paper_weights(tmp_path / str(number), licence, **plans)
        for refused in ({}, {"accept_licence": "no"}, {"accept_licence": False}):
            with pytest.raises(InputError, match="is not accepted") as caught:
                load_segmenter(f"nninteractive:{folder}", **refused)
            assert told in str(caught.value)
            assert "accept_licence=yes" in str(caught.value)
        assert load_segmenter(f"nninteractive:{folder}", accept_licence="yes")
        assert load_segmenter("nninteractive", model=folder, accept_licence=True)


def test_without_weights_nothing_is_downloaded(tmp_path: Path) -> None:
    for name in ("nninteractive", "nninteractive:"):
        with pytest.raises(InputError, match="needs its weights") as caught:
            load_segmenter(name, **YES)
        assert LICENCE in str(caught.value)
    with pytest.raises(InputError, match="no folder of weights"):
        load_segmenter(f"nninteractive:{tmp_path}", **YES)
    folder = paper_weights(tmp_path / "w")
    (folder / "inference_info.json").unlink()
    with pytest.raises(InputError, match="no folder of weights"):
        load_segmenter(f"nninteractive:{folder}", **YES)
    (folder / "inference_session_class.json").write_text('"old"')
    assert load_segmenter(f"nninteractive:{folder}", **YES)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"image": "mr"}, "option image"),
        ({"prompt": "lasso"}, "option prompt"),
        ({"autozoom": "maybe"}, "autozoom must be yes or no"),
        ({"fold": 4}, "no folder of weights"),
        ({"checkpoint": "../c.pth"}, "is a file name"),
        ({"licence": "yes"}, "no option 'licence'"),
    ],
)
def test_senseless_options_are_refused(tmp_path: Path, options: dict[str, Any], match: str) -> None:
    folder = paper_weights(tmp_path / "w")
    with pytest.raises(InputError, match=match):
        load_segmenter(f"nninteractive:{folder}", **{**YES, **options})


def test_the_identity_follows_the_files(tmp_path: Path, random_study: StudyMaker) -> None:
    folder = paper_weights(tmp_path / "w")
    segmenter = load_segmenter(f"nninteractive:{folder}", image="ct", **YES)
    before = segmenter.identity
    assert json.loads(json.dumps(before)) == before
    (folder / "fold_0" / "checkpoint_final.pth").write_bytes(b"new")
    assert segmenter.identity["weights"] != before["weights"]
    with pytest.raises(InputError, match="has no CT"):
        segmenter.open(random_study(with_ct=False))


def test_strokes_lie_in_one_slice_each() -> None:
    shape = (9, 8, 7)
    points = np.array([[1, 1, 5], [2, 1, 5], [1, 1, 6], [7, 7, 5], [4, 4, 0]])
    flat = np.ravel_multi_index(points.T, shape)
    found = [stroke.tolist() for stroke in flat_strokes(flat, shape)]
    assert found == [[[4, 4, 0]], [[1, 1, 5], [2, 1, 5]], [[7, 7, 5]], [[1, 1, 6]]]
    assert flat_strokes(flat[:0], shape) == []
