"""Grid of scalable MACs under one broadcast control word."""

from amaranth import Array, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from voltile.hdl.control import control_fields, control_signature
from voltile.hdl.pe import check_array_size
from voltile.hdl.scalable_mac import ScalableMac


class Grid(wiring.Component):
    """Output-stationary grid: element (i, j) computes row i's activations times column j's weights.

    Activations are broadcast along rows, weights and biases along columns, and the control word to
    all elements, without skew: every element makes the same step in the same cycle, so a schedule
    for one `ScalableMac` drives the whole grid.

    Results leave one row at a time through a multiplexer and a register per column, which keeps
    the pins at O(rows + cols). The elements hold their results until the next capture, so a drain
    overlaps the next dot products as long as these take `rows` cycles or more.

    Cycles: a dot product of length M takes ``passes * M + 2 * bias``, like in one element; results
    stand in the elements from cycle ``t + passes * M + 2 * bias + 3`` on, where t is the cycle of
    the first word; selecting row i in cycle s shows it in `out` in cycle ``s + drain_latency``,
    that is s + 1. So row i of a result is out at the earliest in cycle
    ``t + passes * M + 2 * bias + 4 + i`` when rows are selected in turn. Throughput:
    ``rows * cols`` dot products per ``max(passes * M + 2 * bias, rows)`` cycles.

    Reset: as `ScalableMac`; the drain registers have none.

    Parameters
    ----------
    rows, cols : int
        Number of elements, at least 1, and at most `MOST_ELEMENTS` together.
    width, acc_width : int
        As for `ScalableMac`.

    Ports
    -----
    act : In(signed(width)).array(rows)
        One activation per row.
    weight : In(signed(width)).array(cols), bias : In(signed(2 * width)).array(cols)
        One weight and one bias per column.
    ctl : In(control_signature(control_fields(acc_width)))
        Control word of all elements.
    row : In(range(rows))
        Row to drain; absent when there is only one.
    out : Out(width).array(cols), saturated : Out(2).array(cols)
        Output words and their range checks of the drained row.

    Raises
    ------
    ValueError
        When `rows`, `cols` or a width is out of range.
    """

    drain_latency = 1

    def __init__(self, rows: int, cols: int, width: int = 8, acc_width: int = 32):
        check_array_size(rows, cols)
        self.rows = rows
        self.cols = cols
        self.width = width
        self.acc_width = acc_width
        self._elements = [[ScalableMac(width, acc_width) for _ in range(cols)] for _ in range(rows)]
        select = {"row": In(ceil_log2(rows))} if rows > 1 else {}
        super().__init__(
            {
                "act": In(signed(width)).array(rows),
                "weight": In(signed(width)).array(cols),
                "bias": In(signed(2 * width)).array(cols),
                "ctl": In(control_signature(control_fields(acc_width))),
                **select,
                "out": Out(width).array(cols),
                "saturated": Out(2).array(cols),
            }
        )

    def elaborate(self, platform):
        m = Module()
        for i, row in enumerate(self._elements):
            for j, element in enumerate(row):
                m.submodules[f"mac_{i}_{j}"] = element
                wiring.connect(m, wiring.flipped(self.ctl), element.ctl)
                m.d.comb += [
                    element.act.eq(self.act[i]),
                    element.weight.eq(self.weight[j]),
                    element.bias.eq(self.bias[j]),
                ]
        for j in range(self.cols):
            self._drain(m, j)
        return m

    def _drain(self, m, j):
        """Register the outputs of the selected row of column `j`."""
        out = Signal(self.width, reset_less=True, name=f"out_reg_{j}")
        saturated = Signal(2, reset_less=True, name=f"saturated_reg_{j}")
        column = [row[j] for row in self._elements]
        select = self.row if self.rows > 1 else 0
        m.d.sync += [
            out.eq(Array(element.out for element in column)[select]),
            saturated.eq(Array(element.saturated for element in column)[select]),
        ]
        m.d.comb += [self.out[j].eq(out), self.saturated[j].eq(saturated)]
