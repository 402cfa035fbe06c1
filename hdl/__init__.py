"""Amaranth components: processing elements, their control sequences, and their export.

Public names
------------
ProcessingElement, OperandMode : the interface of the processing elements.
ScalableMac : processing element for full, mixed and half precision (Fig. 3.13, Algorithm 3).
SpatialMac : the same precisions from four multipliers at once.
DualMac : one 16 x 16 or two 8 x 8 bit MACs a cycle (Fig. 3.4).
MOST_ELEMENTS : how many an array has at most.
PROCESSING_ELEMENTS : the three by their names on the command line.
Grid : rows x cols of `ScalableMac` under one broadcast control word.
SystolicArray : rows x cols of any element, operands and control word in the wavefront.
Accelerator : array, buffers, sequencer, streams and registers: runs layers.
Layer, LayerJob, split_layer, SpaceToDepth : the host's side of it: layers as jobs and words.
Register, Status, FAULTS, job_fields : its registers, why it stands still, the descriptor.
Sram, DoubleBuffer : its memories.
WeightForm : whether words of weights are those of a job's precision, or of full (Fig. 3.5).
RoundHalfEven : the combinational round unit by itself.
Addend, WeightPart, Shift : values of the fields of the control word.
control_fields, packed_control_fields : control words of `ScalableMac` and of the others.
control_layout, control_signature : a control word as a value and as ports.
DotProduct, Features, Target : one dot product to schedule, and where its operands and result lie.
Schedule, schedule_dot_products : control word and operand index of every cycle.
schedule_on : the same on any processing element.
mac_stimulus, element_stimulus, grid_stimulus, drain_cycles : the same as the value of every port in
    every cycle.
to_rtlil, write_verilog : a component as RTLIL text or as a Verilog-2005 file.
"""

from voltile.hdl.accelerator import Accelerator
from voltile.hdl.control import (
    Addend,
    Shift,
    WeightPart,
    control_fields,
    control_layout,
    control_signature,
    packed_control_fields,
)
from voltile.hdl.dual_mac import DualMac
from voltile.hdl.export import to_rtlil, write_verilog
from voltile.hdl.grid import Grid
from voltile.hdl.layer_job import WeightForm, job_fields
from voltile.hdl.layer_jobs import LayerJob
from voltile.hdl.layer_parts import split_layer
from voltile.hdl.layers import Layer, SpaceToDepth
from voltile.hdl.packed_schedule import schedule_on
from voltile.hdl.pe import MOST_ELEMENTS, OperandMode, ProcessingElement
from voltile.hdl.registers import FAULTS, Register, Status
from voltile.hdl.rounding import RoundHalfEven
from voltile.hdl.scalable_mac import ScalableMac
from voltile.hdl.scalable_schedule import schedule_dot_products
from voltile.hdl.schedule import DotProduct, Features, Schedule, Target
from voltile.hdl.spatial_mac import SpatialMac
from voltile.hdl.sram import DoubleBuffer, Sram
from voltile.hdl.stimulus import drain_cycles, element_stimulus, grid_stimulus, mac_stimulus
from voltile.hdl.systolic_array import SystolicArray

PROCESSING_ELEMENTS: dict[str, type[ScalableMac | SpatialMac | DualMac]] = {
    "scalable": ScalableMac,
    "spatial": SpatialMac,
    "dual": DualMac,
}
"""Elements by their names on the command line."""

__all__ = [
    "FAULTS",
    "MOST_ELEMENTS",
    "PROCESSING_ELEMENTS",
    "Accelerator",
    "Addend",
    "DotProduct",
    "DoubleBuffer",
    "DualMac",
    "Features",
    "Grid",
    "Layer",
    "LayerJob",
    "OperandMode",
    "ProcessingElement",
    "Register",
    "RoundHalfEven",
    "ScalableMac",
    "Schedule",
    "Shift",
    "SpaceToDepth",
    "SpatialMac",
    "Sram",
    "Status",
    "SystolicArray",
    "Target",
    "WeightForm",
    "WeightPart",
    "control_fields",
    "control_layout",
    "control_signature",
    "drain_cycles",
    "element_stimulus",
    "grid_stimulus",
    "job_fields",
    "mac_stimulus",
    "packed_control_fields",
    "schedule_dot_products",
    "schedule_on",
    "split_layer",
    "to_rtlil",
    "write_verilog",
]
