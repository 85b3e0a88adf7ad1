"""A made-up study with the shape of a real one."""

from __future__ import annotations

import itertools
import json

import numpy as np
import xarray as xr

MATERIALS = {
    "pcm_gst": ("PCM, Ge2Sb2Te5", 0.94, 8e-9, 0.012),
    "hfox_vcm": ("HfOx VCM", 0.93, 3e-9, 0.004),
    "ecram_metal_oxide": ("Metal-oxide ECRAM", 0.965, 2.2e-8, 0.001),
    "ferroelectric_fefet": ("HZO FeFET", 0.91, 9e-10, 0.008),
    "sonos": ("SONOS", 0.955, 5e-8, 0.002),
}
TIMES = (20.0, 3600.0, 86400.0 * 30)


def study(
    materials=tuple(MATERIALS),
    scales=(0.0, 0.01, 0.02, 0.05),
    bits=(4, 5, 6, 7, 8, 10),
    realisations=8,
    times=TIMES,
    seed=1,
    shuffle=False,
):
    rng = np.random.default_rng(seed)
    axes = {
        "material": list(materials),
        "device.programming_error.scale": list(scales),
        "tile.adc.bits": list(bits),
    }
    rows = list(itertools.product(*axes.values()))
    if shuffle:
        rows = [rows[i] for i in rng.permutation(len(rows))]
    n, t = len(rows), np.asarray(times)
    accuracy = np.empty((n, realisations, len(times)))
    energy = np.empty_like(accuracy)
    for i, (material, scale, bit) in enumerate(rows):
        _, base, joule, drift = MATERIALS.get(material, (material, 0.9, 1e-8, 0.01))
        mean = base - 4 * scale**1.2 - 0.3 * 2.0 ** (-(bit - 2)) - drift * np.log10(t / 20)
        accuracy[i] = mean + rng.normal(0, 0.002 + 0.15 * scale, (realisations, len(times)))
        energy[i] = joule * 1.35 ** (bit - 8) * (1 + rng.normal(0, 0.03, (realisations, 1)))
    accuracy = accuracy.clip(0, 1)
    bit = np.array([row[2] for row in rows])
    along = ("candidate", "realisation", "time")
    data = {
        "accuracy": (along, accuracy, attrs("1", "higher", "accuracy")),
        "energy": (along, energy, attrs("J", "lower", "energy per inference")),
        "latency": ("candidate", 1e-7 * 2.0**bit / 16, attrs("s", "lower", "latency")),
        "area": ("candidate", 1e-8 * (1 + bit / 8), attrs("m2", "lower", "area")),
        "accuracy_std": (
            ("candidate", "time"),
            accuracy.std(axis=1, ddof=1) if realisations > 1 else np.zeros((n, len(times))),
            attrs("1", "lower", "spread"),
        ),
        "accuracy_p05": (
            ("candidate", "time"),
            np.percentile(accuracy, 5, axis=1),
            attrs("1", "higher", "5th percentile"),
        ),
        "seconds": ("candidate", rng.random(n), {"units": "s"}),
        "status": (
            "candidate",
            np.ones(n, dtype=np.int8),
            {"flag_values": [0, 1, 2], "flag_meanings": "pending done failed"},
        ),
        "error": ("candidate", np.full(n, "", dtype=object)),
    }
    coords = {
        name: ("candidate", np.array([row[k] for row in rows], dtype=object if not k else None))
        for k, name in enumerate(axes)
    }
    coords["candidate_id"] = ("candidate", np.array([f"{i:032x}" for i in range(n)], dtype=object))
    coords["time"] = ("time", t, {"units": "s"})
    ds = xr.Dataset(data, coords)
    ds.attrs = {
        "study": "synthetic",
        "config": "seed: 1\n",
        "seed": seed,
        "axes": json.dumps([[name, values] for name, values in axes.items()]),
        "float_accuracy": 0.976,
        "sources": json.dumps(sources(materials)),
        "provenance": "{}",
    }
    return ds


def attrs(units, better, long_name):
    return {"units": units, "long_name": long_name, "better": better}


def sources(materials):
    def number(value, status, source, note=""):
        return {"value": value, "status": status, "source": source, "note": note}

    return {
        "materials": {
            name: {
                "label": MATERIALS.get(name, (name,))[0],
                "numbers": {
                    "device.g_max": number(2.5e-5, "seen", "nandakumar2019"),
                    "device.programming_error.scale": number(0.03, "illustrative", "general"),
                    "device.read_noise": number(0.01, "recalled", "joshi2020", "Fig. 3 [S]"),
                },
            }
            for name in materials
        },
        "references": {
            "nandakumar2019": {
                "citation": "S. R. Nandakumar et al., ICECS 2019",
                "doi": "10.1109/ICECS46596.2019.8964852",
            },
            "joshi2020": {
                "citation": "V. Joshi et al., Nat. Commun. 11:2473, 2020",
                "doi": "10.1038/s41467-020-16108-9",
            },
            "general": {"citation": "general literature knowledge", "doi": ""},
        },
    }


def with_status(ds, pending=(), failed=(), error="ValueError: boom"):
    """Return `ds` with some candidates (positions) not done, their numbers NaN."""
    ds = ds.copy(deep=True)
    for state, which in ((0, pending), (2, failed)):
        for i in which:
            ds["status"][i] = state
            for name in ("accuracy", "energy", "latency", "area", "accuracy_std", "accuracy_p05"):
                if name in ds:
                    ds[name][i] = np.nan
            if state == 2:
                ds["error"][i] = error
    return ds
