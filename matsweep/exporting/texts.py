"""Texts of a store as files hold them."""

from __future__ import annotations


def written(text: str) -> str:
    """Return a text that UTF-8 can hold, without null characters, which end a text in NetCDF.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
