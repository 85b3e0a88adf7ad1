"""Classes of a folder of images, next to the outputs of a network."""

from __future__ import annotations

from collections.abc import Sequence

from matsweep.core.checks import UserError
from matsweep.core.printing import brief, listed
from matsweep.datasets import Dataset, Images
from matsweep.networks.batches import Port
from matsweep.workloads.network.data import resolved

_SHOWN = 20  # classes in a note


def check_classes(name: str, source: str | Dataset, output: Port) -> None:
    """Refuse a folder with more classes than the network has outputs.

    Parameters
    ----------
    name : str
        Parameter that names the folder, for messages.
    source : str or Dataset
    output : Port
        The output that is judged.

    Raises
    ------
    UserError
        If there are more.
    """
    found, most = resolved(name, source), _outputs(output)
    if isinstance(found, Images) and most is not None and len(found.names) > most:
        raise UserError(
            f"{name} must have at most {most} classes, the outputs {output.name} of the network, "
            f"got {len(found.names)} folders ({listed(found.names[:_SHOWN])}): leave classes out, "
            "or give an NPZ file with labels"
        )


def class_note(names: Sequence[str], output: Port) -> str:
    """Describe which output stands for which folder.

    Parameters
    ----------
    names : sequence of str
        Of the folders, in the order of their labels.
    output : Port
        The output that is judged.

    Returns
    -------
    str
        One line.
    """
    pairs = [f"{label} is {brief(name)}" for label, name in enumerate(names[:_SHOWN])]
    more = len(names) - len(pairs)
    text = f"classes are numbered by the names of their folders: {', '.join(pairs)}"
    if more:
        text += f" and {more} more"
    most = _outputs(output)
    if most is not None and len(names) < most:
        text += f" ({len(names)} of the {most} outputs of the network)"
    return text


def _outputs(output: Port) -> int | None:
    """Return the number of classes that an output decides between; one output decides between 2."""
    last = output.shape[-1] if len(output.shape) > 1 else 1
    return None if last is None else max(last, 2)
