"""What tests of SegAnyPET share; all are skipped without torch."""

import pytest

torch = pytest.importorskip("torch")
