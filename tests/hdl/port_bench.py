"""The replaceable parts of a cocotb bench: a driver and a monitor of plain ports."""

import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge

UNKNOWN = -1


class Driver:
    """Puts one value per port and cycle at the inputs, directly after the rising edge."""

    def __init__(self, dut):
        """Start the clock: one driver per test."""
        self.dut = dut
        Clock(dut.clk, 2, unit="ns").start()

    async def reset(self, inputs: list[str]) -> None:
        """Bring all inputs to zero and reset for some cycles."""
        for name in inputs:
            getattr(self.dut, name).value = 0
        self.dut.rst.value = 1
        for _ in range(3):
            await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0
        await RisingEdge(self.dut.clk)

    async def play(self, stimulus: dict[str, np.ndarray]) -> None:
        """Drive `stimulus`, starting directly: call it just after a rising edge."""
        cycles = len(next(iter(stimulus.values())))
        changes: list[list] = [[] for _ in range(cycles)]
        for name, values in stimulus.items():
            port = getattr(self.dut, name)
            moves = np.flatnonzero(np.diff(values, prepend=values[0] + 1))
            for cycle in moves:
                changes[cycle].append((port, int(values[cycle])))
        for cycle in changes:
            for port, value in cycle:
                port.value = value
            await RisingEdge(self.dut.clk)


class Monitor:
    """Records signals once per cycle, in its middle."""

    def __init__(self, clk, signals: list):
        self.clk = clk
        self.signals = signals

    async def record(self, cycles: int) -> list[list[str]]:
        """Return the bits of every signal in each cycle."""
        rows = []
        for _ in range(cycles):
            await FallingEdge(self.clk)
            rows.append([str(signal.value) for signal in self.signals])
        return rows


def number(bits: str) -> int:
    """Return an unsigned value; UNKNOWN when any bit is."""
    return int(bits, 2) if set(bits) <= {"0", "1"} else UNKNOWN


def split_outputs(out: str, saturated: str) -> list[int]:
    """Return O_H, O_L and their saturation bits."""
    half = len(out) // 2
    return [number(part) for part in (out[:half], out[half:], saturated[0], saturated[1])]


def check_trace(found: np.ndarray, expected: np.ndarray) -> None:
    """Compare two traces and report the first cycle in which they differ.

    What is expected to be UNKNOWN has to stay as it was in the first cycle.
    """
    expected = np.where(expected == UNKNOWN, found[0], expected)
    differ = np.flatnonzero((found != expected).any(axis=1))
    assert not differ.size, (
        f"cycle {differ[0]}: outputs {found[differ[0]]}, expected {expected[differ[0]]}"
    )
