"""Linear maps fitted to samples, near a given one: softmax regression, and least squares."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray

_STEPS = 500  # of L-BFGS at most; LeNet-5 takes 40 to 120
_GRADIENT = 1e-5  # largest component, of a loss of about 1, at which it ends


class Linear(NamedTuple):
    """A linear map x W + b.

    Parameters
    ----------
    weights : (input, output) array
    bias : (output,) array
    """

    weights: FloatArray
    bias: FloatArray


def softmax_regression(
    x: FloatArray, labels: npt.NDArray[np.int64], start: Linear, *, ridge: float
) -> Linear:
    """Fit the map whose softmax gives the labels the largest likelihood.

    Minimises the mean cross entropy + ridge/2 s² Σ (W - W₀)², with s the root mean square of the
    inputs about their mean, by L-BFGS from W₀. One output alone is the logit of class 1.

    Parameters
    ----------
    x : (sample, input) array
    labels : (sample,) array of int
    start : Linear
    ridge : float
        > 0: the minimum is then unique, but for a number that all biases share.

    Returns
    -------
    Linear
        In float64.
    """
    from scipy.optimize import minimize  # slow to import

    scaled, mean, scale = _scaled(x)
    single = start.weights.shape[1] == 1
    weights, bias = (np.asarray(each, np.float64) for each in start)
    first = np.vstack([weights * scale, bias + mean @ weights])
    rows = np.arange(len(x))

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        theta = flat.reshape(first.shape)
        logits = scaled @ theta[:-1] + theta[-1]
        if single:
            logits = np.hstack([np.zeros_like(logits), logits])
        logits -= logits.max(axis=1, keepdims=True)
        likelihood = np.exp(logits)
        total = likelihood.sum(axis=1)
        entropy = np.mean(np.log(total) - logits[rows, labels])
        wrong = likelihood / total[:, None]
        wrong[rows, labels] -= 1
        wrong = wrong[:, -first.shape[1] :] / len(x)
        away = theta[:-1] - first[:-1]
        gradient = np.vstack([scaled.T @ wrong + ridge * away, wrong.sum(axis=0)])
        return float(entropy + ridge / 2 * np.square(away).sum()), gradient.ravel()

    options = {"maxiter": _STEPS, "ftol": 0.0, "gtol": _GRADIENT}
    result = minimize(loss, first.ravel(), jac=True, method="L-BFGS-B", options=options)
    return _unscaled(result.x.reshape(first.shape), mean, scale)


def least_squares(x: FloatArray, targets: FloatArray, start: Linear, *, ridge: float) -> Linear:
    """Fit the map with the least mean square error + ridge s² Σ (W - W₀)².

    Parameters
    ----------
    x : (sample, input) array
    targets : (sample, output) array
    start : Linear
        Its weights are W₀.
    ridge : float
        > 0; s is the root mean square of the inputs about their mean.

    Returns
    -------
    Linear
        In float64.
    """
    scaled, mean, scale = _scaled(x)
    first = np.asarray(start.weights, np.float64) * scale
    left = np.asarray(targets, np.float64) - scaled @ first
    middle = left.mean(axis=0)
    normal = scaled.T @ scaled / len(x) + ridge * np.eye(scaled.shape[1])
    weights = first + np.linalg.solve(normal, scaled.T @ (left - middle) / len(x))
    return _unscaled(np.vstack([weights, middle]), mean, scale)


def _scaled(x: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Return inputs about their mean in units of their root mean square: L-BFGS takes few steps."""
    mean = np.asarray(x.mean(axis=0, dtype=np.float64))
    off = x - mean
    scale = float(np.sqrt(np.mean(np.square(off)))) or 1.0
    return off / scale, mean, scale


def _unscaled(theta: FloatArray, mean: FloatArray, scale: float) -> Linear:
    weights = theta[:-1] / scale
    return Linear(weights, theta[-1] - mean @ weights)
