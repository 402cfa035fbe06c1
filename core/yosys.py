"""Runs Yosys passes in a process of their own.

A Yosys error ends the process that called it, and generated names go on counting from one call to
the next; a fresh process per script makes the first an exception and the second harmless.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from voltile.core.errors import SynthesisError

_CHILD = """
import sys
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
    with log.open("wb") as stream:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, script], check=False,
            stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    text = log.read_text(errors="replace")
    if done.returncode:
        faults = _FAULT.findall(text) or text.strip().splitlines()[-1:]
        fault = faults[0].strip().removeprefix("ERROR: ") if faults else "no message"
        raise SynthesisError(f"Yosys: {fault} (log: {log})")
    return text
