"""Runs Yosys passes in a process of their own.

A Yosys error ends the process that called it, and generated names go on counting from one call to
the next; a fresh process per script makes the first an exception and the second harmless.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from voltile.core.errors import SynthesisError
from voltile.core.programs import run_logged

# PR_SET_PDEATHSIG: where there is such a thing, the child ends with its parent.
_CHILD = """
import ctypes, sys
getattr(ctypes.CDLL(None), "prctl", lambda *_: 0)(1, 9)
from pyosys import libyosys
design = libyosys.Design()
for line in open(sys.argv[1], encoding="utf-8"):
    if line.strip():
        libyosys.run_pass(line.strip(), design)
"""
_FAULT = re.compile(r"^.*(?:\bERROR: |: error: ).*$", re.MULTILINE)


def run_yosys(passes: Sequence[str], folder: Path, name: str) -> str:
    """Run passes on one fresh design; return the log, also kept as `folder`/`name`.log.

    Raises
    ------
    SynthesisError
        With the first error that Yosys or its SystemVerilog front end reports.
    """
    script, log = folder / f"{name}.ys", folder / f"{name}.log"
    script.write_text("\n".join(passes) + "\n")
    code = run_logged([sys.executable, "-c", _CHILD, script], log)
    text = log.read_text(errors="replace")
    if code:
        faults = _FAULT.findall(text) or text.strip().splitlines()[-1:]
        fault = faults[0].strip().removeprefix("ERROR: ") if faults else "no message"
        raise SynthesisError(f"Yosys: {fault} (log: {log})")
    return text
