"""A connection that goes nowhere but to the address given."""

import requests

__all__ = ["StraightSession"]


class StraightSession(requests.Session):
    """Follows no redirect: that would take passwords, keys and images elsewhere."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: with a target, `requests` reads the body without a bound, even when told not to go
        there.
        """
        del resp
