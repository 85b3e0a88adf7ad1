import pytest

import matsweep.analysis  # noqa: F401  registers ds.matsweep

from .synthetic import study


@pytest.fixture
def ds():
    return study()
