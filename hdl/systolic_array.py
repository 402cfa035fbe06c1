"""Output-stationary systolic array of processing elements (dissertation 3.3.3, Table 3.4)."""

from functools import reduce
from operator import or_

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from voltile.hdl.pe import ProcessingElement, check_array_size


class SystolicArray(wiring.Component):
    """Array in which element (i, j) computes row i's activations times column j's weights.

    Activations enter in the west and move one column a cycle, weights and biases enter in the
    north and move one row a cycle; the control word enters at element (0, 0) and moves both ways,
    so that it meets the same operands everywhere. What belongs to the word at ``ctl`` in cycle t is
    presented at ``act[i]`` in cycle ``t + i`` and at ``weight[j]``, ``bias[j]`` in cycle ``t + j``.
    The elements' own operand registers are the links, so that passing on costs no register.

    Results leave in the wavefront as well: element (i, j) captures ``i + j`` cycles after element
    (0, 0), so that the rows of a column capture one after the other, and a column's output is the
    or of its elements, each open in the cycle after its capture. The next dot product goes on
    meanwhile, without a bubble, when it takes `rows` cycles or more.

    Cycles: with c the cycles of a dot product in one element and its first word at ``ctl`` in
    cycle t, the result of row i stands in ``out[j]``, and ``valid[j]`` is high, in cycle
    ``t + c + pe.latency + i + j + 1`` and in no other. Throughput: ``rows * cols`` dot products per
    ``max(c, rows)`` cycles; a single one takes ``c + pe.latency + rows + cols - 1`` until the
    last result is out.

    Reset: as the elements; ``valid`` is low after it.

    Parameters
    ----------
    rows, cols : int
        Number of elements, at least 1, and at most `MOST_ELEMENTS` together.
    pe : ProcessingElement
        Element (0, 0); the others are like it.

    Ports
    -----
    act : In(pe.act).array(rows)
        Operand words of the rows.
    weight : In(pe.weight).array(cols), bias : In(pe.bias).array(cols)
        Operand words and biases of the columns.
    ctl : In(pe.ctl)
        Control word of element (0, 0).
    out : Out(pe.out).array(cols), saturated : Out(pe.saturated).array(cols)
        Result of the row that was captured.
    valid : Out(1).array(cols)
        Whether there is one.

    Raises
    ------
    ValueError
        When `rows` or `cols` is out of range.
    """

    def __init__(self, rows: int, cols: int, pe: ProcessingElement):
        check_array_size(rows, cols)
        self.rows = rows
        self.cols = cols
        self.pe = pe
        self._elements = [[pe.like() if i or j else pe for j in range(cols)] for i in range(rows)]
        member = pe.signature.members
        super().__init__(
            {
                "act": member["act"].array(rows),
                "weight": member["weight"].array(cols),
                "bias": member["bias"].array(cols),
                "ctl": member["ctl"],
                "out": member["out"].array(cols),
                "saturated": member["saturated"].array(cols),
                "valid": Out(1).array(cols),
            }
        )

    def elaborate(self, platform):
        m = Module()
        for i, row in enumerate(self._elements):
            for j, element in enumerate(row):
                m.submodules[f"pe_{i}_{j}"] = element
                west = row[j - 1] if j else None
                north = self._elements[i - 1][j] if i else None
                m.d.comb += [
                    element.act.eq(west.act_reg if west else self.act[i]),
                    element.weight.eq(north.weight_reg if north else self.weight[j]),
                    element.bias.eq(north.bias_reg if north else self.bias[j]),
                ]
                before = west or north
                for name, _ in element.word.shape():
                    source = before.word[name] if before else getattr(self.ctl, name)
                    m.d.comb += getattr(element.ctl, name).eq(source)
        for j in range(self.cols):
            self._drain(m, j)
        return m

    def _drain(self, m, j):
        """Register what the elements of column `j` have just captured."""
        column = [row[j] for row in self._elements]
        word = column[0].word
        captured = word.capture_high | word.capture_low
        for stage in range(1, self.pe.latency):
            later = Signal(name=f"captures_{j}_{stage}")
            m.d.sync += later.eq(captured)
            captured = later
        strobes = Signal(self.rows, name=f"captured_{j}")
        m.d.comb += strobes[0].eq(captured)
        m.d.sync += strobes[1:].eq(strobes)
        m.d.sync += self.valid[j].eq(strobes.any())
        for name in ("out", "saturated"):
            port = getattr(self, name)[j]
            register = Signal.like(port, reset_less=True, name=f"{name}_reg_{j}")
            opened = [
                Mux(strobe, getattr(element, name), 0)
                for strobe, element in zip(strobes, column, strict=True)
            ]
            with m.If(strobes.any()):
                m.d.sync += register.eq(reduce(or_, opened))
            m.d.comb += port.eq(register)
