"""Area of the logic of an accelerator, without its memories, and of the reconfiguration of weights.

    python bench/accelerator_area.py [--pe NAME ...] [--size ROWS COLS] [--tech NAME|MANIFEST]

Mapped for the technology's clock period of synthesis; no placement, no wires. In place of a memory
stands a register that depends on all of its ports, whose area is taken off.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from amaranth import Cat, Module
from prepared import faults_through, parser_of

from voltile.floorplan import Sources, synthesize
from voltile.hdl import PROCESSING_ELEMENTS, Accelerator, Sram, to_rtlil
from voltile.hdl.weight_reconfiguration import WeightReconfiguration
from voltile.pdk import Technology, read_technology


class Register(Sram):
    """What stands in place of a memory."""

    def elaborate(self, platform):
        m = Module()
        with m.If(self.enable):
            m.d.sync += self.read_data.eq(self.write_data ^ Cat(self.address, self.write))
        return m


def main(names: list[str], size: tuple[int, int], tech: str) -> None:
    """Print the table."""
    technology = read_technology(tech)
    Sram.elaborate = Register.elaborate
    print(f"| {size[0]} x {size[1]} | logic [um2] | reconfiguration of weights |")
    print("| --- | --- | --- |")
    for name in names:
        pe = PROCESSING_ELEMENTS[name]()
        accelerator = Accelerator(*size, pe)
        memories = (
            Sram(accelerator.act_width, accelerator.act_depth),
            Sram(accelerator.weight_width, accelerator.weight_depth),
            Sram(accelerator.out_width, accelerator.out_depth, 2),
        )
        banks = 2 * sum(mapped_area(memory, technology) for memory in memories)
        logic = mapped_area(accelerator, technology) - banks
        unit = mapped_area(WeightReconfiguration(*size, pe), technology)
        print(f"| {name} | {logic:.0f} | {unit:.0f}, {unit / logic:.1%} |", flush=True)


def mapped_area(component, technology: Technology) -> float:
    """Return the area of a component's cells [um2]."""
    sources = Sources(rtlil=to_rtlil(component, "part"), top="part")
    with TemporaryDirectory() as folder:
        netlist = synthesize(sources, technology, technology.synthesis_period, Path(folder))
    return float(netlist.library.cell_area[netlist.cell_type].sum()) * 1e12


if __name__ == "__main__":
    parser = parser_of(__doc__)
    every = list(PROCESSING_ELEMENTS)
    parser.add_argument("--pe", nargs="+", choices=every, default=every, help="elements")
    parser.add_argument("--size", nargs=2, type=int, default=(4, 4), help="of the array")
    parser.add_argument("--tech", default="freepdk45", help="technology")
    given = parser.parse_args()
    with faults_through(parser):
        main(given.pe, tuple(given.size), given.tech)
