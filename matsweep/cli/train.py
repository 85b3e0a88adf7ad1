"""`matsweep train`: train a network for devices, and write it as an ONNX file."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console

from matsweep.core.checks import UserError, truth, whole
from matsweep.core.command_line import command_line
from matsweep.core.files import path_text, write_bytes
from matsweep.core.kept import alone, begun, keep_result, kept_result
from matsweep.core.units import duration
from matsweep.metrics import METRICS
from matsweep.networks.training.settings import Training
from matsweep.planning.config import composer
from matsweep.planning.grammar import as_typed
from matsweep.planning.plan import plan
from matsweep.scenario import Scenario
from matsweep.simulate import simulate
from matsweep.workloads.network.run import PreparedNetwork
from matsweep.workloads.network.training import NetworkTraining

if TYPE_CHECKING:
    from matsweep.networks.training.loop import Epoch

GAUSSIAN = 0.04
"""Error of weights where no material is named, near that of programmed PCM: Joshi et al., Nat.
Commun. 11:2473, 2020, doi:10.1038/s41467-020-16108-9, train with 0.038 of the largest weight."""

_NOISE = "workload.training.noise"
_OWN = ("model", "data", "to", "overwrite")
_EXAMPLE = "matsweep train net.onnx data.npz to=trained.onnx"


def train(config: DictConfig) -> None:
    """Run `matsweep train`.

    Parameters
    ----------
    config : DictConfig
        As composed by Hydra.

    Raises
    ------
    UserError
        If model, data or file are missing, the file cannot be written, or nothing can be trained.
    """
    for name in ("model", "data"):
        if config[name] is None:
            raise UserError(f"{name} must be given, as in {_EXAMPLE}")
    given = [str(each) for each in HydraConfig.get().overrides.task]
    on_devices = any(each.startswith("material=") for each in given)
    scenario = _scenario(given, on_devices)
    to = _target(config)
    realisations, seed = whole("realisations", config.realisations, low=1), int(config.seed)
    work = scenario.groundwork
    if not isinstance(work, NetworkTraining):
        raise UserError(f"{_NOISE} must be a number or device to train, got null")
    console = Console(stderr=True)
    if note := scenario.workload.preparation:
        console.print(f"data: {note}", soft_wrap=True, markup=False)
    result = _trained(work, console)
    from matsweep.networks.writing import stated

    before = scenario.workload.prepare()
    assert isinstance(before, PreparedNetwork)
    after = work.applied(before, result)
    facts = {
        "command": as_typed(command_line("matsweep", "train", *sys.argv[1:])),
        before.merit: f"{after.float_merit:.6g}",
        "samples": str(len(before.wanted)),
    }
    write_bytes(to, stated(result, facts))
    lines = [f"{before.merit} in floating point: {before.reference[before.merit]:.4g} before, "
             f"{after.float_merit:.4g} after training"]  # fmt: skip
    if on_devices:
        lines += _on_devices(scenario, before, after, realisations=realisations, seed=seed)
    lines.append(f"the trained network is in {to}")
    for line in lines:
        Console().print(line, markup=False, highlight=False, soft_wrap=True)


def _target(config: DictConfig) -> Path:
    """Return the file to write, which must be possible before hours of training."""
    if config.to is None:
        raise UserError(f"to must name the file to write, as in {_EXAMPLE}")
    to = Path(path_text("to", config.to))
    if to.suffix.lower() != ".onnx":
        raise UserError(f"to must name an ONNX file (NAME.onnx), got {to}")
    if to.exists() and not truth("overwrite", config.overwrite):
        raise UserError(f"{to} is there already: give another to=…, or overwrite=true")
    if to.is_dir():
        raise UserError(f"to must name a file, got the folder {to}")
    trial = to.with_name(f"{to.name}.{os.getpid()}.trial")
    try:
        write_bytes(trial, b"")
    except UserError as error:
        raise UserError(
            f"to={str(error).replace(trial.name, to.name)}; give another to=…"
        ) from None
    trial.unlink()
    return to


def _scenario(given: Sequence[str], on_devices: bool) -> Scenario:
    """Return the candidate that the command describes: the workload is the user's network."""
    own, others = dict[str, str](), list[str]()
    for each in given:
        name, _, value = each.partition("=")
        if name in _OWN:
            own[name] = value
        else:
            others.append(each)
    if any(each.startswith("workload=") for each in others):
        raise UserError(f"workload must be left out: model and data are its, as in {_EXAMPLE}")
    if not any(each.startswith(f"{_NOISE}=") for each in others):
        others.append(f"{_NOISE}={'device' if on_devices else GAUSSIAN}")
    if not any(each.startswith("times=") for each in others):
        others.append("times=[1.0,86400.0]")
    workload = [f"workload.{name}={own[name]}" for name in ("model", "data")]
    with composer():
        study = plan(["workload=onnx", *workload, *others])
        if len(study) != 1:
            raise UserError(f"train takes one value of each setting, got {len(study)} candidates")
        return study.scenario(study.points[0])


def _trained(work: NetworkTraining, console: Console) -> bytes:
    """Return the trained network: from the cache, or trained here, and kept there."""
    seconds: list[float] = []

    def tell(epoch: Epoch) -> None:
        seconds.append(epoch.seconds)
        each = seconds[1:] or seconds  # the first compiles
        left = float(np.mean(each)) * (epoch.epochs - epoch.number)
        more = f", {duration(max(1.0, round(left)))} left" if left else ""
        console.print(
            f"epoch {epoch.number} of {epoch.epochs}: loss {epoch.loss:.4g}{more}",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip

    with alone(work.key):
        result = kept_result(work.key)
        if result is None:
            console.print(work.words, markup=False, highlight=False, soft_wrap=True)
            result = work.compute(work.load(), folder=begun(work.key), progress=tell)
            keep_result(work.key, result)
        else:
            console.print(f"{work.words}: done before, taken from the cache", markup=False)
    return result


def _on_devices(
    scenario: Scenario,
    before: PreparedNetwork,
    after: PreparedNetwork,
    *,
    realisations: int,
    seed: int,
) -> list[str]:
    """Describe the merit on devices at each time, before and after training."""
    workload: Any = scenario.workload
    plain = dataclasses.replace(workload, training=Training())
    merit = before.merit
    found = [
        simulate(each, ready, seed=seed, realisations=realisations, metrics=[merit])[merit]
        for each, ready in (
            (dataclasses.replace(scenario, workload=plain), before),
            (scenario, after),
        )
    ]
    better = -1 if METRICS[merit].better == "lower" else 1
    lines = []
    for place, time in enumerate(scenario.times):
        gain = found[1][:, place] - found[0][:, place]
        lines.append(
            f"{merit} on {scenario.material}, {duration(time)} after programming: "
            f"{_spread(found[0][:, place])} before, {_spread(found[1][:, place])} after training, "
            f"difference {_spread(gain)} (mean and standard error of {realisations} paired "
            "realisations)"
        )
        if better * float(np.mean(gain)) < 0:
            lines.append(
                "  worse than before: try more workload.training.epochs, a lower "
                "workload.training.rate, or workload.training.clip=null"
            )
    return lines


def _spread(values: Any) -> str:
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):.4g} ± {error:.2g}"
