"""States from sentences: pairs that differ in a negation, scope, lists, comparison, nonsense."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionloop.errors import InputError
from lesionloop.report_benchmark.extract import RuleExtractor, drop_impression
from lesionloop.report_benchmark.prompts import template_report
from lesionloop.report_benchmark.vocabulary import STATES, read_vocabulary

EXTRACTOR = RuleExtractor()


def states(text: str) -> dict[str, str]:
    return dict(EXTRACTOR.states(text).states)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Pairs with and without a negation, Chinese.
        ("肝脏FDG摄取增高。", {"liver": "increased"}),
        ("肝脏FDG摄取未见增高。", {"liver": "normal"}),
        ("肝脏未见异常FDG摄取增高。", {"liver": "normal"}),
        ("脾脏放射性摄取减低。", {"spleen": "decreased"}),
        ("脾脏放射性摄取无减低。", {"spleen": "normal"}),
        ("胆囊放射性缺损。", {"gallbladder": "absent"}),
        ("胆囊未见放射性缺损。", {"gallbladder": "normal"}),
        ("膀胱未见放射性摄取。", {"bladder": "absent"}),
        ("膀胱未见异常放射性摄取。", {"bladder": "normal"}),
        ("骨骼代谢活跃。", {"bone": "increased"}),
        ("骨骼代谢未见活跃。", {"bone": "normal"}),
        ("甲状腺摄取增高不明显。", {"thyroid": "normal"}),
        ("双肺未见肿块,但右肺见高代谢结节。", {"lungs": "increased"}),
        # Pairs with and without a negation, English.
        ("The liver shows increased FDG uptake.", {"liver": "increased"}),
        ("The liver shows no increased FDG uptake.", {"liver": "normal"}),
        ("Uptake in the thyroid is increased.", {"thyroid": "increased"}),
        ("Uptake in the thyroid is not increased.", {"thyroid": "normal"}),
        ("Increased uptake is seen in the stomach.", {"stomach": "increased"}),
        ("Increased uptake is not seen in the stomach.", {"stomach": "normal"}),
        ("The brain has reduced metabolism.", {"brain": "decreased"}),
        ("The brain is without reduced metabolism.", {"brain": "normal"}),
        ("The kidney shows no uptake.", {"kidneys": "absent"}),
        ("The kidney shows no abnormal uptake.", {"kidneys": "normal"}),
        ("The spleen is photopenic.", {"spleen": "absent"}),
        ("The lungs are free of hypermetabolic lesions.", {"lungs": "normal"}),
        # Physiology.
        ("胃壁生理性摄取增高。", {"stomach": "normal"}),
        ("Physiological intense uptake of the brain.", {"brain": "normal"}),
        # One clause goes on about the organ of the one before.
        ("肝右叶见结节,大小约2.0cm,FDG摄取增高,SUVmax 5.6。脾脏未见异常。",
         {"liver": "increased", "spleen": "normal"}),
        ("肝密度减低,FDG摄取未见明显增高。", {"liver": "normal"}),
        # Lists.
        ("肝脏、脾脏及胰腺放射性摄取增高。",
         {"liver": "increased", "spleen": "increased", "pancreas": "increased"}),
        ("Liver, spleen and pancreas show no abnormal uptake.",
         {"liver": "normal", "spleen": "normal", "pancreas": "normal"}),
        ("Increased uptake in the liver, spleen and pancreas.",
         {"liver": "increased", "spleen": "increased", "pancreas": "increased"}),
        # Several organs and states.
        ("Decreased uptake in the brain and absent uptake in the left kidney.",
         {"brain": "decreased", "kidneys": "absent"}),
        ("No abnormal uptake in the lungs but intense uptake in the mediastinal lymph nodes.",
         {"lungs": "normal", "mediastinal_nodes": "increased"}),
        ("双侧肾上腺摄取增高,双肾未见异常。", {"adrenals": "increased", "kidneys": "normal"}),
        ("纵隔及双侧肺门淋巴结FDG摄取增高;两肺未见异常摄取。",
         {"mediastinal_nodes": "increased", "lungs": "normal"}),
        # What another organ is compared with is not what the clause is about.
        ("骨髓摄取高于肝脏。", {"bone": "increased"}),
        ("Uptake in bone is higher than in the liver.", {"bone": "increased"}),
        # CT words that look alike, and text without uptake.
        ("肝脏密度增高。", {}),
        ("The liver has increased density.", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_sentences(text: str, expected: dict[str, str]) -> None:
    assert states(text) == expected


def test_the_gravest_state_counts_and_the_conflict_is_noted() -> None:
    found = EXTRACTOR.states("Liver: no abnormal uptake. The left lobe of the liver is FDG-avid.")
    assert found.states["liver"] == "increased"
    assert any("liver is said to be" in note for note in found.notes)


def test_doubt_is_noted() -> None:
    found = EXTRACTOR.states("肝脏可疑FDG摄取增高。")
    assert found.states == {"liver": "increased"}
    assert any("可疑" in note for note in found.notes)


def test_normal_elsewhere_goes_to_all_that_is_left() -> None:
    found = states("肝脏FDG摄取增高。其余部位未见异常摄取。")
    assert found["liver"] == "increased"
    assert {value for organ, value in found.items() if organ != "liver"} == {"normal"}
    assert set(found) == set(EXTRACTOR.organs)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_template_is_all_normal(language: str) -> None:
    found = EXTRACTOR.states(template_report(language))
    assert set(found.states) == set(EXTRACTOR.organs)
    assert set(found.states.values()) == {"normal"}
    assert not found.notes


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["肝", "脾脏", "liver ", "lungs ", "未见", "无", "no ", "not seen ", "增高", "摄取",
             "increased ", "uptake ", ",", "。", ". ", "但", "生理性", "高于", "其余", "x"]
        ),
        max_size=14,
    )
)  # fmt: skip
def test_any_words_give_known_organs_and_states(words: list[str]) -> None:
    found = states("".join(words))
    assert set(found) <= set(EXTRACTOR.organs)
    assert set(found.values()) <= set(STATES)


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert set(states(text)) <= set(EXTRACTOR.organs)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("检查所见:肝脏正常。\n诊断意见:肝癌。", "检查所见:肝脏正常。"),
        ("Findings: normal.\nIMPRESSION: fine.", "Findings: normal."),
        ("Findings.\n**Impression**\nfine", "Findings."),
        ("The impression of the table is seen.", "The impression of the table is seen."),
    ],
)
def test_the_impression_can_be_dropped(text: str, left: str) -> None:
    assert drop_impression(text, EXTRACTOR.vocabulary) == left


def test_another_vocabulary(tmp_path: Path) -> None:
    from importlib.resources import files

    text = files("lesionloop.report_benchmark").joinpath("data/organs.toml").read_text("utf-8")
    head, organs = text.split("[[organ]]", 1)
    rest = organs[organs.index("[ignore]") :]
    path = tmp_path / "two.toml"
    path.write_text(
        head + '[[organ]]\nid = "liver"\nen = ["hepar"]\nzh = []\n' + rest, encoding="utf-8"
    )
    found = RuleExtractor(read_vocabulary(path))
    assert found.organs == ("liver",)
    assert found.states("Hepar: increased uptake.").states == {"liver": "increased"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = ", "TOML"),
        ("x = 1", "no [[organ]]"),
        ('[[organ]]\nid = "a"\nen = ["("]', "no regular expression"),
        ('[[organ]]\nid = "a"\nen = ["x*"]', "fits an empty text"),
        ('[[organ]]\nid = "a"\nen = "x"', "not a list of texts"),
        ('[[organ]]\nid = "a"\n[[organ]]\nid = "a"', "there twice"),
        ('[[organ]]\nid = "a"\nen = ["x"]', "severity"),
    ],
)
def test_a_bad_vocabulary_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "v.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"v\.toml") as caught:
        read_vocabulary(path)
    assert says in str(caught.value)
