"""The pace of requests, shared by all that send them."""

import threading
import time

__all__ = ["Pace"]


class Pace:
    """Lets requests go at a rate at most, and holds all back when the server asks for it.

    Args:
        per_minute: requests a minute at most; 0: no limit.
    """

    def __init__(self, per_minute: float = 0.0) -> None:
        self._gap_s = 60 / per_minute if per_minute > 0 else 0.0
        self._next = 0.0
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def wait(self) -> bool:
        """Wait for one's turn; False when there will be none."""
        while not self._stopped.is_set():
            with self._lock:
                left = self._next - time.monotonic()
                if left <= 0:
                    self._next = time.monotonic() + self._gap_s
                    return True
            self._stopped.wait(left)
        return False

    def hold(self, seconds: float) -> None:
        """No request of anyone before that time."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def stop(self) -> None:
        """End all waiting."""
        self._stopped.set()

    def pause(self, seconds: float) -> None:
        """Wait alone, while others go on; ends early when stopped."""
        self._stopped.wait(seconds)
