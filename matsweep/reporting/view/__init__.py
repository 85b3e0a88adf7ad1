"""The report of a study in a browser of this machine, live while the study runs."""

from matsweep.reporting.view.pages import Pages, State
from matsweep.reporting.view.server import serve, server_of

__all__ = ["Pages", "State", "serve", "server_of"]
