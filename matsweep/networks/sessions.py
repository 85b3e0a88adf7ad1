"""Sessions of ONNX Runtime: one thread, in a fixed order, kept while their model lives."""

from __future__ import annotations

import re
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from matsweep.core.checks import UserError
from matsweep.core.printing import one_line
from matsweep.networks.layer import AnyArray
from matsweep.networks.libraries import runtime

MOST_BYTES = 2**31 - 2**20
"""The largest model, and the largest tensor: a message of protobuf holds less than 2 GiB."""


class Runnable(Protocol):
    """A model that a session is kept for."""

    @property
    def model(self) -> bytes:
        """ONNX model."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Model:
    """A model that is run for a while.

    Parameters
    ----------
    model : bytes
        ONNX model.
    """

    model: bytes


_FOLDED = 2**29  # bytes of a constant that is computed when a model is read


_sessions: weakref.WeakKeyDictionary[Runnable, Any] = weakref.WeakKeyDictionary()


def _of(runnable: Runnable) -> Any:
    session = _sessions.get(runnable)
    if session is None:
        try:
            session = _session(runnable.model, "ORT_ENABLE_ALL")
        except Exception as error:
            raise UserError(f"the network cannot be run: {reason(error)}") from None
        _sessions[runnable] = session
    return session


def outputs_of(runnable: Runnable) -> list[str]:
    """Return the names of a model's outputs.

    Parameters
    ----------
    runnable : Digital or Network

    Returns
    -------
    list of str
    """
    return [each.name for each in _of(runnable).get_outputs()]


def run(
    runnable: Runnable, tensors: Mapping[str, AnyArray], outputs: Sequence[str]
) -> list[AnyArray]:
    """Run a model in ONNX Runtime on one thread.

    Parameters
    ----------
    runnable : Digital or Network
        Its session is made at the first run.
    tensors : mapping of str to array
        Inputs by name.
    outputs : sequence of str
        Names of the tensors that are returned.

    Returns
    -------
    list of arrays

    Raises
    ------
    UserError
        If ONNX Runtime cannot run it.
    """
    session = _of(runnable)
    try:
        return list(session.run(list(outputs), dict(tensors)))
    except Exception as error:
        raise UserError(f"the network cannot be run: {reason(error)}") from None


def simplified(model: bytes) -> bytes:
    """Fold constants and batch normalisation of a model, and drop operations without effect.

    Parameters
    ----------
    model : bytes

    Returns
    -------
    bytes
        In operators of the ONNX standard.

    Raises
    ------
    UserError
        If ONNX Runtime cannot run one of its operators.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "simplified.onnx"
        try:
            _session(model, "ORT_ENABLE_BASIC", path)
        except Exception as error:
            raise UserError(f"the network cannot be run: {reason(error)}") from None
        return path.read_bytes()


def _session(model: bytes, level: str, path: Path | None = None) -> Any:
    ort = runtime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    options.log_severity_level = 4
    options.add_session_config_entry(
        "optimization.constant_folding_max_output_size_in_bytes", str(_FOLDED)
    )
    if path is not None:
        options.optimized_model_filepath = str(path)
    providers = ["CPUExecutionProvider"]
    return ort.InferenceSession(model, options, providers=providers, enable_fallback=0)


def reason(error: Exception) -> str:
    """Shorten an error of ONNX or its runtime to the line that a person reads.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    str
    """
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ", "", str(error).strip())
    text = re.sub(r"(/[\w.+-]+)+\.(cc|h):\d+:? ([^ ]* ?\(.*?\) )?", "", text)
    for pattern, words in _KNOWN:
        if match := re.search(pattern, text):
            text = match.expand(words)
    return one_line(re.sub(r"\s+", " ", text))[:300]


_KNOWN = (
    (
        r'In Node, \("(.*?)", (\w+), .*No Op registered for \w+ with domain_version of (\d+)',
        r"node '\1' (\2) is no operator of opset \3",
    ),
    (
        r"find an implementation for (\w+)\((\d+)\) node with name '(.*?)'",
        r"node '\3' (\1, of opset \2) has no implementation in ONNX Runtime",
    ),
    (r"(?s)while running (\w+) node\. Name:'(.*?)' Status Message: (.*)", r"node '\2' (\1): \3"),
)
