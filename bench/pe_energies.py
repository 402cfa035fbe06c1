"""The tables of element energies that come with Voltile, measured again.

    python bench/pe_energies.py kws_dscnn.onnx --inputs kws01_dev.npz [--tech freepdk45] --out FILE

`voltile characterize-pe` with 1024 dot products of the layer of the most MACs: `ScalableMac` and
`SpatialMac` with words of 8 bits and accumulators of 32, `DualMac` with 16 and 44.
`flows/measured/pe_energy_TECH.csv` is such a file.
"""

import argparse
import sys
from pathlib import Path

from prepared import FOLDER, faults_through, parser_of

from voltile.core import write_atomically
from voltile.flows.elements.job import PeConfig, characterize_pes
from voltile.flows.elements.operands import network_operands, write_operands

ELEMENTS = ((("scalable", "spatial"), 8, 32), (("dual",), 16, 44))
VECTORS = 1024


def main(given: argparse.Namespace) -> None:
    """Measure, and write the file."""
    lines: list[str] = []
    for names, width, acc_width in ELEMENTS:
        folder = FOLDER / f"pe-energies-{given.tech}-{width}"
        folder.mkdir(parents=True, exist_ok=True)
        operands = network_operands(
            Path(given.model), Path(given.inputs), "", VECTORS, width, PeConfig.seed
        )
        write_operands(operands, width, folder / "operands.npz")
        config = PeConfig(
            pes=names, width=width, acc_width=acc_width, tech=given.tech,
            operands=folder / "operands.npz",
        )  # fmt: skip
        characterize_pes(config, folder, lambda line: print(line, file=sys.stderr))
        table = (folder / "pe_energy.csv").read_text().splitlines()
        lines += table if not lines else table[1:]
        source = operands.source
    title = (
        f"# Our measurement: bench/pe_energies.py --tech {given.tech}, {VECTORS} dot products of "
        f"{Path(given.model).stem}"
    )
    with write_atomically(Path(given.out)) as temporary:
        temporary.write_text("\n".join([f"{title}, {source}.", *lines]) + "\n")


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("model", help="ONNX file")
    parser.add_argument("--inputs", required=True, help="npz file of its inputs")
    parser.add_argument("--tech", default=PeConfig.tech, help="technology (default: Voltile's)")
    parser.add_argument("--out", required=True, help="CSV file to write")
    with faults_through(parser):
        main(parser.parse_args())
