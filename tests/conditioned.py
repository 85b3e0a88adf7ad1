"""Made-up studies of families under conditions, whose gains and ranks are known."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from matsweep import store

NOISE = "workload.training.noise"
DAY = 86400.0


def conditioned(
    merits: Mapping[str, Sequence[float]],
    levels: Sequence[object] = (None, 0.05),
    *,
    bits: Sequence[int] = (8,),
    times: Sequence[float] = (20.0, DAY),
    loss: float = 0.0,
    shared: float = 0.02,
    own: float = 0.0,
    realisations: int = 8,
    clean: Sequence[float] = (),
    seed: int = 3,
    stated: bool = True,
    better: str = "higher",
) -> xr.Dataset:
    """Return the results of families under levels of a condition.

    `merits` has the merit of each family at 8 bits under each level; each bit less costs a
    percentage point, and `loss` is lost from the first time to the last. Chips differ by `shared`,
    which all candidates of a realisation share, and by `own`, which each draws alone.
    """
    rng = np.random.default_rng(seed)
    rows = list(itertools.product(merits, range(len(levels)), bits))
    lucky = shared * rng.standard_normal(realisations)
    accuracy = np.empty((len(rows), realisations, len(times)))
    for at, (family, level, bit) in enumerate(rows):
        chance = lucky + own * rng.standard_normal(realisations)
        late = np.linspace(0.0, loss, len(times))
        mean = merits[family][level] - 0.01 * (8 - bit)
        accuracy[at] = mean - late + (chance - chance.mean())[:, None]
    numbers = all(isinstance(level, float) for level in levels)
    texts = [level if numbers else "null" if level is None else str(level) for level in levels]
    along = ("candidate", "realisation", "time")
    facts = {"units": "1", "better": better, "long_name": "accuracy"}
    data = {
        "accuracy": (along, accuracy, facts),
        "status": (
            "candidate",
            np.ones(len(rows), dtype=np.int8),
            {"flag_values": [0, 1, 2], "flag_meanings": "pending done failed"},
        ),
        "error": ("candidate", np.full(len(rows), "", dtype=object)),
    }
    if len(clean):
        values = np.array([clean[level] for _, level, _ in rows])
        data["float_merit"] = ("candidate", values, facts | {"long_name": "float"})
    axes = {"material": list(merits), NOISE: list(levels), "adc.bits": list(bits)}
    ds = xr.Dataset(
        data,
        {
            "material": ("candidate", np.array([row[0] for row in rows], dtype=object)),
            NOISE: ("candidate", np.array([texts[row[1]] for row in rows])),
            "adc.bits": ("candidate", np.array([row[2] for row in rows])),
            "time": ("time", np.asarray(times), {"units": "s"}),
        },
    )
    ds.attrs = {
        "study": "conditioned",
        "merit": "accuracy",
        "axes": json.dumps([{"name": name, "values": values} for name, values in axes.items()]),
        "reference": json.dumps({"accuracy": 0.99}),
        "chance": json.dumps({"accuracy": 0.1}),
    }
    if stated:
        ds.attrs["conditions"] = json.dumps([NOISE])
    return ds


def stored(ds: xr.Dataset, path: Path) -> Path:
    """Write results as a study does."""
    count = ds.sizes["candidate"]
    along = [str(name) for name, values in ds.coords.items() if values.dims == ("candidate",)]
    coordinates = {
        name: store.Coordinate(values=ds[name].values.astype(str).tolist())
        if ds[name].dtype.kind == "O"
        else store.Coordinate(values=ds[name].values, attrs=ds[name].attrs)
        for name in along
    }
    coordinates["candidate_id"] = store.Coordinate(values=[f"{i:032x}" for i in range(count)])
    coordinates["realisation"] = store.Coordinate(
        values=np.arange(ds.sizes["realisation"]), dims=("realisation",)
    )
    if "time" in ds.coords:
        coordinates["time"] = store.Coordinate(values=ds["time"].values, dims=("time",))
    measured = [name for name in ds.data_vars if name not in ("status", "error")]
    store.create(
        path,
        coordinates=coordinates,
        variables=[
            store.Variable(name=str(name), dims=ds[name].dims, attrs=ds[name].attrs)
            for name in measured
        ],
        attrs=ds.attrs,
    )
    part = store.Part(
        positions=np.arange(count),
        status=np.ones(count, dtype=int),
        error=[""] * count,
        seconds=np.zeros(count),
        values={str(name): ds[name].values for name in measured},
    )
    with store.open_store(path) as writer:
        writer.write(part)
    return path
