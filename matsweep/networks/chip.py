"""A network programmed into devices: its weights on tiles, aged, and run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matsweep.core.streams import Streams
from matsweep.machine.hardware import Hardware
from matsweep.machine.mapped import map_matrices
from matsweep.machine.matrix import Matrix
from matsweep.machine.programmed import AgedMatrix
from matsweep.networks.layer import AnyArray
from matsweep.networks.matrices import network_weights
from matsweep.networks.network import Network
from matsweep.networks.products import Affine, DeviceProduct, ProgrammedWeight, of_weight
from matsweep.networks.recording import Counting, run_announced


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProgrammedNetwork:
    """A network on devices, after programming.

    Parameters
    ----------
    network : Network
    weights : tuple of ProgrammedWeight
    hardware : Hardware
    """

    network: Network
    weights: tuple[ProgrammedWeight, ...]
    hardware: Hardware

    @classmethod
    def program(
        cls, network: Network, matrices: tuple[Matrix, ...], hardware: Hardware, *, rng: Streams
    ) -> ProgrammedNetwork:
        """Program all weights into devices.

        The random numbers of a weight belong to its name, so that networks and choices of what is
        analog are compared in pairs.

        Parameters
        ----------
        network : Network
        matrices : tuple of Matrix
            From `network_matrices`; the same objects for all candidates.
        hardware : Hardware
        rng : Streams
            One stream per realisation.

        Returns
        -------
        ProgrammedNetwork
        """
        mapped = iter(map_matrices(matrices, hardware))
        weights = []
        for weight, matrix in zip(network_weights(network), matrices, strict=True):
            parts = matrix.split(hardware.tile, hardware.device.levels)
            own = [next(mapped) for _ in parts]
            weights.append(
                ProgrammedWeight.program(weight, own, hardware, rng=of_weight(rng, weight))
            )
        return cls(network=network, weights=tuple(weights), hardware=hardware)

    def at(self, time: float, *, power: bool = True) -> AgedNetwork:
        """Return the network at a time since programming.

        Parameters
        ----------
        time : float, s
        power : bool
            Whether the power of drivers is asked for, which wires make costly.

        Returns
        -------
        AgedNetwork
        """
        packs = tuple(
            tuple(pack.programmed.at(time, power=power) for pack in weight.packs)
            for weight in self.weights
        )
        return AgedNetwork(programmed=self, time=time, packs=packs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AgedNetwork:
    """A programmed network at one time.

    Parameters
    ----------
    programmed : ProgrammedNetwork
    time : float, s
        Since programming.
    packs : tuple of tuple of AgedMatrix
        Of each weight.
    """

    programmed: ProgrammedNetwork
    time: float
    packs: tuple[tuple[AgedMatrix, ...], ...]

    def products(
        self,
        realisation: int,
        *,
        purpose: str = "",
        affine: Mapping[str, Affine] | None = None,
    ) -> dict[str, DeviceProduct]:
        """Return the products of all weights in one realisation.

        Parameters
        ----------
        realisation : int
            Index among those programmed.
        purpose : str
            Of reads whose noise is theirs alone, such as those of an adaptation.
        affine : mapping of str to Affine, or None
            By the weight's name: applied behind the compensations of the tile and the bias.

        Returns
        -------
        dict of str to DeviceProduct
            By the weight's name.
        """
        return {
            weight.weight.name: DeviceProduct(
                weight,
                packs,
                realisation,
                f"{self.time} s",
                purpose,
                None if affine is None else affine.get(weight.weight.name),
            )
            for weight, packs in zip(self.programmed.weights, self.packs, strict=True)
        }

    def run(
        self, inputs: Mapping[str, AnyArray], products: Mapping[str, Counting]
    ) -> dict[str, AnyArray]:
        """Run the network on devices, a micro-batch at a time.

        Parameters
        ----------
        inputs : mapping of str to (sample, …) array
            By name.
        products : mapping of str to Counting
            From `products`, or around them.

        Returns
        -------
        dict of str to (sample, …) array
            By the output's name.
        """
        return run_announced(self.programmed.network, inputs, products)
