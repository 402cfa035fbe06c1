"""The example network for tests: its files, and what a plain runtime makes of its inputs."""

from pathlib import Path

import numpy as np

import voltile.flows
from voltile.flows.energy.job import EnergyConfig, run_energy

EXAMPLES = Path(voltile.flows.__file__).resolve().parent / "examples"
MODEL, DATA = EXAMPLES / "digits.onnx", EXAMPLES / "digits.npz"
LAYERS = ("conv1", "dw2", "pw2", "conv3", "avgpool", "fc")
CALIBRATION = 100


def inputs():
    """Return the images as the model takes them, and their labels."""
    with np.load(DATA) as arrays:
        return arrays["x"] * arrays["scale"], arrays["y"].astype(int)


def logits(model, values):
    """Return what onnxruntime makes of inputs, shape (inputs, classes)."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return session.run(None, {"input": values.astype(np.float32)})[0].astype(float)


def energy_table(folder, pe, **options):
    """Write an energy table of the example; return its path."""
    run_energy(EnergyConfig(str(MODEL), pe=pe, **options), folder)
    return folder / "energy.csv"
