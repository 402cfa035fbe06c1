"""Transistor models of a PDK as plain `.model` cards for ngspice, and transistors as `M` cards.

A foundry's model file takes ngspice seconds to load: a subcircuit around hundreds of bins, whose
parameters are expressions. Here the file is read as text (nothing in it is executed), expressions
become numbers, and only the bins that the sizes at hand can fall in remain. Understood are BSIM4
models, plain or binned, alone or inside a subcircuit that holds one transistor.

Notes
-----
ngspice takes the first card with `lmin <= L <= lmax` and `wmin <= W <= wmax`, each limit widened by
1 nm (versions that fill their table from the front: the last card). So a size on the border of two
bins falls in both, and the order of the cards decides. Therefore every bin that ngspice could take
is kept, in the order of the file: the choice is that among all bins of the file.
"""

import ast
import functools
import math
import operator
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from voltile.core import TechnologyError
from voltile.pdk.characterization.layout import Diffusion
from voltile.pdk.characterization.transistors import Transistor, spice_number

# How far outside a bin's limits ngspice still takes it [m], and a little more for rounding.
_REACH = 1.01e-9
# ngspice silently puts a default where a card ends too early; these stand far apart in a card.
_ESSENTIAL = ("level", "toxe", "vth0", "u0", "cgso", "jss", "cjs")
_LIMITS = ("wmin", "wmax", "lmin", "lmax")
# What ngspice calls BSIM4.
_LEVELS = (14, 54)
_LINES = re.MULTILINE | re.IGNORECASE
_PARAMETER = re.compile(r"(\w+)\s*=\s*(\{[^{}]*\}|[^\s={}]+)\s*")
_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
              ast.Div: operator.truediv}  # fmt: skip


@dataclass(frozen=True)
class DeviceModel:
    """Where the model of a transistor stands.

    Attributes
    ----------
    polarity : str
        `n` or `p`.
    name : str
        Model, or subcircuit around it, in the file.
    """

    polarity: str
    file: Path
    name: str


def model_cards(
    devices: Mapping[str, DeviceModel], sizes: Mapping[str, Collection[tuple[float, float]]]
) -> str:
    """Return the `.model` cards that transistors need.

    Parameters
    ----------
    devices : mapping of model name in the netlists to DeviceModel
        The cards are called by that name; of a binned model `NAME.0`, `NAME.1` ...
    sizes : mapping of model name in the netlists to (width, length) pairs
        All sizes in use [m].

    Raises
    ------
    TechnologyError
        When a file is missing, cut short, or without the model, and when no bin holds a size.
    """
    cards: list[str] = []
    for name in sizes:
        if name not in devices:
            raise TechnologyError(f"no transistor model is given for '{name}' of the netlists")
        try:
            cards += _cards(name, devices[name], sizes[name])
        except ValueError as error:
            raise TechnologyError(f"{devices[name].file}: {error}") from None
    return "\n".join(cards) + "\n"


def device_card(transistor: Transistor, drain: Diffusion, source: Diffusion) -> str:
    """Return the `M` card of a transistor."""
    nets = (transistor.drain, transistor.gate, transistor.source, transistor.bulk)
    width = transistor.width
    # BSIM4 with perMod = 1 counts the side under the gate as perimeter.
    sides = " ".join(
        f"a{letter}={width * side.length:.6g} "
        f"p{letter}={width * (1 + side.open_side) + 2 * side.length:.6g}"
        for letter, side in (("d", drain), ("s", source))
    )
    return (
        f"M{node_name(transistor.name)} {' '.join(map(node_name, nets))} {transistor.model} "
        f"L={transistor.length:.6g} W={width:.6g} {sides}"
    )


def biased_length(transistor: Transistor, minimum: float, length: float) -> float:
    """Return the gate length [m] of a transistor under a poly-bias.

    Only gates drawn at the `minimum` length of the cell library get the `length` of the bias;
    longer ones, as in delay cells, stay as they are.
    """
    drawn = transistor.length
    return length if math.isclose(drawn, minimum, rel_tol=1e-6) else drawn


def node_name(net: str) -> str:
    """Return a name that ngspice's expressions take, different for different nets.

    `a_27_47#` becomes `a_27_47_23_`: hexadecimal, so that it does not meet `a_27_47_`.
    """
    return re.sub(r"\W", lambda match: f"_{ord(match[0]):x}_", net)


def evaluate(expression: str, values: Mapping[str, float]) -> float:
    """Return the value of an arithmetic expression: numbers, + - * /, sqrt, parentheses, names.

    What follows a factor of zero is not looked at: in the nominal corner mismatch is 0, and what
    it multiplies (`slope / sqrt(l * w * mult)`) has no value outside a device.

    Raises
    ------
    ValueError
        When there is anything else in it, a name without a value, or no finite result.
    """

    def value(node: ast.expr) -> float:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return float(number)
            case ast.Name(id=name):
                if name.lower() not in values:
                    raise ValueError(f"'{name}' in '{expression}' has no value")
                return values[name.lower()]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -value(operand)
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
                first = value(left)
                if isinstance(sign, ast.Mult) and first == 0:
                    return 0.0
                return float(_OPERATORS[type(sign)](first, value(right)))
            case ast.Call(func=ast.Name(id="sqrt"), args=[argument], keywords=[]):
                root = value(argument)
                return math.sqrt(root) if root >= 0 else math.nan
            case _:
                raise ValueError(f"'{expression}' is not arithmetic")

    try:
        result = value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"'{expression}' is not arithmetic") from None
    except ArithmeticError:
        result = math.nan
    if not math.isfinite(result):
        raise ValueError(f"'{expression}' has no finite value")
    return result


