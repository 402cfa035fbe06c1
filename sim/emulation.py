"""Layers of fixed-point networks under onnxruntime, exactly as in integers."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from voltile.core import LayerError, Precision, ProgramError
from voltile.sim.exact_sums import may_saturate
from voltile.sim.fixed_point import FixedPointNetwork
from voltile.sim.fixed_point_layers import FixedPointLayer
from voltile.sim.onnx_builder import OnnxBuilder
from voltile.sim.onnx_layers import ConvolutionNodes, add_join

Words = NDArray[Any]  # int8 or int16


class Emulator:
    """Layers of a network, each a small ONNX model in words of all bits.

    Sessions are made when first needed. Layers whose sums float32 does not hold in any pieces, and,
    on request, those whose accumulator may saturate, are computed by the golden model, far slower.

    Parameters
    ----------
    network : FixedPointNetwork
        What to emulate.
    threads : int
        Threads of onnxruntime; as many as cores without it.
    saturation : bool
        Whether the accumulator saturates as the element's does; it is unbounded otherwise.

    Attributes
    ----------
    saturating : tuple of str
        Names of the layers whose accumulator may saturate.

    Raises
    ------
    LayerError
        For words of more than 16 bits.
    """

    def __init__(
        self, network: FixedPointNetwork, threads: int = 0, saturation: bool = False
    ) -> None:
        if network.element.width > 16:
            raise LayerError(f"emulation takes words of 16 bits, not {network.element.width}")
        self.network = network
        self.threads = threads
        self.dtype = np.dtype(np.int8 if network.element.width <= 8 else np.int16)
        self.saturating = tuple(
            layer.source.name
            for layer in network.convolutions
            if may_saturate(network.element, layer.weight, layer.bias)
        )
        self._golden = self.saturating if saturation else ()
        self._sessions: dict[tuple[int, Precision | None], Any] = {}

    def enter(self, values: npt.ArrayLike, precision: Precision) -> Words:
        """Return inputs as a first layer takes them, channels first.

        Parameters
        ----------
        values : array_like, shape (inputs, height, width, channels)
            In the units of the network.
        """
        words = np.moveaxis(self.network.enter(values, precision), -1, 1)
        return np.ascontiguousarray(words, self.dtype)

    def results(self, number: int, precision: Precision | None, maps: Sequence[Words]) -> Words:
        """Return the results of a layer in words of all bits.

        Parameters
        ----------
        number : int
            Number of the layer.
        precision : Precision or None
            Of a layer that takes one.
        maps : sequence of ndarray, shape (batch, channels, height, width)
            Feature maps that it takes, in words of all bits; the input as `enter` returns it for
            the precision.

        Raises
        ------
        ProgramError
            When onnxruntime is missing.
        """
        key = number, precision
        if key not in self._sessions:
            is_golden = self.network.layers[number].source.name in self._golden
            shapes = [words.shape[1:] for words in maps]
            self._sessions[key] = None if is_golden else self._session(number, precision, shapes)
        session = self._sessions[key]
        if session is None:
            return self._exact(number, precision, maps)
        words: Words = session.run(None, {f"x{place}": item for place, item in enumerate(maps)})[0]
        return words

    def _exact(self, number: int, precision: Precision | None, maps: Sequence[Words]) -> Words:
        """Return the results by the golden model."""
        bits, (_, lost) = self.network.element.width, self.network.word(precision)
        if 0 in self.network.inputs[number]:
            lost = 0
        results = [
            self.network.results(
                number, [np.moveaxis(act.astype(np.int64), 0, -1) >> lost for act in acts],
                precision, bits,
            )
            for acts in zip(*maps, strict=True)
        ]  # fmt: skip
        return np.ascontiguousarray(np.moveaxis(np.stack(results), -1, 1), self.dtype)

    def _session(
        self, number: int, precision: Precision | None, shapes: Sequence[Sequence[int]]
    ) -> Any:
        """Return a session for a layer, or None when only the golden model computes it."""
        try:
            import onnxruntime
        except ImportError:
            raise ProgramError(
                "emulation needs the package 'onnxruntime'; try: pip install 'voltile[search]'"
            ) from None
        from onnx import helper

        network, layer = self.network, self.network.layers[number]
        build, names = OnnxBuilder(), [f"x{place}" for place in range(len(shapes))]
        if isinstance(layer, FixedPointLayer):
            nodes = ConvolutionNodes(network, number, precision or Precision.FULL)
            if nodes.sums is None:
                return None
            lost = 0 if 0 in network.inputs[number] else network.word(precision)[1]
            act = build.dequantised(names[0], lost)
            real = nodes.add(build, build.node("Floor", act) if lost else act, 0)
        else:
            acts = [
                build.dequantised(name, fraction)
                for name, fraction in zip(names, layer.fractions_in, strict=True)
            ]
            real = add_join(build, layer, network.ceiling(number), acts)
        build.quantised(real, layer.fraction_out, network.element.width, name="words")
        kind, value = helper.np_dtype_to_tensor_dtype(self.dtype), helper.make_tensor_value_info
        inputs = [
            value(name, kind, ["batch", *shape]) for name, shape in zip(names, shapes, strict=True)
        ]
        _share_memory()
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.use_env_allocators", "1")
        options.intra_op_num_threads = self.threads
        # Threads of one layer must not keep cores busy while another one runs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # No fusion of quantisers: they would round, and add up in other units.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        return onnxruntime.InferenceSession(
            build.model(inputs, value("words", kind, None)).SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
        )


@cache
def _share_memory() -> None:
    """Give all sessions one arena: one of its own keeps what its largest call took, for good."""
    import onnxruntime

    arena, kind = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, onnxruntime.OrtMemType.DEFAULT
    onnxruntime.create_and_register_allocator(
        onnxruntime.OrtMemoryInfo("Cpu", arena, 0, kind), None
    )
