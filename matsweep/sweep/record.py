"""What a store says of its study, and whether a study is the one of a store."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from matsweep.checks import UserError
from matsweep.metrics import COORDINATES, Metric, converter_costs, measured
from matsweep.store import (
    Coordinate,
    Variable,
    attributes,
    create,
)
from matsweep.sweep.config import leaves, plain_config
from matsweep.sweep.plan import Plan
from matsweep.sweep.provenance import provenance, sources


def metrics_of(study: Plan) -> dict[str, Metric]:
    """Return what is measured in a study, by name."""
    return measured(learning=study.epochs > 0)


def create_store(study: Plan, path: Path) -> None:
    """Make the empty store of a study."""
    facts = _facts(study)
    coordinates = {name: Coordinate(values=values) for name, values in study.coordinates().items()}
    coordinates["candidate_id"] = Coordinate(values=np.array(study.identities))
    coordinates["realisation"] = Coordinate(
        values=np.arange(study.realisations), dims=("realisation",)
    )
    coordinates["time"] = Coordinate(
        values=np.array(study.times),
        dims=("time",),
        attrs={"long_name": "time since programming", "unit": "s"},
    )
    if study.epochs:
        coordinates["epoch"] = Coordinate(
            values=np.arange(1, study.epochs + 1),
            dims=("epoch",),
            attrs={"long_name": "epochs of training"},
        )
    for name, values in COORDINATES.items():
        coordinates[name] = Coordinate(values=np.array(values), dims=(name,))
    variables = [
        Variable(
            name=metric.name,
            dims=("candidate", *metric.dims),
            attrs={
                "long_name": metric.long_name,
                "units": metric.units,
                "better": metric.better,
            },
        )
        for metric in metrics_of(study).values()
    ]
    create(path, coordinates=coordinates, variables=variables, attrs=facts)


def _facts(study: Plan) -> dict[str, Any]:
    """Return what a store says of its study."""
    factorial = study.design.factorial(study.axes)
    axes = [
        {"name": axis.name, "values": None if factorial is None else list(factorial[index])}
        for index, axis in enumerate(study.axes)
    ]
    return {
        "study": str(study.config.study),
        "config": OmegaConf.to_yaml(study.config, resolve=True),
        "seed": study.seed,
        "axes": json.dumps(axes),
        "fingerprint": _fingerprint(study),
        "sources": sources(study),
        "converter_costs": json.dumps(converter_costs(study.scenario(study.points[-1]))),
        "provenance": json.dumps(provenance()),
    }


def _fingerprint(study: Plan) -> str:
    """Return a hash of all that decides the numbers of a study."""
    hashed = hashlib.blake2b(digest_size=16)
    for identity in study.identities:
        hashed.update(bytes.fromhex(identity))
    rest = [study.seed, study.realisations, list(metrics_of(study))]
    hashed.update(json.dumps(rest).encode())
    return hashed.hexdigest()


def check_same(study: Plan, path: Path) -> None:
    """Refuse a store that belongs to another study, and say in what it differs."""
    facts = attributes(path)
    if facts.get("fingerprint") == _fingerprint(study):
        return
    was = OmegaConf.to_container(OmegaConf.create(str(facts.get("config", "{}"))))
    is_now = plain_config(study.config)
    assert isinstance(was, dict)
    ignored = ("store", "executor", "study")
    names = dict.fromkeys([*leaves(was), *leaves(is_now)])
    different = [
        name
        for name in names
        if name.split(".")[0] not in ignored
        and value_at(was, name) != value_at(is_now, name)
        and not isinstance(value_at(is_now, name), dict)
    ]
    if json.loads(str(facts.get("axes", "[]"))) != json.loads(str(_facts(study)["axes"])):
        different.insert(0, "axes")
    what = f" (different: {', '.join(different[:5])})" if different else ""
    raise UserError(
        f"{path} holds another study{what}; give this one a place of its own with "
        "study=NAME or store=PATH, or move that one away"
    )


def value_at(node: Any, path: str) -> Any:
    """Return the value at a dotted path of nested mappings, None where there is none."""
    for key in path.split("."):
        node = node.get(key) if isinstance(node, dict) else None
    return node
