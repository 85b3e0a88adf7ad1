"""Half and double precision, replaced by single: the precision of all runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from matsweep.networks.libraries import onnx
from matsweep.networks.reading import graphs, tensors

MOST = float(np.finfo(np.float32).max)
"""The largest number of single precision: of what is larger, which no weight may be."""

_TYPED = ("dtype", "output_dtype", "to")  # attributes that name a type


def single(model: Any) -> None:
    """Replace float16, bfloat16 and float64 by float32 everywhere in a graph.

    Numbers beyond float32 become its largest.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed in place.
    """
    proto = onnx().TensorProto
    others = {proto.FLOAT16, proto.BFLOAT16, proto.DOUBLE}
    for _, tensor in tensors(model):
        if tensor.data_type in others:
            _convert(tensor)
    for graph in graphs(model):
        del graph.value_info[:]
        for value in (*graph.input, *graph.output):
            _retype(value.type, others)
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.name in _TYPED and attribute.i in others:
                    attribute.i = proto.FLOAT
                if attribute.HasField("tp"):
                    _retype(attribute.tp, others)


def _convert(tensor: Any) -> None:
    helper = onnx().numpy_helper
    values = np.asarray(helper.to_array(tensor), np.float64)
    # Large numbers stand for infinity in masks and bounds.
    clipped = np.where(np.isfinite(values), np.clip(values, -MOST, MOST), values)
    name = tensor.name
    tensor.CopyFrom(helper.from_array(clipped.astype(np.float32), name))


def _retype(kind: Any, others: set[int]) -> None:
    match kind.WhichOneof("value"):
        case "tensor_type" if kind.tensor_type.elem_type in others:
            kind.tensor_type.elem_type = onnx().TensorProto.FLOAT
        case "sequence_type":
            _retype(kind.sequence_type.elem_type, others)
        case "optional_type":
            _retype(kind.optional_type.elem_type, others)
