"""Tables as CSV, JSON and Parquet, with the version of their schema.

CSV and Parquet carry it in a first column, `schema`, the same in every row, which any tool reads;
JSON beside the rows. Numbers keep all their digits, so that the three read back equal.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError, read_csv_rows, write_atomically

_SCHEMA = "schema"
_DTYPES: dict[type, Any] = {str: np.str_, int: np.int64, float: np.float64}
Columns = Mapping[str, NDArray[Any]]
Types = Mapping[str, type]


@dataclass(frozen=True)
class TableSchema:
    """What a table is.

    Attributes
    ----------
    name, command : str
        As in "an energy table", and what makes one.
    version : int
        Raised when a column changes its name or meaning.
    types : mapping of str to type
        Of the values of every column: `str`, `int` or `float`.
    """

    name: str
    command: str
    version: int
    types: Types


@dataclass(frozen=True, eq=False)
class ColumnTable:
    """A table of one schema, by its columns, in the order of the schema.

    Attributes
    ----------
    columns : mapping of str to ndarray, shape (rows,)
        Texts, integers or floats.

    Raises
    ------
    VoltileError
        When columns are missing or others.
    """

    schema: ClassVar[TableSchema]
    columns: Columns

    def __post_init__(self) -> None:
        known = self.schema.types
        differences = (
            ("missing", [name for name in known if name not in self.columns]),
            ("unknown", [name for name in self.columns if name not in known]),
        )
        if any(names for _, names in differences):
            listed = (f"{what} {', '.join(names)}" for what, names in differences if names)
            raise VoltileError(f"the columns of {self.schema.name} are other: {'; '.join(listed)}")
        ordered = {name: np.asarray(self.columns[name]) for name in known}
        object.__setattr__(self, "columns", ordered)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and all(
            np.array_equal(item, other.columns[name]) for name, item in self.columns.items()
        )

    def write(self, path: Path) -> None:
        """Write a CSV, JSON or Parquet file, by its suffix; whole or not at all.

        Raises
        ------
        VoltileError
            When the suffix is another, or there is no pyarrow for Parquet.
        """
        write_columns(path, self.schema, self.columns)


class RowFault(VoltileError):
    """A value that is not allowed.

    Attributes
    ----------
    row : int
        Of the table, from 0.
    fault : str
        What is not as needed, without the place.
    """

    def __init__(self, row: int, fault: str) -> None:
        super().__init__(f"row {row + 1}: {fault}")
        self.row, self.fault = row, fault


def row_place(path: Path, schema: TableSchema, row: int) -> str:
    """Return where a file has a row (from 0): a line of CSV, else the row, both from 1."""
    if path.suffix != ".csv":
        return f"{path}: row {row + 1}"
    rows = read_csv_rows(path, (_SCHEMA, *schema.types))
    return f"{path}:{next(islice(rows, row, None)).line}"


def write_columns(path: Path, schema: TableSchema, columns: Columns) -> None:
    """Write columns of one length in the form of the suffix."""
    forms = {".csv": _write_csv, ".json": _write_json, ".parquet": _write_parquet}
    write = _form(path, schema, forms)
    with write_atomically(path) as temporary:
        write(temporary, schema.version, columns)


def read_columns(path: Path, schema: TableSchema) -> dict[str, NDArray[Any]]:
    """Read columns in the form of the suffix.

    Raises
    ------
    VoltileError
        When the file cannot be read, is of another version, or its columns or types are others.
    """
    forms = {".csv": _read_csv, ".json": _read_json, ".parquet": _read_parquet}
    read, types = _form(path, schema, forms), schema.types
    try:
        raw = read(path, schema)
    except OSError as error:
        raise VoltileError(f"{path} cannot be read: {error.strerror or error}") from None
    if wrong := [name for name in (*types, *raw) if (name in types) != (name in raw)]:
        raise VoltileError(f"{path}: columns are missing or unknown: {', '.join(wrong)}")
    return {name: _array(path, name, raw[name], kind) for name, kind in types.items()}


def _array(path: Path, name: str, values: Sequence[Any], kind: type) -> NDArray[Any]:
    allowed = (int, float) if kind is float else (kind,)
    for item in values:
        if not isinstance(item, allowed) or isinstance(item, bool):
            needed = {str: "a text", int: "a whole number", float: "a number"}[kind]
            raise VoltileError(f"{path}: {name} must be {needed}, not {item!r}")
    try:
        return np.array(values, _DTYPES[kind])
    except OverflowError:
        raise VoltileError(f"{path}: {name} has numbers of more than 64 bits") from None


def _form(
    path: Path, schema: TableSchema, forms: Mapping[str, Callable[..., Any]]
) -> Callable[..., Any]:
    if path.suffix not in forms:
        raise VoltileError(f"{path}: {schema.name} is a file of {', '.join(forms)}")
    return forms[path.suffix]


def _check_version(path: Path, found: object, schema: TableSchema) -> None:
    if str(found) != str(schema.version):
        raise VoltileError(
            f"{path} is {schema.name} of version {found}, and this Voltile reads version "
            f"{schema.version}: make it again with '{schema.command}'"
        )


def _no_table(path: Path, schema: TableSchema) -> VoltileError:
    name = schema.name.partition(" ")[2]
    return VoltileError(f"{path} is no {name}: it has no version ('{_SCHEMA}')")


def _lists(columns: Columns) -> dict[str, list[Any]]:
    return {name: values.tolist() for name, values in columns.items()}


def _write_csv(path: Path, schema: int, columns: Columns) -> None:
    lists = _lists(columns)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow((_SCHEMA, *lists))
        writer.writerows((schema, *row) for row in zip(*lists.values(), strict=True))


def _read_csv(path: Path, schema: TableSchema) -> dict[str, list[Any]]:
    _check_version(path, _csv_version(path, schema), schema)
    types = schema.types
    lists: dict[str, list[Any]] = {name: [] for name in types}
    for row in read_csv_rows(path, (_SCHEMA, *types)):
        _check_version(path, row.values[_SCHEMA], schema)
        for name, values in lists.items():
            kind = types[name]
            values.append(
                row.values[name] if kind is str
                else row.integer(name, 0) if kind is int else row.number(name)
            )  # fmt: skip
    return lists


def _csv_version(path: Path, schema: TableSchema) -> str:
    """Value under `schema` in the first row, so that a table with other columns is told apart."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader: Iterator[list[str]] = csv.reader(stream)
            header, first = next(reader, []), next(reader, [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise VoltileError(f"{path} is no CSV file: {error}") from None
    if header[:1] != [_SCHEMA] or not first:
        raise _no_table(path, schema)
    return first[0]


def _write_json(path: Path, schema: int, columns: Columns) -> None:
    lists = _lists(columns)
    rows = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    path.write_text(json.dumps({_SCHEMA: schema, "rows": rows}, indent=1) + "\n", encoding="utf-8")


def _read_json(path: Path, schema: TableSchema) -> dict[str, list[Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise VoltileError(f"{path} is no JSON file: {error}") from None
    if not (isinstance(content, dict) and _SCHEMA in content):
        raise _no_table(path, schema)
    _check_version(path, content[_SCHEMA], schema)
    rows = content.get("rows")
    if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise VoltileError(f"{path}: rows must be a list of objects")
    for number, row in enumerate(rows):
        if wrong := sorted(set(row) ^ set(schema.types)):
            place = row_place(path, schema, number)
            raise VoltileError(f"{place}: columns are missing or unknown: {', '.join(wrong)}")
    return {name: [row[name] for row in rows] for name in schema.types}


def _arrow(path: Path) -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise VoltileError(
            f"{path}: Parquet needs pyarrow: pip install 'voltile[parquet]'"
        ) from None
    return pyarrow


def _write_parquet(path: Path, schema: int, columns: Columns) -> None:
    arrow = _arrow(path)
    length = len(next(iter(columns.values())))
    table = arrow.table({_SCHEMA: np.full(length, schema), **_lists(columns)})
    arrow.parquet.write_table(table, path)


def _read_parquet(path: Path, schema: TableSchema) -> dict[str, list[Any]]:
    arrow = _arrow(path)
    try:
        table = arrow.parquet.read_table(path)
    except arrow.ArrowException as error:
        raise VoltileError(f"{path} is no Parquet file: {error}") from None
    if _SCHEMA not in table.column_names:
        raise _no_table(path, schema)
    for version in table[_SCHEMA].unique().to_pylist():
        _check_version(path, version, schema)
    return {
        name: table[name].to_pylist()
        for name in table.column_names
        if name != _SCHEMA
    }  # fmt: skip
