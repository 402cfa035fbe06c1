"""The processing element that has all four K x K multipliers of Algorithm 3 at once."""

from amaranth import Cat, Mux, Signal

from voltile.core import Precision
from voltile.hdl.packed_mac import Digit, Factors, PackedMac
from voltile.hdl.pe import OperandMode

_SIGNED = tuple(Digit(place, True) for place in range(4))
_UNSIGNED = tuple(Digit(place, False) for place in range(4))


class SpatialMac(PackedMac):
    """Processing element that adds 1, 2 or 4 products a cycle, at full, mixed or half precision.

    `ScalableMac` takes four, two or one cycles for a product with its one multiplier. This one
    splits a product over four (K+1)x(K+1) multipliers, K = N/2, or gives them several products
    (`PackedMac` has the equations). Words have 2N bits, operands from the top:

    ========= ========================= ========================= =================
    precision activation word           weight word               products a cycle
    ========= ========================= ========================= =================
    full      one of N bits, N unused   one of N bits, N unused   1
    mixed     two of N bits             two of K bits, N unused   2
    half      four of K bits            four of K bits            4
    ========= ========================= ========================= =================

    Weights of K bits come rounded (`WeightReconfiguration`); bits that are not used may hold
    anything and are not loaded.

    - Cycles per dot product of length M: ``ceil(M / products)``, with a bias at least 3, also the
      reciprocal throughput of dot products issued back to back, at any mix of precisions. The bias
      comes with the first word.
    - Latency: a first word in cycle t gives a result from cycle ``t + cycles + 4`` on.

    The result is that of `ScalableMac` for the same operands, as long as neither accumulator
    saturates: this one adds at the radix point of two N-bit operands, and so holds 2**K (mixed) or
    2**2K (half) times smaller intermediate sums than the one that aligns its sum at the end.

    Reset: synchronous, `rst` high for one cycle; it empties the pipeline of control words. Data
    registers are not reset: the accumulator is defined from the first `clear`, and an output half
    from its first capture.

    Parameters
    ----------
    width : int
        N, bits of a full-precision operand and of the output; even, 4 to 32.
    acc_width : int
        Bits of the accumulator, from those of the bias, 2N, to 128.

    Ports
    -----
    As `ProcessingElement`, with ``act_width = weight_width = 2 * width``; control word
    `packed_control_fields`. The bias is taken with the word that has ``bias`` set, the first of its
    dot product; two such words are at least three cycles apart.

    Raises
    ------
    ValueError
        When `width` is odd, or one of the widths is out of range.
    """

    modes = {
        Precision.FULL: OperandMode(passes=1, acts=1, weights=1),
        Precision.MIXED: OperandMode(passes=1, acts=2, weights=2),
        Precision.HALF: OperandMode(passes=1, acts=4, weights=4),
    }
    # Which multiplier takes which digits is chosen for the fewest multiplexers.
    multipliers = (
        {
            Precision.FULL: Factors(_SIGNED[0], _SIGNED[0]),
            Precision.MIXED: Factors(_SIGNED[0], _SIGNED[0]),
            Precision.HALF: Factors(_SIGNED[0], _SIGNED[0]),
        },
        {
            Precision.FULL: Factors(_UNSIGNED[1], _SIGNED[0]),
            Precision.MIXED: Factors(_UNSIGNED[1], _SIGNED[0]),
            Precision.HALF: Factors(_SIGNED[1], _SIGNED[1]),
        },
        {
            Precision.FULL: Factors(_SIGNED[0], _UNSIGNED[1]),
            Precision.MIXED: Factors(_UNSIGNED[3], _SIGNED[1]),
            Precision.HALF: Factors(_SIGNED[3], _SIGNED[3]),
        },
        {
            Precision.FULL: Factors(_UNSIGNED[1], _UNSIGNED[1]),
            Precision.MIXED: Factors(_SIGNED[2], _SIGNED[1]),
            Precision.HALF: Factors(_SIGNED[2], _SIGNED[2]),
        },
    )

    def __init__(self, width: int = 8, acc_width: int = 32):
        super().__init__(width, acc_width, 2 * width)

    def _combine(self, m, step, products):
        full = ~(step.half | step.mixed)
        upper = Signal.like(products[0], name="upper")
        inner = Signal.like(products[0], name="inner")
        # At full precision the last product has the lowest digits, and fits below the first one.
        below = Mux(full, products[3][:-1], 0)
        m.d.comb += [
            upper.eq(products[0] + Mux(full, 0, products[3])),
            inner.eq(products[1] + products[2]),
        ]
        return Cat(below, upper), Mux(step.half, inner << self.width // 2, inner)
