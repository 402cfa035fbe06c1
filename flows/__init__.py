"""What a user runs: the command line, jobs over the other rooms, and their reports.

Public names
------------
RunConfig, run, RunResult : the main job, from sources to operating curves.
write_outputs : the files of its run folder.
"""

from voltile.flows.fine_vh.config import RunConfig
from voltile.flows.fine_vh.job import run
from voltile.flows.fine_vh.outputs import write_outputs
from voltile.flows.fine_vh.result import RunResult

__all__ = ["RunConfig", "RunResult", "run", "write_outputs"]
