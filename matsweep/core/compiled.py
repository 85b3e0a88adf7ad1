"""Compilation of loops: numba, strict IEEE arithmetic, kept on disk.

Strict means no contraction and no reordering: the same bits on every machine. Import this module
inside the functions that need it: numba takes half a second.

numba's own cache compares the file of the outermost function alone and knows nothing of the
functions that it calls. Here kernels lie in a folder that is named by all sources, see
`core.kernel_cache`; each is one file, replaced as a whole, so that processes may compile the same
function at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import pickle
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import IO, Any

import llvmlite
import numba
import numpy as np
from numba.core import config as numba_config
from numba.core import types
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from matsweep.core.kernel_cache import kernel_folder

_STRICT: Any = {"error_model": "numpy"}
_config: Any = numba_config

_DIGEST = 16  # bytes of a kernel's checksum, at the beginning of its file
_OPTIONS = (
    "OPT",
    "BOUNDSCHECK",
    "LOOP_VECTORIZE",
    "SLP_VECTORIZE",
    "DEBUGINFO_DEFAULT",
    "USING_SVML",
)
_log = logging.getLogger(__name__)
_variants: set[str] = set()


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function for the types of its arguments at its first call with them.

    Parameters
    ----------
    function : callable

    Returns
    -------
    dispatcher of numba
        The function itself where compilation is disabled.
    """
    if _config.DISABLE_JIT:
        return function
    dispatcher = numba.njit(**_STRICT)(function)
    dispatcher._cache = _KernelCache(function)
    return dispatcher


def compiled_as(signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is defined, for one signature alone: a decorator.

    Parameters
    ----------
    signature : numba signature
        Such as ``types.void(types.float64)``. The function gets an address that other kernels take
        as an argument: its type is then ``types.FunctionType(signature)``.

    Returns
    -------
    decorator
    """

    def decorated(function: Callable[..., Any]) -> Any:
        dispatcher = compiled(function)
        if dispatcher is not function:
            dispatcher.compile(signature)
            dispatcher.disable_compile()
        return dispatcher

    return decorated


def inlined(function: Callable[..., Any]) -> Any:
    """Copy a function into each kernel that calls it.

    Parameters
    ----------
    function : callable

    Returns
    -------
    dispatcher of numba
    """
    return numba.njit(inline="always", **_STRICT)(function)


def set_apart(variant: str) -> None:
    """Separate the kernels that this process compiles from now on from other processes' kernels.

    Parameters
    ----------
    variant : str
        Difference of their code, where sources, versions and processor are the same.
    """
    _variants.add(variant)


def own_folder() -> Path | None:
    """Folder of the kernels of matsweep itself; None where they are not kept."""
    return kernel_folder(__name__.partition(".")[0], _build(_codegen()))


class _KernelCache(NullCache):
    """Kernels of one function on disk, a file for each signature.

    A dispatcher reads it before it compiles, and writes to it afterwards.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._package = _package(function)

    @property
    def cache_path(self) -> str | None:
        """The folder; None where kernels are not kept."""
        folder = self._folder(_codegen())
        return None if folder is None else str(folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the kernel of a signature; None if it is not kept, or is damaged."""
        target_context.refresh()
        path = self._path(sig, target_context.codegen())
        if path is None:
            return None
        try:
            content = path.read_bytes()
            if content[:_DIGEST] != _checksum(content[_DIGEST:]):
                return None
            kept, parts = pickle.loads(content[_DIGEST:])
        except FileNotFoundError:
            return None
        except Exception as error:  # unpickling of a damaged file may raise anything
            _log.info("%s is compiled again: %s", path, error)
            return None
        return CompileResult._rebuild(target_context, *parts) if kept == sig else None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the kernel of a signature; do without if it cannot be written."""
        dynamic = data.lifted or data.library.has_dynamic_globals  # addresses of this process
        path = None if dynamic else self._path(sig, data.codegen)
        if path is None:
            return
        body = dumps((sig, data._reduce()))
        try:
            with _whole(path) as file:
                file.write(_checksum(body) + body)
        except OSError as error:
            _log.warning("%s is not kept: %s", path, error)

    def flush(self) -> None:
        """Remove the kernels of all signatures."""
        folder = self._folder(_codegen())
        for path in () if folder is None else folder.glob(f"{self._name()}-*"):
            path.unlink(missing_ok=True)

    def _name(self) -> str:
        function = self._function
        name = f"{function.__module__}.{function.__qualname__}".replace("<locals>.", "")
        return f"{name}-{function.__code__.co_firstlineno}"

    def _folder(self, codegen: Any) -> Path | None:
        return None if self._package is None else kernel_folder(self._package, _build(codegen))

    def _path(self, sig: Any, codegen: Any) -> Path | None:
        arguments = sig.args if hasattr(sig, "args") else sig
        captured = [cell.cell_contents for cell in self._function.__closure__ or ()]
        if any(isinstance(each, types.Dispatcher) for each in arguments) or not all(
            isinstance(each, bool | int | float | complex | str | bytes) for each in captured
        ):
            return None  # other functions are part of the kernel, and may be another package's
        if not _of_its_module(self._function) or _foreign(self._function, frozenset()):
            return None
        folder = self._folder(codegen)
        if folder is None:
            return None
        code = _content(self._function.__code__)
        key = re.sub(r" at 0x\w+", "", str(sig)), code, self._function.__defaults__, captured
        return folder / f"{self._name()}-{hashlib.blake2b(repr(key).encode()).hexdigest()[:24]}"


def _content(code: CodeType) -> tuple[object, ...]:
    """Return the instructions of a function, alike in every checkout and process."""
    constants = [
        _content(each) if isinstance(each, CodeType)
        else sorted(map(repr, each)) if isinstance(each, frozenset)
        else repr(each)
        for each in code.co_consts
    ]  # fmt: skip
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, *constants


def _of_its_module(function: Callable[..., Any]) -> bool:
    """Whether a function was defined by its module here, rather than sent by value."""
    module = sys.modules.get(function.__module__)
    return module is not None and function.__globals__ is vars(module)


def _foreign(function: Callable[..., Any], seen: frozenset[int]) -> bool:
    """Whether a function reaches compiled functions of a third package, by their global names.

    The folder of a kernel is named by the sources of matsweep and of the kernel's own package only.
    """
    own = {"matsweep", _package(function)}
    for name in function.__code__.co_names:
        used = function.__globals__.get(name)
        inner = getattr(used, "py_func", None) or getattr(used, "function", None)
        if not callable(inner) or not hasattr(inner, "__code__") or id(inner) in seen:
            continue
        if _package(inner) not in own or _foreign(inner, seen | {id(inner)}):
            return True
    return False


def _package(function: Callable[..., Any]) -> str | None:
    """Return the top-level package of a function.

    None where its sources are unknown: in a notebook, a script or generated code.
    """
    name = function.__module__.partition(".")[0]
    return name if name != "__main__" and name in sys.modules else None


def _codegen() -> Any:
    from numba.core.registry import cpu_target

    return cpu_target.target_context.codegen()


def _build(codegen: Any) -> str:
    """Describe everything that compiled code depends on in addition to its source."""
    options = [f"{name}={getattr(_config, name, None)}" for name in _OPTIONS]
    python = sys.implementation.cache_tag, sys.abiflags
    versions = (*python, numba.__version__, llvmlite.__version__, np.__version__)
    return repr((*versions, codegen.magic_tuple(), *options, *sorted(_variants)))


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST).digest()


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that appears when it is complete."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    partial = path.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
