"""Scores of shared words, against the libraries' own examples, other libraries and by hand."""

from math import exp, isclose, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer
from sacrebleu.metrics.bleu import BLEU

from lesionloop.report_benchmark.cider import cider
from lesionloop.report_benchmark.overlap import bleu, bleu_counts, lcs_length, meteor, rouge_l

tokens = st.lists(st.sampled_from("abcd"), max_size=30)


class Spaces:
    """Cuts at spaces, for rouge-score."""

    def tokenize(self, text: str) -> list[str]:
        return text.split()


def test_bleu_by_hand() -> None:
    # a b c d e against a b c d f g: 4/5, 3/4, 2/3, 1/2; one token short of the reference.
    counts = bleu_counts(list("abcde"), list("abcdfg")).row()
    assert counts.tolist() == [4, 3, 2, 1, 5, 4, 3, 2, 5, 6]
    brevity = exp(1 - 6 / 5)
    assert bleu(counts) == pytest.approx(brevity * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    assert bleu(counts, 1) == pytest.approx(brevity * 4 / 5)
    assert bleu(counts, 2) == pytest.approx(brevity * sqrt(4 / 5 * 3 / 4))


def test_bleu_clips() -> None:
    # Papineni et al. 2002, example 2: seven "the" against a reference with two.
    counts = bleu_counts(["the"] * 7, ["the", "cat", "is", "on", "the", "mat"]).row()
    assert counts[[0, 4]].tolist() == [2, 7]


def test_an_empty_report_has_bleu_0() -> None:
    assert bleu(bleu_counts([], list("abc")).row()) == 0
    assert rouge_l([], list("abc")) == 0
    assert meteor([], list("abc"), stem=False) == 0


@settings(max_examples=40, deadline=None)
@given(pairs=st.lists(st.tuples(tokens, tokens.filter(bool)), min_size=1, max_size=4))
def test_summed_counts_are_the_corpus_score(pairs: list[tuple[list[str], list[str]]]) -> None:
    rows = np.sum([bleu_counts(*pair).row() for pair in pairs], axis=0)
    reports, references = ([" ".join(text) for text in side] for side in zip(*pairs, strict=True))
    whole = BLEU(tokenize="none", smooth_method="none", force=True)
    expected = whole.corpus_score(reports, [references]).score / 100
    assert bleu(rows) == pytest.approx(expected, abs=1e-12)


def test_bleu_of_sacrebleu_s_example() -> None:
    # README of sacrebleu: this system has BLEU 48.5 with its own tokens and two references; with
    # one reference the library itself is the oracle.
    reports = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
    references = ["The dog bit the man.", "It was not unexpected.", "The man bit him first."]
    rows = np.sum(
        [bleu_counts(a.split(), b.split()).row() for a, b in zip(reports, references, strict=True)],
        axis=0,
    )
    expected = BLEU(tokenize="none", force=True).corpus_score(reports, [references]).score
    assert bleu(rows) == pytest.approx(expected / 100)


@settings(max_examples=200, deadline=None)
@given(first=tokens, second=tokens)
def test_common_subsequence_by_table(first: list[str], second: list[str]) -> None:
    table = np.zeros((len(first) + 1, len(second) + 1), dtype=int)
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            best = max(table[i, j + 1], table[i + 1, j])
            table[i + 1, j + 1] = table[i, j] + 1 if a == b else best
    assert lcs_length(first, second) == table[-1, -1]


@settings(max_examples=40, deadline=None)
@given(first=tokens.filter(bool), second=tokens.filter(bool))
def test_rouge_l_agrees_with_rouge_score(first: list[str], second: list[str]) -> None:
    scorer = rouge_scorer.RougeScorer(["rougeL"], tokenizer=Spaces())
    expected = scorer.score(" ".join(second), " ".join(first))["rougeL"]
    assert rouge_l(first, second, beta=1) == pytest.approx(expected.fmeasure)


def test_rouge_l_of_its_paper() -> None:
    # Lin 2004, section 3.1: "police kill the gunman" and "the gunman kill police" against
    # "police killed the gunman"; the paper's 3/4 is with F of beta 1 and one word shared by stem.
    reference = ["police", "killed", "the", "gunman"]
    assert rouge_l(["police", "kill", "the", "gunman"], reference, beta=1) == pytest.approx(0.75)
    assert rouge_l(["the", "gunman", "kill", "police"], reference, beta=1) == pytest.approx(0.5)


def test_rouge_l_weighs_recall_more() -> None:
    # P 1, R 1/2: (1 + 1.44) * 0.5 / (0.5 + 1.44)
    assert rouge_l(["a"], ["a", "b"]) == pytest.approx(2.44 * 0.5 / 1.94)


def test_rouge_l_of_chinese_characters() -> None:
    # 脾脏摄取增高 against 脾脏未见摄取增高: six characters in order, of six and of eight.
    assert rouge_l(list("脾脏摄取增高"), list("脾脏未见摄取增高"), beta=1) == pytest.approx(
        2 * 0.75 / 1.75
    )


def test_meteor_of_nltk_s_example() -> None:
    # The docstring of nltk's meteor_score: 0.6944, here in lower case as its preprocessing does.
    report = (
        "it is a guide to action which ensures that the military always obeys the commands of "
        "the party"
    )
    reference = (
        "it is a guide to action that ensures that the military will forever heed party commands"
    )
    assert round(meteor(report.split(), reference.split(), stem=True), 4) == 0.6944


def test_meteor_by_hand() -> None:
    # the cat sat / the cat ran sat: 3 matches, P 1, R 3/4, chunks "the cat" and "sat".
    fmean = 10 * 0.75 / (0.75 + 9)
    expected = fmean * (1 - 0.5 * (2 / 3) ** 3)
    found = meteor(["the", "cat", "sat"], ["the", "cat", "ran", "sat"], stem=False)
    assert found == pytest.approx(expected)


def test_meteor_stems_only_when_told() -> None:
    assert meteor(["nodules"], ["nodule"], stem=False) == 0
    assert meteor(["nodules"], ["nodule"], stem=True) == pytest.approx(0.5)


def test_cider_by_hand() -> None:
    # References a b and a c. "a" is in both, so it weighs log 1 = 0; b weighs log 2 in one of two.
    # Order 1: report "a b" has the vector (b: log 2), as its reference has: cosine 1.
    # Order 2: "a b" in one of two references: cosine 1. Orders 3 and 4 have no n-grams: 0.
    assert cider([["a", "b"]], [["a", "b"]])[0] != cider([["a", "b"]] * 2, [["a", "b"]] * 2)[0]
    found = cider([["a", "b"], ["a", "b"]], [["a", "b"], ["a", "c"]])
    assert found == pytest.approx([10 * 2 / 4, 0.0])


def test_cider_weighs_by_rarity() -> None:
    # References "x y" and "x z" and "x z": y weighs log 3, z log 1.5, x nothing.
    # The report "y z" against "x y": y log 3 of a vector (log 3, log 1.5); order 2 shares nothing.
    references = [["x", "y"], ["x", "z"], ["x", "z"]]
    found = cider([["y", "z"], ["x"], ["x"]], references)
    expected = log(3) / sqrt(log(3) ** 2 + log(1.5) ** 2)
    assert found[0] == pytest.approx(10 * expected / 4)


def test_cider_of_one_report_is_not_defined() -> None:
    assert np.isnan(cider([["a"]], [["a"]])).all()


@settings(max_examples=50, deadline=None)
@given(pairs=st.lists(st.tuples(tokens, tokens), min_size=2, max_size=5))
def test_ranges(pairs: list[tuple[list[str], list[str]]]) -> None:
    reports, references = ([*side] for side in zip(*pairs, strict=True))
    assert all(-1e-9 <= value <= 10 + 1e-9 for value in cider(reports, references))
    for report, reference in pairs:
        assert 0 <= rouge_l(report, reference) <= 1 + 1e-12
        assert 0 <= meteor(report, reference, stem=False) <= 1
        same = rouge_l(reference, reference)
        assert isclose(same, 1) or not reference
