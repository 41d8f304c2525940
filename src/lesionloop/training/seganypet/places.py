"""Where a process of a training run stands: alone, or one of several that ``torchrun`` started.

PyTorch's own wrapper is used as it is: a library on top of it would save few lines here and bring
an asynchronous web client and a dozen packages with it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed

from lesionloop.errors import InputError

__all__ = ["Place", "taking_place"]


@dataclass(frozen=True)
class Place:
    """One process of a run.

    Args:
        device: that it computes on.
        rank: its number, from 0 on.
        world: number of processes.
    """

    device: torch.device
    rank: int = 0
    world: int = 1

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.world > 1:
            distributed.barrier()


@contextmanager
def taking_place(device: str) -> Iterator[Place]:
    """Join the processes that ``torchrun`` started; alone when it did not.

    Args:
        device: "cpu" or "cuda"; each process of a machine takes a GPU of its own.

    Raises:
        InputError: there are more processes on this machine than GPUs.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Place(torch.device(device))
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if device == "cuda":
        if local >= torch.cuda.device_count():
            raise InputError(
                f"process {local} has no GPU",
                cause=f"This machine has {torch.cuda.device_count()}.",
                remedy="Start as many processes per machine as it has GPUs.",
            )
        torch.cuda.set_device(local)
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        where = torch.device(device, local) if device == "cuda" else torch.device(device)
        yield Place(where, distributed.get_rank(), world)
    finally:
        distributed.destroy_process_group()
