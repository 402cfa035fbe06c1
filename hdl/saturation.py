"""Clamping a signed value to fewer bits."""

from amaranth import Const, Module, Mux, Signal, signed


def saturate(m: Module, value: Signal, bits: int) -> tuple[Signal, Signal]:
    """Clamp the signed `value` to the range of `bits` signed bits.

    `value` has to be a signal: an expression would be built once more for every use of its bits.

    Returns
    -------
    clamped : Signal, shape signed(bits)
        ``min(max(value, -2**(bits-1)), 2**(bits-1) - 1)``.
    over : Signal
        Whether the value had to be clamped: its bits from ``bits - 1`` up are not all equal.
    """
    clamped = Signal(signed(bits), name=f"{value.name}_clamped{bits}")
    over = Signal(name=f"{value.name}_over{bits}")
    limit = Mux(value[-1], Const(-(1 << bits - 1), bits), Const((1 << bits - 1) - 1, bits))
    m.d.comb += [
        over.eq(value[bits - 1 :].any() & ~value[bits - 1 :].all()),
        clamped.eq(Mux(over, limit, value[:bits])),
    ]
    return clamped, over
