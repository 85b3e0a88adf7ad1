import pytest

from matsweep.analysis import Results

from .synthetic import study


@pytest.fixture
def ds():
    ds = study()
    assert isinstance(ds.matsweep, Results)  # the accessor is there
    return ds
