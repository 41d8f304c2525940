"""How long SegAnyPET takes for a click: encoded once, against the whole network every time.

Random weights: times do not depend on them. A click and three further ones on one lesion; further
clicks find the window encoded. Beside it the attention of a padded block, with one key for all
padding, against the 2,744 keys of the published network.

With ``--gpu``, on a GPU: the same for the full network in bfloat16, and its training: seconds and
memory of a step of 11 clicks, and its arithmetic against that of a plain matrix product.

Usage: python benchmarks/bench_seganypet.py [--full] [--device cpu] [--precision float32] [--gpu]
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from lesionloop import ScribbleSet, Study
from lesionloop.imaging import Grid, Quantity, Volume
from lesionloop.networks.seganypet import SegAnyPET, SegAnyPETConfig
from lesionloop.networks.seganypet.attention import GridAttention
from lesionloop.segmenters.seganypet.engine import Engine
from lesionloop.segmenters.seganypet.lattice import Lattice
from lesionloop.segmenters.seganypet.session import SegAnyPetSession
from lesionloop.training.seganypet.interaction import InteractionLoop, LoopPlan

SHAPE, SPACING = (200, 200, 160), (2.04, 2.04, 3.0)
#: The least of so many times counts.
REPEATS = 3

CLICKS: list[tuple[tuple[int, int, int], Literal["foreground", "background"]]] = [
    ((100, 100, 80), "foreground"),
    ((108, 100, 80), "background"),
    ((102, 104, 80), "foreground"),
    ((100, 92, 82), "background"),
]


class _Settings:
    """The segmenter's defaults, without growth: random masks grow without end."""

    link_mm, every_mm, clicks, rounds, border, windows = 20.0, 9.0, 5, 5, 4, 0


def main() -> int:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="the published sizes")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--gpu", action="store_true", help="clicks and training on a GPU")
    asked = parser.parse_args()
    if asked.gpu:
        if not torch.cuda.is_available():
            print("There is no GPU here that PyTorch can use: nothing was measured.")
            return 1
        asked.full, asked.device, asked.precision = True, "cuda", "bfloat16"
    config = SegAnyPETConfig.full() if asked.full else SegAnyPETConfig.small()
    torch.manual_seed(0)
    network = SegAnyPET(config).eval().to(asked.device)
    pet = np.random.default_rng(0).gamma(2.0, 0.5, SHAPE).astype(np.float32)
    study = Study(Volume(pet, Grid(SHAPE, SPACING), Quantity.SUV_BW), None, "bench", None)

    def opened() -> SegAnyPetSession:
        lattice = Lattice.of(study.grid, 1.5)
        engine = Engine(network, lattice, pet, None, asked.precision)
        return SegAnyPetSession(_Settings(), engine, study.grid, lattice)

    opened().segment(ScribbleSet().add(np.array([CLICKS[0][0]]), "foreground"))  # warm the library
    print(f"{'full' if asked.full else 'small'}, {asked.device}, {asked.precision}\n")
    print("| click | encodings | decodings | s, cached | s, all again | ratio |")
    print("| --- | --- | --- | --- | --- | --- |")
    cached, again = np.full((2, REPEATS, len(CLICKS)), np.nan)
    counts = np.zeros((len(CLICKS), 2), dtype=int)
    for repeat in range(REPEATS):
        warm, scribbles = opened(), ScribbleSet()
        for number, (point, label) in enumerate(CLICKS):
            scribbles = scribbles.add(np.array([point]), label)
            before = np.array([warm.engine.encoded, warm.engine.decoded])
            cached[repeat, number] = _seconds(partial(warm.segment, scribbles))
            counts[number] = np.array([warm.engine.encoded, warm.engine.decoded]) - before
            again[repeat, number] = _seconds(partial(opened().segment, scribbles))
    rows = zip(counts.tolist(), cached.min(axis=0), again.min(axis=0), strict=True)
    for number, ((encoded, decoded), quick, slow) in enumerate(rows, start=1):
        print(
            f"| {number} | {encoded} | {decoded} | {quick:.3f} | {slow:.3f} | {slow / quick:.1f} |"
        )
    _attention(config, asked.device)
    if asked.gpu:
        del network
        _training(asked.device, config)
    return 0


