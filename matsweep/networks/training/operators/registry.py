"""Registry of operators: a function for each kind of node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matsweep.networks.graph import attributes
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.parameters import Array


class NotCoveredError(Exception):
    """A variant of an operator that has no function here; its text says which."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """A node of a digital segment.

    Parameters
    ----------
    name : str
    kind : str
        "" for one of another domain, or with graphs inside, neither of which is covered.
    inputs, outputs : tuple of str
        Tensors; "" for one that is left out.
    settings : mapping of str to object
        Attributes; texts as str.
    opset : int
        Version of the operators.
    proto : onnx.NodeProto
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: Mapping[str, Any]
    opset: int
    proto: Any

    @classmethod
    def of(cls, proto: Any, opset: int) -> Node:
        """Read a node.

        Parameters
        ----------
        proto : onnx.NodeProto
        opset : int

        Returns
        -------
        Node
        """
        inner = any(each.HasField("g") or each.graphs for each in proto.attribute)
        standard = proto.domain in ("", "ai.onnx") and not inner
        return cls(
            name=proto.name or f"{proto.op_type}_{next(iter(proto.output), '')}",
            kind=proto.op_type if standard else "",
            inputs=tuple(proto.input),
            outputs=tuple(proto.output),
            settings=attributes(proto),
            opset=opset,
            proto=proto,
        )

    def numbers(
        self, name: str, value: Array | None, default: Sequence[int] | None = None
    ) -> tuple[int, ...] | None:
        """Return whole numbers of an attribute, or of an input that is known.

        Newer opsets have inputs where older ones have attributes: axes, splits, pads.

        Parameters
        ----------
        name : str
            Of the attribute.
        value : array or None
            The input; None where it is left out.
        default : sequence of int, optional
            Where neither is given.

        Returns
        -------
        tuple of int or None
        """
        if value is not None:
            return tuple(int(each) for each in known(name, value).ravel())
        given = self.settings.get(name, default)
        return None if given is None else tuple(int(each) for each in given)


type Operator = Callable[..., Any]
"""Function of a node and its inputs (None for one that is left out) -> its output, or outputs."""

OPERATORS: dict[str, Operator] = {}
"""Functions by kind of node."""


def operator(*kinds: str) -> Callable[[Operator], Operator]:
    """Register a function for kinds of nodes.

    Parameters
    ----------
    *kinds : str

    Returns
    -------
    callable
        Decorator.
    """

    def register(function: Operator) -> Operator:
        OPERATORS.update(dict.fromkeys(kinds, function))
        return function

    return register


def jnp() -> Any:
    """Return the module `jax.numpy`.

    Returns
    -------
    module
    """
    return jax().numpy


def known(name: str, value: Array) -> Any:
    """Return an input whose numbers decide a shape.

    Parameters
    ----------
    name : str
        For the message.
    value : array

    Returns
    -------
    array of NumPy

    Raises
    ------
    NotCoveredError
        If it depends on the network's inputs.
    """
    if not isinstance(value, np.ndarray | np.generic):
        raise NotCoveredError(f"its {name} depends on the network's inputs")
    return np.asarray(value)


def floating(x: Array) -> bool:
    """Check whether an array holds numbers that have a gradient.

    Parameters
    ----------
    x : array

    Returns
    -------
    bool
    """
    return bool(np.issubdtype(x.dtype, np.floating))
