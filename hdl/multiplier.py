"""Multiplication of two words, each signed or not as a flag says."""

from amaranth import C, Cat, Module, Signal, Value, signed


def multiply(m: Module, a: Value, b: Value, a_signed: Value, b_signed: Value) -> Signal:
    """Multiply two words of K bits, each signed if its flag is set.

    What a signed (K+1)x(K+1) multiplier computes of the extended words, from K x K partial products
    (Baugh and Wooley, IEEE Trans. Computers C-22, 1973, with the signs made optional). A bit of
    partial product that one sign makes negative is inverted, which leaves, for all of them
    together, ``-2**(2K-1) + 2**K`` if both words are signed and ``-2**(2K-1) + 2**(K-1)`` if one
    is: four bits that are added as one more row. Constant flags leave a plain multiplier.

    Returns
    -------
    Signal, shape signed(2K + 1)
        The product.
    """
    top = len(a) - 1
    rows = [
        Cat(a[i] & b[j] ^ (a_signed & (i == top)) ^ (b_signed & (j == top)) for i in range(top + 1))
        << j
        for j in range(top + 1)
    ]
    negative = a_signed | b_signed
    rest = Cat(
        C(0, top), a_signed ^ b_signed, a_signed & b_signed, C(0, top - 1), negative, negative
    )
    product = Signal(signed(2 * top + 3), name="product")
    m.d.comb += product.eq(sum(rows, rest))
    return product
