"""Which versions a result was made with."""

import platform
from importlib.metadata import PackageNotFoundError, version

__all__ = ["versions"]

#: Packages that can change a mask or a score.
_PACKAGES = (
    "lesionloop", "connected-components-3d", "edt", "highdicom", "nibabel", "numpy", "pydicom",
    "pyjpegls", "python-gdcm", "scipy",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Version of Python and of every package that can change a result."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
