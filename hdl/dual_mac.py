"""The reconfigurable processing element of Fig. 3.4: one 16 x 16 or two 8 x 8 MACs a cycle."""

from amaranth import Cat, Mux, Signal

from voltile.core import Precision
from voltile.hdl.packed_mac import Digit, Factors, PackedMac
from voltile.hdl.pe import OperandMode

_HIGH, _LOW = Digit(0, True), Digit(1, False)
_SECOND = Digit(1, True)


class DualMac(PackedMac):
    """Processing element that adds one N x N or two K x K bit products a cycle, K = N/2.

    The N x N product is made of four (K+1)x(K+1) products, of which the low-precision mode uses two
    as they are (`PackedMac` has the equations). These are the two that full precision adds to each
    other before all else. Low precision passes by that addition, with the same two multipliers
    before it and the same accumulator behind it, and so has a shorter critical path; the other two
    multipliers are off. Timing with case analysis, ``ctl__half`` held at 1, shows it.

    Words have N bits: one operand, or two of K bits, the first on top. Weights of K bits come
    rounded (`WeightReconfiguration`).

    - Cycles per dot product of length M: ``ceil(M / products)``, with one product a cycle at full
      and two at half precision, and with a bias at least 3; also the reciprocal throughput of dot
      products issued back to back, at any mix of both. The bias comes with the first word.
    - Latency: a first word in cycle t gives a result from cycle ``t + cycles + 4`` on.

    Reset: synchronous, `rst` high for one cycle; it empties the pipeline of control words. Data
    registers are not reset: the accumulator is defined from the first `clear`, and an output half
    from its first capture.

    Parameters
    ----------
    width : int
        N, bits of a full-precision operand and of the output; even, 4 to 32.
    acc_width : int
        Bits of the accumulator, from those of the bias, 2N, to 128. With 44 bits, 2**13 products of
        16 x 16 bits cannot overflow: more than the 4608 of a 3 x 3 convolution over 512 channels.

    Ports
    -----
    As `ProcessingElement`, with ``act_width = weight_width = width``; control word
    `packed_control_fields` without ``mixed``. The bias is taken with the word that has ``bias``
    set, the first of its dot product; two such words are at least three cycles apart.

    Raises
    ------
    ValueError
        When `width` is odd, or one of the widths is out of range.
    """

    modes = {
        Precision.FULL: OperandMode(passes=1, acts=1, weights=1),
        Precision.HALF: OperandMode(passes=1, acts=2, weights=2),
    }
    multipliers = (
        {Precision.FULL: Factors(_HIGH, _HIGH)},
        {Precision.FULL: Factors(_LOW, _HIGH), Precision.HALF: Factors(_SECOND, _SECOND)},
        {Precision.FULL: Factors(_HIGH, _LOW), Precision.HALF: Factors(_HIGH, _HIGH)},
        {Precision.FULL: Factors(_LOW, _LOW)},
    )

    def __init__(self, width: int = 16, acc_width: int = 44):
        super().__init__(width, acc_width, width)

    def _combine(self, m, step, products):
        high, *crossed, low = products
        # Both are in use at either precision, but added to each other only at full.
        alone = [Mux(step.half, product, 0) for product in crossed]
        inner = Signal.like(high, name="inner")
        m.d.comb += inner.eq(sum(Mux(step.half, 0, product) for product in crossed))
        return Cat(low[:-1], high | alone[0]), inner | (alone[1] << self.width // 2)
