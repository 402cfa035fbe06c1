"""Our transistor cards against the PDK's own files: currents and gate capacitance at every size.

python bench/transistor_models.py
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voltile.core import run_program
from voltile.pdk import find_pdk
from voltile.pdk.characterization.layout import Diffusion
from voltile.pdk.characterization.models import DeviceModel, device_card, model_cards
from voltile.pdk.characterization.transistors import CellNetlist, Transistor, read_netlists

QUANTITIES = ("on current", "off current", "gate cap. on", "gate cap. off")
SKY130_LENGTHS = (0.150e-6, 0.155e-6, 0.160e-6, 0.170e-6)
SKY130_CORNERS = {"ss": 100.0, "ff": 100.0, "tt": 25.0}  # degrees Celsius
SKY130_POLARITY = {"sky130_fd_pr__nfet_01v8": "n", "sky130_fd_pr__pfet_01v8_hvt": "p"}
FREEPDK45_CORNERS = {"ss": 125.0, "ff": 125.0, "nom": 25.0}
FREEPDK45_SIZES = [(width, length) for width in (0.09e-6, 0.415e-6, 0.63e-6)
                   for length in (50e-9, 51e-9, 52e-9, 54e-9)]  # fmt: skip
DIFFUSION = 0.26e-6
END = Diffusion(DIFFUSION, 1.0)
# ngspice copies the vendor's bins for every instance: small decks load several times faster.
CHUNK = 8


@dataclass(frozen=True)
class Case:
    """One transistor in one corner, at a list of (width, length) [m]."""

    device: DeviceModel
    corner: str
    temperature: float
    supply: float
    sizes: Sequence[tuple[float, float]]
    vendor_prefix: str  # `x` where the model is inside a subcircuit, else `m`
    vendor_includes: tuple[Path, ...] = ()


def sky130_case(name: str, corner: str) -> Case:
    """Every size of a transistor in the sky130_fd_sc_hd cells, shortest gates at four lengths."""
    reference = find_pdk("sky130A") / "sky130A/libs.ref"
    netlists = read_netlists(reference / "sky130_fd_sc_hd/spice/sky130_fd_sc_hd.spice", 1e-6)
    cells = [cell for cell in netlists.values() if isinstance(cell, CellNetlist)]
    sizes = {(round(item.width, 12), round(item.length, 12))
             for cell in cells for item in cell.transistors if item.model == name}  # fmt: skip
    sizes |= {(width, length) for width, drawn in sizes if drawn == SKY130_LENGTHS[0]
              for length in SKY130_LENGTHS}  # fmt: skip
    models = reference / "sky130_fd_pr/spice"
    device = DeviceModel(SKY130_POLARITY[name], models / f"{name}__{corner}.pm3.spice", name)
    mismatch = models / f"{name}__mismatch.corner.spice"
    return Case(device, corner, SKY130_CORNERS[corner], 1.8, sorted(sizes), "x", (mismatch,))


def freepdk45_case(name: str, corner: str) -> Case:
    """Some sizes of a transistor, `NMOS_VTL` to `PMOS_VTH`."""
    models = find_pdk("freepdk45") / f"freepdk45/libs.tech/ngspice/models_{corner}"
    device = DeviceModel(name[0].lower(), models / f"{name}.inc", name)
    return Case(device, corner, FREEPDK45_CORNERS[corner], 1.0, FREEPDK45_SIZES, "m")


def all_cases() -> Iterator[Case]:
    """Every transistor of both PDKs in every corner."""
    for corner in SKY130_CORNERS:
        yield from (sky130_case(name, corner) for name in SKY130_POLARITY)
    for corner in FREEPDK45_CORNERS:
        yield from (freepdk45_case(f"{kind}MOS_{flavour}", corner)
                    for flavour in ("VTL", "VTG", "VTH") for kind in "NP")  # fmt: skip


def own_cards(case: Case) -> str:
    """Our cards for the case; the netlist calls the model `fet`."""
    return model_cards({"fet": case.device}, {"fet": case.sizes})


def measure_own(case: Case, cards: str, folder: Path) -> np.ndarray:
    """Measure with given cards; shape (sizes, quantities)."""
    devices = [
        device_card(Transistor(str(at), f"d{at}", f"g{at}", "0", "0", "fet", *size), END, END)
        for at, size in enumerate(case.sizes)
    ]
    return _measure(case, cards, devices, folder)


def measure_vendor(case: Case, folder: Path) -> np.ndarray:
    """Measure with the PDK's files as they are, which expect micrometres."""
    files = (*case.vendor_includes, case.device.file)
    models = "\n".join([*(f".include {file}" for file in files), ".option scale=1e-6"])
    parts = []
    for begin in range(0, len(case.sizes), CHUNK):
        devices = []
        for at, size in enumerate(case.sizes[begin : begin + CHUNK]):
            width, length, diffusion = (value * 1e6 for value in (*size, DIFFUSION))
            devices.append(
                f"{case.vendor_prefix}{at} d{at} g{at} 0 0 {case.device.name} "
                f"l={length:.6g} w={width:.6g} ad={width * diffusion:.6g} "
                f"as={width * diffusion:.6g} pd={2 * (width + diffusion):.6g} "
                f"ps={2 * (width + diffusion):.6g}"
            )
        parts.append(_measure(case, models, devices, folder))
    return np.concatenate(parts)


