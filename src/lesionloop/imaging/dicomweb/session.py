"""A connection that goes nowhere but to the address given, and shows nothing but what is meant."""

from typing import Final
from urllib.parse import SplitResult, urlsplit

import requests

from lesionloop.errors import InputError

__all__ = ["BearerToken", "StraightSession", "address_parts", "is_private"]

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class StraightSession(requests.Session):
    """Follows no redirect: that would take passwords, keys and images elsewhere."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: with a target, `requests` reads the body without a bound, even when told not to go
        there.
        """
        del resp


class BearerToken(requests.auth.AuthBase):
    """Sends a token, or nothing: `requests` would look into ~/.netrc otherwise."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with the token."""
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def address_parts(url: str, *, whose: str, remedy: str) -> SplitResult:
    """The parts of the address of a server.

    Args:
        url: the address.
        whose: it is, for the message.
        remedy: what address to give instead.

    Raises:
        InputError: it is no http or https address.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InputError(
            f"the address of {whose} cannot be used",
            cause="It is no http or https address.",
            remedy=remedy,
        )
    return parts


def is_private(parts: SplitResult) -> bool:
    """Whether nobody on the way can read along: TLS, or this very machine."""
    return parts.scheme == "https" or parts.hostname in _LOOPBACK
