"""Single-port memories, alone and as the two banks of a double buffer."""

from amaranth import ClockDomain, ClockSignal, Module, Mux, Signal, unsigned
from amaranth.hdl import MemoryData, MemoryInstance
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2


class Sram(wiring.Component):
    """Single-port synchronous memory, a module by itself that a flow binds to an SRAM macro.

    A cycle with `enable` writes the lanes of `write`, or, when none is set, reads: the word
    stands in `read_data` from the next cycle until the next read. Contents and `read_data` are
    unknown before they are written and read; there is no reset.

    Parameters
    ----------
    width : int
        Bits of a word.
    depth : int
        Words, at least 2.
    lanes : int
        Parts of a word that are written apart, a divisor of `width`.

    Ports
    -----
    enable : In(1)
        Access in this cycle.
    write : In(lanes)
        Lanes to write; none reads.
    address : In(range(depth))
        Word.
    write_data : In(width), read_data : Out(width)
        What is written, and what was read.

    Raises
    ------
    ValueError
        When a parameter is out of range.
    """

    def __init__(self, width: int, depth: int, lanes: int = 1):
        if width < 1 or depth < 2:
            raise ValueError(f"a memory has at least 1 bit and 2 words, not {width} and {depth}")
        if lanes < 1 or width % lanes:
            raise ValueError(f"lanes must divide {width} bits, {lanes} do not")
        self.width = width
        self.depth = depth
        self.lanes = lanes
        super().__init__(
            {
                "enable": In(1),
                "write": In(lanes),
                "address": In(ceil_log2(depth)),
                "write_data": In(width),
                "read_data": Out(width),
            }
        )

    @property
    def name(self) -> str:
        """Name of the module that it is exported as, after that of the design."""
        return f"sram_{self.depth}x{self.width}_{self.lanes}lane"

    def elaborate(self, platform):
        m = Module()
        # A clock without reset, for which a memory has no use.
        m.domains.memory = domain = ClockDomain(reset_less=True, local=True)
        domain.clk = Signal(name="clk")
        lanes = Signal(self.lanes)
        m.d.comb += [
            ClockSignal("memory").eq(ClockSignal()),
            lanes.eq(Mux(self.enable, self.write, 0)),
        ]
        # The instance itself and not `lib.memory`, so that ports keep the names they have here.
        words = MemoryData(shape=unsigned(self.width), depth=self.depth, init=[])
        m.submodules.words = instance = MemoryInstance(data=words)
        instance.read_port(
            domain="memory", addr=self.address, data=self.read_data,
            en=self.enable & ~self.write.any(), transparent_for=(),
        )  # fmt: skip
        instance.write_port(domain="memory", addr=self.address, data=self.write_data, en=lanes)
        return m


class DoubleBuffer(wiring.Component):
    """Two banks: one is filled while the other is read.

    Its user keeps the two sides on different banks; a write to the bank that is read in the same
    cycle wins, and the read is lost.

    Parameters
    ----------
    width, depth, lanes : int
        Of each bank, as for `Sram`.

    Ports
    -----
    write_bank : In(1), write : In(lanes), write_address : In(range(depth)), write_data : In(width)
        The side that fills.
    read_bank : In(1), read : In(1), read_address : In(range(depth)), read_data : Out(width)
        The side that reads; latency 1.
    """

    def __init__(self, width: int, depth: int, lanes: int = 1):
        self._banks = [Sram(width, depth, lanes) for _ in range(2)]
        self.width = width
        self.depth = depth
        self.lanes = lanes
        address = ceil_log2(depth)
        super().__init__(
            {
                "write_bank": In(1),
                "write": In(lanes),
                "write_address": In(address),
                "write_data": In(width),
                "read_bank": In(1),
                "read": In(1),
                "read_address": In(address),
                "read_data": Out(width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        last_bank = Signal()
        with m.If(self.read):
            m.d.sync += last_bank.eq(self.read_bank)
        for number, bank in enumerate(self._banks):
            m.submodules[f"{bank.name}_{number}"] = bank
            writes, reads = Signal(name=f"writes_{number}"), Signal(name=f"reads_{number}")
            m.d.comb += [
                writes.eq(self.write.any() & (self.write_bank == number)),
                reads.eq(self.read & (self.read_bank == number)),
                bank.enable.eq(writes | reads),
                bank.write.eq(Mux(writes, self.write, 0)),
                bank.address.eq(Mux(writes, self.write_address, self.read_address)),
                bank.write_data.eq(self.write_data),
            ]
        first, second = self._banks
        m.d.comb += self.read_data.eq(Mux(last_bank, second.read_data, first.read_data))
        return m