def _measure(case: Case, models: str, devices: Sequence[str], folder: Path) -> np.ndarray:
    """Return current at Vgs = Vds = Vdd, at Vgs = 0, gate capacitance at both; per device.

    All gates hang on one node and all drains on another, each over its own ammeter.
    """
    sign = 1 if case.device.polarity == "n" else -1
    count = range(len(devices))
    drains, gates = (" ".join(f"i(v{pin}{at})" for at in count) for pin in "dg")
    deck = [
        "* transistors", models, f".temp {case.temperature:g}",
        ".option gmin=1e-18 abstol=1e-18 reltol=1e-6",
        f"vgate gate 0 {sign * case.supply} ac 1", f"vdrain drain 0 {sign * case.supply}",
        *(f"vg{at} gate g{at} 0\nvd{at} drain d{at} 0" for at in count), *devices,
        ".control", "set num_threads=1", "set numdgt=12", "set wr_singlescale",
    ]  # fmt: skip
    for state in ("on", "off"):
        deck += ["op", f"wrdata {state}_current.txt {drains}", "ac lin 1 1meg 1meg",
                 f"wrdata {state}_charge.txt {gates}", "alter vgate dc=0"]  # fmt: skip
        for kind in ("current", "charge"):
            (folder / f"{state}_{kind}.txt").unlink(missing_ok=True)
    deck += ["quit", ".endc", ".end"]
    (folder / "deck.sp").write_text("\n".join(deck) + "\n")
    run_program(["ngspice", "-b", "deck.sp"], folder / "ngspice.log", cwd=folder, timeout=60)
    current = [np.loadtxt(folder / f"{state}_current.txt")[1:] for state in ("on", "off")]
    # One column for the frequency, then real and imaginary part of each.
    charge = [np.loadtxt(folder / f"{state}_charge.txt")[2::2] for state in ("on", "off")]
    return np.stack([*current, *(item / (2e6 * np.pi) for item in charge)], axis=1)


def main() -> None:
    """Print the largest relative deviation of each quantity."""
    print(f"{'model':30s} {'corner':10s} sizes  bins " + " ".join(f"{q:>14s}" for q in QUANTITIES))
    with tempfile.TemporaryDirectory() as folder:
        for case in all_cases():
            cards = own_cards(case)
            own = measure_own(case, cards, Path(folder))
            worst = np.abs(own / measure_vendor(case, Path(folder)) - 1).max(axis=0)
            print(f"{case.device.name:30s} {case.corner:3s} {case.temperature:3.0f} C"
                  f"  {len(case.sizes):5d} {cards.count('.model'):5d} "
                  + " ".join(f"{value:14.1e}" for value in worst), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