def _attention(config: SegAnyPETConfig, device: str) -> None:
    """Time of one windowed block's attention, both ways."""
    attention = GridAttention(
        config.width, config.heads, config.grid, config.window, padded=True
    ).to(device)
    whole = GridAttention(
        config.width, config.heads, config.window, config.window, padded=False
    ).to(device)
    whole.load_state_dict(attention.state_dict())
    tokens = torch.randn(1, *(config.grid,) * 3, config.width, device=device)
    missing = config.window - config.grid
    padded = functional.pad(tokens, (0, 0, *(0, missing) * 3))
    with torch.inference_mode():
        inner = slice(0, config.grid)
        gap = (attention(tokens) - whole(padded)[:, inner, inner, inner]).abs().max()
        ours = min(_seconds(lambda: attention(tokens), device) for _ in range(5))
        theirs = min(_seconds(lambda: whole(padded), device) for _ in range(5))
    print("\n| padded attention | s |\n| --- | --- |")
    print(f"| one key for all padding | {ours:.4f} |\n| all keys | {theirs:.4f} |")
    print(f"| ratio | {theirs / ours:.1f} |\n\nLargest difference: {float(gap):.1e}")


def _training(device: str, config: SegAnyPETConfig, batch: int = 4, clicks: int = 11) -> None:
    """Time, memory and arithmetic of training steps, with the encoder's blocks kept or not."""
    best = _matrix_product(device)
    print(f"\nPlain matrix product in bfloat16: {best:.0f} TFLOP/s")
    print(f"Training, {batch} objects, {clicks} clicks:\n")
    print("| checkpointing | s per step | GB | TFLOP | TFLOP/s | of the matrix product |")
    print("| --- | --- | --- | --- | --- | --- |")
    for checkpointing in (False, True):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        step = _step(device, replace(config, checkpointing=checkpointing), batch, clicks)
        with FlopCounterMode(display=False) as counter:  # the first step warms the library, too
            step()
        work = counter.get_total_flops() / 1e12
        seconds = min(_seconds(step, device) for _ in range(REPEATS))
        memory = torch.cuda.max_memory_allocated() / 1e9
        print(
            f"| {'yes' if checkpointing else 'no'} | {seconds:.2f} | {memory:.1f} | {work:.2f}"
            f" | {work / seconds:.1f} | {work / seconds / best:.0%} |",
            flush=True,
        )


def _step(device: str, config: SegAnyPETConfig, batch: int, clicks: int) -> Callable[[], None]:
    """A step of training on balls, as the trainer takes it."""
    network = SegAnyPET(config).to(device)
    loop = InteractionLoop(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-5)
    side = config.image_size
    image = torch.randn(batch, config.channels_in, *(side,) * 3, device=device)
    axis = torch.arange(side, device=device) - side / 2
    away = axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2
    reference = (away < (side / 8) ** 2).expand(batch, 1, -1, -1, -1).contiguous()

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16):
            loss, _ = loop(image, reference, LoopPlan(clicks), list(range(batch)))
        loss.backward()
        optimiser.step()

    return step


def _matrix_product(device: str, side: int = 8192) -> float:
    """TFLOP/s of products of square matrices in bfloat16."""
    one, other = torch.randn(2, side, side, device=device, dtype=torch.bfloat16)
    one @ other
    seconds = min(_seconds(lambda: one @ other, device) for _ in range(5))
    return 2 * side**3 / seconds / 1e12


def _seconds(work: Callable[[], object], device: str = "cpu") -> float:
    if device != "cpu":
        torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - began


if __name__ == "__main__":
    raise SystemExit(main())
