"""The results of one study on disk: a zarr v3 group that xarray opens at any moment.

One driver writes, workers only compute. A finished chunk of candidates is first one *staged*
file (temporary, fsync, rename: durable when `Store.write` returns), and is later *folded*, with
the others, into the arrays: data first, ``status`` last. A kill between any two steps loses
nothing and never shows a candidate as done before its data are there.

``NAME.zarr/``
    ``zarr.json``       root attrs (the caller's and the format version), consolidated metadata
    ``candidate/`` …    coordinates, one array per variable, ``status``, ``error``, ``seconds``
    ``.staged/``        parts not folded yet
    ``.lock``           held (flock) by the one process that writes; names its pid and host
"""

from matsweep.store.create import create
from matsweep.store.disk import StoreBusy, StoreError
from matsweep.store.lock import Holder
from matsweep.store.parts import Part, Status
from matsweep.store.reader import Summary, attributes, open_results, summary
from matsweep.store.schema import Coordinate, Variable
from matsweep.store.writer import Store, open_store

__all__ = [
    "Coordinate",
    "Holder",
    "Part",
    "Status",
    "Store",
    "StoreBusy",
    "StoreError",
    "Summary",
    "Variable",
    "attributes",
    "create",
    "open_results",
    "open_store",
    "summary",
]
