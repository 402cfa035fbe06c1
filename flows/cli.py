"""The command line: all commands, and how their words and faults are told."""

import signal
import sys
from itertools import pairwise
from typing import Annotated, Any, NoReturn

import typer

import voltile
from voltile.core import VoltileError
from voltile.flows.characterization.commands import characterize_command
from voltile.flows.dvfs.commands import dvfs_command, workload
from voltile.flows.elements.commands import characterize_pe_command, operands_command
from voltile.flows.energy.commands import energy_command
from voltile.flows.fine_vh.commands import export_command, run_command
from voltile.flows.precision.commands import budget_command, multilevel_command, search_command
from voltile.flows.rtl_commands import rtl
from voltile.flows.sweep.commands import sweep_command
from voltile.flows.thermal.commands import thermal_command

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)
app.add_typer(rtl, name="rtl")
app.add_typer(workload, name="workload")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"voltile {voltile.__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Precision-scalable MAC hardware, its measured cost, and fine-grained dual-Vdd."""


app.command("run")(run_command)
app.command("characterize")(characterize_command)
app.command("export")(export_command)
app.command("dvfs")(dvfs_command)
app.command("characterize-pe")(characterize_pe_command)
app.command("operands")(operands_command)
app.command("energy")(energy_command)
app.command("sweep")(sweep_command)
app.command("search")(search_command)
app.command("multilevel")(multilevel_command)
app.command("budget")(budget_command)
app.command("thermal")(thermal_command)

# What click raises for an unknown option or a bad value; Typer holds a click of its own.
_UsageError: Any = typer.BadParameter.__base__
# What it makes of a Ctrl-C that a command does not catch.
_Aborted: Any = typer.Abort
# Options that take one or more numbers, and those that take one or more words.
_SEVERAL = ("--tiles", "--intervals", "--frequency", "--vdd", "--level", "--target")
_SEVERAL_WORDS = ("--cells", "--bias", "--pe", "--precision", "--policy")
# Commands that take one of each of these, and options of which only a sweep takes several.
_OF_ONE_WORD = ("search", "multilevel")
_SWEPT = ("--array", "--dataflow", "--mode", "--act-kib", "--weight-kib", "--out-kib", "--kib")


def main() -> None:
    """Run the command line; input faults are one line on standard error and exit code 2."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what runs beside this ends with it
    try:
        _refuse_empty_outputs(sys.argv[1:])
        sys.exit(app(_repeat_options(sys.argv[1:]), standalone_mode=False) or 0)
    except _UsageError as error:
        _fail(_usage_text(error))
    except _Aborted:
        sys.exit(130)
    except VoltileError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _fail(message: str) -> NoReturn:
    if message:  # without a command there is none, but the help
        print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def _usage_text(error: Any) -> str:
    """Return what is wrong with the words of a command in one line, with the value at fault."""
    faults: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()
    values = "".join(f", not {fault['input']!r}" for fault in faults)
    return " ".join(error.format_message().split()) + values


def _refuse_empty_outputs(arguments: list[str]) -> None:
    """Raise where an output has no name, which as a path would be the current folder."""
    for option, value in pairwise([*arguments, "end"]):
        if option == "--out=" or (option in ("--out", "-o") and not value):
            raise VoltileError("--out is empty, but has to name what to write")


def _repeat_options(arguments: list[str]) -> list[str]:
    """Write "--tiles 3 5" as "--tiles 3 --tiles 5", which is what the parser knows."""
    command = "".join(arguments[:1])
    words = [] if command in _OF_ONE_WORD else [*_SEVERAL_WORDS]
    words += _SWEPT if command == "sweep" else ()
    result: list[str] = []
    option = ""
    for word in arguments:
        goes_on = _is_number(word) or (option in words and not word.startswith("-"))
        if option and result[-1] != option and goes_on:
            result.append(option)
        elif word.startswith("-"):
            option = word if word in (*_SEVERAL, *words) else ""
        elif result and result[-1] != option:
            option = ""
        result.append(word)
    return result


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
