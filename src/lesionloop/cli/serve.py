"""``lesionloop serve``: the viewer."""

from pathlib import Path
from typing import Annotated

import typer

from lesionloop.cli.console import OptionsOption, SegmenterOption, note, parse_options
from lesionloop.cli.pacs import open_pacs

NAME = "serve"
EXAMPLES = (
    "Examples: lesionloop serve studies/ --open   ·   "
    "lesionloop serve studies/ --port 9000 --state sessions/ --segmenter propagate   ·   "
    "LESIONLOOP_TOKEN=... lesionloop serve studies/ --host 0.0.0.0 --allow-host viewer.example.org"
)


def run(
    data: Annotated[
        Path,
        typer.Argument(help="Folder of studies: nnU-Net layout, DICOM, or folders of ct and pet."),
    ] = Path(),
    port: Annotated[int, typer.Option(help="Port; 0 takes any that is free.")] = 8765,
    host: Annotated[
        str, typer.Option(help="Address to listen on; other than loopback needs --token.")
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            envvar="LESIONLOOP_TOKEN", help="What readers must give; at least 16 characters."
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Another name of this server, such as that of a proxy. Repeatable."),
    ] = None,
    segmenter: SegmenterOption = "default",
    option: OptionsOption = None,
    state: Annotated[
        Path | None,
        typer.Option(help="Folder of the sessions; default: in the user's state folder."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Sessions computed at a time.")] = 1,
    dicomweb: Annotated[
        str | None,
        typer.Option(help="PACS to fetch from and store in: root of its DICOMweb services."),
    ] = None,
    dicomweb_ca: Annotated[
        Path | None, typer.Option(help="Certificates to trust for the PACS, PEM.")
    ] = None,
    reader_study: Annotated[
        Path | None,
        typer.Option(help="Protocol of a reader study: its readers get their cases, and no more."),
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Open a page on which readers correct studies. Everything they draw is kept."""
    from lesionloop.errors import InputError

    try:
        from lesionloop.viewer.app import Exposure, create_app, protect
        from lesionloop.viewer.server import listen, serve, state_folder
    except ImportError as error:
        if error.name not in ("fastapi", "uvicorn", "starlette"):
            raise
        raise InputError(
            "the viewer is not installed",
            cause=f"The package {error.name} is missing.",
            remedy="Install it: pip install 'lesionloop[serve]'.",
        ) from error
    from lesionloop.reader_study import read_protocol
    from lesionloop.segmenters import load_segmenter
    from lesionloop.viewer.security import check_exposure

    token = token or None
    check_exposure(host, token)
    chosen = load_segmenter(segmenter, **parse_options(option))
    folder = state_folder(data) if state is None else state
    pacs = None if dicomweb is None else open_pacs(dicomweb, dicomweb_ca)
    protocol = None if reader_study is None else read_protocol(reader_study)
    with listen(host, port) as opened:
        app = create_app(
            data, folder, segmenter=chosen, threads=workers, pacs=pacs, reader_study=protocol
        )
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{opened.getsockname()[1]}/"

        def ready() -> None:
            note(f"sessions are kept in {folder}")
            if not app.state.parts.desk.library.entries():
                note(f"there is no study in {data} yet: upload some, or see docs/viewer.md")
            if token is not None:
                note(f"readers log in once at {address}login?token=... with the token")
            typer.echo(address)
            if open_page:
                typer.launch(address)

        serve(protect(app, Exposure(host, token, tuple(allow_host or ()))), opened, ready)
