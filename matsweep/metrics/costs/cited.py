"""Costs from cited figures, for parts that the component library lacks.

Figures of one node are scaled to another with the library's own factors (A. Stillmaker, B. Baas,
Integration 58:74, 2017, doi:10.1016/j.vlsi.2017.02.002), leakage by `technology.leakage`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
from hwcomponents.scaling import tech_node_area, tech_node_energy, tech_node_latency

from matsweep.core.checks import UserError, whole
from matsweep.metrics.costs import components
from matsweep.metrics.costs.components import Cost
from matsweep.metrics.costs.technology import leakage

# J per conversion by effective bits (bins of half a bit to either side): medians of P / f over the
# 725 rows of ISSCC and VLSI in B. Murmann's ADC Performance Survey 1997-2025 (release 20250609,
# derived), of all and of SAR converters since 2014. Bins hold 15 to 97 rows, and 1 (4 bits) to 26.
# Neighbouring bins whose medians fall share the mean of their logarithms, weighted by rows
# (isotonic regression), so that a bit more never takes less. These bins' own medians, pJ: 8.28,
# 8.83 and 6.90 at 4 to 6 bits, 175 and 170 at 9 and 10, 5,500 and 1,435 at 14 and 15; of SAR
# converters 8.28 and 2.51 at 4 and 5 bits, 13.3, 14.0 and 11.0 at 8 to 10.
SURVEY_ALL = {
    4: 8.01e-12, 5: 8.01e-12, 6: 8.01e-12, 7: 1.45e-11, 8: 3.75e-11,
    9: 1.73e-10, 10: 1.73e-10, 11: 2.53e-10, 12: 9e-10, 13: 1.39e-09,
    14: 3.08e-09, 15: 3.08e-09, 16: 9.27e-09,
}  # fmt: skip
SURVEY_SAR = {
    4: 2.72e-12, 5: 2.72e-12, 6: 3.61e-12, 7: 3.64e-12, 8: 1.26e-11,
    9: 1.26e-11, 10: 1.26e-11, 11: 1.79e-11, 12: 2.58e-11, 13: 1.44e-10,
    14: 3.67e-10, 15: 9.12e-10, 16: 6.98e-09,
}  # fmt: skip

# J and m² at 130 nm, by bits of the output: one neuron of the NeuRRAM chip (W. Wan et al., Nature
# 608:504, 2022, doi:10.1038/s41586-022-04992-8, Fig. 12b, the energy of its neurons with their
# control at 1.8 V, as transcribed in CiMLoop's model of that chip: seen): fJ an operation times the
# 65,536 operations of an array over its 256 neurons. With inputs of two bits less, whose cycles the
# neuron samples and integrates. Area: 1,270 µm² (seen there).
NEURON = {
    3: 2.718e-12, 4: 3.171e-12, 5: 5.150e-12, 6: 7.452e-12, 7: 1.132e-11, 8: 1.344e-11,
    9: 1.583e-11, 10: 1.942e-11,
}  # fmt: skip
_NEURON_AREA, _NEURON_NODE = 1270e-12, 130e-9

# J at 130 nm: the same chip's circuits that sample one read, and that integrate a sample once (the
# components wan_analog_sample and wan_analog_integrator in CiMLoop's library: seen), and the most
# cycles that it weights in one go (its model of the chip: seen).
_SAMPLE, _STEP, _IN_ONE_GO = 1.2e-12, 2.5e-13, 3

# J and m² by bits, at 32 nm: ISAAC's converter of 8 bits (L. Kull et al., ISSCC 2013,
# doi:10.1109/ISSCC.2013.6487818: 16 mW for 8 at 1.2 GS/s, 1,200 µm²; seen) and what its parts
# scale to (M. Saberi et al., 2011), as tabulated in accelergy-library-plug-in (seen).
ISAAC = {
    4: (7.9e-13, 361.04e-12), 5: (9.9e-13, 476.91e-12), 6: (1.2e-12, 626.91e-12),
    7: (1.42e-12, 845.18e-12), 8: (1.667e-12, 1200e-12), 9: (1.969e-12, 1827.9e-12),
    10: (2.379e-12, 3002.0e-12),
}  # fmt: skip

# Bytes and J of one bit read or written, at a node [m]. 256 and 2,048 B: PUMA's data memory, 0.16
# and 0.57 mW at 1 GHz (constants of its simulator, seen), taken as a word of 16 bits a cycle. 8 kB,
# 32 kB and 1 MB: 10, 20 and 100 pJ for 64 bits (M. Horowitz, ISSCC 2014,
# doi:10.1109/ISSCC.2014.6757323; the first seen, the others recalled: illustrative).
_SRAM = (
    (256, 1.6e-13 / 16, 32e-9),
    (2048, 5.7e-13 / 16, 32e-9),
    (8192, 1e-11 / 64, 45e-9),
    (32_768, 2e-11 / 64, 45e-9),
    (2**20, 1e-10 / 64, 45e-9),
)
SRAM_CELL = 280.0  # F²: six transistors at 22 nm, DNN+NeuroSim V1.4 (seen)
_SRAM_LEAKAGE = 0.33e-3 / (2048 * 8)  # W a bit at 32 nm: PUMA's data memory (seen)
_SRAM_CYCLE = 1e-9  # s at 32 nm: as PUMA's data memory runs
PORT = 256
"""Bits that a buffer moves in one cycle: the width of ISAAC's buffer."""


