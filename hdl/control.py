"""The control words of the processing elements: what the unit around them drives in a cycle.

One word says all about one cycle, and acts on the operands presented with it, so it can travel
beside them: through the pipeline of an element, or along the wavefront of a systolic array. A word
is a dict of field names and shapes, from its lowest bit. All words have these fields:

``clear``
    Start from zero (or a bias) instead of the accumulated value: first word of a dot product.
``capture_high``, ``capture_low``
    Write the accumulated value of the *previous* words into output half O_H, O_L. It rides on the
    first word of the next dot product, or on an idle word, and costs no cycle.
``narrow``
    The captured result has K bits, the same in both halves; otherwise it has N bits.
``position``
    Right shift of the captured result, 0 .. acc_width - 1.
"""

from enum import Enum

from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out
from amaranth.utils import ceil_log2


class Addend(Enum):
    """What the accumulator adds (sel_P, sel_B).

    The bias takes two words, low half then high half, one directly after the other.
    """

    NONE = 0
    PRODUCT = 1
    BIAS_LOW = 2
    BIAS_HIGH = 3


class WeightPart(Enum):
    """Which K-bit factor is made of the weight (sel_W)."""

    ROUNDED = 0
    HIGH = 1
    LOW = 2


class Shift(Enum):
    """Left shift of the accumulator before the addition: 0, K or 2K positions."""

    NONE = 0
    K = 1
    TWO_K = 2


def control_fields(acc_width: int) -> dict:
    """Return the control word of `ScalableMac`: what the control unit of Fig. 3.13 drives.

    Beside the fields of all words:

    ``addend``
        Kind of cycle; NONE is an idle word.
    ``act_high``, ``act_signed``
        Half of the activation (sel_I), and whether its top bit is a sign. Low halves are signed
        only at half precision, where a word holds two K-bit features.
    ``weight_part``
        Rounded or high part (signed), or low part (unsigned).
    ``shift``
        Align the accumulated value before the addition: first word of a pass or of the bias. What
        is captured is the value after this shift; the `clear` that comes with a capture leaves the
        shifter free for it.
    """
    return {
        "addend": Addend,
        "act_high": 1,
        "act_signed": 1,
        "weight_part": WeightPart,
        "clear": 1,
        "shift": Shift,
        **_capture_fields(acc_width),
    }


def packed_control_fields(acc_width: int, mixed: bool) -> dict:
    """Return the control word of an element that multiplies all operands of a word at once.

    Beside the fields of all words:

    ``product``
        The operands are multiplied and added; otherwise the word is idle.
    ``half``, ``mixed``
        Precision; with neither it is full. `mixed` is missing where there is no such precision.
    ``bias``
        With `clear`: start from the bias instead of zero.
    """
    return {
        "product": 1,
        "half": 1,
        **({"mixed": 1} if mixed else {}),
        "clear": 1,
        "bias": 1,
        **_capture_fields(acc_width),
    }


def control_layout(fields: dict) -> data.StructLayout:
    """Return a control word as one packed value."""
    return data.StructLayout(fields)


def control_signature(fields: dict) -> wiring.Signature:
    """Return a control word as ports of the unit that drives it, one per field."""
    return wiring.Signature({name: Out(shape) for name, shape in fields.items()})


def _capture_fields(acc_width: int) -> dict:
    return {
        "capture_high": 1,
        "capture_low": 1,
        "narrow": 1,
        "position": ceil_log2(acc_width),
    }
