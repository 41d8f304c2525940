"""Tokens of Chinese and English text."""

import sys
import tempfile
from pathlib import Path

import pytest

from lesionloop.errors import InputError
from lesionloop.report_benchmark import tokens
from lesionloop.report_benchmark.tokens import language_of, tokeniser


def test_characters() -> None:
    found = tokeniser("characters")("肝右叶SUVmax 3.5,大小")
    assert found == ["肝", "右", "叶", "suvmax", "3.5", ",", "大", "小"]


def test_words() -> None:
    found = tokeniser("words")("The Liver's SUVmax: 12.30.")
    assert found == ["the", "liver", "'", "s", "suvmax", ":", "12.30", "."]


def test_jieba_words_join_to_the_text() -> None:
    text = "双侧肾上腺未见异常摄取"
    found = tokeniser("jieba")(text)
    assert "".join(found) == text
    assert "肾上腺" in found


def test_jieba_does_not_trust_the_shared_temporary_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Under this name jieba would load, with marshal, whatever another user has put there.
    (tmp_path / "jieba.cache").write_bytes(b"planted")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tokens._cutter.cache_clear()
    assert tokeniser("jieba")("肝脏")
    assert (tmp_path / "jieba.cache").read_bytes() == b"planted"
    assert [path.name for path in tmp_path.iterdir()] == ["jieba.cache"]


def test_without_jieba(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens._cutter.cache_clear()
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(InputError, match="jieba"):
        tokeniser("jieba")("肝脏")


def test_unknown_tokens() -> None:
    with pytest.raises(InputError, match="unknown tokens"):
        tokeniser("letters")


def test_language() -> None:
    assert language_of("肝右叶 FDG 摄取增高") == "zh"
    assert language_of("The liver (肝) is normal") == "en"
    assert language_of("") == "en"