@functools.cache
def survey(bits: int, node: float, sample_rate: float, *, sar: bool) -> Cost:
    """Return the cost of one ADC by the medians of B. Murmann's survey.

    The energy per conversion of published converters with this effective number of bits, whatever
    their node and rate; it exceeds the regression on the best of them (`components.adc`) by an
    order of magnitude. The area is that regression's, as the statistics have none.

    Parameters
    ----------
    bits : int
        Taken as effective bits.
    node : float, m
        For the area.
    sample_rate : float, Hz
    sar : bool
        Only successive-approximation converters since 2014, or all.

    Returns
    -------
    Cost
        Of one ADC and one conversion.

    Raises
    ------
    UserError
        If the node or the bits are not supported; the message states those that are.
    """
    table = SURVEY_SAR if sar else SURVEY_ALL
    whole("adc.bits", bits, min(table), max(table))
    area = components.adc(bits, node, sample_rate).area
    return Cost(energy=table[bits], latency=1 / sample_rate, area=area, leakage=0.0)


@functools.cache
def isaac_adc(bits: int, node: float, sample_rate: float) -> Cost:
    """Return the cost of one ADC of ISAAC's and PUMA's designs.

    Leakage is contained, and the rate changes nothing but the latency.

    Parameters
    ----------
    bits : int
    node : float, m
    sample_rate : float, Hz

    Returns
    -------
    Cost
        Of one ADC and one conversion.

    Raises
    ------
    UserError
        If the node or the bits are not supported; the message lists those that are.
    """
    _known(bits, ISAAC, "isaac")
    energy, area = ISAAC[bits]
    node = components.supported(node)
    return Cost(
        energy=energy * float(tech_node_energy(node, 32e-9)),
        latency=1 / sample_rate,
        area=area * float(tech_node_area(node, 32e-9)),
        leakage=0.0,
    )


@functools.cache
def neuron(bits: int, node: float, sample_rate: float) -> Cost:
    """Return the cost of one neuron circuit, and of one output.

    A voltage-mode neuron samples the settled voltage of a floating line, integrates the samples of
    all input bits and converts the sum by charge decrements. Its measured energy contains sampling,
    integration, conversion and control.

    Parameters
    ----------
    bits : int
        Of the output.
    node : float, m
    sample_rate : float, Hz

    Returns
    -------
    Cost
        Of one neuron and one output.

    Raises
    ------
    UserError
        If the node or the bits are not supported; the message lists those that are.

    References
    ----------
    W. Wan et al., Nature 608:504, 2022, doi:10.1038/s41586-022-04992-8.
    """
    _known(bits, NEURON, "neuron")
    node = components.supported(node)
    return Cost(
        energy=NEURON[bits] * float(tech_node_energy(node, _NEURON_NODE)),
        latency=1 / sample_rate,
        area=_NEURON_AREA * float(tech_node_area(node, _NEURON_NODE)),
        leakage=0.0,
    )


