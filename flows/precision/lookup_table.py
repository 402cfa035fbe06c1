"""The look-up table that a search leaves for run time (`lookup.json`), read with its checks."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError
from voltile.sim import PrecisionPoints

FloatArray = NDArray[np.float64]

LOOKUP_SCHEMA = 2
"""Version of `lookup.json`."""
# Of an inference [pJ]: a megajoule.
_MOST_ENERGY = 1e18
# Of an inference [s]: a year.
_MOST_LATENCY = 3.2e7


@dataclass(frozen=True)
class LookupTable:
    """What a controller needs of a search.

    Attributes
    ----------
    network : str
        Name.
    subject : str
        On what and by which energies, for captions.
    points : PrecisionPoints
        Operating points, with the accuracy that is known best.
    latency : ndarray, shape (points,)
        Time of an inference at each [s].
    top_1_set : str
        Inputs of that accuracy: test or calibration; empty where it is not known.
    reconfiguration : ndarray, shape (layers, precisions), or None
        Energy to make the weights of a layer those of a precision [J]; None when it is not known.
    """

    network: str
    subject: str
    points: PrecisionPoints
    latency: FloatArray
    top_1_set: str
    reconfiguration: FloatArray | None


@dataclass(frozen=True)
class _Object:
    """An object of the file, and where it stands."""

    where: str
    values: dict[str, Any]

    def take(self, key: str) -> Any:
        if key not in self.values:
            raise VoltileError(f"{self.where}: {key} is missing")
        return self.values[key]

    def fault(self, key: str, needed: str) -> VoltileError:
        return VoltileError(f"{self.where}: {key} must be {needed}, not {self.values[key]!r:.80}")

    def number(self, key: str, needed: str, least: float, most: float) -> float:
        value = self.take(key)
        if isinstance(value, bool | str | list | dict | None) or not least <= value <= most:
            raise self.fault(key, needed)
        return float(value)

    def share(self, key: str) -> float:
        """Return a number from 0 to 1, or NaN for null."""
        return np.nan if self.take(key) is None else self.number(key, "from 0 to 1, or null", 0, 1)

    def text(self, key: str) -> str:
        value = self.take(key)
        if not (isinstance(value, str) and value and value.isprintable()):
            raise self.fault(key, "a line of text")
        return value

    def inner(self, key: str) -> "_Object":
        value = self.take(key)
        if not (isinstance(value, dict) and value):
            raise self.fault(key, "an object")
        return _Object(f"{self.where}: {key}", value)

    def items(self, key: str, each: str) -> list["_Object"]:
        value = self.take(key)
        if not (isinstance(value, list) and value and all(isinstance(o, dict) for o in value)):
            raise self.fault(key, "a list of objects")
        return [_Object(f"{self.where}: {each} {n}", item) for n, item in enumerate(value)]


def read_lookup(path: Path) -> LookupTable:
    """Read a look-up table.

    Raises
    ------
    VoltileError
        When the file is none, or naming the point and what is wrong with it.
    """
    table = _Object(str(path), _content(path))
    if table.take("schema") != LOOKUP_SCHEMA:
        raise VoltileError(
            f"{path} has schema {table.take('schema')!r:.80}, not {LOOKUP_SCHEMA}: make it again "
            "with 'voltile search'"
        )
    precisions = list(table.inner("precisions").values)
    points = table.items("points", "point")
    for number, point in enumerate(points):
        if point.take("point") != number:
            raise point.fault("point", f"{number}, its place in the list")
    layers = [layer.text("layer") for layer in points[0].items("layers", "layer")]
    settings = np.array([_setting(point, layers, precisions) for point in points])
    energy = [
        point.number("energy_pj", f"above 0 and up to {_MOST_ENERGY:g}", sys.float_info.min,
                     _MOST_ENERGY)
        for point in points
    ]  # fmt: skip
    latency = [
        point.number("latency_s", f"above 0 and up to {_MOST_LATENCY:g}", sys.float_info.min,
                     _MOST_LATENCY)
        for point in points
    ]  # fmt: skip
    divergence = [
        point.number("kl_divergence", "0 or more and finite", 0, sys.float_info.max)
        for point in points
    ]
    known = {
        data: shares
        for data in ("test", "calibration")
        if not np.isnan(shares := np.array([point.share(f"top1_{data}") for point in points])).any()
    }
    top_1_set = next(iter(known), "")
    network = table.text("network")
    vdd = table.number(
        "reference_vdd_v", "above 0 and finite", sys.float_info.min, sys.float_info.max
    )
    element, policy = table.text("element"), table.text("policy")
    return LookupTable(
        network, f"{network} on {element} elements; energy: {policy} at {vdd:g} V",
        PrecisionPoints(settings, 1e-12 * np.array(energy), np.array(divergence),
                        known.get(top_1_set)),
        np.array(latency), top_1_set, _reconfiguration(table, layers, precisions),
    )  # fmt: skip


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise VoltileError(
            f"{path} cannot be read ({error.strerror}); first run: voltile search"
        ) from None
    except (ValueError, RecursionError):
        content = None
    if not (isinstance(content, dict) and "schema" in content):
        raise VoltileError(f"{path} is no look-up table of a search")
    return content


def _setting(point: _Object, layers: list[str], precisions: list[str]) -> list[int]:
    """Return the precision of every layer at a point, by its number."""
    found = point.items("layers", "layer")
    names = [layer.text("layer") for layer in found]
    if names != layers or len(set(names)) < len(names):
        raise VoltileError(
            f"{point.where}: layers must be those of point 0, each once: {', '.join(layers)}"
        )
    for layer in found:
        if layer.text("precision") not in precisions:
            raise layer.fault("precision", f"one of {', '.join(precisions)}")
    return [precisions.index(layer.text("precision")) for layer in found]


def _reconfiguration(table: _Object, layers: list[str], precisions: list[str]) -> FloatArray | None:
    if table.take("reconfiguration_pj") is None:
        return None
    costs = table.inner("reconfiguration_pj")
    needed = f"from 0 to {_MOST_ENERGY:g}"
    return 1e-12 * np.array(
        [[costs.inner(layer).number(item, needed, 0, _MOST_ENERGY) for item in precisions]
         for layer in layers]
    )  # fmt: skip
