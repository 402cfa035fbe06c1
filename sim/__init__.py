"""Golden models, in exact integers: processing elements, layers, networks; cycles of layers.

Public names
------------
dot_product : a dot product by Algorithm 3, with the accumulator's saturation and the bias.
packed_dot_product : one that adds several products at a time.
pack : operands of one dot product in words.
reconfigure_weights : weights of half as many bits (Fig. 3.5).
round_half_even : rounding of weights to half their bits.
write_back : truncation and range check of a result.
interleave, deinterleave : two half-width values in one word.
split : a word's signed high and unsigned low half.
saturate, accumulate : clamping, and a sum that clamps after every addition.
dot_product_cycles : cycles that a dot product takes (Table 3.9).
Element, SCALABLE, SPATIAL, DUAL, ELEMENTS : the elements as the models know them, and by name.
convolve, activate, windows : a layer: its sums, what it writes back, the windows it sums over.
layer_cycles : cycles of a layer that is one job of the accelerator.
scale_sim_counts, ScaleSimCounts : cycles and accesses of a layer as SCALE-Sim counts them.
ArrayConfig, Dataflow, CycleMode : the array and its memories as they see it; whose cycles.
accelerator_counts, AcceleratorCounts : jobs, cycles and words of layers on the accelerator.
layer_costs, LayerCosts : cycles, accesses, traffic and stalls of every layer at every precision.
LayerShape, Op, Workload : shapes of a network's layers, as the cost models see them.
read_workload, read_onnx_workload, read_topology : those of a file; SCALE-Sim's topologies, too.
NETWORKS, network : those of well-known networks, by name.
PeEnergy, read_pe_energy : what an element takes over precision and supply.
Policy, OperatingPoints, operating_points : supply and clock of every precision.
Memories, Control : what is around the array.
LayerEnergies, layer_energies : energy of the layers over precisions and operating points.
ENERGY_PARTS : what it is made of.
EnergyTable : the look-up table of it, as CSV, JSON and Parquet.
HARDWARE_COLUMNS, hardware_values : what computes, as tables name it.
SweepTable, sweep_columns : what whole networks cost on many arrays, a row per operating point.
WeightReconfiguration, weight_reconfiguration : what it costs to change the weights' precision.
softmax, kl_divergence, top_1 : what logits say (Eq. 3.3, 3.4).
ClassHierarchy, Cut, read_hierarchy : multilevel classification (Eq. 3.7).
operations : the effort of layers (Eq. 3.9, Table 3.9).
PrecisionPoints : precision settings and what they give.
Budget, BudgetRun, read_budget, run_under_budget : precision that follows an energy budget.
FloatNetwork, FloatLayer, MaxPool, Join, read_onnx : a network in floating point, from an ONNX file.
FixedPointNetwork, FixedPointLayer, FixedPointJoin : the same in integers, at a precision per layer.
quantise, fraction_length, range_fraction_length : Eq. 3.2; lengths of least error, and by Eq. 3.8.
Emulator : layers of such a network under onnxruntime, integer for integer the same.
PrecisionEvaluator, EvaluationCounts : logits at many precision settings, and what that took.
qdq_model, layer_flags : a setting as an ONNX file, and as flags for the accelerator.

How a network is evaluated at precisions per layer
--------------------------------------------------
::

    network = FixedPointNetwork.quantised(read_onnx(path), calibration, DUAL)
    evaluator = PrecisionEvaluator(network, calibration)
    settings = np.zeros((1, len(network.names)), int)   # a column per name; 0 is full precision
    logits = evaluator.evaluate(settings)               # (settings, inputs, classes), exact
    precisions = [evaluator.precisions[code] for code in settings[0]]
    Path("setting.onnx").write_bytes(qdq_model(network, precisions))
    flags = layer_flags(network, precisions)

Inputs are of (inputs, height, width, channels). `network.names` are the layers that take a
precision: convolutions, fully connected layers, average pooling, named as in a `Workload`.
"""

