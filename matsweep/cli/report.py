"""`matsweep report`: rank the candidates of a stored study, draw it, and write it as a document."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig
from rich.console import Console

from matsweep import reporting
from matsweep.cli.asked import names_of, time_of
from matsweep.cli.newest import store_of
from matsweep.core.checks import UserError, truth, whole
from matsweep.core.files import path_text
from matsweep.reporting.status.once import rerun
from matsweep.store import Place, attributes, open_results

_MOST_VERIFIED = 100_000  # candidates at edges, for each material

if TYPE_CHECKING:
    from matsweep.analysis.checked import Checked
    from matsweep.analysis.requirements import Requirements
    from matsweep.reporting.report.study import Check


def _folder(given: str | None, store: Place) -> Path:
    """Return the folder to write to: next to the store, without its suffix, unless one is given."""
    if given:
        folder = Path(path_text("folder", given))
    elif not isinstance(store, Path):
        folder = Path(store.stem)
    elif store.suffix == ".zarr":
        folder = store.with_suffix("")
    else:
        folder = store.with_name(f"{store.name}-report")
    for each in (folder, *folder.absolute().parents):
        if (each / "zarr.json").exists():
            raise UserError(
                f"folder must not be a store or lie in one, as {folder} does in {each}: give "
                "another one, folder=PATH"
            )
    return folder


def report(config: DictConfig) -> None:
    """Run `matsweep report`.

    Parameters
    ----------
    config : DictConfig
        As composed by Hydra.
    """
    top = whole("top", config.top, low=1)
    html, markdown, pdf = (truth(name, config[name]) for name in ("html", "markdown", "pdf"))
    objectives, time = names_of("objectives", config.objectives), time_of(config)
    store = store_of(config)
    target = "" if config.target is None else str(config.target)
    reporting.report(
        open_results(store, damaged=config.damaged),
        Console(),
        _folder(config.folder, store),
        top=top,
        objectives=objectives,
        time=time,
        html=html,
        markdown=markdown,
        pdf=pdf,
        rerun=rerun(attributes(store), store),
        target=target,
        sensitivity=truth("sensitivity", config.sensitivity),
        check=_check(
            whole("verify", config.verify, low=0, high=_MOST_VERIFIED), target, store, time
        ),
    )


def _check(count: int, target: str, store: Place, time: float | str | None) -> Check | None:
    """Return the function that checks stated regions; None where no candidates are asked for."""
    if not count:
        return None
    if not target:
        raise UserError(
            f'verify={count} checks the region that meets a target: give target="accuracy >= 95 %"'
        )

    def check(required: Mapping[str, Requirements]) -> Mapping[str, Checked]:
        from matsweep.running.verification import verified

        return verified(store, required, count, time=time, console=Console(stderr=True))

    return check
