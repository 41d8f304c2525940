"""A running server: the application on a port of its own until it is told to end."""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from lesionloop.errors import InputError

__all__ = ["listen", "serve", "state_folder"]


def state_folder(data: Path) -> Path:
    """Where the sessions of a data folder are kept by default: the user's own state folder."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    digest = blake2b(str(data.resolve()).encode("utf-8", "surrogateescape"), digest_size=6)
    return Path(base) / "lesionloop" / f"viewer-{digest.hexdigest()}"


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes any that is free.

    Raises:
        InputError: the port is taken or not allowed, or the host is none of this machine.
    """
    if not 0 <= port <= 65535:
        raise InputError(f"there is no port {port}", remedy="Give --port from 1 to 65535.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
        opened.listen(128)
    except OSError as error:
        opened.close()
        raise InputError(
            f"cannot listen on {host} port {port}",
            cause=f"{error.strerror or error}.",
            remedy="Give another --port, or stop what uses it.",
        ) from error
    return opened


def serve(app: ASGIApp, opened: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; requests at work are given a few seconds.

    Nothing is logged for a request: addresses hold ids, and the login holds the token.
    """
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=30,
        lifespan="on",
    )
    server = _Server(config, ready)
    with suppress(KeyboardInterrupt):  # raised once more when all is closed: the way to end it
        server.run(sockets=[opened])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()
