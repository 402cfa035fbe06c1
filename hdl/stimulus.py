"""A schedule and its operands as the value of every input port in every cycle."""

import numpy as np

from voltile.hdl.grid import Grid
from voltile.hdl.pe import ProcessingElement
from voltile.hdl.schedule import Schedule


def mac_stimulus(
    plan: Schedule,
    act: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    width: int = 8,
) -> dict[str, np.ndarray]:
    """Return the value of every input port but clock and reset in every cycle of `plan`.

    Parameters
    ----------
    plan : Schedule
        Control sequence.
    act, weight : ndarray, shape (..., words)
        Operands of all dot products, one after the other; leading axes are independent streams.
    bias : ndarray, shape (..., dot products), optional
        Bias of each dot product.
    width : int
        N of the MAC.

    Returns
    -------
    dict of str to ndarray, shape (..., cycles), int64
        Bit patterns: unsigned numbers of as many bits as the port has. Control has shape
        (cycles,).
    """
    return _ports(plan, act, weight, bias, (width, width, 2 * width))


def element_stimulus(
    element: ProcessingElement,
    plan: Schedule,
    act: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return the value of every input port of any processing element, as `mac_stimulus` does.

    `act` and `weight` hold words of the element's operand widths.
    """
    bits = (element.act_width, element.weight_width, 2 * element.width)
    return _ports(plan, act, weight, bias, bits)


def grid_stimulus(
    plan: Schedule,
    act: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    width: int = 8,
) -> dict[str, np.ndarray]:
    """Return the value of every input port of a `Grid`, with the drain of every result.

    Parameters
    ----------
    plan : Schedule
        Control sequence.
    act : ndarray, shape (rows, ..., words)
        Activations of each row.
    weight : ndarray, shape (cols, ..., words)
        Weights of each column.
    bias : ndarray, shape (cols, ..., dot products), optional
        Biases of each column.
    width : int
        N of the MACs.

    Returns
    -------
    dict of str to ndarray, shape (..., cycles), int64
        As `mac_stimulus`; the sequence is `rows` cycles longer than that of `plan`, until the
        last row of the last result is out.

    Raises
    ------
    ValueError
        When a dot product is shorter than the drain of the one before it.
    """
    rows, cols = len(act), len(weight)
    _, row_cycles = drain_cycles(plan, rows)
    row = np.zeros(plan.cycles + rows, np.int64)
    row[row_cycles] = np.arange(rows)
    ports = {
        **plan.control,
        **{f"act__{i}": _present(act[i], plan.act_index, width) for i in range(rows)},
        **{f"weight__{j}": _present(weight[j], plan.weight_index, width) for j in range(cols)},
        **{
            f"bias__{j}": _present(None if bias is None else bias[j], plan.bias_index, 2 * width)
            for j in range(cols)
        },
    }
    # Idle words while the last result drains.
    ports = {
        name: np.concatenate([values, np.repeat(values[..., -1:], rows, axis=-1)], axis=-1)
        for name, values in ports.items()
    }
    return ports | ({"row": row} if rows > 1 else {})


def drain_cycles(plan: Schedule, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return when each row of each result of a grid is out, and when it has to be selected.

    Returns
    -------
    out : ndarray, shape (dot products, rows)
        Cycle in which the row stands at the outputs.
    select : ndarray, shape (dot products, rows)
        Cycle in which `row` selects it.

    Raises
    ------
    ValueError
        When a dot product is shorter than the drain of the one before it.
    """
    shortest = np.diff(plan.result_cycle).min(initial=rows)
    if shortest < rows:
        raise ValueError(f"a dot product must take at least {rows} cycles, not {shortest}")
    select = plan.result_cycle[:, None] + np.arange(rows)
    return select + Grid.drain_latency, select


def _ports(
    plan: Schedule,
    act: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    bits: tuple[int, int, int],
) -> dict[str, np.ndarray]:
    return plan.control | {
        "act": _present(act, plan.act_index, bits[0]),
        "weight": _present(weight, plan.weight_index, bits[1]),
        "bias": _present(bias, plan.bias_index, bits[2]),
    }


def _present(values: np.ndarray | None, index: np.ndarray, bits: int) -> np.ndarray:
    """Return the bit pattern at an operand port in each cycle; 0 where nothing was presented."""
    if values is None:
        return np.zeros(len(index), np.int64)
    patterns = np.asarray(values, np.int64) & ((1 << bits) - 1)
    return np.where(index >= 0, patterns[..., index], 0)
