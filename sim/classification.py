"""What logits say: probabilities, how far they are from others, how often they are right."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def log_softmax(logits: npt.ArrayLike) -> FloatArray:
    """Return the logarithm of Eq. 3.4 over the last axis.

    The largest logit is taken off first, so that nothing overflows and no probability becomes the
    logarithm of zero.
    """
    scores = np.asarray(logits, np.float64)
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def softmax(logits: npt.ArrayLike) -> FloatArray:
    """Return the probabilities of the classes (Eq. 3.4)."""
    return np.exp(log_softmax(logits))


def kl_divergence(reference: npt.ArrayLike, logits: npt.ArrayLike) -> FloatArray:
    """Return the Kullback-Leibler divergence from a reference (Eq. 3.3), the mean over the inputs.

    Parameters
    ----------
    reference : array_like, shape (inputs, classes)
        Logits at full precision.
    logits : array_like, shape (..., inputs, classes)
        Logits of candidates.

    Returns
    -------
    ndarray, shape (...)
        In nats, 0 or more.
    """
    full = log_softmax(reference)
    each = (np.exp(full) * (full - log_softmax(logits))).sum(axis=-1)
    # Of equal distributions the sum may fall below zero by rounding.
    return np.asarray(np.maximum(each.mean(axis=-1), 0.0))


def top_1(scores: npt.ArrayLike, labels: npt.ArrayLike) -> FloatArray:
    """Return the share of the inputs whose greatest score, the first of equals, is the label's.

    Parameters
    ----------
    scores : array_like, shape (..., inputs, classes)
        Logits or probabilities.
    labels : array_like of int, shape (inputs,)
        Number of the right class of each input.

    Returns
    -------
    ndarray, shape (...)
    """
    right = np.asarray(scores).argmax(axis=-1) == np.asarray(labels)
    return np.asarray(right.mean(axis=-1), np.float64)