from voltile.sim.accelerator_jobs import AcceleratorCounts, accelerator_counts
from voltile.sim.array_config import ArrayConfig, CycleMode, Dataflow
from voltile.sim.budget_control import Budget, BudgetRun, read_budget, run_under_budget
from voltile.sim.classification import kl_divergence, softmax, top_1
from voltile.sim.cycles import ScaleSimCounts, layer_cycles, scale_sim_counts
from voltile.sim.effort import operations
from voltile.sim.elements import DUAL, ELEMENTS, SCALABLE, SPATIAL, Element
from voltile.sim.emulation import Emulator
from voltile.sim.energy_model import (
    ENERGY_PARTS,
    Control,
    LayerEnergies,
    Memories,
    layer_energies,
)
from voltile.sim.energy_table import HARDWARE_COLUMNS, EnergyTable, hardware_values
from voltile.sim.fixed_point import FixedPointNetwork
from voltile.sim.fixed_point_layers import FixedPointJoin, FixedPointLayer
from voltile.sim.float_network import FloatLayer, FloatNetwork, Join, MaxPool
from voltile.sim.golden import (
    accumulate,
    deinterleave,
    dot_product,
    dot_product_cycles,
    interleave,
    round_half_even,
    saturate,
    split,
    write_back,
)
from voltile.sim.hierarchy import ClassHierarchy, Cut, read_hierarchy
from voltile.sim.layer_costs import LayerCosts, layer_costs
from voltile.sim.layers import activate, convolve
from voltile.sim.networks import NETWORKS, network
from voltile.sim.onnx_network import read_onnx
from voltile.sim.onnx_workload import read_onnx_workload
from voltile.sim.operating_points import OperatingPoints, Policy, operating_points
from voltile.sim.packed import pack, packed_dot_product, reconfigure_weights
from voltile.sim.pe_energy import PeEnergy, read_pe_energy
from voltile.sim.precision_evaluator import EvaluationCounts, PrecisionEvaluator
from voltile.sim.precision_points import PrecisionPoints
from voltile.sim.quantisation import fraction_length, quantise, range_fraction_length
from voltile.sim.read_workload import read_workload
from voltile.sim.setting_export import layer_flags, qdq_model
from voltile.sim.sweep_table import SweepTable, sweep_columns
from voltile.sim.topology_csv import read_topology
from voltile.sim.weight_reconfiguration import WeightReconfiguration, weight_reconfiguration
from voltile.sim.windows import windows
from voltile.sim.workload import LayerShape, Op, Workload

__all__ = [
    "AcceleratorCounts",
    "ArrayConfig",
    "Budget",
    "BudgetRun",
    "ClassHierarchy",
    "Control",
    "Cut",
    "CycleMode",
    "DUAL",
    "Dataflow",
    "ELEMENTS",
    "ENERGY_PARTS",
    "Element",
    "Emulator",
    "EnergyTable",
    "EvaluationCounts",
    "FixedPointJoin",
    "FixedPointLayer",
    "FixedPointNetwork",
    "FloatLayer",
    "FloatNetwork",
    "HARDWARE_COLUMNS",
    "Join",
    "LayerCosts",
    "LayerEnergies",
    "LayerShape",
    "MaxPool",
    "Memories",
    "NETWORKS",
    "Op",
    "OperatingPoints",
    "PeEnergy",
    "Policy",
    "PrecisionEvaluator",
    "PrecisionPoints",
    "SCALABLE",
    "SPATIAL",
    "ScaleSimCounts",
    "SweepTable",
    "WeightReconfiguration",
    "Workload",
    "accelerator_counts",
    "accumulate",
    "activate",
    "convolve",
    "deinterleave",
    "dot_product",
    "dot_product_cycles",
    "fraction_length",
    "hardware_values",
    "interleave",
    "kl_divergence",
    "layer_costs",
    "layer_cycles",
    "layer_energies",
    "layer_flags",
    "network",
    "operating_points",
    "operations",
    "pack",
    "packed_dot_product",
    "qdq_model",
    "quantise",
    "range_fraction_length",
    "read_budget",
    "read_hierarchy",
    "read_onnx",
    "read_onnx_workload",
    "read_pe_energy",
    "read_topology",
    "read_workload",
    "reconfigure_weights",
    "round_half_even",
    "run_under_budget",
    "saturate",
    "scale_sim_counts",
    "softmax",
    "split",
    "sweep_columns",
    "top_1",
    "weight_reconfiguration",
    "windows",
    "write_back",
]
