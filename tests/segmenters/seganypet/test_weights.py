"""Files of weights: published, ours, and those that are neither."""

import pickle
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.networks.seganypet.published_layout import layout

from lesionloop.errors import InputError
from lesionloop.networks.seganypet import SegAnyPETConfig
from lesionloop.segmenters import load_segmenter
from lesionloop.segmenters.seganypet.weights import load_network


def test_ours_come_with_their_config_and_spacing(tiny: Path) -> None:
    loaded = load_network(tiny)
    assert loaded.network.config.image_size == 32
    assert loaded.spacing_mm == 3.0
    assert not loaded.network.training


def test_a_published_file_is_read_from_among_its_other_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = SegAnyPETConfig.small()
    monkeypatch.setattr(SegAnyPETConfig, "full", lambda: small)  # a file of 5 MB, not of 400
    state = {f"module.{name}": torch.rand(shape) for name, shape in layout(small).items()}
    stored = {
        "model_state_dict": state,
        "epoch": 3,
        "losses": [np.float64(0.5)],
        "args": Namespace(lr=8e-5),
    }
    torch.save(stored, tmp_path / "seganypet.pth")
    loaded = load_network(tmp_path / "seganypet.pth")
    assert loaded.spacing_mm == 1.5
    assert loaded.network.config == small
    torch.save(dict(state), tmp_path / "bare.pth")
    bare = load_network(tmp_path / "bare.pth").network.state_dict()
    assert all(
        torch.equal(bare[name], value) for name, value in loaded.network.state_dict().items()
    )


class Danger:
    """Runs code when it is unpickled by an unrestricted reader."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("ran",))


def test_a_file_that_would_run_code_is_refused(tmp_path: Path, capfd: Any) -> None:
    torch.save({"model_state_dict": Danger()}, tmp_path / "evil.pth")
    with pytest.raises(InputError, match=r"evil\.pth is not loaded: it may run code"):
        load_network(tmp_path / "evil.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Danger()))
    with pytest.raises(InputError, match=r"plain\.pth"):
        load_network(tmp_path / "plain.pth")
    assert "ran" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"model_state_dict": {"a": torch.zeros(1)}}, "missing image_encoder.*not known a"),
        ({"epoch": 3, "weights": 1}, "no entry model_state_dict"),
        ([1, 2], "no table of weights"),
        ({"config": {"depth": 1}, "model_state_dict": {}, "spacing_mm": 1.5}, "global_blocks"),
        ({"config": {"colour": 1}, "model_state_dict": {}, "spacing_mm": 1.5}, "colour"),
        ({"config": 3}, "does not hold the weights"),
    ],
)
def test_other_files_are_refused_with_what_they_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: object, said: str
) -> None:
    small = SegAnyPETConfig.small()
    monkeypatch.setattr(SegAnyPETConfig, "full", lambda: small)
    torch.save(stored, tmp_path / "other.pt")
    with pytest.raises(InputError, match=said):
        load_network(tmp_path / "other.pt")


def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(InputError, match=r"text\.pth"):
        load_network(tmp_path / "text.pth")
    (tmp_path / "empty.pth").write_bytes(b"")
    with pytest.raises(InputError, match=r"empty\.pth"):
        load_network(tmp_path / "empty.pth")
    with pytest.raises(InputError, match="is a folder"):
        load_network(tmp_path)


def test_names_without_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs what stands behind a colon"):
        load_segmenter("seganypet")
    with pytest.raises(InputError, match="needs its weights"):
        load_segmenter("seganypet:")
    with pytest.raises(InputError, match="there is no file"):
        load_segmenter(f"seganypet:{tmp_path / 'gone.pth'}")


def test_without_torch_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"x")
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "from lesionloop.errors import InputError\n"
        "from lesionloop.segmenters import load_segmenter\n"
        "from lesionloop.segmenters.seganypet.weights import load_network\n"
        "load_segmenter('seganypet:' + sys.argv[1])\n"
        "try:\n    load_network(Path(sys.argv[1]))\n"
        "except InputError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a.pth")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "lesionloop[torch]" in done.stdout
