"""SegAnyPET: promptable segmentation of lesions and organs in PET."""

from dataclasses import asdict, dataclass
from pathlib import Path

from lesionloop.errors import InputError
from lesionloop.imaging import Study
from lesionloop.segmenters.adapters.checkpoints import weights_digest
from lesionloop.segmenters.adapters.choices import choose_device
from lesionloop.segmenters.options import require_number
from lesionloop.segmenters.seganypet.clicks import EVERY_MM, MOST_POINTS
from lesionloop.segmenters.seganypet.lattice import Lattice
from lesionloop.segmenters.seganypet.session import SegAnyPetSession
from lesionloop.segmenters.seganypet.weights import load_network

__all__ = ["SegAnyPet"]

_PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class SegAnyPet:
    """SegAnyPET, ``seganypet:CHECKPOINT`` by name; needs the extra ``torch``.

    It has no first pass: without a foreground scribble the mask is empty. Foreground strokes near
    each other are one object; objects are prompted one after the other and their masks united.
    Every crop is encoded once per study, so a further scribble in it costs the prompt encoder and
    the decoder only. Every scribbled point is then set as it was drawn.

    Args:
        weights: file of the published network or of a training of ours. Nothing is downloaded.
        spacing_mm: of the cubes that the network sees; None takes those that it was trained on, 1.5
            mm for the published one.
        link_mm: foreground strokes at most so far apart are one object.
        every_mm: clicks along a stroke are at least so far apart.
        clicks: clicks per stroke at most.
        rounds: foreground strokes of an object are given one after the other, each with the mask
            so far, or in so many groups; background strokes likewise.
        border: a window's face with more foreground cells is followed, see
            `lesionloop.segmenters.seganypet.growth`.
        windows: windows that an object may grow into; 0 keeps to the first.
        precision: "float32" or "bfloat16" (quicker on a GPU).
        device: "auto" (a GPU when there is one), "cpu", "cuda" or "cuda:1".

    Raises:
        InputError: there is no file, or an option is out of range or not known.
    """

    weights: str
    spacing_mm: float | None = None
    link_mm: float = 20.0
    every_mm: float = EVERY_MM
    clicks: int = MOST_POINTS
    rounds: int = 5
    border: int = 4
    windows: int = 26
    precision: str = "float32"
    device: str = "auto"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", str(self.weights))
        if not self.weights:
            raise InputError(
                "SegAnyPET needs its weights",
                cause="None are shipped and nothing is downloaded.",
                remedy="Give the file: seganypet:CHECKPOINT.",
            )
        if not Path(self.weights).exists():
            raise InputError(
                f"there is no file {self.weights}",
                cause="seganypet:CHECKPOINT names a file of weights.",
                remedy="Check the path; nothing is downloaded.",
            )
        if self.spacing_mm is not None:
            require_number("spacing_mm", self.spacing_mm, above=0.1, below=20)
        for name in ("link_mm", "every_mm"):
            require_number(name, getattr(self, name), at_least=0)
        for name, least in (("clicks", 1), ("rounds", 1), ("border", 0), ("windows", 0)):
            require_number(name, getattr(self, name), at_least=least)
            if getattr(self, name) != int(getattr(self, name)):
                raise InputError(f"option {name} must be a whole number")
            object.__setattr__(self, name, int(getattr(self, name)))
        if self.precision not in _PRECISIONS:
            raise InputError(
                f"option precision must be {' or '.join(_PRECISIONS)}, not {self.precision!r}"
            )

    @property
    def name(self) -> str:
        """Registered name."""
        return "seganypet"

    @property
    def identity(self) -> dict[str, object]:
        """All that decides the mask; of the weights, what is in the file.

        Raises:
            InputError: the file cannot be read, or the device is not there.
        """
        return {
            "name": self.name,
            "version": 1,
            **asdict(self),
            "weights": weights_digest((Path(self.weights),)),
            "device": choose_device(self.device),
        }

    def open(self, study: Study) -> SegAnyPetSession:
        """Load the network; the study is looked at where scribbles are.

        Raises:
            InputError: torch is not installed, the weights cannot be loaded, or they need a CT
                that the study does not have.
        """
        loaded = load_network(Path(self.weights))
        network = loaded.network.to(choose_device(self.device))
        ct = None
        if network.config.channels_in == 2:
            if study.ct is None:
                raise InputError(
                    f"{study.name} has no CT",
                    cause=f"The network of {self.weights} sees PET and CT.",
                    remedy="Give the CT, or the weights of a network for PET alone.",
                )
            ct = study.ct.values
        # It imports torch, which is an extra.
        from lesionloop.segmenters.seganypet.engine import Engine  # noqa: PLC0415

        lattice = Lattice.of(study.grid, self.spacing_mm or loaded.spacing_mm)
        engine = Engine(network, lattice, study.pet.values, ct, self.precision)
        return SegAnyPetSession(self, engine, study.grid, lattice)
