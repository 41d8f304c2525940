"""Tables of a cohort: both forms, what is missing, and every refusal."""

from pathlib import Path

import numpy as np
import pytest
from pyarrow import Table, parquet
from pyarrow import csv as arrow_csv

from lesionloop.errors import InputError
from lesionloop.metabolic import read_cohort

LONG = """study,organ,suv_mean,suv_peak
b,liver,2.0,2.5
b,aorta,1.0,1.2
b,brain,8.0,9.0
a,liver,3.0,3.5
a,aorta,1.5,1.7
a,brain,6.0,7.0
c,liver,4.0,3.0
c,aorta,1.25,1.5
c,brain,10.0,11.0
"""
WIDE = "subject,liver,aorta,brain\nb,2,1,8\na,3,1.5,6\nc,4,1.25,10\n"
PEOPLE = "subject,group,age,sex\na,x,50,m\nb,y,60,f\nc,x,70,f\nd,y,80,m\n"


def put(tmp_path: Path, text: str, name: str = "organs.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_both_forms_say_the_same_in_the_order_of_names(tmp_path: Path) -> None:
    long = read_cohort(put(tmp_path, LONG))
    wide = read_cohort(put(tmp_path, WIDE, "wide.csv"))
    for cohort in (long, wide):
        assert cohort.subjects == ("a", "b", "c")
        assert cohort.organs == ("liver", "aorta", "brain")
        np.testing.assert_array_equal(cohort.values[:, 0], [3, 2, 4])
        assert cohort.groups == ()
    lines = LONG.splitlines()
    shuffled = "\n".join([lines[0], *reversed(lines[1:])]) + "\n"
    again = read_cohort(put(tmp_path, shuffled, "again.csv"), organs=["liver", "aorta", "brain"])
    np.testing.assert_array_equal(again.values, long.values)


@pytest.mark.parametrize("text", [LONG, WIDE])
def test_parquet_reads_like_csv(tmp_path: Path, text: str) -> None:
    path = put(tmp_path, text)
    stored = tmp_path / "organs.parquet"
    parquet.write_table(arrow_csv.read_csv(path), stored)
    np.testing.assert_array_equal(read_cohort(stored).values, read_cohort(path).values)


def test_values_of_a_node(tmp_path: Path) -> None:
    path = put(tmp_path, LONG)
    assert read_cohort(path, value="peak").values[0, 0] == 3.5
    liver = read_cohort(path, value="liver-ratio")
    assert liver.organs == ("aorta", "brain")
    np.testing.assert_allclose(liver.values[:, 1], [2, 4, 2.5])
    assert "common divisor" in " ".join(liver.notes)
    # Chosen organs need not name the one that divides.
    blood = read_cohort(put(tmp_path, WIDE), value="blood-ratio", organs=["brain"])
    np.testing.assert_allclose(blood.values[:, 0], [4, 8, 8])
    with pytest.raises(InputError, match="no organ blood_pool or aorta to divide by"):
        read_cohort(put(tmp_path, WIDE.replace("aorta", "spleen")), value="blood-ratio")
    with pytest.raises(InputError, match="no uptake above 0"):
        read_cohort(put(tmp_path, WIDE.replace("b,2", "b,0")), value="liver-ratio")


def test_a_whole_organ_takes_the_place_of_its_parts(tmp_path: Path) -> None:
    text = "subject,kidney,kidney_left,kidney_right,liver\na,1,1,1,2\nb,2,2,2,3\n"
    cohort = read_cohort(put(tmp_path, text))
    assert cohort.organs == ("kidney", "liver")
    assert "kidney_left, kidney_right" in " ".join(cohort.notes)
    chosen = read_cohort(put(tmp_path, text), organs=["kidney_left", "liver"])
    assert chosen.organs == ("kidney_left", "liver")


def test_covariates_and_groups(tmp_path: Path) -> None:
    people = put(tmp_path, PEOPLE, "people.csv")
    cohort = read_cohort(put(tmp_path, LONG), people, groups="group")
    assert cohort.design.names == ("age", "sex=m")
    np.testing.assert_array_equal(cohort.design.values, [[50, 1], [60, 0], [70, 0]])
    assert cohort.groups == ("x", "y", "x")
    np.testing.assert_array_equal(cohort.of("x"), [True, False, True])
    one = read_cohort(put(tmp_path, LONG), people, use=["age"], groups="group")
    assert one.design.names == ("age",)
    same = put(tmp_path, PEOPLE.replace("m\n", "f\n"), "same.csv")
    assert read_cohort(put(tmp_path, LONG), same, groups="group").design.names == ("age",)


def test_who_lacks_something_is_left_out_and_told(tmp_path: Path) -> None:
    people = put(tmp_path, PEOPLE.replace("c,x,70,f", "c,x,,f"), "people.csv")
    text = LONG + "d,liver,2,2\nd,brain,7,7\n"
    cohort = read_cohort(put(tmp_path, text), people, groups="group")
    assert cohort.subjects == ("a", "b")
    told = " ".join(cohort.notes)
    assert "2 of 4 subjects are left out" in told
    assert "aorta (1)" in told
    assert "age (1)" in told
    kept = read_cohort(put(tmp_path, text), people, groups="group", missing="drop-organs")
    assert kept.subjects == ("a", "b", "d")
    assert kept.organs == ("liver", "brain")
    assert "some subject lacks them: aorta" in " ".join(kept.notes)
    nobody = put(tmp_path, "subject,group\nz,x\n", "nobody.csv")
    with pytest.raises(InputError, match="no subject has a value for everything") as error:
        read_cohort(put(tmp_path, LONG), nobody, groups="group")
    assert "group (3)" in str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no rows"),
        ("study,organ,suv_mean\n", "has no rows"),
        ("patient,liver\na,1\n", "no column 'subject'"),
        ("study,organ,suv\na,liver,1\n", "no column 'suv_mean'"),
        (LONG + "a,liver,2,2\n", "row 11, column 'organ': liver of a is there twice"),
        (WIDE + "a,1,1,1\n", "row 5, column 'subject': a is there twice"),
        (WIDE.replace("b,2,1,8", "b,2,high,8"), "row 2, column 'aorta': 'high' is not a number"),
        (WIDE.replace("b,2,1,8", "b,2,inf,8"), "row 2, column 'aorta': 'inf' is not a number"),
        (WIDE.replace("b,2", ",2"), "row 2, column 'subject': the cell is empty"),
        (WIDE.replace("1.25", "1").replace("1.5", "1"), "aorta has the same value for all 3"),
        ("subject,liver,liver\na,1,2\n", "more than one column 'liver'"),
        ("subject,liver\na,1,2\n", "not as many cells"),
    ],
)
def test_bad_tables_are_named(tmp_path: Path, text: str, says: str) -> None:
    path = put(tmp_path, text)
    with pytest.raises(InputError, match=str(says)) as error:
        read_cohort(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("text", "use", "says"),
    [
        (PEOPLE.replace(",age", ",years"), ["age"], "no column 'age'"),
        (PEOPLE.replace("group", "arm"), [], "no column 'group'"),
        (PEOPLE.replace("60", "old"), [], "row 3, column 'age': 'old' is not a number"),
        (PEOPLE + "a,x,1,m\n", [], "row 6, column 'subject': a is there twice"),
        (
            "subject,group,when\n" + "".join(f"{n},x,2020-01-{n:02d}\n" for n in range(10, 25)),
            [],
            "'when' holds 15 different texts",
        ),
    ],
)
def test_bad_covariates_are_named(tmp_path: Path, text: str, use: list[str], says: str) -> None:
    people = put(tmp_path, text, "people.csv")
    with pytest.raises(InputError, match=says):
        read_cohort(put(tmp_path, LONG), people, use=use, groups="group")


def test_other_refusals(tmp_path: Path) -> None:
    path = put(tmp_path, LONG)
    with pytest.raises(InputError, match="no organ 'tail'"):
        read_cohort(path, organs=["liver", "tail"])
    with pytest.raises(InputError, match="unknown value"):
        read_cohort(path, value="sum")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="need a table of covariates"):
        read_cohort(path, groups="group")
    with pytest.raises(InputError, match="cannot read"):
        read_cohort(tmp_path / "none.csv")
    with pytest.raises(InputError, match="cannot read"):
        read_cohort(tmp_path / "none.parquet")
    with pytest.raises(InputError, match="not a Parquet table"):
        read_cohort(put(tmp_path, LONG, "organs.parquet"))
    twice = tmp_path / "twice.parquet"
    parquet.write_table(Table.from_pydict({"subject": ["a", "b"], "liver": [None, "x"]}), twice)
    with pytest.raises(InputError, match="row 2, column 'liver'"):
        read_cohort(twice)
