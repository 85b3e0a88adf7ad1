"""ONNX files, read as data: within bounds, external data beside the file only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from matsweep.core.checks import UserError
from matsweep.core.files import open_plain, read_content
from matsweep.core.printing import shown
from matsweep.networks.libraries import onnx
from matsweep.networks.sessions import MOST_BYTES

_OTHERS = {
    ".ckpt": "PyTorch", ".h5": "Keras", ".joblib": "scikit-learn", ".keras": "Keras",
    ".msgpack": "JAX", ".pb": "TensorFlow", ".pickle": "pickle", ".pkl": "pickle", ".pt": "PyTorch",
    ".pth": "PyTorch", ".safetensors": "safetensors", ".tflite": "TensorFlow Lite",
}  # fmt: skip


def read_model(path: Path) -> Any:
    """Read an ONNX file, with its external data.

    Parameters
    ----------
    path : Path

    Returns
    -------
    onnx.ModelProto
        All tensors are inside it.

    Raises
    ------
    UserError
        If it cannot be read, is no ONNX or is cut off, or its external data are not beside it.
    """
    if path.suffix.lower() in _OTHERS:
        raise UserError(
            f"{path} is a file of {_OTHERS[path.suffix.lower()]}: export the network to ONNX, "
            "or its weights to NPZ (docs/networks.md has the commands)"
        )
    try:
        content = read_content(path, most=MOST_BYTES)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    model = parsed_model(content, str(path))
    _load_external(model, path)
    return model


def parsed_model(content: bytes, name: str) -> Any:
    """Parse the content of an ONNX file.

    Parameters
    ----------
    content : bytes
    name : str
        Of the file, for messages.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    UserError
        If it is no ONNX or is cut off.
    """
    model = onnx().ModelProto()
    try:
        model.ParseFromString(content)
    except Exception:
        raise UserError(f"{name} is not an ONNX file, or is cut off: export it again") from None
    if not model.graph.node and not model.graph.output:
        raise UserError(f"{name} is not an ONNX file: it holds no graph")
    return model


def contained_model(content: bytes, name: str) -> Any:
    """Parse the content of an ONNX file that has all of its data inside it.

    Parameters
    ----------
    content : bytes
    name : str
        Of the file, for messages.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    UserError
        If it is no ONNX, is cut off or damaged, or has external data.
    """
    model = parsed_model(content, name)
    check_sizes(model)
    external = onnx().TensorProto.EXTERNAL
    for tensor_name, tensor in tensors(model):
        if tensor.data_location == external:
            raise UserError(f"{name} must hold all of its data, got {shown(tensor_name)} elsewhere")
    return model


def graphs(model: Any) -> Iterator[Any]:
    """Return the graph of a model and all graphs inside it, those of its functions' nodes too.

    Parameters
    ----------
    model : onnx.ModelProto

    Yields
    ------
    onnx.GraphProto
    """
    yield from _inside(model.graph)
    for function in model.functions:
        yield from (graph for node in function.node for graph in _of_node(node))


def _inside(graph: Any) -> Iterator[Any]:
    yield graph
    for node in graph.node:
        yield from _of_node(node)


def _of_node(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        for graph in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
            yield from _inside(graph)


def tensors(model: Any) -> Iterator[tuple[str, Any]]:
    """Return all constants of a model with names for messages.

    Parameters
    ----------
    model : onnx.ModelProto

    Yields
    ------
    str and onnx.TensorProto
    """
    nodes: list[Any] = [node for function in model.functions for node in function.node]
    for graph in graphs(model):
        for tensor in graph.initializer:
            yield tensor.name, tensor
        nodes += graph.node
    for node in nodes:
        for attribute in node.attribute:
            for tensor in ([attribute.t] if attribute.HasField("t") else []) + list(
                attribute.tensors
            ):
                yield tensor.name or next(iter(node.output), node.name), tensor


def size_of(tensor: Any) -> int:
    """Return the number of bytes that a constant declares.

    Parameters
    ----------
    tensor : onnx.TensorProto

    Returns
    -------
    int
    """
    if tensor.data_type == onnx().TensorProto.STRING:
        return sum(len(each) for each in tensor.string_data)
    return -(-_count(tensor.dims) * _bits(tensor.data_type) // 8)


def _count(dims: Iterable[int]) -> int:
    count = 1
    for dim in dims:
        count *= max(dim, 0)
    return count


def _bits(data_type: int) -> int:
    """Bits of a value: some types pack two or four into a byte."""
    proto = onnx().TensorProto
    name = proto.DataType.Name(data_type)
    for ending, bits in (("INT4", 4), ("FLOAT4E2M1", 4), ("INT2", 2)):
        if name.endswith(ending):
            return bits
    return int(onnx().helper.tensor_dtype_to_np_dtype(data_type).itemsize) * 8


def check_sizes(model: Any) -> None:
    """Check that constants hold the values that they declare, and fit into memory together.

    Parameters
    ----------
    model : onnx.ModelProto

    Raises
    ------
    UserError
        If they do not.
    """
    proto, total = onnx().TensorProto, 0
    for name, tensor in tensors(model):
        if tensor.data_type not in proto.DataType.values() or not tensor.data_type:
            raise UserError(f"tensor {shown(name)} has the unknown type {tensor.data_type}")
        if any(dim < 0 for dim in tensor.dims):
            raise UserError(f"tensor {shown(name)} has a negative size, {list(tensor.dims)}")
        total += size_of(tensor)
        if total > MOST_BYTES:
            raise UserError(
                f"tensors must have at most {MOST_BYTES:,} bytes together, "
                f"got more at {shown(name)} of shape {list(tensor.dims)}"
            )
        _check_content(name, tensor)


def _check_content(name: str, tensor: Any) -> None:
    if tensor.data_location == onnx().TensorProto.EXTERNAL:
        return
    count = _count(tensor.dims)
    if tensor.HasField("raw_data"):
        held, wanted = len(tensor.raw_data), size_of(tensor)
    else:
        field = onnx().helper.tensor_dtype_to_field(tensor.data_type)
        held, wanted = len(getattr(tensor, field)), count
        if tensor.data_type in (onnx().TensorProto.COMPLEX64, onnx().TensorProto.COMPLEX128):
            wanted *= 2
        elif _bits(tensor.data_type) < 8:
            wanted = -(-wanted * _bits(tensor.data_type) // 8)
    if held != wanted:
        raise UserError(
            f"tensor {shown(name)} of shape {list(tensor.dims)} must hold {wanted} values or "
            f"bytes, got {held}: the file is damaged, export it again"
        )


def _load_external(model: Any, path: Path) -> None:
    """Read external data into the model."""
    check_sizes(model)
    external = onnx().TensorProto.EXTERNAL
    for name, tensor in tensors(model):
        if tensor.data_location == external:
            tensor.raw_data = _external(name, tensor, path)
            tensor.data_location = onnx().TensorProto.DEFAULT
            del tensor.external_data[:]


def _external(name: str, tensor: Any, path: Path) -> bytes:
    entries = {each.key: each.value for each in tensor.external_data}
    place = _beside(name, entries.get("location", ""), path.parent)
    size = size_of(tensor)
    try:
        offset, length = int(entries.get("offset") or 0), int(entries.get("length") or size)
    except ValueError:
        offset = length = -1
    if offset < 0 or length != size:
        raise UserError(
            f"external data of tensor {shown(name)} must be {size} bytes from an offset >= 0, got "
            f"length {shown(entries.get('length'))} and offset {shown(entries.get('offset'))}"
        )
    try:
        with open(open_plain(place, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            file.seek(offset)
            data = file.read(size)
    except OSError as error:
        raise UserError(
            f"external data of tensor {shown(name)}: {place} cannot be read: "
            f"{error.strerror or error}; keep it beside the ONNX file"
        ) from None
    if len(data) != size:
        raise UserError(
            f"external data of tensor {shown(name)}: {place} must have {size} bytes from "
            f"{offset}, got {len(data)}: it is cut off, export it again"
        )
    return data


def _beside(name: str, location: str, folder: Path) -> Path:
    """Return the file of external data: below the folder of the ONNX file, by no link."""
    parts = PurePosixPath(location).parts
    windows = PureWindowsPath(location)
    if (
        not parts or "\0" in location or PurePosixPath(location).is_absolute() or ".." in parts
        or windows.drive or windows.root or "\\" in location
    ):  # fmt: skip
        raise UserError(
            f"external data of tensor {shown(name)} must lie beside the ONNX file, "
            f"got {shown(location)}"
        )
    place = folder
    for part in parts:
        place = place / part
        try:
            linked = stat.S_ISLNK(os.lstat(place).st_mode)
        except OSError:
            break
        if linked:
            raise UserError(
                f"external data of tensor {shown(name)} must lie beside the ONNX file, "
                f"got the link {place}: copy the file there"
            )
    return folder.joinpath(*parts)
