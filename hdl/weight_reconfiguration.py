"""Weights of half as many bits, packed: the reconfiguration of Fig. 3.5."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from voltile.hdl.rounding import round_half_even


class WeightReconfiguration(wiring.Component):
    """Stream of weight words to one of weights of half as many bits, N to K = N/2.

    With rounding (Fig. 3.5b), each weight goes to its nearest K-bit one, ties to even, the largest
    clamped; with truncation (Fig. 3.5a), to its high half. Words hold weights from the top, as a
    `ProcessingElement` takes them, so two words of N-bit weights become one of K-bit weights. A
    vector of weights ends with ``last``: if it has an odd number of words, zeros fill the lower
    half of the last one, and the next vector begins with a word of its own.

    Latency: a word is out one cycle after the word that fills it was taken. Throughput: a word is
    taken in every cycle in which `reduced` is ready or the output is empty.

    Reset: synchronous, `rst` high for one cycle; it drops the word that is being filled or waits.
    Data registers are not reset.

    Parameters
    ----------
    width : int
        N, bits of a weight; even, at least 4.
    word_width : int
        Bits of a word, a multiple of N.
    rounding : bool
        Whether weights are rounded; otherwise truncated, and linters remark that the lower halves
        are not used.

    Ports
    -----
    full : In(stream.Signature(weight_word(word_width)))
        Words of N-bit weights.
    reduced : Out(stream.Signature(weight_word(word_width)))
        Words of K-bit weights.

    Raises
    ------
    ValueError
        When `width` is odd or below 4, or `word_width` no multiple of it.
    """

    def __init__(self, width: int = 16, word_width: int = 16, rounding: bool = True):
        if width < 4 or width % 2:
            raise ValueError(f"width must be even and at least 4, not {width}")
        if word_width < width or word_width % width:
            raise ValueError(f"word_width must be a multiple of {width}, not {word_width}")
        self.width = width
        self.word_width = word_width
        self.rounding = rounding
        words = stream.Signature(weight_word(word_width))
        super().__init__({"full": In(words), "reduced": Out(words)})

    def elaborate(self, platform):
        m = Module()
        half = self.word_width // 2
        kept = Cat(self._reduce(m, place) for place in range(0, self.word_width, self.width))
        weights = Signal(self.word_width, reset_less=True)
        last = Signal(reset_less=True)
        valid = Signal()
        lower = Signal()  # the upper half of the word is filled
        m.d.comb += [
            self.full.ready.eq(~valid | self.reduced.ready),
            self.reduced.valid.eq(valid),
            self.reduced.payload.weights.eq(weights),
            self.reduced.payload.last.eq(last),
        ]
        with m.If(self.reduced.ready):
            m.d.sync += valid.eq(0)
        ends = lower | self.full.payload.last
        with m.If(self.full.valid & self.full.ready):
            m.d.sync += [valid.eq(ends), lower.eq(~ends), last.eq(self.full.payload.last)]
            with m.If(~lower):
                m.d.sync += weights[half:].eq(kept)
            with m.If(ends):
                m.d.sync += weights[:half].eq(Mux(lower, kept, 0))
        return m

    def _reduce(self, m, place):
        """Return the K bits that are left of the weight whose lowest bit is `place`."""
        half = self.width // 2
        weight = Signal(self.width, name=f"weight_{place}")
        m.d.comb += weight.eq(self.full.payload.weights[place : place + self.width])
        return round_half_even(m, weight, half) if self.rounding else weight[half:]


def weight_word(word_width: int) -> data.StructLayout:
    """Return the payload of a stream of weights: a word, and whether it ends a vector."""
    return data.StructLayout({"weights": word_width, "last": 1})
