"""A place in object storage: ``s3://BUCKET/PREFIX/NAME.zarr``, through obstore.

Credentials, region and endpoint come from the usual variables (``AWS_ACCESS_KEY_ID``,
``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``, ``AWS_REGION``, ``AWS_ENDPOINT_URL``), never from
a config. Plain http is refused but for an endpoint on this machine, unless ``AWS_ALLOW_HTTP=true``.

A put is whole or not at all, and lasts when it returns, so there are no temporary names here and
nothing to synchronise. There is no rename and no lock of an operating system either: a store is
born with its root document, and `matsweep.store.lock` holds it with conditional puts.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from matsweep.store.errors import StoreError, UnreachableError

_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.*[^/])/?")
_PAUSES = (0.2, 0.8, 3.2)
"""Seconds before reading again when an answer broke off; obstore repeats the rest, for 3 min."""

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class ObjectPath:
    """An object, or a prefix, in object storage; has those methods of `pathlib.Path` a store needs.

    Parameters
    ----------
    bucket : str
    key : str
        Without a slash at either end.
    """

    bucket: str
    key: str

    def __str__(self) -> str:
        """Return the URL."""
        return f"s3://{self.bucket}/{self.key}"

    def __truediv__(self, name: str) -> ObjectPath:
        """Return the object of this name below this one."""
        return ObjectPath(self.bucket, f"{self.key}/{name}")

    @property
    def name(self) -> str:
        """Last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """Last part of the key without its suffix."""
        return self.name.rpartition(".")[0] or self.name

    def resolve(self) -> ObjectPath:
        """Return this path: there are no links and no relative places."""
        return self

    @property
    def parent(self) -> ObjectPath:
        """The prefix that holds this one."""
        return ObjectPath(self.bucket, self.key.rpartition("/")[0])

    def is_file(self) -> bool:
        """Return whether the object exists."""
        try:
            self._head()
        except FileNotFoundError:
            return False
        return True

    def size(self) -> int:
        """Return the size of the object, in bytes."""
        return int(self._head()["size"])

    def is_dir(self) -> bool:
        """Return whether any object lies below."""
        with _one_line_errors(self):
            return any(_whole(lambda: self._listed(1)))

    def exists(self) -> bool:
        """Return whether the object, or any object below it, exists."""
        return self.is_dir() or self.is_file()

    def read_bytes(self) -> bytes:
        """Return the content (`FileNotFoundError` if there is none)."""
        return self.read_tagged()[0]

    def read_tagged(self) -> tuple[bytes, str, datetime]:
        """Return the content, its tag, and the time of writing by the storage's clock."""

        def read() -> tuple[bytes, str, datetime]:
            answer = _obstore().get(_client(self.bucket), self.key)
            return bytes(answer.bytes()), str(answer.meta["e_tag"]), answer.meta["last_modified"]

        with _one_line_errors(self):
            return _whole(read)

    def write_bytes(self, data: bytes | memoryview) -> None:
        """Replace the content, whole or not at all.

        Parameters
        ----------
        data : bytes or memoryview
        """
        with _one_line_errors(self):
            _obstore().put(_client(self.bucket), self.key, bytes(data))

    def write_if(self, data: bytes, tag: str | None) -> str | None:
        """Write if the content still has a tag, or (None) if there is none.

        Parameters
        ----------
        data : bytes
        tag : str or None
            The content's tag; None: the object must not exist.

        Returns
        -------
        str or None
            The new tag; None if the condition did not hold.
        """
        errors = _obstore().exceptions
        mode: Any = "create" if tag is None else {"e_tag": tag}
        with _one_line_errors(self):
            try:
                answer = _obstore().put(_client(self.bucket), self.key, data, mode=mode)
            except (errors.AlreadyExistsError, errors.PreconditionError, FileNotFoundError):
                return None
            return str(answer["e_tag"])

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete the object; a missing one is no error.

        Parameters
        ----------
        missing_ok : bool
            Ignored; for the signature of `pathlib.Path.unlink`.
        """
        with _one_line_errors(self):
            _whole(lambda: _obstore().delete(_client(self.bucket), self.key))

    def remove(self) -> None:
        """Delete all objects below."""
        with _one_line_errors(self):
            keys = [key for key, _ in _whole(self._listed)]
            if keys:
                _whole(lambda: _obstore().delete(_client(self.bucket), keys))

    def iterdir(self) -> Iterator[ObjectPath]:
        """Yield the objects directly below."""
        yield from (self / name for name in self.sizes() if "/" not in name)

    def sizes(self) -> dict[str, int]:
        """Return the size in bytes of every object below, by its name from here: one listing."""
        with _one_line_errors(self):
            return {key[len(self.key) + 1 :]: size for key, size in _whole(self._listed)}

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing: prefixes need no creation.

        Parameters
        ----------
        parents : bool
            Ignored.
        exist_ok : bool
            Ignored.
        """

    def _head(self) -> Any:
        with _one_line_errors(self):
            return _obstore().head(_client(self.bucket), self.key)

    def _listed(self, most: int | None = None) -> list[tuple[str, int]]:
        """Return key and size of the objects below, or of the first ones."""
        found = _obstore().list(_client(self.bucket), self.key + "/", chunk_size=most or 1000)
        batches = found if most is None else itertools.islice(found, 1)
        return [(str(item["path"]), int(item["size"])) for batch in batches for item in batch]


