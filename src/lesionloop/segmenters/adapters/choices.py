"""Options that are a word: consent, and the device that computes."""

from lesionloop.errors import InputError
from lesionloop.packages import load_package

__all__ = ["choose_device", "is_yes"]

_YES, _NO = (True, "yes", "true"), (False, None, "no", "false", "")


def is_yes(name: str, value: object) -> bool:
    """Whether an option says yes; from the command line it comes as a word or as true and false.

    Raises:
        InputError: it says neither yes nor no.
    """
    word = value.strip().lower() if isinstance(value, str) else value
    for answer, words in ((True, _YES), (False, _NO)):
        if any(word is known or (isinstance(word, str) and word == known) for known in words):
            return answer
    raise InputError(f"option {name} must be yes or no, not {value!r}")


def choose_device(name: str) -> str:
    """A device as torch names it: "auto" is "cuda" when there is such a GPU, else "cpu".

    Raises:
        InputError: torch is not installed, does not know the name, or has no such device.
    """
    if name == "cpu":  # known without torch, which takes seconds to import
        return name
    torch = load_package("torch", "torch")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f"unknown device {name!r}", remedy="Use auto, cpu, cuda or cuda:1."
        ) from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"there is no device {name}",
            cause=f"PyTorch sees {torch.cuda.device_count()} GPUs.",
            remedy="Use -o device=cpu, or install a PyTorch with CUDA.",
        )
    return str(device)
