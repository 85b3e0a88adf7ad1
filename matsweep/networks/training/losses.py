"""Loss of a training: outputs against labels or targets, and against those of the float network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.networks.layer import AnyArray
from matsweep.networks.libraries import onnx
from matsweep.networks.network import Network
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.parameters import Array
from matsweep.networks.training.settings import Training

LABELS, TARGETS, TAUGHT = "labels", "targets", "taught"
"""Names of the arrays that outputs are compared with."""
_SAME = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
_LEAST = float(np.finfo(np.float32).tiny)  # probability whose logarithm is taken
_NEAR = 1e-7  # of a probability to 1, where single precision resolves no less


class Aims(NamedTuple):
    """Arrays that the outputs of a network are compared with.

    Parameters
    ----------
    arrays : mapping of str to (sample, …) array
        Of `LABELS`, `TARGETS` and `TAUGHT` those that the loss takes.
    loss : Loss
    """

    arrays: Mapping[str, AnyArray]
    loss: Loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Mean loss of a batch.

    Of classes the cross entropy, and against the float network's outputs the divergence of Kullback
    and Leibler at a temperature T, times T² so that gradients keep their size; of other outputs the
    mean square of the difference over the variance of what is wanted.

    Parameters
    ----------
    classes : bool
        Whether outputs name classes along their last axis.
    probabilities : bool
        Whether they are probabilities rather than logits.
    variance : float
        Of the targets; 1 where there are none.
    taught : float
        Variance of the outputs of the float network; 1 where they are not compared.
    distillation : float
        Share of the loss that compares with the float network.
    temperature : float

    References
    ----------
    G. Hinton, O. Vinyals, J. Dean, arXiv:1503.02531, 2015.
    """

    classes: bool
    probabilities: bool
    variance: float
    taught: float
    distillation: float
    temperature: float

    def __call__(self, outputs: Array, wanted: Mapping[str, Array]) -> Array:
        """Return the loss of some outputs.

        Parameters
        ----------
        outputs : (sample, …, output) array
        wanted : mapping of str to (sample, …) array
            See `Aims`.

        Returns
        -------
        () array
        """
        np_ = jax().numpy
        outputs = outputs[:, None] if outputs.ndim == 1 else outputs
        loss = np_.float32(0)
        if self.distillation < 1:
            loss += (1 - self.distillation) * self._truth(outputs, wanted)
        if self.distillation > 0:
            loss += self.distillation * self._distilled(outputs, wanted[TAUGHT])
        return loss

    def _truth(self, outputs: Array, wanted: Mapping[str, Array]) -> Array:
        np_ = jax().numpy
        if not self.classes:
            return np_.mean(np_.square(outputs - wanted[TARGETS])) / self.variance
        labels = wanted[LABELS]
        kept = labels >= 0  # negative ones mark what is left out
        logs = jax().nn.log_softmax(self._logits(outputs), axis=-1)
        own = np_.take_along_axis(logs, np_.maximum(labels, 0)[..., None], axis=-1)[..., 0]
        return -np_.sum(np_.where(kept, own, 0)) / np_.maximum(np_.sum(kept), 1)

    def _distilled(self, outputs: Array, taught: Array) -> Array:
        np_, softened = jax().numpy, jax().nn.log_softmax
        if not self.classes:
            return np_.mean(np_.square(outputs - taught)) / self.taught
        own = softened(self._logits(outputs) / self.temperature, axis=-1)
        aim = softened(self._logits(taught) / self.temperature, axis=-1)
        each = np_.sum(np_.exp(aim) * (aim - own), axis=-1)
        return np_.mean(each) * self.temperature**2

    def _logits(self, outputs: Array) -> Array:
        """Return (sample, …, class) logits; one output alone decides between two classes."""
        np_ = jax().numpy
        alone = outputs.shape[-1] == 1
        if self.probabilities:
            rest = 1 - outputs
            logs = np_.log(np_.clip(outputs, _LEAST, 1))
            outputs = logs - np_.log(np_.clip(rest, _NEAR, 1)) if alone else logs
        return np_.concatenate([np_.zeros_like(outputs), outputs], -1) if alone else outputs


