"""Write ONNX graphs node by node, with quantisers by powers of two."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.sim.golden import IntArray

_OPSET, _IR_VERSION = 21, 10  # the first with quantisers of 4 and 16 bits


class OnnxBuilder:
    """Nodes and constants of a graph; tensors are named by number where no name is given."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, op: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node; return the name of its result."""
        from onnx import helper

        output = name or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], f"{output}_{op}", **attributes))
        return output

    def constant(self, values: NDArray[Any] | np.generic) -> str:
        """Add a constant; return its name."""
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def number(self, value: float) -> str:
        """Add a single-precision number; return its name."""
        return self.constant(np.float32(value))

    def integers(self, values: IntArray, bits: int) -> str:
        """Add integers in the smallest type of at least `bits` bits; return their name."""
        from onnx import TensorProto, helper

        if bits > 4:
            return self.constant(values.astype(f"i{1 << max(bits - 1, 7).bit_length() - 3}"))
        name = f"c{len(self.constants)}"
        self.constants.append(
            helper.make_tensor(name, TensorProto.INT4, values.shape, values.ravel().tolist())
        )
        return name

    def dequantised(self, words: str, fraction: int, name: str = "") -> str:
        """Return ``words * 2**-fraction``."""
        return self.node("DequantizeLinear", words, self.number(2.0**-fraction), name=name)

    def quantised(self, real: str, fraction: int, bits: int, name: str = "") -> str:
        """Return words of `bits` bits: ``real * 2**fraction``, rounded half to even, clamped."""
        zero = self.integers(np.zeros((), np.int64), bits)
        if bits not in (4, 8, 16):
            ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            real = self.node("Clip", real, *(self.number(end * 2.0**-fraction) for end in ends))
        return self.node("QuantizeLinear", real, self.number(2.0**-fraction), zero, name=name)

    def floored(self, real: str, fraction: int, kind: type[np.floating[Any]] = np.float32) -> str:
        """Return the next lower multiple of ``2**-fraction``; `kind` is the type of `real`."""
        scaled = self.node("Mul", real, self.constant(kind(2.0**fraction)))
        return self.node("Mul", self.node("Floor", scaled), self.constant(kind(2.0**-fraction)))

    def model(self, inputs: list[Any], output: Any) -> Any:
        """Return the model; inputs and output are as of `onnx.helper.make_tensor_value_info`."""
        from onnx import helper

        graph = helper.make_graph(self.nodes, "network", inputs, [output], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
        model.ir_version = _IR_VERSION
        model.producer_name = "voltile"
        return model
