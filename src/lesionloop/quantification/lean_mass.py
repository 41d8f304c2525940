"""SUV by lean body mass (SUL), from SUV by body weight and what the patient measures."""

from dataclasses import dataclass
from typing import Literal

from lesionloop.errors import InputError

__all__ = ["Physique", "lean_factor", "lean_mass_kg"]


@dataclass(frozen=True)
class Physique:
    """What lean body mass is estimated from; None for what is not known.

    Args:
        weight_kg: 1 to 500.
        height_cm: 30 to 250.
        sex: "male" or "female".

    Raises:
        InputError: a value is out of range.
    """

    weight_kg: float | None = None
    height_cm: float | None = None
    sex: Literal["male", "female"] | None = None

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("weight", self.weight_kg, 1, 500),
            ("height", self.height_cm, 30, 250),
        ):
            if value is not None and not low <= value <= high:
                unit = "kg" if name == "weight" else "cm"
                raise InputError(
                    f"a {name} of {value:g} {unit} is impossible",
                    remedy=f"It lies between {low} and {high} {unit}.",
                )
        if self.sex not in ("male", "female", None):
            raise InputError(f"unknown sex {self.sex!r}", remedy="Use male or female.")


def lean_mass_kg(*, weight_kg: float, height_cm: float, sex: Literal["male", "female"]) -> float:
    """Lean body mass, kg.

    Source: Janmahasatian et al., Clin Pharmacokinet 2005; 44: 1051-1065: 9270 W / (6680 + 216 BMI)
    for men, 9270 W / (8780 + 244 BMI) for women.

    Args:
        weight_kg: W, above 0.
        height_cm: above 0.
        sex: which of the two.
    """
    bmi = weight_kg / (height_cm / 100) ** 2
    base, slope = (6680.0, 216.0) if sex == "male" else (8780.0, 244.0)
    return 9270.0 * weight_kg / (base + slope * bmi)


def lean_factor(physique: Physique) -> float | None:
    """What turns SUV by body weight into SUL; None when weight, height or sex is not known."""
    if physique.weight_kg is None or physique.height_cm is None or physique.sex is None:
        return None
    lean = lean_mass_kg(
        weight_kg=physique.weight_kg, height_cm=physique.height_cm, sex=physique.sex
    )
    return lean / physique.weight_kg
