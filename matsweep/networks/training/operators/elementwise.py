"""Operators that act on each value: arithmetic, functions, comparisons."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from matsweep.networks.libraries import onnx
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.operators.registry import (
    OPERATORS,
    Node,
    NotCoveredError,
    floating,
    jnp,
    operator,
)
from matsweep.networks.training.parameters import Array

_NUMPY = {
    "Abs": "abs", "Acos": "arccos", "Acosh": "arccosh", "Add": "add", "And": "logical_and",
    "Asin": "arcsin", "Asinh": "arcsinh", "Atan": "arctan", "Atanh": "arctanh", "Ceil": "ceil",
    "Cos": "cos", "Cosh": "cosh", "Equal": "equal", "Exp": "exp", "Floor": "floor",
    "Greater": "greater", "GreaterOrEqual": "greater_equal", "IsNaN": "isnan", "Less": "less",
    "LessOrEqual": "less_equal", "Log": "log", "Mul": "multiply", "Neg": "negative",
    "Not": "logical_not", "Or": "logical_or", "Reciprocal": "reciprocal", "Round": "round",
    "Sign": "sign", "Sin": "sin", "Sinh": "sinh", "Sqrt": "sqrt", "Sub": "subtract", "Tan": "tan",
    "Tanh": "tanh", "Where": "where", "Xor": "logical_xor",
}  # fmt: skip
"""Operators that are functions of NumPy, by the function's name."""

_NN = {
    "HardSwish": "hard_swish", "Mish": "mish", "Relu": "relu", "Sigmoid": "sigmoid",
    "Softplus": "softplus", "Softsign": "soft_sign",
}  # fmt: skip
"""Operators that are functions of `jax.nn`."""


def _numpy(name: str) -> Callable[..., Array]:
    return lambda _, *inputs: getattr(jnp(), name)(*inputs)


def _nn(name: str) -> Callable[..., Array]:
    return lambda _, x: getattr(jax().nn, name)(x)


OPERATORS.update({kind: _numpy(name) for kind, name in _NUMPY.items()})
OPERATORS.update({kind: _nn(name) for kind, name in _NN.items()})


@operator("Identity", "Dropout")
def _identity(node: Node, x: Array, *_: Any) -> Array:
    """Return the input; a dropout keeps everything when it does not train."""
    if len([name for name in node.outputs if name]) > 1:
        return x, jnp().ones(x.shape, bool)
    return x


@operator("Cast")
def _cast(node: Node, x: Array) -> Array:
    """Convert to another type; whole numbers and truth values have no gradient."""
    dtype = np.dtype(onnx().helper.tensor_dtype_to_np_dtype(node.settings["to"]))
    if dtype.kind not in "biuf":
        raise NotCoveredError(f"it converts to {dtype}")
    return _converted(x, dtype)


@operator("CastLike")
def _cast_like(_: Node, x: Array, other: Array) -> Array:
    """Convert to the type of another tensor."""
    return _converted(x, np.dtype(other.dtype))


def _converted(x: Array, dtype: np.dtype[Any]) -> Array:
    """Convert, all floating point to single precision, or as it is computed."""
    if dtype.kind == "f":
        return x if floating(x) else x.astype(np.float32)
    return x.astype(jax().dtypes.canonicalize_dtype(dtype))


@operator("Div")
def _divide(_: Node, a: Array, b: Array) -> Array:
    """Divide; whole numbers are truncated towards zero."""
    if floating(a):
        return jnp().divide(a, b)
    return jax().lax.div(*jnp().broadcast_arrays(a, b))


@operator("Mod")
def _modulo(node: Node, a: Array, b: Array) -> Array:
    """Return the remainder, with the sign of the divisor, or with `fmod` of the dividend."""
    return (jnp().fmod if node.settings.get("fmod", 0) else jnp().mod)(a, b)


@operator("Pow")
def _power(_: Node, x: Array, exponent: Array) -> Array:
    """Raise to a power; one that is a small whole number multiplies, at zero and below too."""
    if isinstance(exponent, np.ndarray) and exponent.size == 1:
        number = float(exponent.reshape(()))
        shape = np.broadcast_shapes(x.shape, exponent.shape)
        if number.is_integer() and abs(number) < 16:
            result = jax().lax.integer_pow(x, int(number))
            return jnp().broadcast_to(result, shape)
    return jnp().power(x, jnp().asarray(exponent, x.dtype)).astype(x.dtype)


