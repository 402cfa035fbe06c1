"""What drives an element, or an array, at one precision: control bits that stay, and stimuli."""

import numpy as np
from amaranth import Shape
from numpy.typing import NDArray

from voltile.core import Precision
from voltile.floorplan import ClockNetwork, Netlist
from voltile.flows.elements.operands import Operands
from voltile.hdl import (
    DotProduct,
    ProcessingElement,
    Schedule,
    SystolicArray,
    Target,
    element_stimulus,
    schedule_on,
)
from voltile.power import Stimulus, scheduled_stimulus
from voltile.sim import pack, round_half_even, split

Ints = NDArray[np.int64]

# Cycles of reset before the first control word, and of idle words that are counted.
_RESET, _IDLE = 2, 8
# Streams beside each other, and MACs of all of them together: more settle nothing.
_LANES, _MOST_MACS = 256, 1 << 18
# Fields that say what becomes of a result: no matter of the precision.
_OF_RESULT = ("narrow", "position")


def control_case(element: ProcessingElement, precision: Precision) -> dict[str, int]:
    """Return the control bits that no dot product of a precision moves, and that of the reset.

    Dot products of all kinds, with and without bias, one after the other.
    """
    jobs = [
        DotProduct(length, precision, bias, target=target)
        for length in (1, 2, 3, 8)
        for bias in (False, True)
        for target in Target
        for _ in range(2)
    ]
    control = schedule_on(element, jobs).control
    case = {"rst": 0}
    for name, shape in element.word.shape().members.items():
        width = Shape.cast(shape).width
        for bit in range(width if name not in _OF_RESULT else 0):
            levels = np.unique((control[f"ctl__{name}"] >> bit) & 1)
            if len(levels) == 1:
                case[f"ctl__{name}[{bit}]" if width > 1 else f"ctl__{name}"] = int(levels[0])
    return case


