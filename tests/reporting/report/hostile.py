"""A study whose texts try to get out of where they are shown."""

from __future__ import annotations

import json

import numpy as np

from matsweep.core.printing import printable
from tests.synthetic import study, with_status

TEXT = (
    "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>`|${7}%{x}&amp;\x00\x1b[31m"
    "\u202e\u2066\u200b\u200f\u061c\x9b"
)


def hidden(text):
    """Characters of a text that a reader does not see, or that reorder it."""
    return sorted({char for char in text if printable(char) != char})


def strings(data):
    """All texts in data of JSON."""
    if isinstance(data, str):
        return [data]
    if isinstance(data, dict):
        data = [*data, *data.values()]
    return [text for each in data for text in strings(each)] if isinstance(data, list) else []


def hostile():
    ds = with_status(study(realisations=2), failed=[3], error=f"ValueError: {TEXT}")
    names = np.array([TEXT if name == "sonos" else name for name in ds["material"].values])
    sources = {
        "materials": {
            TEXT: {
                "label": f"label {TEXT}",
                "numbers": {
                    f"device.{TEXT}": {
                        "value": TEXT, "status": "recalled", "source": TEXT, "note": TEXT,
                    },
                },
            }
        },
        "references": {TEXT: {"citation": TEXT, "doi": f'javascript:alert(3)" onclick="{TEXT}'}},
    }  # fmt: skip
    breakdown = np.ones((ds.sizes["candidate"], 2)) * [1e-9, 2e-9]
    ds = ds.assign(energy_breakdown=(("candidate", "component"), breakdown, {"units": "J"}))
    ds = ds.assign_coords(
        material=("candidate", names.astype(object)), component=np.array([TEXT, "adc"])
    )
    ds["energy"].attrs |= {"long_name": TEXT, "units": TEXT}
    ds.attrs |= {
        "study": TEXT,
        "config": f"seed: 1\n# {TEXT}\n```\n",
        "command": f"matsweep explore {TEXT}",
        "sources": json.dumps(sources),
        "provenance": json.dumps({"git": TEXT, "versions": {TEXT: TEXT}}),
        "converter_costs": json.dumps(
            {"used": TEXT, "bits": 8, "node": 2e-8, "joules": {TEXT: 1e-12}}
        ),
        "design": json.dumps({"kind": TEXT, "constraints": [TEXT]}),
    }
    return ds
