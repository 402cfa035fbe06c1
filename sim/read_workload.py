"""Workloads from wherever the user has them."""

from pathlib import Path

from voltile.core import LayerError
from voltile.sim.networks import NETWORKS, network
from voltile.sim.onnx_workload import read_onnx_workload
from voltile.sim.topology_csv import read_topology
from voltile.sim.workload import Workload


def read_workload(source: str, batch: int = 1) -> Workload:
    """Return a built-in network by its name, or that of a topology (.csv) or ONNX file.

    Raises
    ------
    VoltileError
        When it is neither, or the file has a fault.
    """
    if source in NETWORKS:
        return network(source, batch)
    path = Path(source)
    if not path.is_file():
        raise LayerError(
            f"{source!r} is neither a file nor a network; networks: {', '.join(NETWORKS)}"
        )
    return (read_topology if path.suffix.lower() == ".csv" else read_onnx_workload)(path, batch)
