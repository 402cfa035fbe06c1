"""External programs: one helper that finds, runs and logs them."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from voltile.core.errors import ProgramError

_PACKAGES = {"sta": "opensta", "iverilog": "iverilog", "vvp": "iverilog", "ngspice": "ngspice"}


def find_program(name: str) -> str:
    """Return the path of an external program.

    Raises
    ------
    ProgramError
        When it is not on PATH; the message names the package that brings it.
    """
    path = shutil.which(name)
    if path is None:
        package = _PACKAGES.get(name, name)
        raise ProgramError(f"program '{name}' is not installed; try: apt-get install {package}")
    return path


def run_program(
    arguments: Sequence[str | Path],
    log: Path,
    cwd: Path | None = None,
    timeout: float | None = None,
) -> str:
    """Run an external program, keep all it prints in `log`, and return that text.

    Raises
    ------
    ProgramError
        When the program is missing, ends with an error, or runs longer than `timeout` [s].
    """
    command = [find_program(str(arguments[0])), *map(str, arguments[1:])]
    try:
        code = run_logged(command, log, cwd, timeout)
    except subprocess.TimeoutExpired:
        raise ProgramError(
            f"'{arguments[0]}' did not end within {timeout:.0f} s (log: {log})"
        ) from None
    text = log.read_text(errors="replace")
    if code:
        tail = " | ".join(text.strip().splitlines()[-3:])
        raise ProgramError(f"'{arguments[0]}' ended with {code}: {tail} (log: {log})")
    return text


def run_logged(
    command: Sequence[str | Path], log: Path, cwd: Path | None = None, timeout: float | None = None
) -> int:
    """Run a command, keep all it prints in `log`, and return its exit code.

    When this is interrupted, the command ends, and so does whatever it started.

    Raises
    ------
    TimeoutExpired
        After `timeout` [s].
    """
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=cwd, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            return process.wait(timeout)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
