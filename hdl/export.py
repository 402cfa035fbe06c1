"""From an Amaranth component to RTLIL, and to Verilog that other tools read without a warning."""

import inspect
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib.wiring import Component

from voltile.core import SynthesisError, write_atomically

_MODULE = re.compile(r"(?:^attribute .*\n)*^module (\\\S+)\n(?:.*\n)*?end\n", re.MULTILINE)
_INITIAL_WORDS = re.compile(r"^  cell \$meminit_v2 (?:.*\n)*?  end\n", re.MULTILINE)
_PORT = re.compile(r"^  wire (.*(?:in|out)put) +\d+ +(\\\S+)$", re.MULTILINE)
_WORKER = Path(__file__).with_name("verilog_worker.py")


def to_rtlil(component, name: str) -> str:
    """Return the RTLIL of a component, with `name` as its top module.

    The text is a function of the component alone. Beside Amaranth's own conversion:

    - registers and memories have no initial value, as on silicon: a design has to come up by its
      reset;
    - ports are not `signed` (OpenSTA misreads such Verilog without a word; the cells carry
      signedness of their own) and keep the order of the signature, those of submodules that of
      their names;
    - equal submodules, such as the elements of an array, become instances of one module;
    - a submodule is called ``parent__child``.
    """
    text = rtlil.convert(component, name=name, emit_src=False)
    text = re.sub(r"^  attribute \\init .*\n", "", text, flags=re.MULTILINE)
    text = _INITIAL_WORDS.sub("", text)
    text = re.sub(r"^(  wire .*?) +signed(?= )", r"\1", text, flags=re.MULTILINE)
    # Yosys counts ports from 1 and moves a port 0 to the end.
    text = re.sub(r"^(  wire .*(?:in|out)put )(\d+)", _next_port, text, flags=re.MULTILINE)
    modules = {match[1]: match[0] for match in _MODULE.finditer(text)}
    for inner in modules.keys() - {f"\\{name}"}:
        modules[inner] = _ports_by_name(modules[inner])
    modules = _merge_equal(modules)
    text = "\n".join(modules.values())
    return re.sub(r"^(module|  cell) \\(\S+)", _plain_name, text, flags=re.MULTILINE)


def write_verilog(component, name: str, path: Path) -> None:
    """Write a component as Verilog-2005, with `name` as its top module.

    Icarus and Verilator with all warnings on, and Yosys, read the file without a warning. The
    same component gives the same bytes. The file is whole or absent.

    Raises
    ------
    SynthesisError
        When Yosys refuses the component.
    """
    with write_atomically(path) as temporary, tempfile.TemporaryDirectory() as folder:
        source = Path(folder, f"{name}.il")
        source.write_text(to_rtlil(component, name))
        # Safe path: the worker must not find this room's modules before the installed ones.
        done = subprocess.run(
            [sys.executable, _WORKER, source, temporary],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONSAFEPATH": "1"},
        )  # fmt: skip
        if done.returncode:
            raise SynthesisError(f"Yosys cannot write '{name}': {_last_line(done)}")
        temporary.write_text(_header(component, name) + _body(temporary.read_text()))


def _next_port(match: re.Match) -> str:
    return f"{match[1]}{int(match[2]) + 1}"


def _ports_by_name(module: str) -> str:
    """Give ports the order of their names, not that in which their nets were met from outside."""
    ports = enumerate(sorted(_PORT.findall(module), key=lambda port: port[1]), 1)
    return _PORT.sub(lambda _: "  wire {1[0]} {0} {1[1]}".format(*next(ports)), module)


def _plain_name(match: re.Match) -> str:
    return f"{match[1]} \\{match[2].replace('.', '__')}"


def _merge_equal(modules: dict[str, str]) -> dict[str, str]:
    """Keep one of each set of modules that differ in their name only, from the leaves up."""
    while True:
        groups: dict[str, list[str]] = {}
        for name, text in modules.items():
            groups.setdefault(text.replace(f"module {name}\n", "module\n", 1), []).append(name)
        renamed: dict[str, str] = {}
        for names in groups.values():
            if len(names) > 1:
                common = _common_name(names)
                if common in modules or common in renamed.values():
                    common = names[0]
                renamed |= dict.fromkeys(names, common)
        if not renamed:
            return modules

        def new_name(match: re.Match, renamed=renamed) -> str:
            return f"{match[1]} {renamed.get(match[2], match[2])}"

        modules = {
            renamed.get(name, name): re.sub(
                r"^(module|  cell) (\\\S+)", new_name, text, flags=re.MULTILINE
            )
            for name, text in modules.items()
        }


def _common_name(names: list[str]) -> str:
    """Return what the names share: a.pe_0_0 and a.pe_0_1 a.pe, a.x_buf and a.y_buf a.buf."""
    top = names[0].partition(".")[0]
    leaves = [name.rpartition(".")[2] for name in names]
    start = os.path.commonprefix(leaves).rstrip("0123456789_")
    end = os.path.commonprefix([leaf[::-1] for leaf in leaves])[::-1].lstrip("0123456789_")
    return f"{top}.{start or end}" if start or end else names[0]


def _header(component, name: str) -> str:
    """Return the comment that says what the file was made from."""
    return f"// {name}: generated by Voltile from {_made(component)}.\n"


def _made(component) -> str:
    """Return a component as the call that makes it."""
    values = {
        key: getattr(component, key)
        for key in inspect.signature(type(component)).parameters
        if hasattr(component, key)
    }
    arguments = ", ".join(
        f"{key}={_made(value) if isinstance(value, Component) else value}"
        for key, value in values.items()
    )
    return f"{type(component).__name__}({arguments})"


def _body(text: str) -> str:
    """Drop Yosys' own first line; allow what Verilator remarks on in a hierarchy.

    That is several modules in one file, and units that are given all fields of a descriptor or of a
    control word and use some.
    """
    text = text.partition("\n")[2]
    if len(re.findall(r"^module ", text, flags=re.MULTILINE)) > 1:
        allowed = ("DECLFILENAME", "UNUSEDSIGNAL")
        text = "".join(f"// verilator lint_off {name}\n" for name in allowed) + text
    return text


def _last_line(done: subprocess.CompletedProcess) -> str:
    lines = (done.stdout + done.stderr).strip().splitlines()
    errors = [line for line in lines if line.startswith("ERROR")]
    return str((errors or lines or ["no output"])[-1])
