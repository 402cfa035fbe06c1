"""The output register of a processing element: truncation, range check and its two halves."""

from amaranth import Cat, Module, Mux, Signal, signed

from voltile.hdl.pe import ProcessingElement
from voltile.hdl.truncation import truncate


def write_output(m: Module, element: ProcessingElement, step, value: Signal) -> None:
    """Write the accumulated `value` into the output halves when `step` captures.

    The signed value is shifted right by ``step.position`` (floor) and clamped to K bits if
    ``step.narrow``, else to N bits. An N-bit result fills O_H and O_L together; a K-bit one is the
    same in both, so that ``step.capture_high`` and ``step.capture_low`` choose its half.

    Parameters
    ----------
    element : ProcessingElement
        Whose `out` and `saturated` are driven.
    step : data.View
        The fields that every control word has, of the word that captures.
    """
    half = element.width // 2
    # Isolated, since the sum moves in every cycle and is written in few.
    result = Signal(signed(len(value)))
    with m.If(step.capture_low | step.capture_high):
        m.d.comb += result.eq(value)
    word, over_wide = truncate(m, result, step.position, element.width)
    over_narrow = word[half - 1 :].any() & ~word[half - 1 :].all()
    over = Signal()
    negative = result[-1]
    low, high = Signal(half), Signal(half)
    m.d.comb += over.eq(over_wide | (step.narrow & over_narrow))
    with m.If(over):
        # The largest or smallest word: the sign on top of the inverted sign.
        rest = (~negative).replicate(half - 1)
        m.d.comb += low.eq(Cat(rest, Mux(step.narrow, negative, ~negative)))
        m.d.comb += high.eq(Cat(rest, negative))
    with m.Else():
        m.d.comb += low.eq(word[:half])
        m.d.comb += high.eq(Mux(step.narrow, word[:half], word[half:]))
    out = Signal(element.width, reset_less=True, name="out")
    saturated = Signal(2, reset_less=True, name="saturated")
    with m.If(step.capture_low):
        m.d.sync += [out[:half].eq(low), saturated[0].eq(over)]
    with m.If(step.capture_high):
        m.d.sync += [out[half:].eq(high), saturated[1].eq(over)]
    m.d.comb += [element.out.eq(out), element.saturated.eq(saturated)]
