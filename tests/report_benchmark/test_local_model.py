"""Local models: how transformers is called, on a stand-in for it.

No weights are here, and transformers is not among the packages of the tests: what is tested is our
side alone, not that a real model answers.
"""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lesionloop.errors import InputError
from lesionloop.report_benchmark.records import read_prompts
from lesionloop.report_benchmark.runners import Request, Sampling
from lesionloop.report_benchmark.runners.local_model import LocalModel

torch = pytest.importorskip("torch")


class Inputs(dict[str, Any]):
    def to(self, device: str) -> "Inputs":
        assert device == "cpu"
        return self


class Processor:
    calls: list[Any]

    def apply_chat_template(self, messages: list[Any], **options: Any) -> Inputs:
        self.calls.append((messages, options))
        return Inputs(input_ids=torch.tensor([[1, 2, 3]]))

    def decode(self, tokens: Any, **_: Any) -> str:
        return " ".join(map(str, tokens.tolist()))


class Network:
    def to(self, _device: str) -> "Network":
        return self

    def eval(self) -> "Network":
        return self

    def generate(self, input_ids: Any, max_new_tokens: int, **options: Any) -> Any:
        drawn = torch.randint(100, (1, 4)) if options["do_sample"] else torch.tensor([[9, 8, 7, 6]])
        return torch.cat([input_ids, drawn[:, :max_new_tokens]], dim=1)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A module transformers whose models answer with numbers; gives what was loaded and asked."""
    seen: list[Any] = []
    Processor.calls = seen

    def load(made: Any) -> Any:
        def from_pretrained(folder: str, **options: Any) -> Any:
            seen.append((folder, options))
            return made

        return SimpleNamespace(from_pretrained=from_pretrained)

    module = ModuleType("transformers")
    module.AutoProcessor = load(Processor())  # type: ignore[attr-defined]
    module.AutoModelForImageTextToText = load(Network())  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", module)
    return seen


def test_nothing_is_fetched_and_no_code_beside_the_weights_runs(
    loaded: list[Any], tmp_path: Path
) -> None:
    LocalModel(tmp_path, device="cpu")
    for _, options in loaded:
        assert options["local_files_only"] is True
        assert options["trust_remote_code"] is False
    assert loaded[1][1]["use_safetensors"] is True


def test_what_is_asked_and_answered(loaded: list[Any], tmp_path: Path, bench: Path) -> None:
    model = LocalModel(tmp_path, device="cpu")
    answer = model.answer(Request.of(read_prompts(bench / "records.jsonl")[0]))
    assert (answer.text, answer.finish) == ("9 8 7 6", "stop")
    messages, options = loaded[2]
    assert [message["role"] for message in messages] == ["system", "user"]
    assert [part["type"] for part in messages[1]["content"]] == ["text", "image", "text"]
    assert messages[1]["content"][1]["image"].mode == "RGB"
    assert options["add_generation_prompt"] is True


def test_an_answer_that_is_cut(loaded: list[Any], tmp_path: Path) -> None:
    model = LocalModel(tmp_path, device="cpu", sampling=Sampling(max_tokens=2))
    answer = model.answer(Request("p", "", ("x",)))
    assert (answer.text, answer.finish) == ("9 8", "length")


def test_the_seed_makes_an_answer_repeatable(loaded: list[Any], tmp_path: Path) -> None:
    model = LocalModel(tmp_path, device="cpu", sampling=Sampling(temperature=0.7, seed=3))
    first = model.answer(Request("p", "", ("x",)))
    torch.rand(5)
    assert model.answer(Request("p", "", ("x",))).text == first.text
    other = LocalModel(tmp_path, device="cpu", sampling=Sampling(temperature=0.7, seed=4))
    assert other.answer(Request("p", "", ("x",))).text != first.text


def test_without_transformers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"lesionloop\[vlm\]"):
        LocalModel(tmp_path)


def test_without_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        LocalModel(tmp_path / "none")
