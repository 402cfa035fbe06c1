"""Right shift of a signed value to its lowest bits, with a range check."""

from amaranth import Cat, Module, Mux, Signal, signed


def truncate(m: Module, value: Signal, position: Signal, bits: int) -> tuple[Signal, Signal]:
    """Shift the signed `value` right by `position` and keep `bits` bits of it.

    A logarithmic shifter, largest stage first. After the stage of s positions at most s - 1 are
    left to go, so ``bits + s - 1`` bits are all that can still matter; a stage that does not shift
    drops the bits above, and checks there and then that they only repeat the sign. That takes less
    than half the multiplexers of a shift of the whole value with a range check behind it.

    `position` must have enough bits for every shift below ``len(value)``.

    Returns
    -------
    word : Signal, shape signed(bits)
        The lowest bits of ``value >> position``.
    over : Signal
        Whether ``value >> position`` does not fit them.
    """
    window = value
    over = []
    for stage in reversed(range(len(position))):
        step = 1 << stage
        kept = min(len(window), bits + step - 1)
        top = window[kept - 1 :]
        over.append(~position[stage] & top.any() & ~top.all())
        shifted = Signal(signed(kept), name=f"{value.name}_shifted{step}")
        m.d.comb += shifted.eq(Mux(position[stage], window >> step, window))
        window = shifted
    some_over = Signal(name=f"{value.name}_over")
    m.d.comb += some_over.eq(Cat(over).any())
    return window, some_over
