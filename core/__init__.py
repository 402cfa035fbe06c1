"""Words every room shares: precision modes, errors, external programs, files, executor, records.

Public names
------------
Precision : the three operand precisions of the scalable MAC and their pass order.
VoltileError and its children : input faults; the command line prints them and exits with 2.
run_program : run an external program with a log and one clear error.
executor : the process pool through which all independent work goes.
run_tasks, Pools : tasks through it, gone on with when workers die.
write_atomically, new_folder : nothing half-written stays behind.
read_csv_rows, CsvRow : tables from outside, with faults that name the place.
read_checked_toml, TomlSection : the same for TOML files.
read_steps, Steps : values over time from such tables.
StageMeter, RunRecord : wall time and peak memory of each stage, and what `run.json` holds.
"""

from voltile.core.checked_toml import TomlSection, read_checked_toml
from voltile.core.csv_rows import CsvRow, read_csv_rows
from voltile.core.errors import (
    LayerError,
    LibertyError,
    NetlistError,
    PlacementInfeasible,
    ProgramError,
    SynthesisError,
    TechnologyError,
    ThermalRunaway,
    TimingInfeasible,
    VoltileError,
)
from voltile.core.executor import executor
from voltile.core.files import file_hash, write_atomically
from voltile.core.precision import Precision
from voltile.core.programs import run_program
from voltile.core.records import RunRecord, StageMeter
from voltile.core.step_files import Steps, read_steps
from voltile.core.task_runner import Pools, run_tasks

__all__ = [
    "CsvRow",
    "LayerError",
    "LibertyError",
    "NetlistError",
    "PlacementInfeasible",
    "Pools",
    "Precision",
    "ProgramError",
    "RunRecord",
    "StageMeter",
    "Steps",
    "SynthesisError",
    "TechnologyError",
    "ThermalRunaway",
    "TimingInfeasible",
    "TomlSection",
    "VoltileError",
    "executor",
    "file_hash",
    "read_checked_toml",
    "read_csv_rows",
    "read_steps",
    "run_program",
    "run_tasks",
    "write_atomically",
]