@functools.cache
def integrator(cycles: int, node: float) -> float:
    """Return the energy of integrating the reads of a serial input before one conversion.

    That of a chip's circuits: each read is sampled, and the sample of the k-th bit is integrated
    2^k times, which weights it. Above three cycles the chip works on two halves, which saves steps;
    that it converts each of them by itself is left out. With 0.3 pJ a decision of the converter
    this is 0.74 to 0.96 of the chip's measured neurons (`neuron`), which contain their control. The
    area is left out.

    Parameters
    ----------
    cycles : int
    node : float, m

    Returns
    -------
    float, J

    References
    ----------
    W. Wan et al., Nature 608:504, 2022, doi:10.1038/s41586-022-04992-8.
    """
    first = cycles if cycles <= _IN_ONE_GO else -(-cycles // 2)
    steps = (1 << first) - 1 + (1 << (cycles - first)) - 1
    scale = float(tech_node_energy(components.supported(node), _NEURON_NODE))
    return (cycles * _SAMPLE + steps * _STEP) * scale


def _known(bits: int, table: Mapping[int, object], source: str) -> None:
    """Refuse bits that a table of converters lacks."""
    if bits not in table:
        known = ", ".join(map(str, table))
        raise UserError(
            f"adc.bits must be one of {known} with periphery.adc_source={source}, got {bits!r}"
        )


@functools.cache
def sram(bits: int, node: float) -> Cost:
    """Return the cost of an SRAM, and of reading or writing one bit of it.

    The energy is interpolated between published memories of 256 B to 1 MB, log against log (it
    grows about with the root of the size); smaller ones cost as the smallest, larger ones are
    banks of the largest. Area is that of the cells: decoders and sense amplifiers are left out.
    The latency is of one access of a whole word.

    Parameters
    ----------
    bits : int
        Capacity.
    node : float, m

    Returns
    -------
    Cost
        Energy [J] and latency [s] of an access: energy per bit, latency per word.
    """
    size, energy, known = (np.array(column) for column in zip(*_SRAM, strict=True))
    scaled = [e * tech_node_energy(node, n) for e, n in zip(energy, known, strict=True)]
    energy_per_bit = np.interp(np.log(max(bits, 1) / 8), np.log(size), np.log(scaled))
    return Cost(
        energy=float(np.exp(energy_per_bit)),
        latency=_SRAM_CYCLE * float(tech_node_latency(node, 32e-9)),
        area=bits * SRAM_CELL * node**2,
        leakage=bits * _SRAM_LEAKAGE * leakage(node, 32e-9),
    )


# J at 45 nm and 0.9 V: M. Horowitz, ISSCC 2014 (seen where quoted: 0.2 + 0.03 pJ, 3.7 + 0.9 pJ).
_MAC = {"int8": 2.3e-13, "fp32": 4.6e-12}


@functools.cache
def mac(number: str, node: float) -> float:
    """Return the energy of one digital multiplication and addition.

    Horowitz's figures rather than the library's: its integer multiplier takes four times as
    much, and the baseline shall be a good machine.

    Parameters
    ----------
    number : "int8" or "fp32"
    node : float, m

    Returns
    -------
    float, J
    """
    return _MAC[number] * float(tech_node_energy(node, 45e-9))


# J at 45 nm: a multiplication of integers of 8 bits, and operations in floating point (as `_MAC`).
_MULTIPLICATION, _FLOAT = 2e-13, {"multiplication": 3.7e-12, "addition": 9e-13}


def multiplication(bits: int) -> float:
    """Return the energy of one multiplication of integers at 45 nm, quadratic in bits.

    Parameters
    ----------
    bits : int

    Returns
    -------
    float, J
    """
    return _MULTIPLICATION * (bits / 8) ** 2


@functools.cache
def float_operation(kind: str, node: float) -> float | None:
    """Return the energy of one operation on numbers in floating point of 32 bits.

    Parameters
    ----------
    kind : str
    node : float, m

    Returns
    -------
    float, J, or None
        None where no figure is known.
    """
    known = _FLOAT.get(kind)
    return None if known is None else known * float(tech_node_energy(node, 45e-9))


# J per operation (1 MAC = 2 operations).
# CPU: Intel Haswell E5-2699 v3, 22 nm, 1.3 TOPS of fp32 at 145 W (N. Jouppi et al., ISCA 2017,
# doi:10.1145/3079856.3080246, Table 2; recalled: illustrative).
# GPU: Nvidia T4, ResNet-50, 0.32 TOPS/W (F. Aguirre et al., Nat. Commun. 15:1974, 2024,
# doi:10.1038/s41467-024-45670-9, Table 3; seen).
OPERATION = {"cpu": 145.0 / 1.3e12, "gpu": 1 / 0.32e12}

BRAIN_POWER = 20.0  # W
BRAIN_SYNAPSES = 86e9 * 1e4
BRAIN_RATE = 1.0  # Hz: mean rate of spikes, illustrative


def brain_event() -> float:
    """Return the energy per synaptic event of the brain: its power over its event rate.

    Returns
    -------
    float, J
        23 fJ at 1 Hz.
    """
    return BRAIN_POWER / (BRAIN_SYNAPSES * BRAIN_RATE)