def _whole[T](act: Callable[[], T]) -> T:
    """Do what may be done twice, again where the answer broke off."""
    for pause in _PAUSES:
        try:
            return act()
        except Exception as problem:
            if not _broke_off(problem):
                raise
        time.sleep(pause)
    return act()


def _broke_off(problem: Exception) -> bool:
    """Return whether an answer ended too early, the only fault that obstore does not repeat."""
    return reason(problem) is not None and "response body" in str(problem)


def object_path(url: str) -> ObjectPath:
    """Return the place that a URL names.

    Parameters
    ----------
    url : str
        ``s3://BUCKET/PREFIX/NAME.zarr``

    Returns
    -------
    ObjectPath

    Raises
    ------
    StoreError
        If the URL has another form, obstore is missing, or its endpoint is not safe.
    """
    match = _URL.fullmatch(url)
    if match is None or not all(part.strip(".") for part in match[2].split("/")):
        raise StoreError(f"store must be like s3://BUCKET/PREFIX/NAME.zarr, got {url!r}")
    _obstore()
    _plain_http()
    return ObjectPath(match[1], match[2])


def _obstore() -> ModuleType:
    try:
        import obstore
        import obstore.exceptions
    except ImportError as problem:
        raise StoreError(
            "stores at s3:// need obstore: pip install 'matsweep[objects]'"
        ) from problem
    return obstore


def _client(bucket: str, prefix: str | None = None) -> Any:
    variables = tuple(sorted((k, v) for k, v in os.environ.items() if k.startswith("AWS_")))
    return _cached_client(bucket, prefix, variables)


@functools.lru_cache(maxsize=64)
def _cached_client(bucket: str, prefix: str | None, variables: tuple[tuple[str, str], ...]) -> Any:
    """Return a client, cached by the environment variables that configure it."""
    from obstore.store import S3Store

    if _plain_http():
        return S3Store(bucket, prefix=prefix, client_options={"allow_http": True})
    return S3Store(bucket, prefix=prefix)


def _plain_http() -> bool:
    """Return whether the endpoint is plain http on this machine; refuse it elsewhere."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    endpoints = [urlsplit(os.environ[name]) for name in names if os.environ.get(name)]
    plain = [url for url in endpoints if url.scheme == "http"]
    allowed = os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true", "yes", "on")
    if any(url.hostname not in _LOOPBACK for url in plain) and not allowed:
        raise StoreError(
            f"endpoint {plain[0].geturl()} would send credentials and results unprotected: give "
            "https://, or AWS_ALLOW_HTTP=true where the network is safe"
        )
    return bool(plain) and all(url.hostname in _LOOPBACK for url in plain)


@contextlib.contextmanager
def _one_line_errors(place: ObjectPath) -> Iterator[None]:
    """Turn an error of the storage into a one-line `UnreachableError`."""
    try:
        yield
    except Exception as problem:
        if (said := reason(problem)) is None:
            raise
        raise UnreachableError(
            f"cannot reach {place}: {said}; check AWS_ENDPOINT_URL, the bucket's name and the "
            "credentials"
        ) from problem


def reason(problem: BaseException | None) -> str | None:
    """Return the complaint of object storage in one line; None for other errors.

    Parameters
    ----------
    problem : BaseException or None

    Returns
    -------
    str or None
    """
    while problem is not None:
        if type(problem).__module__.startswith("obstore"):
            lines = (line.strip() for line in str(problem).splitlines())
            return next((line for line in lines if line), type(problem).__name__)[:300]
        problem = problem.__cause__ or problem.__context__
    return None
