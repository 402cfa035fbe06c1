"""What a user runs: the command line, jobs over the other rooms, and their reports.

Public names
------------
RunConfig, run, RunResult : the main job, from sources to operating curves.
write_outputs : the files of its run folder.
"""

from voltile.flows.outputs import write_outputs
from voltile.flows.run_config import RunConfig
from voltile.flows.run_job import run
from voltile.flows.run_result import RunResult

__all__ = ["RunConfig", "RunResult", "run", "write_outputs"]
