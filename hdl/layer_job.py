"""The descriptor of one layer job: what the accelerator's sequencer needs to know of a layer."""

from enum import Enum

from amaranth.lib import data

DIMENSION_BITS = 16
"""Bits of a height, a width, or a count of folds."""
WORD_BITS = 24
"""Bits of a number of buffer words, or of a step between two of them."""


class PrecisionCode(Enum):
    """Operand precision of a job, as its descriptor gives it."""

    FULL = 0
    MIXED = 1
    HALF = 2


class WeightForm(Enum):
    """What the words of the stream of weights are, as a descriptor gives it."""

    OPERANDS = 0
    """Those of the job's precision."""
    ROUNDED = 1
    """Those of full precision; the job takes their weights rounded half to even."""
    TRUNCATED = 2
    """Those of full precision; the job takes the high halves of their weights."""


def job_fields(acc_width: int) -> dict:
    """Return name and shape of every field of a descriptor, one register each, in their order.

    An activation word of the buffer holds adjacent channels of one pixel; pixels follow each other
    along rows. Steps are differences of word addresses, modulo 2**24.

    ``precision``
        Code of the operand precision.
    ``bias``, ``relu``, ``narrow``
        Whether every output channel has a bias; whether negative results become zero; whether
        results have K bits, two in an operand word, for a layer at half precision.
    ``weight_form``
        Code of what the words of the stream of weights are.
    ``position``
        Right shift of a result: requantisation by a power of two, with saturation.
    ``act_words``, ``weight_words``, ``out_words``
        Words of the job in the buffers; of weights in another form, the stream gives more of them.
    ``in_height``, ``in_width``
        Size of the input [pixels].
    ``kernel_height``, ``kernel_width``
        Size of the kernel; that of the input in a fully connected layer.
    ``stride_y``, ``stride_x``, ``pad_top``, ``pad_left``
        Pixels from one window to the next, and of zeros before the first row and column. Zeros
        behind the last ones are wherever windows reach.
    ``pixels``, ``out_width``
        Output pixels of a channel, and of a row of them.
    ``window_words``
        Activation words of a pixel that a window takes: all of a pixel's, or those of a group.
    ``out_folds``
        Output channels over columns of the array, rounded up.
    ``group_folds``
        Folds of output channels that share a group of input channels.
    ``weight_window_words``, ``weight_group_folds``
        ``window_words`` and ``group_folds`` that the layer has at the precision of the words of the
        stream of weights.
    ``base``
        Address of the first window's first word, negative where padding comes before it:
        ``-(pad_top * in_width + pad_left) * pixel_words``.
    ``step_kernel_x``, ``step_kernel_y``
        From a window's last word in a pixel to its first in the next pixel, in the next row.
    ``step_out_x``, ``step_out_y``
        From a window to the next one, and from a row's last window to the next row's first.
    ``out_pixel_words``
        Words of an output pixel.
    """
    flags = {
        "precision": PrecisionCode, "bias": 1, "relu": 1, "narrow": 1, "weight_form": WeightForm,
    }  # fmt: skip
    words = dict.fromkeys(("act_words", "weight_words", "out_words"), WORD_BITS)
    sizes = dict.fromkeys(
        (
            "in_height", "in_width", "kernel_height", "kernel_width", "stride_y", "stride_x",
            "pad_top", "pad_left",
        ),
        DIMENSION_BITS,
    )  # fmt: skip
    folds = {
        "pixels": WORD_BITS,
        "out_width": DIMENSION_BITS,
        "window_words": DIMENSION_BITS,
        "out_folds": DIMENSION_BITS,
        "group_folds": DIMENSION_BITS,
        "weight_window_words": DIMENSION_BITS,
        "weight_group_folds": DIMENSION_BITS,
    }
    steps = dict.fromkeys(
        (
            "base", "step_kernel_x", "step_kernel_y", "step_out_x", "step_out_y",
            "out_pixel_words",
        ),
        WORD_BITS,
    )  # fmt: skip
    position = {"position": (acc_width - 1).bit_length()}
    return {**flags, **position, **words, **sizes, **folds, **steps}


def job_layout(acc_width: int) -> data.StructLayout:
    """Return a descriptor as one packed value."""
    return data.StructLayout(job_fields(acc_width))
