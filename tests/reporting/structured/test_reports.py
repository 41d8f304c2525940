"""Whatever was measured: no statement without its numbers, in both languages the same."""

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lesionloop.report_benchmark.extract import RuleExtractor
from lesionloop.reporting.structured.building import build_report
from lesionloop.reporting.structured.checking import check_html, check_sources, check_text
from lesionloop.reporting.structured.html import report_html
from lesionloop.reporting.structured.model import Report
from lesionloop.reporting.structured.quantities import read_quantified
from lesionloop.reporting.structured.record import report_record
from lesionloop.reporting.structured.rules import read_rules
from lesionloop.reporting.structured.templates import LANGUAGES, SLOTS, read_templates
from lesionloop.reporting.structured.text import report_text

Make = Callable[..., Any]
ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "docs/schemas/report.schema.json").read_text())
TEMPLATES = [read_templates(language) for language in LANGUAGES]
EN, ZH = TEMPLATES
NAMES = [name for rule in read_rules().organs for name in rule.names]
PLACES = ["", "liver", "vertebrae_L1", "rib_left_3", "label_7", "lung_upper_lobe_left", "spleen"]

#: As the extractor of the report benchmark calls them; two of ours share one of its.
THEIR_NAMES = {
    "brain": "brain", "head_glands": "salivary_glands", "thyroid_gland": "thyroid",
    "lung": "lungs", "heart": "heart", "esophagus": "oesophagus", "liver": "liver",
    "gallbladder": "gallbladder", "spleen": "spleen", "pancreas": "pancreas",
    "adrenal_glands": "adrenals", "kidney": "kidneys", "stomach": "stomach",
    "urinary_bladder": "bladder", "prostate": "prostate_uterus", "skeleton": "bone",
}  # fmt: skip

_suv = st.one_of(st.none(), st.floats(-1, 60), st.sampled_from([0.0, 1e-9, 0.125, 2.675, 1e6]))
_positive = st.one_of(st.floats(1e-4, 5000), st.sampled_from([0.005, 1e-9, 12345.678]))


@st.composite
def _lesion(draw: st.DrawFn) -> dict[str, Any]:
    organ = draw(st.sampled_from(PLACES))
    share = draw(st.sampled_from([0.0, 0.25, 1.0])) if organ else None
    region = draw(st.sampled_from(["", "head", "thorax", "legs"]))
    near = organ if share == 1.0 else f"near {organ}"
    return {
        "volume_ml": draw(_positive), "tlg_g": draw(_positive),
        "suv_max_g_per_ml": draw(_suv), "suv_mean_g_per_ml": draw(_suv),
        "suv_peak_g_per_ml": draw(_suv), "organ": organ, "organ_share": share,
        "location": near if organ else region, "body_region": region,
    }  # fmt: skip


_organ = st.fixed_dictionaries({"suv_mean": _suv, "voxels": st.integers(0, 5000)})
_region = st.fixed_dictionaries(
    {"mean": _suv, "sd": _suv, "volume_ml": st.floats(0, 20), "ok": st.booleans()}
)
_quantities = st.fixed_dictionaries(
    {
        "tracer": st.sampled_from(["fdg", "psma", None, "choline"]),
        "organs": st.dictionaries(
            st.sampled_from([*NAMES, "adrenal_gland_left", "vertebrae_L1", "rib_left_3"]),
            _organ,
            max_size=12,
        ),
        "lesions": st.lists(_lesion(), max_size=4),
        "liver": _region,
        "blood_pool": _region,
        "name": st.sampled_from(["case 12", "fdg_a.b c", "<b>7</b> & none"]),
    }
)


