"""Where the inputs of a simulation come from: random bits, or waveforms from Python.

A stimulus gives every data input, port bit by port bit, one value per clock cycle: the value that
is there from just after the rising edge that begins the cycle until the edge that ends it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError
from voltile.floorplan.clocks import ClockNetwork
from voltile.floorplan.netlist import OPEN, Netlist, split_bit
from voltile.pdk import Direction, SequentialKind, parse_expression, truth_table, variables
from voltile.power.steps import ALL_ONES, Words

Bits = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Binary digits of a probability: an error of 2e-5.
_DIGITS = 16


@dataclass(frozen=True)
class Stimulus:
    """Values of the data inputs over clock cycles.

    Attributes
    ----------
    name, description : str
        The description states the source, for reports.
    ports : tuple of str
        Input port bits.
    cycles, lanes : int
        Every lane is a stream of its own.
    blocks : callable
        Gives, each time it is called, a new iterator over cycles of words: ndarray of uint64, shape
        (ports, words), in which bit j of word w is lane 64 w + j.
    warmup : int
        Cycles before the values are typical: reset, and the overlap of recordings that are cut up.
    """

    name: str
    description: str
    ports: tuple[str, ...]
    cycles: int
    lanes: int
    blocks: Callable[[], Iterator[Words]]
    warmup: int = 1

    def __post_init__(self) -> None:
        if self.cycles < 1 or self.lanes < 1:
            raise ValueError(
                f"a stimulus needs at least one cycle and one lane, not {self.cycles} and "
                f"{self.lanes}"
            )

    @property
    def words(self) -> int:
        """Words that hold the lanes."""
        return -(-self.lanes // 64)


def random_stimulus(
    netlist: Netlist,
    clocks: ClockNetwork,
    cycles: int,
    lanes: int = 64,
    seed: int = 0,
    *,
    probability: float | Mapping[str, float] = 0.5,
    toggle_rate: float | Mapping[str, float] = 0.5,
    held: Mapping[str, int] | None = None,
    resets: Mapping[str, int] | None = None,
    reset_cycles: int = 4,
    warmup: int = 16,
) -> Stimulus:
    """Return random inputs: each bit is a Markov chain of two states, independent of all others.

    A chain with probability p of being high and t toggles per cycle rises with probability
    t / 2 (1 - p) when low, and falls with t / 2 p when high; this needs t <= 2 min(p, 1 - p).

    Parameters
    ----------
    cycles, lanes : int
        `cycles` includes the warm-up.
    probability, toggle_rate : float or mapping of port to float
        Of all data inputs, or by port or port bit; 0.5 for ports that are not named.
    held : mapping of port to int
        Ports at a constant value.
    resets : mapping of port to 0 or 1
        Reset ports and their active level, besides those of `find_resets`: active for the first
        `reset_cycles` cycles, then inactive. A synchronous reset must be named here, or it is taken
        for data.
    warmup : int
        Cycles after the reset that are not counted.

    Raises
    ------
    VoltileError
        For a port that the netlist lacks, or numbers that no chain has.
    """
    ports = data_inputs(netlist, clocks)
    chance = _per_port(netlist, ports, probability, "probability")
    rate = _per_port(netlist, ports, toggle_rate, "toggle rate")
    wrong = np.flatnonzero(
        (chance < 0) | (chance > 1) | (rate < 0)
        | (rate > 2 * np.minimum(chance, 1 - chance) + 1e-12)
    )  # fmt: skip
    if len(wrong):
        place = int(wrong[0])
        raise VoltileError(
            f"input '{ports[place]}' cannot be high for {chance[place]:g} of the time and toggle "
            f"{rate[place]:g} times a cycle: a probability lies between 0 and 1, a toggle rate "
            f"between 0 and twice the smaller of it and its complement"
        )
    fixed = held_levels(netlist, ports, held or {})
    active = held_levels(netlist, ports, resets or {})
    for port, level in find_resets(netlist, clocks).items():
        active.setdefault(ports.index(port), level)
    active = {place: level for place, level in active.items() if place not in fixed}
    rise = _digits(rate / np.maximum(2 * (1 - chance), 1e-30))
    fall = _digits(rate / np.maximum(2 * chance, 1e-30))
    start = _digits(chance)
    words = -(-lanes // 64)

    def blocks() -> Iterator[Words]:
        rng = np.random.default_rng(seed)
        value = _random_words(rng, start, words)
        for cycle in range(cycles):
            for place, level in fixed.items():
                value[place] = ALL_ONES * np.uint64(level)
            shown = value.copy()
            for place, level in active.items():
                shown[place] = ALL_ONES * np.uint64(level if cycle < reset_cycles else 1 - level)
            yield shown
            flip = value & _random_words(rng, fall, words)
            flip |= ~value & _random_words(rng, rise, words)
            value ^= flip

    return Stimulus(
        "random",
        f"random inputs, seed {seed}, probability {_text(probability)}, toggle rate "
        f"{_text(toggle_rate)}{held_note(ports, fixed)}",
        ports,
        cycles,
        lanes,
        blocks,
        (reset_cycles if active else 0) + warmup,
    )


def scheduled_stimulus(
    netlist: Netlist,
    clocks: ClockNetwork,
    values: Mapping[str, Any],
    description: str,
    *,
    name: str = "scheduled",
    held: Mapping[str, int] | None = None,
    warmup: int = 1,
) -> Stimulus:
    """Return inputs given as arrays.

    Parameters
    ----------
    values : mapping of port to array_like of int, shape (cycles,) or (cycles, lanes)
        Whole words such as "act", or single bits such as "act[3]"; negative numbers are taken as
        two's complement. Arrays of one lane serve all lanes.
    held : mapping of port to int
        Ports at a constant value, whatever `values` says.

    Raises
    ------
    VoltileError
        For a port that the netlist lacks or that no one gives, arrays of different lengths, and
        values that do not fit a port.
    """
    arrays = {port: np.asarray(array) for port, array in values.items()}
    if not arrays:
        raise VoltileError(f"stimulus '{name}' gives no values")
    for port, array in arrays.items():
        if array.ndim not in (1, 2) or not array.size or array.dtype.kind not in "biuO":
            raise VoltileError(
                f"values of '{port}' must be integers of shape (cycles,) or (cycles, lanes), not "
                f"{array.dtype} of shape {array.shape}"
            )
    cycles = {len(array) for array in arrays.values()}
    lanes = {array.shape[1] for array in arrays.values() if array.ndim == 2} - {1} or {1}
    if len(cycles) > 1 or len(lanes) > 1:
        shapes = ", ".join(f"{port} {array.shape}" for port, array in arrays.items())
        raise VoltileError(f"arrays of stimulus '{name}' differ in cycles or lanes: {shapes}")
    count, width = cycles.pop(), lanes.pop()
    ports = data_inputs(netlist, clocks)
    bits = np.zeros((count, width, len(ports)), dtype=np.uint8)
    missing = dict.fromkeys(ports)
    for port, array in arrays.items():
        columns = port_columns(netlist, ports, port)
        wide = array.reshape(count, -1)
        check_values(port, wide, max(columns) + 1)
        for bit, column in columns.items():
            bits[:, :, column] = (wide >> bit) & 1
            missing.pop(ports[column], None)
    fixed = held_levels(netlist, ports, held or {})
    for place, level in fixed.items():
        bits[:, :, place] = level
        missing.pop(ports[place], None)
    if missing:
        raise VoltileError(
            f"stimulus '{name}' has no values for input port '{next(iter(missing))}' of "
            f"{netlist.name}"
        )
    return packed_stimulus(
        np.packbits(bits.reshape(-1, len(ports)), axis=1),
        np.arange(width), width, count, ports, name, description + held_note(ports, fixed), warmup,
    )  # fmt: skip


def packed_stimulus(
    packed: Bits,
    first: Ints,
    stride: int,
    cycles: int,
    ports: tuple[str, ...],
    name: str,
    description: str,
    warmup: int,
) -> Stimulus:
    """Return the stimulus whose lane l has row first[l] + c * stride in cycle c.

    Parameters
    ----------
    packed : ndarray of uint8, shape (rows, ports / 8)
        One bit per port, as `numpy.packbits` puts them.
    """
    width, lanes = len(ports), len(first)

    def blocks() -> Iterator[Words]:
        for cycle in range(cycles):
            rows = packed[first + cycle * stride]
            levels = np.zeros((width, -(-lanes // 64) * 64), dtype=np.uint8)
            levels[:, :lanes] = np.unpackbits(rows, axis=1, count=width).T
            yield np.packbits(levels, axis=1, bitorder="little").view("<u8").astype(np.uint64)

    return Stimulus(name, description, ports, cycles, lanes, blocks, warmup)


def find_resets(netlist: Netlist, clocks: ClockNetwork) -> dict[str, int]:
    """Return the input ports that only clear and preset registers, and the active level of each.

    A port counts when all that it reaches through buffers and inverters is asynchronous pins, all
    active at the same level of the port.
    """
    library = netlist.library
    first = netlist.net_first_sink
    asynchronous = {
        (kind, pin): level
        for kind, item in library.sequential.items()
        if item.kind != SequentialKind.CLOCK_GATE
        for text in (item.clear, item.preset)
        for pin, level in _single_pin(text)
    }
    found: dict[str, int] = {}
    for name, net, is_input in zip(
        netlist.port_name, netlist.port_net, netlist.port_is_input, strict=True
    ):
        if not is_input or clocks.is_clock[net]:
            continue
        levels: set[int] = set()
        wave = [(int(net), 0)]
        while wave:
            at, inverted = wave.pop()
            if at in netlist.port_net[~netlist.port_is_input]:
                levels.add(-1)
            for pin in netlist.sink_pins[first[at] : first[at + 1]]:
                cell = int(netlist.pin_cell[pin])
                kind = int(netlist.cell_type[cell])
                key = (kind, library.pin_name[int(netlist.pin_library[pin])])
                if key in asynchronous:
                    levels.add(asynchronous[key] ^ inverted)
                    continue
                through = _buffer_output(netlist, cell)
                if through is None:
                    levels.add(-1)
                else:
                    wave.append((through[0], inverted ^ through[1]))
            if -1 in levels:
                break
        if len(levels) == 1 and -1 not in levels:
            found[name] = levels.pop()
    return found


def _single_pin(text: str) -> list[tuple[str, int]]:
    """The pin of a condition that is one literal, and the level at which it holds."""
    if not text:
        return []
    tree = parse_expression(text)
    names = variables(tree)
    return [(names[0], int(truth_table(tree, names)[1]))] if len(names) == 1 else []


def _buffer_output(netlist: Netlist, cell: int) -> tuple[int, int] | None:
    """Output net of a buffer or inverter, and whether it inverts; None for any other cell."""
    library, kind = netlist.library, int(netlist.cell_type[cell])
    if kind in library.sequential:
        return None
    pins = library.pins_of(kind)
    outputs = [pin for pin in pins if library.pin_direction[pin] == Direction.OUTPUT]
    if len(outputs) != 1 or len(library.inputs_of(kind)) != 1:
        return None
    literal = _single_pin(library.pin_function[outputs[0]])
    net = int(netlist.pin_net[netlist.first_pin[cell] + outputs[0] - pins.start])
    return (net, 1 - literal[0][1]) if literal and net != OPEN else None


def port_columns(netlist: Netlist, ports: Sequence[str], name: str) -> dict[int, int]:
    """Return bit -> place in `ports` of a port word, or {0: place} of a single bit.

    Raises
    ------
    VoltileError
        When there is no such data input.
    """
    if name in ports:
        return {0: ports.index(name)}
    columns = {
        split_bit(port)[1]: place for place, port in enumerate(ports) if split_bit(port)[0] == name
    }
    if not columns:
        raise VoltileError(f"{netlist.name} has no data input '{name}'")
    return columns


def check_values(port: str, values: NDArray[Any], width: int, where: str = "") -> None:
    """Check that integers fit a port of so many bits, as unsigned or two's complement numbers.

    Raises
    ------
    VoltileError
    """
    low, high = -(1 << (width - 1)), (1 << width) - 1
    least, most = int(values.min()), int(values.max())
    if least < low or most > high:
        wrong = least if least < low else most
        raise VoltileError(
            f"{where}value {wrong} does not fit port '{port}' of {width} bits ({low} to {high})"
        )


def data_inputs(netlist: Netlist, clocks: ClockNetwork) -> tuple[str, ...]:
    """Return the input port bits that carry no clock, in netlist order."""
    roots = set(clocks.net_root.tolist())
    return tuple(
        name
        for name, net, is_input in zip(
            netlist.port_name, netlist.port_net, netlist.port_is_input, strict=True
        )
        if is_input and int(net) not in roots
    )


def _per_port(
    netlist: Netlist, ports: Sequence[str], given: float | Mapping[str, float], what: str
) -> Floats:
    if not isinstance(given, Mapping):
        return np.full(len(ports), float(given))
    result = np.full(len(ports), 0.5)
    for name, value in given.items():
        result[list(port_columns(netlist, ports, name).values())] = value
    return result


def held_levels(netlist: Netlist, ports: Sequence[str], held: Mapping[str, int]) -> dict[int, int]:
    """Return place in `ports` -> level, from values of ports or port bits."""
    levels: dict[int, int] = {}
    for name, value in held.items():
        columns = port_columns(netlist, ports, name)
        check_values(name, np.array([value], dtype=object), max(columns) + 1)
        levels |= {place: (value >> bit) & 1 for bit, place in columns.items()}
    return levels


def held_note(ports: Sequence[str], levels: Mapping[int, int]) -> str:
    """Return what a description says of ports at a constant value."""
    named = ", ".join(f"{ports[place]}={level}" for place, level in levels.items())
    return f", with {named}" if named else ""


def _digits(chance: Floats) -> Words:
    """Binary digits of probabilities as masks, least first, shape (digits, ports, 1)."""
    scaled = np.rint(np.clip(chance, 0.0, 1.0) * (1 << _DIGITS)).astype(np.int64)
    # A certain event needs one more digit than there is; half a digit less than certain will do.
    bits = (scaled[None] >> np.arange(_DIGITS + 1)[:, None]) & 1
    return np.where(bits, ALL_ONES, np.uint64(0))[:, :, None]


def _random_words(rng: np.random.Generator, digits: Words, words: int) -> Words:
    """Return words whose bits are 1 with given probabilities.

    Taken from the least digit up, an OR with random bits halves the way to 1, an AND that to 0.
    """
    shape = (digits.shape[1], words)
    result = np.zeros(shape, dtype=np.uint64)
    started = False
    for mask in digits[:-1]:
        if not started and not mask.any():
            continue  # leading zeros leave nothing to halve
        started = True
        noise = rng.integers(0, 1 << 64, size=shape, dtype=np.uint64)
        result = (result & noise) | (mask & (result | noise))
    result |= digits[-1]
    return result


def _text(given: float | Mapping[str, float]) -> str:
    return "by port" if isinstance(given, Mapping) else f"{given:g}"
