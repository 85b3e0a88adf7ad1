"""Pins of a case: their content, their files, and their comparison."""

from __future__ import annotations

import json
import math
import os
import tempfile
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from threadpoolctl import threadpool_limits

from .cases import CASES

FILE = Path(os.environ.get("MATSWEEP_PINS") or Path(__file__).with_name("pins.json"))
TOLERANCE = 1e-3
"""Of a mean, relative to the root mean square, where arithmetic is not that of the pins."""
COUNTED = {"adc_saturation": 0.05}
"""As `TOLERANCE`, of what is counted: rounding takes single currents across a bound."""
FLIPPED = 0.02
"""Of accuracies: one sample of fifty."""


def computed(name: str) -> dict[str, Any]:
    """Compute a case, on one thread, and return what is pinned of it."""
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1, "blas"):
        ds = CASES[name].compute(Path(folder))
    identities = [str(each) for each in ds["candidate_id"].values] if "candidate_id" in ds else []
    return {
        "identities": identities,
        "variables": {str(key): record(ds[key]) for key in sorted(map(str, ds.data_vars))},
    }


def record(variable: xr.DataArray) -> dict[str, Any]:
    """Return type, axes and a digest of all bits of a variable, and its size in numbers."""
    values = np.ascontiguousarray(variable.values)
    if values.dtype.kind in "OUT":
        content, kind = json.dumps([str(each) for each in values.ravel()]).encode(), "text"
        numbers = np.array([])
    else:
        content, kind = values.tobytes(), values.dtype.str
        numbers = values.ravel().astype(np.float64)
    finite = numbers[np.isfinite(numbers)].tolist()
    axes = {str(axis): size for axis, size in variable.sizes.items()}
    return {
        "kind": kind,
        "axes": axes,
        "bits": blake2b(content, digest_size=8).hexdigest(),
        "finite": len(finite),
        "mean": math.fsum(finite) / len(finite) if finite else None,
        "rms": math.sqrt(math.fsum(x * x for x in finite) / len(finite)) if finite else None,
    }


def arithmetic() -> dict[str, str]:
    """Return the influences on the last bits of a result: libraries, and this machine's rounding.

    Kernels of BLAS differ between processors, and so do the mathematical functions of NumPy and
    of the C library.
    """
    rng = np.random.default_rng(5)
    digest = blake2b(digest_size=8)
    with threadpool_limits(1, "blas"), np.errstate(all="ignore"):
        for kind in (np.float32, np.float64):
            for rows, inner, columns in ((64, 64, 64), (37, 129, 11), (1, 54, 10), (200, 5, 3)):
                a = rng.standard_normal((rows, inner)).astype(kind)
                b = rng.standard_normal((inner, columns)).astype(kind)
                digest.update((a @ b).tobytes())
            square = rng.standard_normal((33, 33)).astype(kind)
            digest.update(np.linalg.solve(square, square.T).tobytes())
            x = (rng.standard_normal(1001) * 3).astype(kind)
            for function in (np.exp, np.tanh, np.sin, np.sinh, np.log1p, np.expm1, np.sum, np.std):
                digest.update(function(x).tobytes())
            digest.update((np.abs(x) ** kind(0.37)).tobytes())
        x = rng.standard_normal(1001) * 3
        for each in (math.exp, math.tanh, math.sin, math.sinh, math.erf):
            digest.update(np.array([each(value) for value in x.tolist()]).tobytes())
        digest.update(np.array([abs(value) ** 0.37 for value in x.tolist()]).tobytes())
    libraries = ("numpy", "scipy", "numba", "llvmlite", "scikit-learn")
    return {"rounding": digest.hexdigest(), **{name: version(name) for name in libraries}}


def differences(
    pinned: dict[str, Any], found: dict[str, Any], *, exact: bool, fitted: bool = False
) -> list[str]:
    """Return a line for each thing that differs; none: they agree.

    Parameters
    ----------
    pinned, found : dict
        From `computed`.
    exact : bool
        Compare all bits; else means, as `near` does.
    fitted : bool
        Leave identities out unless all bits are compared.
    """
    lines = []
    if (exact or not fitted) and pinned["identities"] != found["identities"]:
        lines.append(f"candidates: pinned {pinned['identities']}, now {found['identities']}")
    before, after = pinned["variables"], found["variables"]
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            lines.append(f"{name}: {'not pinned' if old is None else 'pinned, but missing now'}")
        elif not (old == new if exact else near(name, old, new)):
            told = [f"{key} {value!r} -> {new[key]!r}" for key, value in old.items()
                    if value != new[key] or key == "mean"]  # fmt: skip
            lines.append(f"{name}: {', '.join(told)}")
    return lines


def near(name: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return whether a variable is the same but for rounding."""
    if any(old[key] != new[key] for key in ("kind", "axes", "finite")):
        return False
    if old["mean"] is None:
        return bool(old["bits"] == new["bits"])
    allowed = FLIPPED if "accuracy" in name else COUNTED.get(name, TOLERANCE) * old["rms"]
    return bool(abs(old["mean"] - new["mean"]) <= allowed)


def load() -> dict[str, Any]:
    """Return all pins as stored."""
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


def text(pins: dict[str, Any]) -> str:
    """Return pins as JSON with a line for each variable, so that a diff can be read."""
    cases = []
    for name, case in sorted(pins["cases"].items()):
        lines = ",\n".join(
            f"   {json.dumps(key)}: {json.dumps(value, allow_nan=False, separators=(',', ':'))}"
            for key, value in case["variables"].items()
        )
        cases.append(
            f"  {json.dumps(name)}: {{\n"
            f'  "identities": {json.dumps(case["identities"])},\n'
            f'  "variables": {{\n{lines}\n  }}}}'
        )
    head = json.dumps(pins["arithmetic"], sort_keys=True)
    return f'{{\n "arithmetic": {head},\n "cases": {{\n' + ",\n".join(cases) + "\n }\n}\n"
