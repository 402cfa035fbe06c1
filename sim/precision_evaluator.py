"""Evaluate many precision settings of a network on one set of inputs, sharing what they share."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from voltile.core import LayerError, Precision
from voltile.sim.emulation import Emulator, Words
from voltile.sim.fixed_point import FixedPointNetwork
from voltile.sim.quantisation import check_inputs

Codes = NDArray[np.int8]
Key = tuple[int, bytes]

# Feature maps of one call: enough to pay for it, few enough to stay in a processor's cache.
_CALL_BYTES = 1 << 20


@dataclass
class EvaluationCounts:
    """What an evaluator was asked for, and what it computed.

    Attributes
    ----------
    asked, evaluated : int
        Settings: given, and computed as new ones.
    layers, reused : int
        Results of layers for a setting: computed, and found kept where a computation began.
    """

    asked: int = 0
    evaluated: int = 0
    layers: int = 0
    reused: int = 0


class PrecisionEvaluator:
    """Logits of a network for a set of inputs, at any precision per layer.

    The result of a layer depends on the precisions of the layers before it and of its own alone: it
    is computed once for all settings that agree on these, also across calls, as long as memory
    lasts. Layers run one after the other, each for all settings that need it, in batches of one
    precision. Logits are kept for good, so that no setting is evaluated twice.

    Parameters
    ----------
    network : FixedPointNetwork
        What to evaluate.
    inputs : array_like, shape (inputs, height, width, channels)
        In the units of the network.
    memory_bytes : int
        Most feature maps that are kept, for later calls and those under way [bytes]. Logits come
        on top, ``inputs x classes`` words a setting.
    threads : int
        Threads of onnxruntime; as many as cores without it.
    saturation : bool
        Whether accumulators saturate, as in `Emulator`.

    Attributes
    ----------
    precisions : tuple of Precision
        What a number in a setting means, from 0, full precision.
    names : tuple of str
        Layers of a setting.
    counts : EvaluationCounts
        What it did so far.

    Raises
    ------
    LayerError
        When the inputs are of another shape than the network's, none, or not finite.
    """

    def __init__(
        self,
        network: FixedPointNetwork,
        inputs: npt.ArrayLike,
        *,
        memory_bytes: int = 1 << 30,
        threads: int = 0,
        saturation: bool = False,
    ) -> None:
        self.network = network
        self.emulator = Emulator(network, threads, saturation)
        self.precisions = tuple(network.element.products)
        self.names = network.names
        self.counts = EvaluationCounts()
        values = check_inputs(inputs, network.input_shape)
        self._inputs = {item: self.emulator.enter(values, item) for item in self.precisions}
        self._words: dict[bytes, Words] = {}
        self._kept: OrderedDict[Key, Words] = OrderedDict()
        self.kept_bytes = 0
        self._most_kept = memory_bytes * 3 // 4
        columns = {number: place for place, number in enumerate(network.array_layers)}
        self._columns = [columns.get(number) for number in range(len(network.layers))]
        self._before = _settled_by(network.inputs, self._columns)
        self._last_use = {
            item: number for number, taken in enumerate(network.inputs) for item in taken
        }
        self._bytes = self._sizes()
        self._candidates = max(1, memory_bytes // 4 // self._peak())

    def evaluate(self, settings: npt.ArrayLike) -> NDArray[np.float32]:
        """Return the logits of settings.

        Parameters
        ----------
        settings : array_like of int, shape (candidates, layers)
            Places in `precisions`, a column per name in `names`.

        Returns
        -------
        ndarray, shape (candidates, inputs, classes)
            In the units of the network; exact.

        Raises
        ------
        LayerError
            When settings are of another shape, or hold other numbers.
        """
        codes = self._checked(settings)
        self.counts.asked += len(codes)
        # In lexicographic order, so that settings of one share have long prefixes in common.
        fresh = [row for row in np.unique(codes, axis=0) if row.tobytes() not in self._words]
        self.counts.evaluated += len(fresh)
        while fresh:
            share, fresh = fresh[: self._candidates], fresh[self._candidates :]
            self._run(share)
        words = np.stack([self._words[row.tobytes()] for row in codes])
        scale = np.float32(2.0 ** -self.network.layers[-1].fraction_out)
        return words.astype(np.float32) * scale

    def _checked(self, settings: npt.ArrayLike) -> Codes:
        codes = np.asarray(settings)
        if codes.ndim != 2 or codes.shape[1] != len(self.names) or not len(codes):
            raise LayerError(
                f"settings must be of shape (candidates, {len(self.names)}), not {codes.shape}"
            )
        if codes.dtype.kind not in "iu" or codes.min() < 0 or codes.max() >= len(self.precisions):
            known = ", ".join(
                f"{number} ({item.name.lower()})" for number, item in enumerate(self.precisions)
            )
            other = codes.dtype if codes.dtype.kind not in "iu" else (
                codes.min() if codes.min() < 0 else codes.max()
            )  # fmt: skip
            raise LayerError(f"precisions in a setting are {known}, not {other}")
        return codes.astype(np.int8)

    def _sizes(self) -> list[int]:
        """Return the bytes of every feature map of all inputs, from a run of the first one."""
        maps = [self._inputs[Precision.FULL][:1]]
        for number, taken in enumerate(self.network.inputs):
            precision = None if self._columns[number] is None else Precision.FULL
            maps.append(self.emulator.results(number, precision, [maps[item] for item in taken]))
        return [words.nbytes * len(self._inputs[Precision.FULL]) for words in maps]

    def _peak(self) -> int:
        """Return the bytes of a setting's feature maps that are needed at the same time."""
        return max(
            sum(
                self._bytes[item] for item in range(1, number + 2)
                if self._last_use.get(item, number) >= number
            )
            for number in range(len(self.network.layers))
        )  # fmt: skip

    def _run(self, rows: Sequence[Codes]) -> None:
        """Evaluate new settings together."""
        needed, live = self._needed(rows)
        for number, taken in enumerate(self.network.inputs):
            missing = [(key, row) for key, row in needed[number + 1].items() if key not in live]
            for precision, batch in self._batches(number, missing):
                maps = [
                    _joined([self._map(item, precision, row, live) for _, row in batch])
                    for item in taken
                ]
                results = self.emulator.results(number, precision, maps)
                self.counts.layers += len(batch)
                for (key, _), words in zip(batch, np.split(results, len(batch)), strict=True):
                    live[key] = words.copy()  # onnxruntime's own memory is for its next call
            self._keep(live, [key for key, _ in missing])
            for item in taken:
                if item and self._last_use[item] == number:
                    for key in needed[item]:
                        del live[key]
        last = len(self.network.layers)
        for row in rows:
            words = live[self._key(last, row)]
            self._words[row.tobytes()] = words.reshape(len(words), -1).copy()
        # The first layers' results serve most settings to come: they are forgotten last.
        for keys in needed[::-1]:
            for key in keys:
                if key in self._kept:
                    self._kept.move_to_end(key)

    def _needed(self, rows: Sequence[Codes]) -> tuple[list[dict[Key, Codes]], dict[Key, Words]]:
        """Return the results that settings need of every layer, and those that are kept."""
        last = len(self.network.layers)
        needed: list[dict[Key, Codes]] = [{} for _ in range(last + 1)]
        needed[last] = {self._key(last, row): row for row in rows}
        live: dict[Key, Words] = {}
        for number in range(last - 1, -1, -1):
            for key, row in needed[number + 1].items():
                if key in self._kept:
                    live[key] = self._kept[key]
                    self.counts.reused += 1
                    continue
                for item in self.network.inputs[number]:
                    if item:
                        needed[item][self._key(item, row)] = row
        return needed, live

    def _batches(
        self, number: int, missing: Sequence[tuple[Key, Codes]]
    ) -> Iterator[tuple[Precision | None, Sequence[tuple[Key, Codes]]]]:
        """Yield results to compute in one call: of one precision, and not too many."""
        column = self._columns[number]
        groups: dict[Precision | None, list[tuple[Key, Codes]]] = {}
        for key, row in missing:
            precision = None if column is None else self.precisions[row[column]]
            groups.setdefault(precision, []).append((key, row))
        largest = max(self._bytes[item] for item in (*self.network.inputs[number], number + 1))
        size = max(1, _CALL_BYTES // largest)
        for precision, group in groups.items():
            for start in range(0, len(group), size):
                yield precision, group[start : start + size]

    def _map(
        self, item: int, precision: Precision | None, row: Codes, live: dict[Key, Words]
    ) -> Words:
        if item == 0:
            return self._inputs[precision or Precision.FULL]
        return live[self._key(item, row)]

    def _key(self, item: int, row: Codes) -> Key:
        return item, row[self._before[item]].tobytes()

    def _keep(self, live: dict[Key, Words], keys: Sequence[Key]) -> None:
        """Keep results, and forget the ones longest unused when memory is short."""
        for key in keys:
            self._kept[key] = live[key]
            self.kept_bytes += live[key].nbytes
        while self.kept_bytes > self._most_kept:
            _, old = self._kept.popitem(last=False)
            self.kept_bytes -= old.nbytes


def _joined(maps: Sequence[Words]) -> Words:
    """Return maps as one batch, the only one as it is."""
    return maps[0] if len(maps) == 1 else np.concatenate(maps)


def _settled_by(
    inputs: Sequence[Sequence[int]], columns: Sequence[int | None]
) -> list[NDArray[np.intp]]:
    """Return the columns of a setting that each feature map depends on."""
    settled: list[set[int]] = [set()]
    for taken, column in zip(inputs, columns, strict=True):
        own = set() if column is None else {column}
        settled.append(own.union(*(settled[item] for item in taken)))
    return [np.array(sorted(item), np.intp) for item in settled]
