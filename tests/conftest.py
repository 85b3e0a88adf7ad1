"""Fixtures that all tests share."""

from __future__ import annotations

import gc
import os
import signal
from collections import Counter

import pytest
from _pytest.nodeid import coerce_node_id
from hypothesis import settings
from threadpoolctl import threadpool_limits

# As in a study, parallel work is on processes: threads of BLAS that wait for each other on a busy
# machine take several times the processor time that they save. The variable is for libraries that
# are not loaded yet and for other processes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
threadpool_limits(1, "blas")

# The first call of a compiled kernel takes seconds.
settings.register_profile("matsweep", deadline=None)
settings.load_profile("matsweep")

# A shell starts a job in the background with SIGINT ignored, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


EXHAUSTIVE = os.environ.get("MATSWEEP_EXHAUSTIVE") == "1"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "sampled(every): `make test` runs every n-th variant, `make exhaustive` all"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take samples of the variants, and keep each group of tests in one process."""
    if not EXHAUSTIVE:
        _sample(config, items)
    _group(config, items)


def _sample(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out of each test that is marked `sampled` all but every n-th variant."""
    seen: Counter[str] = Counter()
    kept, left = [], []
    for item in items:
        marker = item.get_closest_marker("sampled")
        test = item.nodeid.partition("[")[0]
        (kept if marker is None or seen[test] % marker.args[0] == 0 else left).append(item)
        seen[test] += 1
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


def _group(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep each group of tests in one process of pytest-xdist.

    Tests that use a fixture of their module are a group, so that it is made once. Release 3.8 of
    pytest-xdist adds the group to a name of the test that pytest 9.2 does not read any more.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        marker = item.get_closest_marker("xdist_group")
        group = _module(item) if marker is None else marker.args[0]
        if group is not None and "@" not in item.nodeid:
            item._id = coerce_node_id(f"{item.nodeid}@{group}")


def _module(item: pytest.Item) -> str | None:
    """Return the file of a test that uses a fixture with the scope of a module."""
    known = item._fixtureinfo.name2fixturedefs
    shared = any(known[name][-1].scope == "module" for name in item.fixturenames if name in known)
    return item.nodeid.partition("::")[0] if shared else None


def pytest_collection_finish() -> None:
    """Take what is imported by now out of garbage collection, which goes through it in vain."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what the tests train and derive away from the user's; all of pytest-xdist share it."""
    base = tmp_path_factory.getbasetemp()
    session = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["MATSWEEP_CACHE"] = str(session / "matsweep-cache")


@pytest.fixture(scope="session")
def local_ray(tmp_path_factory: pytest.TempPathFactory):
    """Return after starting Ray once, small, on the loopback address; stop it at the end."""
    import ray

    from matsweep.running.executors.cluster import start_local

    start_local(workers=2, object_store_memory=80_000_000)
    yield
    ray.shutdown()


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ds():
    """Return the results of a made-up study."""
    from matsweep.analysis import Results
    from tests.synthetic import study

    made_up = study()
    assert isinstance(made_up.matsweep, Results)  # the accessor is there
    return made_up