def aims(
    network: Network,
    inputs: Mapping[str, AnyArray],
    labels: AnyArray | None,
    targets: AnyArray | None,
    output: str,
    settings: Training,
) -> Aims:
    """Return the loss of a training, and the arrays that it compares outputs with.

    Labels come before targets where there are both. Without either, as in distillation alone,
    several outputs are taken as classes.

    Parameters
    ----------
    network : Network
        As it came.
    inputs : mapping of str to (sample, …) array
    labels : (sample, …) array of int, or None
    targets : (sample, …, output) array or None
    output : str
        Name of the judged output.
    settings : Training

    Returns
    -------
    Aims

    Raises
    ------
    UserError
        If there is nothing to compare with, or labels or targets do not fit the outputs.
    """
    outputs = _outputs(network, inputs, output)
    distilled = settings.distillation
    if labels is None and targets is None and distilled < 1:
        raise UserError(
            "distillation must be 1 where data hold neither labels nor targets, got "
            f"{distilled:g}: give data with labels, or workload.training.distillation=1"
        )
    alone = outputs.shape[-1] == 1
    classes = labels is not None or (targets is None and not alone)
    arrays: dict[str, AnyArray] = {}
    if distilled < 1 and labels is not None:
        arrays[LABELS] = _labels(labels, outputs)
    elif distilled < 1 and targets is not None:
        arrays[TARGETS] = _targets(targets, outputs)
    if distilled > 0:
        arrays[TAUGHT] = outputs
    if alone:  # as it is scored: one number is compared with 0.5 where all are in [0, 1]
        probabilities = bool(np.min(outputs) >= 0 and np.max(outputs) <= 1)
    else:
        probabilities = last_operator(network, output) == "Softmax"
    return Aims(
        arrays,
        Loss(
            classes=classes,
            probabilities=classes and probabilities,
            variance=_variance(arrays.get(TARGETS)),
            taught=_variance(arrays.get(TAUGHT)),
            distillation=distilled,
            temperature=settings.temperature,
        ),
    )


def last_operator(network: Network, output: str) -> str | None:
    """Return the last operator before an output that changes values.

    Parameters
    ----------
    network : Network
    output : str
        Its name.

    Returns
    -------
    str or None
        None where the output is an input.
    """
    graph = onnx().load_model_from_string(network.model).graph
    writers = {name: node for node in graph.node for name in node.output}
    node = writers.get(output)
    while node is not None and node.op_type in _SAME:
        node = writers.get(node.input[0])
    return None if node is None else str(node.op_type)


def _outputs(network: Network, inputs: Mapping[str, AnyArray], output: str) -> FloatArray:
    """Return the judged output in floating point, (sample, …, output)."""
    every: Any = network(inputs)
    values = np.asarray(every[output] if isinstance(every, Mapping) else every, np.float32)
    return values[:, None] if values.ndim == 1 else values


def _labels(labels: AnyArray, outputs: AnyArray) -> AnyArray:
    labels = np.asarray(labels)
    if labels.shape == (*outputs.shape[:-1], 1):
        labels = labels[..., 0]
    if labels.shape != outputs.shape[:-1]:
        raise UserError(
            f"data must hold labels of shape {outputs.shape[:-1]} for outputs of shape "
            f"{outputs.shape}, got {labels.shape}"
        )
    most = max(outputs.shape[-1], 2)
    if labels.max() >= most:
        raise UserError(
            f"data must hold labels from 0 to {most - 1}, the classes of the network, got "
            f"{labels.max()}"
        )
    return labels.astype(np.int32)


def _targets(targets: AnyArray, outputs: AnyArray) -> AnyArray:
    targets = np.asarray(targets, np.float32)
    if (*targets.shape, 1) == outputs.shape:
        targets = targets[..., None]
    if targets.shape != outputs.shape:
        raise UserError(
            f"data must hold targets of the shape of the outputs, {outputs.shape}, got "
            f"{targets.shape}"
        )
    return targets


def _variance(values: AnyArray | None) -> float:
    """Return the variance over samples, the mean of all outputs; 1 where nothing varies."""
    if values is None:
        return 1.0
    return float(np.var(values.astype(np.float64), axis=0).mean()) or 1.0
