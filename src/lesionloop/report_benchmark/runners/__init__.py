"""Models behind one protocol: a request with text and images in, an answer out."""

from lesionloop.report_benchmark.runners.protocol import (
    Answer,
    AnswerError,
    Request,
    Runner,
    Sampling,
)

__all__ = ["Answer", "AnswerError", "Request", "Runner", "Sampling"]
