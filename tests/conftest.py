"""Fixtures that all tests share."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

# The first call of a compiled kernel takes seconds.
settings.register_profile("matsweep", deadline=None)
settings.load_profile("matsweep")

# A shell starts a job in the background with SIGINT ignored, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep trained networks of the tests away from the user's."""
    os.environ["MATSWEEP_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def local_ray(tmp_path_factory: pytest.TempPathFactory):
    """Return after starting Ray once, small, on the loopback address; stop it at the end."""
    import ray

    from matsweep.sweep.executors.ray import start_local

    start_local(workers=2, object_store_memory=80_000_000)
    yield
    ray.shutdown()


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
