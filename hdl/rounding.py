"""Half-even rounding of a signed word to its upper bits."""

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


def round_half_even(m: Module, word: Signal, keep: int) -> Signal:
    """Round the signed `word` to its upper `keep` bits, ties to even, in the module `m`.

    With ``d`` dropped bits::

        rounded = min(round_half_even(word / 2**d), 2**(keep - 1) - 1)

    The clamp acts at the top only: the largest words would round up to ``2**(keep - 1)``, which
    `keep` bits do not hold (8 to 4 bits: 120 and above give 7). The bottom cannot overflow, since
    the lowest word is a multiple of ``2**d``.

    Returns
    -------
    Signal, shape signed(keep)
        The rounded word, in units of ``2**d``.
    """
    dropped = len(word) - keep
    low, high = word[:dropped], word[dropped:]
    rounded = Signal(signed(keep), name=f"{word.name}_rounded")
    up = Signal(name=f"{word.name}_round_up")
    # From the midpoint up; exactly there only an odd word moves, to its even neighbour.
    past_tie = Cat(low[:-1], high[0]).any()
    at_top = ~high[-1] & high[:-1].all()
    m.d.comb += [
        up.eq(low[-1] & past_tie & ~at_top),
        rounded.eq(Mux(up, high + 1, high)),
    ]
    return rounded


class RoundHalfEven(wiring.Component):
    """The round unit of Fig. 3.13 by itself: `round_half_even` from `width` to `keep` bits.

    Combinational: latency 0, no clock, no reset.

    Ports
    -----
    word : In(signed(width))
        The word.
    rounded : Out(signed(keep))
        The rounded word, in units of ``2**(width - keep)``.

    Raises
    ------
    ValueError
        When `keep` is not from 1 to ``width - 1``.
    """

    def __init__(self, width: int = 8, keep: int = 4):
        if not 1 <= keep < width:
            raise ValueError(f"keep must be from 1 to {width - 1}, not {keep}")
        self.width = width
        self.keep = keep
        super().__init__({"word": In(signed(width)), "rounded": Out(signed(keep))})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.rounded.eq(round_half_even(m, self.word, self.keep))
        return m
