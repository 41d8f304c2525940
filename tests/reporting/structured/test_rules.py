"""Rules are data, and what is wrong with them is told."""

from pathlib import Path

import pytest

from lesionloop.errors import InputError
from lesionloop.quantification.organ_names import TOTALSEGMENTATOR
from lesionloop.reporting.structured.rules import read_rules

GOOD = """name = "mine"
[[organ]]
id = "liver"
region = "abdomen"
names = ["liver"]
[organ.fdg]
reference = "blood_pool"
kind = "tissue"
low = 1
high = 2.5
source = "a paper"
"""


def test_every_built_in_interval_names_its_source() -> None:
    rules = read_rules()
    for rule in rules.organs:
        assert set(rule.tracers) == {"fdg", "psma"}
        for interval in rule.tracers.values():
            assert interval.source.startswith("convention of this program")
            # No organ is compared with itself.
            assert interval.reference != rule.organ


def test_no_organ_of_a_map_belongs_to_two() -> None:
    for name in (*TOTALSEGMENTATOR.values(), "lung", "kidney", "head_glands"):
        assert sum(rule.holds(name) for rule in read_rules().organs) <= 1, name


def test_rules_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(GOOD)
    (rule,) = read_rules(path).organs
    assert rule.tracers["fdg"].high == 2.5
    assert rule.tracers["fdg"].absent_below is None


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("name = ", "name : ", "TOML"),
        ('name = "mine"', "", "name"),
        ('id = "liver"', "", "id"),
        ('"abdomen"', '"belly"', "region"),
        ('["liver"]', "[1]", "lists of words"),
        ('names = ["liver"]', "", "neither"),
        ("blood_pool", "muscle", "reference"),
        ("low = 1", "low = 3", "rise"),
        ("low = 1", "low = -1", "rise"),
        ("low = 1", "low = nan", "rise"),
        ("low = 1", "low = true", "number"),
        ("low = 1", "lowest = 1", "table"),
        ('"a paper"', '" "', "source"),
        ("[organ.fdg]", "[organ.fdg.x]", "table"),
    ],
)
def test_wrong_rules_are_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = tmp_path / "rules.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(InputError, match=r"rules\.toml") as caught:
        read_rules(path)
    assert says in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.toml"):
        read_rules(tmp_path / "nowhere.toml")
