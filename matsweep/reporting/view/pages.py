"""Served contents: the progress of a study, and its page, built again when the store changes."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from matsweep.store import Place, open_results, summary


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Progress of a study.

    Parameters
    ----------
    revision : str
        Of the page's contents: it differs where the page would differ.
    total, done, failed : int
        Candidates; staged outcomes, which no page shows yet, are counted.
    """

    revision: str
    total: int
    done: int
    failed: int


class Pages:
    """The page of a study, kept until the store changes. Threads may share it.

    Parameters
    ----------
    place : Place
        Of the store.
    top, objectives, time, rerun
        See `matsweep.reporting.report`.
    """

    def __init__(
        self,
        place: Place,
        *,
        top: int = 10,
        objectives: Sequence[str] | None = None,
        time: float | str | None = None,
        rerun: str | None = None,
    ) -> None:
        self.place = place
        self._top, self._objectives, self._time, self._rerun = top, objectives, time, rerun
        self._lock = threading.Lock()
        self._kept: tuple[str, str] | None = None

    def state(self) -> State:
        """Look at the progress of the study.

        Returns
        -------
        State

        Raises
        ------
        StoreError
            If there is no complete store.
        """
        return self._state(open_results(self.place))

    def page(self) -> str:
        """Page of the study; it is built again only if the store has changed.

        Returns
        -------
        str
            HTML.

        Raises
        ------
        StoreError
            If there is no complete store.
        UserError
            If the extra `report` is missing, or an objective or the time is unknown.
        """
        with self._lock:  # a second request waits for the page instead of building it too
            ds = open_results(self.place)
            state = self._state(ds)
            if self._kept is None or self._kept[0] != state.revision:
                self._kept = state.revision, self._build(ds, state)
            return self._kept[1]

    def _state(self, ds: xr.Dataset) -> State:
        counts = summary(self.place, slowest=0)
        return State(
            revision=revision(ds), total=counts.total, done=counts.done, failed=counts.failed
        )

    def _build(self, ds: xr.Dataset, state: State) -> str:
        # Imported when a page is asked for: plotting libraries would delay the first look.
        from matsweep.reporting.report.contents import document
        from matsweep.reporting.report.html import Live, render
        from matsweep.reporting.report.study import studied

        study = studied(ds, top=self._top, objectives=self._objectives, time=self._time)
        study = dataclasses.replace(study, rerun=self._rerun or study.rerun)
        live = Live(
            revision=state.revision, total=state.total, done=state.done, failed=state.failed
        )
        return render(document(study), live)


def revision(ds: xr.Dataset) -> str:
    """Short text that differs where the outcomes or facts in a store do.

    It hashes the states, the numbers of realisations and the attributes: outcomes are computed, so
    the same candidates with as many realisations have the same ones.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    str
    """
    digest = hashlib.blake2b(digest_size=12)
    for name in ("status", "realisations"):
        digest.update(np.ascontiguousarray(ds[name].values).tobytes())
    digest.update(repr(sorted(ds.attrs.items(), key=lambda item: str(item[0]))).encode())
    return digest.hexdigest()