def _report(quantities: Make, folder: Path, **made: Any) -> Report:
    return build_report(read_quantified(quantities(folder, **made)), read_rules())


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=_quantities)
def test_every_statement_is_proved(quantities: Make, made: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as place:
        report = _report(quantities, Path(place), **made)
        assert check_sources(report, Path(place)) == []
    texts = [report_text(report, templates) for templates in TEMPLATES]
    for text, templates in zip(texts, TEMPLATES, strict=True):
        assert check_text(text, report, templates) == []
    page = report_html(report, TEMPLATES, {"Program": "lesionloop"})
    assert "<b>" not in page.replace("<body>", "")
    assert check_html(page, report, TEMPLATES) == []
    for sentence in report.sentences:
        assert sentence.numbers
        said = [templates.text(sentence) for templates in TEMPLATES]
        assert "{" not in "".join(said)
        for number in sentence.numbers:
            assert all(number.shown is None or number.shown in text for text in said)
    for organ in report.organs:
        if organ.organ not in made["organs"] and organ.organ not in ("adrenal_glands", "skeleton"):
            assert organ.state == "not_assessed"
        if organ.state == "normal":
            assert not organ.lesions
            assert organ.tissue_state == "normal"
    assert all(entry.sentence.numbers[0].value == entry.number for entry in report.lesions)
    assert len(report.lesions) == len(made["lesions"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=_quantities)
def test_the_record_is_of_the_published_form(quantities: Make, made: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    with tempfile.TemporaryDirectory() as place:
        report = _report(quantities, Path(place), **made)
    record = json.loads(json.dumps(report_record(report, TEMPLATES), allow_nan=False))
    jsonschema.Draft202012Validator(SCHEMA).validate(record)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=_quantities)
def test_another_reader_finds_the_same_states(quantities: Make, made: dict[str, Any]) -> None:
    """The extractor of the report benchmark knows nothing of our templates."""
    with tempfile.TemporaryDirectory() as place:
        report = _report(quantities, Path(place), **made)
    told = {
        THEIR_NAMES[entry.organ]: entry.state
        for entry in report.organs
        if entry.organ in THEIR_NAMES and entry.state != "not_assessed"
    }
    for templates in TEMPLATES:
        found = RuleExtractor().states(report_text(report, templates)).states
        assert {name: found[name] for name in found if name in THEIR_NAMES.values()} == told


@pytest.fixture
def made(quantities: Make, a_lesion: Make, tmp_path: Path) -> Report:
    organs = {"liver": {"suv_mean": 2.0}, "spleen": {"suv_mean": 3.0}}
    lesions = [a_lesion("vertebrae_L1"), a_lesion("liver", volume_ml=0.004)]
    return _report(quantities, tmp_path / "q", organs=organs, lesions=lesions)


@pytest.mark.parametrize("templates", TEMPLATES, ids=LANGUAGES)
def test_a_wrong_number_is_seen(made: Report, templates: Any) -> None:
    text = report_text(made, templates)
    assert check_text(text, made, templates) == []
    wrong = {
        "another volume": text.replace("3.25", "3.52"),
        "more digits": text.replace("3.25", "3.250"),
        "below is left out": text.replace("<0.01", "0.01"),
        "one more": text.replace("TLG 21.1", "TLG 21.1 1.5"),
        "a line is missing": text.replace(next(x for x in text.split("\n") if "L1" in x), ""),
        "a number in a heading": text.replace(templates.heading("abdomen"), "Belly 2"),
        "an undefined number": re.sub(r"(3\.25 ml.*?)(9\.88)", r"\1nan", text),
        "two are exchanged between lines": text.replace("3.25", "x").replace("<0.01", "3.25"),
    }
    for what, changed in wrong.items():
        assert changed != text, what
        assert check_text(changed, made, templates), what


def test_a_wrong_source_is_seen(made: Report, tmp_path: Path) -> None:
    assert check_sources(made, tmp_path / "q") == []
    table = tmp_path / "q" / "lesions.csv"
    table.write_text(table.read_text().replace("3.25", "3.26"))
    assert check_sources(made, tmp_path / "q") == ["volume of lesion: 3.25, not 3.26"]


def test_a_wrong_cell_of_a_page_is_seen(made: Report) -> None:
    page = report_html(made, [EN], {})
    assert check_html(page, made, [EN]) == []
    assert check_html(page.replace(">3.25 ml<", ">3.52 ml<"), made, [EN])
    assert check_html(page.replace("volume 3.25 ml", "volume 3.52 ml"), made, [EN])


def test_a_page_leads_from_each_statement_to_its_numbers(made: Report) -> None:
    page = report_html(made, TEMPLATES, {})
    links, rows = re.findall(r'href="#(s\d+)"', page), re.findall(r'id="(s\d+)"', page)
    assert sorted(links) == sorted(rows * 2)  # once a language
    assert "volume = 3.25 ml (lesions.csv[lesion=1].volume_ml)" in page
    assert "&lt;b&gt;markup" in page


def test_wording(made: Report) -> None:
    english, chinese = (report_text(made, templates) for templates in TEMPLATES)
    assert "- Lesion 1, vertebra L1: volume 3.25 ml, largest diameter not assessed," in english
    assert "- Spleen: increased uptake, SUVmean 3.00, ratio to liver 1.50." in english
    assert "- Liver: increased uptake with lesions, number 1, highest SUVmax 9.88;" in english
    assert "- 病灶 1，L1椎体：体积 3.25 ml，最大径 未评估，" in chinese  # noqa: RUF001
    assert "- 脾脏：摄取增高，SUVmean 3.00，与肝脏比值 1.50。" in chinese  # noqa: RUF001


@pytest.mark.parametrize("templates", TEMPLATES, ids=LANGUAGES)
def test_templates_hold_no_numbers_and_no_diagnosis(templates: Any) -> None:
    assert set(templates.lists["sentences"]) == set(SLOTS)
    for name, entries in templates.lists.items():
        for text in entries.values():
            assert not re.search(r"\d", text), (name, text)
    sentences = " ".join(templates.lists["sentences"].values()).lower()
    for word in ("tumour", "tumor", "cancer", "malign", "metasta", "benign", "癌", "恶性", "转移"):
        assert word not in sentences


def test_every_organ_of_totalsegmentator_has_a_chinese_name() -> None:
    from lesionloop.quantification.organ_names import TOTALSEGMENTATOR

    for name in TOTALSEGMENTATOR.values():
        assert re.search(r"[\u4e00-\u9fff]", ZH.organ(name)), name
        assert not re.search(r"[a-z_]", ZH.organ(name)), name
        assert "_" not in EN.organ(name)
    assert EN.organ("lung_lower_lobe_right") == "right lower lobe of lung"
    assert EN.organ("kidney_left") == "left kidney"
    assert ZH.organ("rib_right_11") == "右侧第11肋骨"