class PeStimuli:
    """Stimuli of an element at one precision, for its netlist.

    Every stream runs in a circle: it begins with its last dot products, which are not counted. Half
    precision takes the upper halves of operands, weights rounded half-even and activations floored,
    mixed precision such weights. Results are shifted so far that none saturates at full precision;
    at low ones the largest may, since weights round up.
    """

    # Cycles by which the last element, and the drain of its results, are behind the first one.
    _skew = 0

    def __init__(
        self,
        element: ProcessingElement,
        netlist: Netlist,
        clocks: ClockNetwork,
        operands: Operands,
        precision: Precision,
    ) -> None:
        self._element, self._netlist, self._clocks = element, netlist, clocks
        self._operands, self._precision = operands, precision
        vectors, length = operands.act.shape
        most = max(1, _MOST_MACS // length)
        chosen = np.arange(vectors)
        if vectors > most:
            chosen = np.linspace(0, vectors - 1, most).astype(np.int64)
        self._rounds = -(-len(chosen) // _LANES)
        lanes = -(-len(chosen) // self._rounds)
        order = np.resize(chosen, (lanes, self._rounds))
        self._cycles = element.dot_product_cycles(length, precision)
        self._lead = 1 + -(-self._skew // self._cycles)
        self._order = order[:, np.arange(-self._lead, self._rounds) % self._rounds]

    @property
    def macs_per_cycle(self) -> float:
        """Products per clock cycle, incomplete words at the ends of vectors included."""
        return float(self._operands.act.shape[1] / self._cycles)

    def busy(self) -> Stimulus:
        """Return dot products back to back, without bias."""
        count = self._lead + self._rounds
        ports = self._ports(self._plan(count), count * self._cycles)
        return self._stimulus("dot products", ports, _RESET + self._lead * self._cycles)

    def idle(self) -> Stimulus:
        """Return idle control words after a dot product, with its last operands at the ports."""
        plan = self._plan(1)
        ports = self._ports(plan, plan.cycles)
        still = {name: _extended(values, self._skew + _IDLE) for name, values in ports.items()}
        return self._stimulus("idle words", still, _RESET + plan.cycles + self._skew)

    def _plan(self, count: int) -> Schedule:
        length = self._operands.act.shape[1]
        job = DotProduct(length, self._precision, position=self._position())
        return schedule_on(self._element, [job] * count)

    def _position(self) -> int:
        """Shift after which every result of full precision fits the output."""
        element, operands = self._element, self._operands
        largest = int(np.abs((operands.act * operands.weight).sum(axis=1)).max())
        bits = min(largest.bit_length() + 1, element.acc_width)
        return max(0, bits - element.width)

    def _ports(self, plan: Schedule, cycles: int) -> dict[str, Ints]:
        """Value of every port in the first cycles, shape (cycles,) or (cycles, lanes)."""
        element, operands, precision = self._element, self._operands, self._precision
        mode = element.modes[precision]
        act, weight = operands.act, operands.weight
        if element.act_bits(precision) < element.width:
            act, _ = split(act, element.width)
        if element.weight_bits(precision) < element.width:
            weight = round_half_even(weight, element.width)
        act = pack(act, element.act_bits(precision), mode.acts, element.act_width)
        weight = pack(weight, element.weight_bits(precision), mode.weights, element.weight_width)
        lanes = len(self._order)
        values = element_stimulus(
            element,
            plan,
            act[self._order].reshape(lanes, -1),
            weight[self._order].reshape(lanes, -1),
        )
        return {name: np.moveaxis(array, -1, 0)[:cycles] for name, array in values.items()}

    def _stimulus(self, kind: str, ports: dict[str, Ints], warmup: int) -> Stimulus:
        values = {name: np.concatenate([array[:1]] * _RESET + [array])
                  for name, array in ports.items()}  # fmt: skip
        length = len(next(iter(values.values())))
        values["rst"] = (np.arange(length) < _RESET).astype(np.int64)
        lanes, vectors = len(self._order), self._order[:, self._lead :].size
        length = self._operands.act.shape[1]
        return scheduled_stimulus(
            self._netlist,
            self._clocks,
            values,
            f"{kind} at {self._precision.name.lower()} precision, {vectors} of length {length} on "
            f"{lanes} lanes, {self._operands.source}",
            name="operands",
            warmup=warmup,
        )


class ArrayStimuli(PeStimuli):
    """Stimuli of a systolic array at one precision, for its netlist.

    Row i takes the activations of the stream i lanes further on, i cycles later, and column j the
    weights of the one j lanes further on: every element sees operands of all streams, those on the
    diagonal the products that `PeStimuli` gives, the others activations and weights that are not
    of one dot product of the operands. There the largest results may saturate.
    """

    def __init__(
        self,
        array: SystolicArray,
        netlist: Netlist,
        clocks: ClockNetwork,
        operands: Operands,
        precision: Precision,
    ) -> None:
        self._array = array
        self._skew = array.rows + array.cols
        super().__init__(array.pe, netlist, clocks, operands, precision)

    @property
    def macs_per_cycle(self) -> float:
        """Products of all elements per clock cycle."""
        return self._array.rows * self._array.cols * super().macs_per_cycle

    def _ports(self, plan: Schedule, cycles: int) -> dict[str, Ints]:
        ports = super()._ports(plan, cycles)
        ends = {"act": self._array.rows, "weight": self._array.cols, "bias": self._array.cols}
        for name, count in ends.items():
            values = ports.pop(name).reshape(cycles, -1)
            for place in range(count):
                later = np.maximum(np.arange(cycles) - place, 0)
                ports[f"{name}__{place}"] = np.roll(values, -place, axis=1)[later]
        return ports


def _extended(values: Ints, cycles: int) -> Ints:
    """Repeat the last value for some cycles more."""
    return np.concatenate([values, np.repeat(values[-1:], cycles, axis=0)])