@operator("Max", "Min", "Sum", "Mean")
def _several(node: Node, *inputs: Array) -> Array:
    """Take the largest, the smallest, the sum or the mean of several tensors."""
    functions = {"Max": "maximum", "Min": "minimum", "Sum": "add", "Mean": "add"}
    result = functools.reduce(getattr(jnp(), functions[node.kind]), inputs)
    return result / len(inputs) if node.kind == "Mean" else result


@operator("Clip")
def _clip(node: Node, x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    """Limit values; bounds are attributes in older opsets."""
    low = node.settings.get("min") if low is None else low
    high = node.settings.get("max") if high is None else high
    return jnp().clip(x, low, high)


@operator("Erf")
def _erf(_: Node, x: Array) -> Array:
    """Return the error function."""
    return jax().lax.erf(x)


@operator("IsInf")
def _infinite(node: Node, x: Array) -> Array:
    """Check for infinities, of one sign where the node says so."""
    positive = jnp().isposinf(x) & bool(node.settings.get("detect_positive", 1))
    return positive | (jnp().isneginf(x) & bool(node.settings.get("detect_negative", 1)))


@operator("LeakyRelu")
def _leaky_relu(node: Node, x: Array) -> Array:
    """Scale negative values."""
    return jnp().where(x < 0, x * node.settings.get("alpha", 0.01), x)


@operator("PRelu")
def _parametric_relu(_: Node, x: Array, slope: Array) -> Array:
    """Scale negative values, by a factor for each of the last axes."""
    return jnp().where(x < 0, x * slope, x)


@operator("ThresholdedRelu")
def _thresholded_relu(node: Node, x: Array) -> Array:
    """Keep values above a bound, 0 for others."""
    return jnp().where(x > node.settings.get("alpha", 1.0), x, jnp().zeros_like(x))


@operator("Elu")
def _elu(node: Node, x: Array) -> Array:
    """Return α (exp(x) - 1) below 0."""
    return jnp().where(x > 0, x, node.settings.get("alpha", 1.0) * _expm1(x))


@operator("Celu")
def _celu(node: Node, x: Array) -> Array:
    """Return α (exp(x / α) - 1) below 0."""
    alpha = node.settings.get("alpha", 1.0)
    return jnp().where(x > 0, x, alpha * _expm1(x / alpha))


@operator("Selu")
def _selu(node: Node, x: Array) -> Array:
    """Return γ x above 0, γ α (exp(x) - 1) below."""
    alpha = node.settings.get("alpha", 1.6732631921768188)
    gamma = node.settings.get("gamma", 1.0507010221481323)
    return gamma * jnp().where(x > 0, x, alpha * _expm1(x))


def _expm1(x: Array) -> Array:
    """Return exp(x) - 1 below 0: above, an overflow would spoil the gradient of the other part."""
    return jnp().expm1(jnp().minimum(x, 0))


@operator("Gelu")
def _gelu(node: Node, x: Array) -> Array:
    """Return x Φ(x), Φ the normal distribution, or its approximation by tanh."""
    return jax().nn.gelu(x, approximate=node.settings.get("approximate", "none") == "tanh")


@operator("HardSigmoid")
def _hard_sigmoid(node: Node, x: Array) -> Array:
    """Return α x + β within 0 and 1."""
    alpha, beta = node.settings.get("alpha", 0.2), node.settings.get("beta", 0.5)
    return jnp().clip(alpha * x + beta, 0, 1)


@operator("Swish")
def _swish(node: Node, x: Array) -> Array:
    """Return x σ(α x)."""
    return x * jax().nn.sigmoid(node.settings.get("alpha", 1.0) * x)


@operator("Shrink")
def _shrink(node: Node, x: Array) -> Array:
    """Move values by a bias towards 0; those within ±λ become 0."""
    bound, bias = node.settings.get("lambd", 0.5), node.settings.get("bias", 0.0)
    below = jnp().where(x < -bound, x + bias, jnp().zeros_like(x))
    return jnp().where(x > bound, x - bias, below)
