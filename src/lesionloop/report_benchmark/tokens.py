"""Tokens: what a score of shared words counts as a word.

PET2Rep does not say how it cut Chinese text, and scores of different tokens cannot be compared, so
the tokens are an argument everywhere and are named in the result.

- ``characters``: every Chinese character alone, runs of Latin letters or digits together.
- ``jieba``: words as jieba's dictionary cuts them, which needs the package jieba.
- ``words``: English words and numbers, in lower case; punctuation stands alone.

Characters are brought to Unicode form NFKC first, so that full-width and plain forms are the same.
"""

import re
import tempfile
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Final

from lesionloop.errors import InputError

__all__ = ["TOKENISERS", "Tokeniser", "language_of", "tokeniser"]

Tokeniser = Callable[[str], list[str]]

_CJK: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# A number keeps its point, so that 3.5 is one token; anything else that is no space stands alone.
_TOKEN: Final = re.compile(rf"[{_CJK}]|\d+(?:\.\d+)?|[^\W\d_{_CJK}]+|[^\w\s]|_")
_CJK_CHARACTER: Final = re.compile(f"[{_CJK}]")

#: Above this share of Chinese characters among the letters a text is Chinese.
_CHINESE_SHARE: Final = 0.3


def tokeniser(name: str) -> Tokeniser:
    """Return the function that cuts text into tokens.

    Raises:
        InputError: the name is not known, or jieba is not installed.
    """
    if name not in TOKENISERS:
        raise InputError(f"unknown tokens {name!r}", remedy=f"Use {', '.join(TOKENISERS)}.")
    return TOKENISERS[name]


def language_of(text: str) -> str:
    """``zh`` or ``en``, by the share of Chinese characters among the letters."""
    chinese = len(_CJK_CHARACTER.findall(text))
    letters = sum(character.isalpha() for character in text)
    return "zh" if letters and chinese / letters > _CHINESE_SHARE else "en"


def _characters(text: str) -> list[str]:
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).lower())


def _jieba(text: str) -> list[str]:
    words = _cutter()(unicodedata.normalize("NFKC", text).lower())
    return [word for word in words if not word.isspace()]


@cache
def _cutter() -> Tokeniser:
    try:
        import jieba  # noqa: PLC0415  (an extra, and it reads a dictionary of 5 MB)
    except ImportError as error:
        raise InputError(
            "the tokens jieba need the package jieba",
            remedy="Install it: pip install 'lesionloop[reports]'.",
        ) from error
    cutter = jieba.Tokenizer()
    jieba.setLogLevel("WARNING")
    # It would load what it finds under a fixed name in the shared temporary folder.
    with tempfile.TemporaryDirectory() as folder:
        cutter.tmp_dir = folder
        cutter.initialize()

    def cut(text: str) -> list[str]:
        return list(cutter.cut(text, HMM=False))

    return cut


#: Name to tokeniser. Both of the first two cut Latin text in the same way.
TOKENISERS: Final[dict[str, Tokeniser]] = {
    "characters": _characters,
    "jieba": _jieba,
    "words": _characters,
}