def _cards(
    card_name: str, device: DeviceModel, sizes: Collection[tuple[float, float]]
) -> Iterator[str]:
    """Yield the cards of one model: the only one, or every bin that one of the sizes reaches."""
    kind = f"{device.polarity}mos"
    cards, values = _read_models(device, _stamp(device.file))
    missing = set(sizes)
    for name, given, parameters in cards:
        index = name.partition(".")[2]
        if given.lower() != kind:
            raise ValueError(f"model '{name}' is '{given}', not '{kind}'")
        inside = {size for size in sizes if not index or _reaches(parameters, size)}
        missing -= inside
        if inside:
            yield _card(f"{card_name}.{index}" if index else card_name, kind, parameters, values)
    if missing:
        width, length = min(missing)
        raise ValueError(
            f"no bin of '{device.name}' holds W = {width * 1e6:.4g} um, L = {length * 1e6:.4g} um"
        )


def _stamp(path: Path) -> tuple[int, int]:
    """Time and size of a model file."""
    try:
        found = path.stat()
    except OSError as error:
        raise TechnologyError(
            f"cannot read transistor models {path}: {error.strerror}. Point PDK_ROOT at "
            f"the PDK that holds them; SKY130 is installed with: pip install ciel && "
            f"ciel enable --pdk-family sky130 VERSION"
        ) from None
    return found.st_mtime_ns, found.st_size


@functools.lru_cache(maxsize=16)
def _read_models(
    device: DeviceModel, stamp: tuple[int, int]
) -> tuple[list[tuple[str, str, dict[str, str]]], dict[str, float]]:
    """Return name, type and parameters of each card of a model, and the file's `.param` values.

    A file takes longer to read than a small cell to simulate; while its `stamp` is the same, it is
    read once.
    """
    text = device.file.read_text(errors="replace")
    text = re.sub(r"\n\+", " ", re.sub(r"^\s*(\*.*)?\n", "", text, flags=re.MULTILINE))
    name, before = device.name, text
    header = re.search(rf"^\.subckt\s+{re.escape(name)}\s.*\n", text, _LINES)
    if header:
        before = text[: header.start()]
        text, name = _unwrap(text[header.end() :], name)
    cards = re.findall(rf"^\.model\s+({re.escape(name)}(?:\.\d+)?)\s+(\w+)(.*)", text, _LINES)
    if not cards:
        raise ValueError(f"no model '{name}'")
    parsed = [
        (card, kind, _parameters(card, body, _ESSENTIAL + _LIMITS if "." in card else _ESSENTIAL))
        for card, kind, body in cards
    ]
    constants = " ".join(re.findall(r"^\.param\s(.*)", before, _LINES))
    return parsed, {
        key.lower(): spice_number(number)
        for key, number in _PARAMETER.findall(constants)
        if not number.startswith("{")
    }


def _unwrap(text: str, name: str) -> tuple[str, str]:
    """Return the inside of a subcircuit that is one transistor, and the model of that one."""
    inside, *after = re.split(r"^\.ends", text, maxsplit=1, flags=_LINES)
    if not after:
        raise ValueError(f"the file ends inside subcircuit '{name}'")
    devices = [line.split() for line in re.findall(r"^[^.\s].*", inside, _LINES)]
    if len(devices) != 1 or devices[0][0][0] not in "mM" or len(devices[0]) < 6:
        raise ValueError(f"subcircuit '{name}' is not one transistor")
    return inside, devices[0][5]


def _parameters(name: str, body: str, needed: tuple[str, ...]) -> dict[str, str]:
    """Return the parameters of a card as text."""
    rest = _PARAMETER.sub("", body).strip()
    if rest:
        raise ValueError(f"model '{name}' has '{rest[:40]}' among its parameters: is the file cut?")
    parameters = {key.lower(): value for key, value in _PARAMETER.findall(body)}
    lacking = [key for key in needed if key not in parameters]
    if lacking:
        raise ValueError(f"model '{name}' lacks {', '.join(lacking)}: is the file cut?")
    for key, value in parameters.items():
        try:
            if not value.startswith("{"):
                spice_number(value)
        except ValueError as error:
            raise ValueError(f"model '{name}': {key}: {error}") from None
    if spice_number(parameters["level"]) not in _LEVELS:
        raise ValueError(f"model '{name}' is of level {parameters['level']}, not BSIM4 (54)")
    return parameters


def _reaches(parameters: Mapping[str, str], size: tuple[float, float]) -> bool:
    """Tell whether ngspice could put a (width, length) into the bin of these parameters."""
    limits = [spice_number(parameters[name]) for name in _LIMITS]
    (width, length), (wmin, wmax, lmin, lmax) = size, limits
    return wmin - _REACH < width < wmax + _REACH and lmin - _REACH < length < lmax + _REACH


def _card(
    name: str, kind: str, parameters: Mapping[str, str], values: Mapping[str, float]
) -> str:  # fmt: skip
    pairs = (
        f"{key}={evaluate(value[1:-1], values)!r}" if value.startswith("{") else f"{key}={value}"
        for key, value in parameters.items()
    )
    lines = textwrap.wrap(" ".join(pairs), 98, break_long_words=False, break_on_hyphens=False)
    return "\n+ ".join([f".model {name} {kind}", *lines])
