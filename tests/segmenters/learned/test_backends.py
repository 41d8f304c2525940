"""The runtimes compute one network."""

from pathlib import Path

import numpy as np
import pytest

from lesionloop.segmenters.learned.network import load_runtime, shipped_weights

torch = pytest.importorskip("torch")


def patch(seed: int) -> np.ndarray:
    """A patch with plausible values."""
    rng = np.random.default_rng(seed)
    inputs = np.zeros((7, 32, 24, 40), np.float32)
    inputs[0] = rng.gamma(1.5, 1.5, inputs.shape[1:])
    inputs[1] = rng.normal(0, 300, inputs.shape[1:])
    inputs[2:4] = rng.uniform(0, 80, (2, *inputs.shape[1:]))
    inputs[4] = rng.random(inputs.shape[1:])
    inputs[6] = 1
    return inputs


def test_onnx_and_torch_agree_on_the_shipped_weights() -> None:
    onnx, other = (load_runtime(shipped_weights(), name, 2) for name in ("onnx", "torch"))
    for seed in range(3):
        one, two = onnx.run(patch(seed)), other.run(patch(seed))
        assert one.shape == (32, 24, 40)
        np.testing.assert_allclose(one, two, atol=2e-3)


def test_threads_and_runs_change_nothing_that_matters() -> None:
    one, two = (load_runtime(shipped_weights(), "onnx", threads) for threads in (1, 2))
    inputs = patch(7)
    np.testing.assert_array_equal(two.run(inputs), two.run(inputs))
    np.testing.assert_allclose(one.run(inputs), two.run(inputs), atol=1e-3)


def test_export_keeps_the_network(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from lesionloop.networks.ensemble import Ensemble, storable
    from lesionloop.networks.export import export_onnx
    from lesionloop.networks.unet import InteractiveUNet
    from lesionloop.segmenters.learned.network import load_runtime as load

    torch.manual_seed(3)
    members = [InteractiveUNet((4, 8, 8)), InteractiveUNet((4, 6), "narrow")]
    network = Ensemble(members)
    for module in network.modules():  # statistics as after training, not 0 and 1
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    network.eval()
    with torch.no_grad():
        alone = [member(torch.from_numpy(patch(1))[None])[0, 0].numpy() for member in members]
    export_onnx(network, tmp_path / "network.onnx")
    torch.save(storable(network), tmp_path / "network.pt")
    inputs = patch(1)
    one, two = (load(tmp_path, name, 1).run(inputs) for name in ("onnx", "torch"))
    np.testing.assert_allclose(one, two, atol=1e-4)
    np.testing.assert_allclose(two, (alone[0] + alone[1]) / 2, atol=1e-4)
    with pytest.raises(ValueError, match="geodesic"):
        Ensemble([members[0], InteractiveUNet((4, 6), "geodesic")])
    with pytest.raises(ValueError, match="needs a network"):
        Ensemble([])
