"""On what the commands that train compute."""

from lesionloop.errors import InputError

__all__ = ["training_device"]


def training_device(name: str, threads: int | None = None) -> str:
    """The device that is meant, "cpu" or "cuda"; sets the threads of PyTorch.

    Args:
        name: "cpu", "cuda" or "auto".
        threads: of the CPU; None leaves them as they are.

    Raises:
        InputError: PyTorch is not installed, or there is no such device.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise InputError(
            "training needs PyTorch", remedy="Install it: pip install 'lesionloop[train]'."
        ) from error
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise InputError(f"--device must be cpu, cuda or auto, not {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("this machine has no GPU that PyTorch can use", remedy="Use --device cpu.")
    if threads:
        torch.set_num_threads(threads)
    return name
