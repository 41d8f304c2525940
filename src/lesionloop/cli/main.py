"""The entry point: commands by name, errors to exit codes."""

import logging
import os
import signal
import sys
from types import FrameType

import typer

from lesionloop.cli import (
    compare,
    convert,
    dataset,
    demo,
    evaluate,
    evaluate_points,
    fuse,
    grand_challenge,
    inspect,
    liver_clicks,
    liver_score,
    metabolic_network,
    pacs,
    quantify,
    rank,
    reader_study,
    replay,
    report,
    report_benchmark,
    score,
    segment,
    serve,
    simulate,
    train,
)
from lesionloop.errors import LesionLoopError

__all__ = ["app", "main"]

app = typer.Typer(
    name="lesionloop",
    help="Interactive lesion segmentation in whole-body PET/CT.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for module in (
    demo, inspect, convert, dataset, fuse, segment, simulate, evaluate, evaluate_points, replay,
    rank, score, liver_score, liver_clicks, quantify, report, metabolic_network, train, compare,
    serve, reader_study, grand_challenge,
):  # fmt: skip
    app.command(name=module.NAME, epilog=module.EXAMPLES)(module.run)

app.add_typer(pacs.commands, name=pacs.NAME)
app.add_typer(report_benchmark.commands, name=report_benchmark.NAME)


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Say more on stderr."),
) -> None:
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="lesionloop: %(message)s", stream=sys.stderr)
    # They log what they raise as well: with tracebacks, or with addresses that hold names.
    for chatty in ("pydicom", "highdicom", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("lesionloop"))
        raise typer.Exit


def main() -> None:
    """Run the command line and leave with its exit code.

    0 done, 2 bad input or usage or a place that cannot be read or written, 130 interrupted by the
    user, 143 asked to end, 1 a fault of ours (with its traceback) or a reader that went away.
    """
    before = signal.signal(signal.SIGTERM, _end)
    try:
        app(prog_name="lesionloop")
    except LesionLoopError as error:
        _leave(str(error))
    except BrokenPipeError:
        _close_stdout()
        sys.exit(1)
    except OSError as error:
        if error.errno is None:
            raise
        # The readers and writers say more; this is what none of them foresaw, such as a folder
        # that may not be looked into, or a full disk behind stdout.
        where = "the results" if error.filename is None else error.filename
        _leave(f"cannot read or write {where}\n  {error.strerror}.")
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _leave(message: str) -> None:
    print(f"lesionloop: {message}", file=sys.stderr)  # noqa: T201
    _close_stdout()
    sys.exit(2)


def _close_stdout() -> None:
    """Whoever read our output may have gone or be full; it must not fail once more at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end(_signal: int, _frame: FrameType | None) -> None:
    """End by an exception, so that half-written outputs are removed on the way."""
    sys.exit(128 + signal.SIGTERM)
