"""Benchmark designs that nobody here wrote: two RISC-V cores, from packages on PyPI.

voltile run $(python bench/designs.py cv32e40p) --top cv32e40p_core
"""

import argparse
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from voltile.core import SynthesisError
from voltile.floorplan.synth import Sources

# Wrappers around the core, which ask for a floating-point unit, and the register file of latches,
# which has the same module name as the one of flip-flops.
_CV32E40P_UNUSED = ("*fp_wrapper*", "*_top.sv", "*latch*")


def cv32e40p() -> Sources:
    """Return the OpenHW CV32E40P: RV32IMC, four-stage pipeline, in SystemVerilog.

    Its clock gates are the behavioural model that comes with it: a latch and an AND gate.

    Raises
    ------
    SynthesisError
        When the package is not installed.
    """
    root = _package("pythondata-cpu-cv32e40p") / "system_verilog"
    packages = [
        root / "rtl" / "include" / f"cv32e40p_{name}_pkg.sv" for name in ("apu_core", "fpu")
    ]
    packages.append(root / "rtl" / "include" / "cv32e40p_pkg.sv")
    modules = [
        path
        for path in sorted((root / "rtl").glob("cv32e40p_*.sv"))
        if not any(path.match(pattern) for pattern in _CV32E40P_UNUSED)
    ]
    gate = root / "bhv" / "cv32e40p_sim_clock_gate.sv"
    return Sources([*packages, *modules, gate], top="cv32e40p_core")


def picorv32() -> Sources:
    """Return PicoRV32 with its default parameters: RV32I, several cycles an instruction.

    Raises
    ------
    SynthesisError
        When the package is not installed.
    """
    return Sources([_package("pythondata-cpu-picorv32") / "verilog" / "picorv32.v"], top="picorv32")


DESIGNS: dict[str, Callable[[], Sources]] = {"cv32e40p": cv32e40p, "picorv32": picorv32}


def _package(name: str) -> Path:
    """Folder of an installed package of PyPI."""
    spec = find_spec(name.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise SynthesisError(f"package {name} is not installed; try: pip install {name}")
    return Path(spec.origin).parent


def main() -> None:
    """Print the source files of a design on one line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("design", choices=DESIGNS)
    try:
        print(*DESIGNS[parser.parse_args().design]().files)
    except SynthesisError as fault:
        parser.exit(2, f"{fault}\n")


if __name__ == "__main__":
    main()
