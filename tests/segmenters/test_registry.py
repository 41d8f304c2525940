from typing import Any

import pytest

from lesionloop.errors import InputError
from lesionloop.segmenters import SEGMENTERS, load_segmenter


def test_every_name_loads() -> None:
    for name in SEGMENTERS:
        segmenter = load_segmenter(name)
        assert segmenter.identity["name"] == segmenter.name
        assert name in {segmenter.name, "default"}


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="unknown segmenter 'magic'") as caught:
        load_segmenter("magic")
    assert "propagate" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("propagate", {"level": 3}, "no option 'level'"),
        ("propagate", {"level_suv": 0}, "level_suv"),
        ("propagate", {"level_suv": "four"}, "level_suv"),
        ("propagate", {"softness": 0}, "softness"),
        ("propagate", {"smooth_mm": -1}, "smooth_mm"),
        ("propagate", {"working_mm": float("nan")}, "working_mm"),
        ("propagate", {"strength": True}, "strength"),
        ("propagate", {"reach": {"bass": 3}}, "reach"),
        ("propagate", {"reach": {"base": -3}}, r"reach\.base"),
        ("threshold", {"percent": 100}, "percent"),
        ("threshold", {"percent": None}, "percent"),
        ("threshold", {"level_suv": float("inf")}, "level_suv"),
        ("threshold", {"method": "otsu"}, "unknown threshold method"),
        ("threshold", {"method": "liver"}, "organ map"),
    ],
)
def test_senseless_options_are_refused_by_name(
    name: str, options: dict[str, Any], match: str
) -> None:
    with pytest.raises(InputError, match=match):
        load_segmenter(name, **options)


def test_reach_may_come_from_the_command_line_as_an_object() -> None:
    segmenter = load_segmenter("propagate", reach={"base": 20.0, "most": 50})
    reach: Any = segmenter.identity["reach"]
    assert (reach["base"], reach["most"], reach["level_factor"]) == (20.0, 50, 1.5)
