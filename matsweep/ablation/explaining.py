"""`explain`: why a stored candidate is as bad as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr

from matsweep.ablation.candidate import attribute, other_versions, position, record
from matsweep.ablation.diagnosis import Diagnosis, diagnosed
from matsweep.ablation.repeats import Bench, at_one_time
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, whole
from matsweep.core.kept import digest
from matsweep.core.units import engineering
from matsweep.planning.config import composer
from matsweep.planning.plan import Laid
from matsweep.planning.restoring import Restored, restored
from matsweep.running.groundwork import laid_here
from matsweep.running.provenance import provenance
from matsweep.store import Place, open_results
from matsweep.workloads import Prepared

MOST = 8
"""Realisations of each repeat by default, if the study has as many."""


def explain(
    results: Place | str | xr.Dataset,
    candidate: int | str,
    *,
    realisations: int | None = None,
    time: float | str | None = None,
    config_dir: str | Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Diagnosis:
    """Explain the loss of a candidate by controlled repeats of it.

    The candidate is built again from the store's texts and numbers, and repeated with the study's
    random numbers: first as it is, which must give the stored numbers bit for bit; then with each
    of its nuisances made ideal by itself (wires, converters, noise, errors, drift, …); last from
    all ideal back to the candidate, one nuisance after the other.

    Parameters
    ----------
    results : path, URL or Dataset
        A store, or the Dataset that `open_results` returns.
    candidate : int or str
        Its number, or a material: its best candidate.
    realisations : int or None
        Of each repeat; None: 8, or as many as the candidate has.
    time : float [s], str or None
        One of the stored times. Default: the last.
    config_dir : path or None
        A folder of the user's own configurations, if the study had one.
    progress : function of a str
        Called with what is repeated next.

    Returns
    -------
    Diagnosis

    Raises
    ------
    UserError
        If there is no such candidate, it is not done, or it cannot be built again.

    Examples
    --------
    >>> import matsweep
    >>> why = matsweep.explain("results/quickstart.zarr", "stt_mram")  # doctest: +SKIP
    >>> print(why.sentence)  # doctest: +SKIP
    """
    ds = results if isinstance(results, xr.Dataset) else open_results(results)
    view = View(ds, time)
    row = position(view, candidate)
    if view.chosen_time is None:
        raise UserError("the results hold no times: open the store of a study")
    most = int(view.given[row])
    count = min(MOST, most) if realisations is None else whole("realisations", realisations, low=1)
    if count > most:
        raise UserError(f"realisations must be <= {most}, those of the candidate, got {count}")
    with composer(config_dir):
        built = restored(record(view, row))
    seed = int(ds.attrs["seed"])
    workload = built.scenario.workload
    progress(workload.preparing)
    prepared = workload.prepare()
    laid = laid_here(built.scenario, progress)
    own = prepared if laid is None else laid.groundwork.applied(prepared, laid.result)
    bench = Bench(
        scenario=at_one_time(built.scenario, view.chosen_time), prepared=own,
        merit=workload.merit, seed=seed, realisations=count,
    )  # fmt: skip
    progress("as it is")
    notes = _notes(view, row, built, prepared, bench, laid)
    ideal = view.reference(view.merit)
    if ideal is None:
        ideal = prepared.reference[view.merit]
    return diagnosed(
        bench,
        candidate=int(view.numbers[row]),
        name=_name(view, row),
        higher=str(view.summary[view.merit].attrs.get("better", "higher")) == "higher",
        share=view.is_share(view.merit),
        reference=ideal,
        chance=view.chances.get(view.merit),
        notes=notes,
        available=most,
        progress=progress,
    )


def _notes(
    view: View, row: int, built: Restored, prepared: Prepared, bench: Bench, laid: Laid | None
) -> list[str]:
    """Write how far the plain repeat is the stored candidate."""
    now = bench.run(bench.scenario)[bench.merit]
    then = view.realised(view.merit)[row, : len(now)]
    versions = other_versions(view.ds, provenance())
    networks = attribute(view.ds, "networks")
    begun = networks.get(built.scenario.workload.key)
    stored = None if laid is None else attribute(view.ds, "groundwork").get(laid.groundwork.key)
    other = laid is not None and (stored or {}).get("digest") != digest(laid.result)
    notes = []
    if not built.same:
        command = f" Its command is {c}." if (c := view.ds.attrs.get("command")) else ""
        notes.append(
            "The candidate that was built again is not the stored one: the version of the model, "
            f"or a configuration that it comes from, has changed since.{command}"
        )
    if other or (begun is not None and begun != prepared.digest):
        notes.append("The network trains differently here than where the study began.")
    if np.array_equal(now, then):
        notes.append("The plain repeat gives the stored numbers bit for bit.")
    else:
        apart = float(np.max(np.abs(now - then)))
        notes.append(
            f"The plain repeat does not give the stored numbers: {view.merit} differs by up to "
            f"{apart:.2g} in one realisation. What follows explains the repeat."
        )
    if versions:
        notes.append(f"Versions differ from the study's: {', '.join(versions)}.")
    return notes


def _name(view: View, row: int) -> str:
    """Write a candidate: "candidate 12, STT-MRAM with adc.bits 4"."""
    swept = []
    for name in view.varied:
        value = view.ds[name].values[row]
        number = isinstance(value, (float, np.floating))
        text = engineering(float(value), view.unit(name)) if number else str(value)
        swept.append(f"{view.spoken[name]} {text}")
    parts = [f"candidate {view.numbers[row]}"]
    if view.has_materials:
        parts.append(view.label(str(view.materials[row])))
    return ", ".join(parts) + (f" with {', '.join(swept)}" if swept else "")
