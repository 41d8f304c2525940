"""The entry point: commands by name, errors to exit codes."""

import logging
import os
import sys

import typer

from lesionloop.cli import (
    convert,
    demo,
    evaluate,
    grand_challenge,
    inspect,
    score,
    segment,
    simulate,
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

for module in (demo, inspect, convert, segment, simulate, evaluate, score, grand_challenge):
    app.command(name=module.NAME, epilog=module.EXAMPLES)(module.run)


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Say more on stderr."),
) -> None:
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="lesionloop: %(message)s", stream=sys.stderr)
    for chatty in ("pydicom", "highdicom"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("lesionloop"))
        raise typer.Exit


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        app()
    except LesionLoopError as error:
        print(f"lesionloop: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except BrokenPipeError:
        # Whoever read our output has gone; stdout must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
