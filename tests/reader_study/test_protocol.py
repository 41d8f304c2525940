"""The protocol: what is wrong is named with its line."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionloop.errors import InputError
from lesionloop.reader_study import read_protocol
from lesionloop.reader_study.protocol import parse_protocol
from lesionloop.reader_study.template import fill_template

GOOD = """\
title = "A study"
design = "crossover"
seed = 3
washout_days = 14
readers = ["A", "B"]
cases = ["one", "two"]
[arm_text]
manual = "Draw."
"""


def test_a_good_one(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(GOOD, encoding="utf-8")
    found = read_protocol(path)
    assert (found.readers, found.cases) == (("A", "B"), ("one", "two"))
    assert found.arms == ("manual", "assisted")
    assert (found.seed, found.washout_days, found.periods) == (3, 14.0, 2)
    assert found.arm_text["manual"] == "Draw."
    assert found.arm_text["assisted"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('title = "A study"', 'title = "A study', "line 1"),
        ('title = "A study"', 'title = " "', "line 1: title is empty"),
        ('title = "A study"', "", "title is missing"),
        ('"crossover"', '"cross"', "line 2: design is 'cross'"),
        ("seed = 3", "seed = 3.5", "line 3: seed is not a whole number"),
        ("seed = 3", "seed = true", "line 3: seed is not a whole number"),
        ("seed = 3", "", "seed is missing"),
        ("washout_days = 14", "washout_days = -1", "line 4: washout_days is -1"),
        ("washout_days = 14", 'washout_days = "x"', "line 4: washout_days is 'x'"),
        ("washout_days = 14", "", "washout_days is missing"),
        ('["A", "B"]', "[]", "line 5: readers is empty"),
        ('["A", "B"]', '["A", "A"]', "line 5: readers has 'A' twice"),
        ('["A", "B"]', '["A", " B"]', "line 5: readers has ' B'"),
        ('["A", "B"]', '["A", 2]', "line 5: readers has 2"),
        ('["A", "B"]', '"A"', "line 5: readers is not a list"),
        ('["one", "two"]', '["one", "one"]', "line 6: cases has 'one' twice"),
        ("seed = 3", "sead = 3", "line 3: sead is not known"),
        ('manual = "Draw."', 'maual = "Draw."', "line 7: arm_text has 'maual'"),
        ('design = "crossover"', 'design = "single"\narms = ["manual"]', "line 5: washout_days"),
        ('"crossover"', '"crossover"\narms = ["manual"]', "line 3: arms are"),
        ('"crossover"', '"crossover"\narms = ["manual", "ai"]', "line 3: arms has 'ai'"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, says: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(InputError) as refused:
        parse_protocol(GOOD.replace(old, new), "study.toml")
    assert says in str(refused.value)
    assert "study.toml" in refused.value.what
    assert refused.value.remedy


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml"):
        read_protocol(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        read_protocol(tmp_path / "binary.toml")


NAMES = st.lists(
    st.text(min_size=1, max_size=30).filter(lambda t: t.isprintable() and t == t.strip()),
    min_size=1, max_size=6, unique=True,
)  # fmt: skip


@given(NAMES, NAMES, st.integers(-(2**60), 2**60))
def test_the_template_holds_any_names(readers: list[str], cases: list[str], seed: int) -> None:
    text, found = fill_template("annotation-time", readers=readers, cases=cases, seed=seed)
    assert (found.readers, found.cases, found.seed) == (tuple(readers), tuple(cases), seed)
    assert found.design == "crossover"
    assert found.washout_days == 14
    assert tomllib.loads(text)["readers"] == readers
    assert "2603.11627" in text


def test_no_such_template() -> None:
    with pytest.raises(InputError, match="annotation-time"):
        fill_template("nonesuch", readers=["A"], cases=["x"])
