"""Rows of the table of truth, a module a subject; a new module has a line here."""

from matsweep.validation.row import ROWS
from matsweep.validation.rows.accelerators import ACCELERATORS
from matsweep.validation.rows.chips import CHIPS
from matsweep.validation.rows.components import CIRCUITS
from matsweep.validation.rows.dynamics import DYNAMICS
from matsweep.validation.rows.laws import LAWS
from matsweep.validation.rows.learning import LEARNING
from matsweep.validation.rows.networks import NETWORKS
from matsweep.validation.rows.pcm import PCM
from matsweep.validation.rows.pulses import PULSES
from matsweep.validation.rows.wires import WIRES

ROWS.enter_own((*CHIPS, *ACCELERATORS, *CIRCUITS, *WIRES, *LAWS))
ROWS.enter_own((*PCM, *PULSES, *DYNAMICS, *NETWORKS, *LEARNING))
