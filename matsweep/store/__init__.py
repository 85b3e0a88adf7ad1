"""Store of one study's results on disk: a zarr v3 group that xarray opens at any moment.

One driver writes, workers only compute. A finished chunk of candidates is first one *staged*
file (temporary, fsync, rename: durable when `Store.write` returns), and is later *folded*, with
the others, into the arrays: data first, ``status`` last. A kill between any two steps loses
nothing and never shows a candidate as done before its data are there. More candidates, longer
inner dims and more variables come all or nothing (`matsweep.store.growth`).

``NAME.zarr/``
    ``zarr.json``       root attrs (the caller's and the format version), consolidated metadata
    ``candidate/`` …    coordinates, one array per variable, ``status``, ``error``, ``seconds``
    ``.staged/``        parts not folded yet
    ``.growing``        present while the arrays' metadata files may lag behind the root's
    ``.lock``           held (flock) by the one process that writes; names its pid and host

A store may also be in object storage, at ``s3://BUCKET/PREFIX/NAME.zarr``
(`matsweep.store.objects`): the same names below a prefix, and a lock that expires
(`matsweep.store.lease`).
"""

from matsweep.store.create import create, is_free, move
from matsweep.store.disk import VERIFIED, Place, place_of, written_to
from matsweep.store.errors import StoreBusy, StoreError, StoreTaken
from matsweep.store.lock import Holder, holder
from matsweep.store.parts import Part, Status
from matsweep.store.reader import Summary, attributes, open_results, outline, parameters, summary
from matsweep.store.schema import Coordinate, Variable
from matsweep.store.workplace import workplace
from matsweep.store.writer import Store, open_store

__all__ = [
    "VERIFIED",
    "Coordinate",
    "Holder",
    "Part",
    "Place",
    "Status",
    "Store",
    "StoreBusy",
    "StoreError",
    "StoreTaken",
    "Summary",
    "Variable",
    "attributes",
    "create",
    "holder",
    "is_free",
    "move",
    "open_results",
    "open_store",
    "outline",
    "parameters",
    "place_of",
    "summary",
    "workplace",
    "written_to",
]
