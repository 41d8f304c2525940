"""What a model is asked, and the template that it fills, in Chinese and English."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Final

from lesionloop.errors import InputError
from lesionloop.report_benchmark.records import IMAGE_MARK

__all__ = ["LANGUAGES", "ask", "system_text", "template_report"]

LANGUAGES: Final = ("zh", "en")


def template_report(language: str) -> str:
    """The unedited template, brackets and all: the report of a patient without findings.

    Raises:
        InputError: the language is not known.
    """
    return str(_texts(language)["template"]).strip()


def system_text(language: str) -> str:
    """The role that the model is to take; errors as of `template_report`."""
    return str(_texts(language)["system"])


def ask(language: str, images: int, *, fused: bool) -> str:
    """The instruction, with a mark for each image, and the template.

    Args:
        language: "zh" or "en".
        images: number of images.
        fused: the images are fused; otherwise the first half is PET, the second CT.

    Raises:
        InputError: the language is not known.
    """
    texts = _texts(language)
    pictures = str(texts["pictures_fused" if fused else "pictures_separate"])
    marks = "\n".join([IMAGE_MARK] * images)
    task = str(texts["task"]).replace("{template}", template_report(language))
    return pictures.replace("{count}", str(images)).replace("{images}", marks) + task


@cache
def _all_texts() -> dict[str, Any]:
    source = files("lesionloop.report_benchmark").joinpath("data/prompts.toml")
    return tomllib.loads(source.read_text(encoding="utf-8"))


def _texts(language: str) -> dict[str, Any]:
    if language not in LANGUAGES:
        raise InputError(
            f"unknown language {language!r} of reports", remedy=f"Use {' or '.join(LANGUAGES)}."
        )
    found: dict[str, Any] = _all_texts()[language]
    return found
