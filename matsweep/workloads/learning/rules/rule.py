"""The contract of learning rules: how the gradient of a batch becomes pulses on devices."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from matsweep.core.kernel import Kernel
from matsweep.core.registry import Registry
from matsweep.core.streams import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Start:
    """A realisation whose weights are written and that has not learned yet.

    Parameters
    ----------
    circuit, devices, state, work : tuples of `core`
    trained : (synapse,) array or None
        Signals of the weights trained in floating point, in ranges; None: weights start at random.
    """

    circuit: Any
    devices: Any
    state: Any
    work: Any
    trained: FloatArray | None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A learning rule: how gradients become pulses.

    With inputs x of a layer and errors e of its sums, gradient descent changes each weight by
    -rate x e, averaged over a batch. A rule is one class in one module: its parameters, its
    requirements of the hardware, and a compiled kernel.

    A convolution has one outer product x e for each sample and position. Its gradient is their sum
    over positions, so that the rate, which applies to the mean, is that of the layer times their
    number. A rule need not know: it sums products in digital memory, or pulses for each in turn, as
    arrays on which pulses meet must (Gokmen et al. 2017).

    The kernel is ``update(circuit, devices, settings, state, work, layer, samples, rate)``,
    decorated by `matsweep.core.kernel.kernel`. It changes one layer after a batch, by
    `core.pulse` or functions built on it:

    - circuit, devices, settings, state, work : the tuples of `core`;
    - layer : int;
    - samples : int, outer products of the batch: `core.sample` returns each one's x and e;
    - rate : float32, the learning rate of their mean: the layer's, times its positions.

    `settings.parameters` holds the rule's `parameters` as float64.

    The loop over samples takes a kernel by its address and calls it once a layer and batch, so
    that the loop is compiled once for all rules, and only rules that are used are compiled.

    Attributes
    ----------
    kernel : Kernel
    digital : bool
        Whether each synapse has a number in digital memory, `state.digital`.
    fast : bool
        Whether each synapse has one more device, in a fast array behind the others in `state.x`.

    References
    ----------
    T. Gokmen, M. Onen, W. Haensch, Front. Neurosci. 11:538, 2017, doi:10.3389/fnins.2017.00538.
    """

    registry: ClassVar[Registry[type[Rule]]] = Registry("learning rule")
    kernel: ClassVar[Kernel]
    digital: ClassVar[bool] = False
    fast: ClassVar[bool] = False

    def __init_subclass__(cls, kind: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        Rule.registry[kind] = cls

    @property
    def parameters(self) -> tuple[float, ...]:
        """Numbers that the kernel takes: all fields in their order, which must be numbers."""
        return tuple(float(getattr(self, field.name)) for field in dataclasses.fields(self))

    def begin(self, start: Start) -> None:
        """Prepare the arrays of a realisation in place, before it learns; by default nothing.

        Parameters
        ----------
        start : Start
        """
