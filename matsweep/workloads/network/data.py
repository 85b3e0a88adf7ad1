"""Samples of a network: those that are scored, and those that converters are calibrated on."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError, near, within
from matsweep.core.codec import build
from matsweep.core.printing import listed, shown
from matsweep.datasets import NPZ, Dataset, Images
from matsweep.datasets.arrays import (
    INPUTS,
    Arrays,
    Outline,
    file_digest,
    npz_outline,
    numbers,
    read_npz,
    whole_labels,
)
from matsweep.datasets.columns import read_table, table_outline
from matsweep.datasets.dataset import Samples as DatasetSamples
from matsweep.networks.network import Network
from matsweep.workloads.network.preprocessing import Preprocessing

type AnyArray = npt.NDArray[Any]
type Source = str | Dataset
type Places = npt.NDArray[np.int64]

HELD_BACK = 5
"""Of a set without training part every fifth sample, or fewer, calibrates and is not scored."""
_TABLES = (".csv", ".tsv", ".txt")


class Samples(NamedTuple):
    """Samples as a network takes them.

    Parameters
    ----------
    inputs : mapping of str to (sample, …) array
        By the name of the network's input.
    labels : (sample, …) int64 array or None
    targets : (sample, …) array or None
    calibration : mapping of str to (sample, …) array
    calibration_labels : (sample, …) int64 array or None
    calibration_targets : (sample, …) array or None
    """

    inputs: Mapping[str, AnyArray]
    labels: npt.NDArray[np.int64] | None
    targets: AnyArray | None
    calibration: Mapping[str, AnyArray]
    calibration_labels: npt.NDArray[np.int64] | None = None
    calibration_targets: AnyArray | None = None


def resolved(name: str, source: Source) -> Path | Dataset:
    """Return the file, folder or dataset that a setting names.

    Parameters
    ----------
    name : str
        Of the setting, for messages.
    source : str or Dataset

    Returns
    -------
    Path or Dataset

    Raises
    ------
    UserError
        If it is neither.
    """
    if isinstance(source, Dataset):
        return source
    if source in Dataset.registry and not Path(source).exists():
        try:
            return build(Dataset, {"kind": source})
        except UserError as error:
            needed = str(error).partition(" ")[0]
            raise UserError(
                f"{name} must be a mapping for a set that needs {needed}, got {source}: give "
                f"'workload.{name}={{kind: {source}, {needed}: …}}'"
            ) from None
    path = Path(source)
    if path.is_dir():
        return Images(path=source)
    if path.suffix.lower() in (".npz", *_TABLES):
        return path
    raise UserError(
        f"{name} must name an NPZ file, a table (CSV), a folder with a folder of images for each "
        f"class, or a dataset ({', '.join(Dataset.registry)}), got {shown(source)}"
        f"{near(source, Dataset.registry)}"
    )


def outline(name: str, source: Source) -> Outline | None:
    """Return the outline of samples, before they are read; None for a dataset.

    Parameters
    ----------
    name : str
    source : str or Dataset

    Returns
    -------
    Outline or None
    """
    found = resolved(name, source)
    if isinstance(found, Dataset):
        return None
    if found.suffix.lower() == ".npz":
        return npz_outline(name, found)
    return table_outline(name, found)


def labelled(name: str, source: Source) -> bool:
    """Check whether samples have labels.

    Parameters
    ----------
    name : str
    source : str or Dataset

    Returns
    -------
    bool
    """
    known = outline(name, source)
    return known is None or known.labelled


def content(name: str, source: Source) -> str:
    """Hash of all files that decide samples.

    Parameters
    ----------
    name : str
    source : str or Dataset

    Returns
    -------
    str
    """
    found = resolved(name, source)
    if isinstance(found, Dataset):
        with within(name):
            return found.content
    return file_digest(name, found)


def load(
    network: Network,
    preprocessing: Preprocessing,
    data: Source,
    calibration: Source | None,
    *,
    test_samples: int | None,
    calibration_samples: int,
) -> Samples:
    """Load samples as a network takes them.

    Parameters
    ----------
    network : Network
    preprocessing : Preprocessing
    data : str or Dataset
    calibration : str, Dataset or None
        None: the training part of a dataset; of other sets a fifth of the samples or less, which
        is not scored.
    test_samples : int or None
        Samples that are scored, the first; None: all.
    calibration_samples : int
        At most; spread evenly over all.

    Returns
    -------
    Samples

    Raises
    ------
    UserError
        If they cannot be read, are too few, or do not fit the network.
    """
    held = calibration is None
    scored, fresh = _scored(data, test_samples, calibration_samples, held_back=held)
    if calibration is not None:
        fresh = _calibrating(calibration, calibration_samples)
    name = "data" if held else "calibration"
    return Samples(
        inputs=_inputs(network, preprocessing, "data", scored),
        labels=_labels("data", scored),
        targets=_targets("data", scored),
        calibration=_inputs(network, preprocessing, name, fresh),
        calibration_labels=_labels(name, fresh),
        calibration_targets=_targets(name, fresh),
    )


def has_training_part(source: Source, calibration: Source | None) -> bool:
    """Check whether samples have a training part, of which none is scored.

    Parameters
    ----------
    source : str or Dataset
        Samples that are scored.
    calibration : str, Dataset or None
        As of `load`.

    Returns
    -------
    bool
    """
    found = resolved("data", source)
    whole = calibration is not None and isinstance(source, str)  # all of it is scored then
    return isinstance(found, Dataset) and not (whole and _undivided(found))


def taught(network: Network, preprocessing: Preprocessing, name: str, source: Source) -> Samples:
    """Load the samples that a network is trained on: the training part of a dataset, or a file.

    Parameters
    ----------
    network : Network
    preprocessing : Preprocessing
    name : str
        Of the setting, for messages.
    source : str or Dataset

    Returns
    -------
    Samples
        Without calibration.

    Raises
    ------
    UserError
        If they cannot be read, or do not fit the network.
    """
    found = resolved(name, source)
    if isinstance(found, Dataset):
        arrays, _ = _parts(name, found)
    else:
        arrays = _read(name, found, np.arange(_outline_of(found, name).samples))
    return Samples(
        inputs=_inputs(network, preprocessing, name, arrays),
        labels=_labels(name, arrays),
        targets=_targets(name, arrays),
        calibration={},
    )


def _labels(name: str, arrays: Arrays) -> npt.NDArray[np.int64] | None:
    return None if arrays.labels is None else whole_labels(name, np.asarray(arrays.labels))


def _targets(name: str, arrays: Arrays) -> AnyArray | None:
    return None if arrays.targets is None else numbers(name, np.asarray(arrays.targets))


def _scored(
    source: Source, test_samples: int | None, calibration_samples: int, *, held_back: bool
) -> tuple[Arrays, Arrays]:
    """Return the samples that are scored, and those of the same source that calibrate."""
    found = resolved("data", source)
    if isinstance(found, Dataset):
        training, scored = _parts("data", found)
        if not held_back and isinstance(source, str) and _undivided(found):
            scored = _joined(training, scored)
        _enough(test_samples, len(scored))
        calibrating = _chosen(training, evenly(len(training), calibration_samples))
        return _chosen(scored, np.arange(len(scored))[:test_samples]), calibrating
    total = _outline_of(found, "data").samples
    fresh = evenly(total, min(calibration_samples, max(total // HELD_BACK, 1)))
    places = np.arange(total)
    if held_back:
        places = np.setdiff1d(places, fresh)
    _enough(test_samples, len(places))
    if not len(places):
        raise UserError(
            "data must hold at least 2 samples, one of which calibrates the converters and is not "
            f"scored, got {total}: add samples, or give workload.calibration"
        )
    return _read("data", found, places[:test_samples]), _read("data", found, fresh)


def _undivided(dataset: Dataset) -> bool:
    """Check whether a set is a folder of images whose user did not divide it."""
    return isinstance(dataset, Images) and not (Path(dataset.path) / "train").is_dir()


def _calibrating(source: Source, most: int) -> Arrays:
    found = resolved("calibration", source)
    if isinstance(found, Dataset):
        training, _ = _parts("calibration", found)
        return _chosen(training, evenly(len(training), most))
    return _read("calibration", found, evenly(_outline_of(found, "calibration").samples, most))


def _parts(name: str, dataset: Dataset) -> tuple[Arrays, Arrays]:
    """Return the training part and the test part of a dataset, in the shape that it has."""
    with within(name):
        samples, shape = _kept_dataset(dataset)
    training, scored = (
        Arrays(
            inputs={INPUTS: inputs.reshape(len(inputs), *shape)},
            labels=labels,
            layout=_layout(dataset, shape),
        )
        for inputs, labels in (
            (samples.train_inputs, samples.train_labels),
            (samples.test_inputs, samples.test_labels),
        )
    )
    return training, scored


def _layout(dataset: Dataset, shape: tuple[int, ...]) -> str | None:
    """Layout of a dataset's samples: of a user's arrays it is known of images alone."""
    if len(shape) == 3:
        return "NHWC"
    return None if isinstance(dataset, NPZ) else "flat"


@functools.lru_cache(maxsize=2)
def _kept_dataset(dataset: Dataset) -> tuple[DatasetSamples, tuple[int, ...]]:
    return dataset.load(), dataset.shape


def _joined(first: Arrays, second: Arrays) -> Arrays:
    assert first.labels is not None
    assert second.labels is not None
    return replace(
        first,
        inputs={n: np.concatenate([each, second.inputs[n]]) for n, each in first.inputs.items()},
        labels=np.concatenate([first.labels, second.labels]),
    )


def _outline_of(path: Path, name: str) -> Outline:
    known = outline(name, str(path))
    assert known is not None
    return known


def _enough(wanted: int | None, there: int) -> None:
    if wanted is not None and wanted > there:
        raise UserError(
            f"test_samples must be <= {there}, the samples that can be scored, got {wanted}"
        )


def evenly(total: int, most: int) -> Places:
    """Choose places that are spread evenly.

    Parameters
    ----------
    total : int
        Number of all places.
    most : int
        Chosen at most.

    Returns
    -------
    array of int
        Below `total`, sorted.
    """
    return np.unique(np.linspace(0, total, min(most, total), endpoint=False).astype(np.int64))


def _read(name: str, path: Path, places: Places) -> Arrays:
    return _chosen(
        read_npz(name, path) if path.suffix.lower() == ".npz" else read_table(name, path), places
    )


def _chosen(arrays: Arrays, places: Places) -> Arrays:
    return replace(
        arrays,
        inputs={name: each[places] for name, each in arrays.inputs.items()},
        labels=None if arrays.labels is None else arrays.labels[places],
        targets=None if arrays.targets is None else arrays.targets[places],
    )


def _inputs(
    network: Network, preprocessing: Preprocessing, name: str, arrays: Arrays
) -> dict[str, AnyArray]:
    """Bring samples to the inputs that a network takes, by name."""
    ports, given = network.inputs, dict(arrays.inputs)
    if len(ports) == 1 and set(given) == {INPUTS}:
        given = {ports[0].name: given[INPUTS]}
    wanted = [port.name for port in ports]
    if set(wanted) != set(given):
        raise UserError(
            f"{name} must hold the inputs of the network ({listed(wanted)}), got "
            f"{listed(given)}: name the arrays of the NPZ file so"
            f"{f', or {INPUTS}' if len(ports) == 1 else ''}"
        )
    if len(ports) > 1 and not preprocessing.plain:
        raise UserError(
            "preprocessing must leave the inputs of a network with several as they are, got "
            f"{preprocessing}: prepare the arrays before"
        )
    return {
        port.name: preprocessing.apply(
            name, numbers(name, np.asarray(given[port.name])), port,
            layout=arrays.layout,
        )
        for port in ports
    }  # fmt: skip
