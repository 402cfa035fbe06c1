"""Turn RTLIL into Verilog-2005 with Yosys: run as a script, in a process of its own.

A Yosys error ends the process it happens in, and generated names keep counting within one, so
every file gets a fresh process.

Usage: ``python verilog_worker.py RTLIL VERILOG``
"""

import sys

from pyosys import libyosys as ys

# Enables become `if (enable)` at the registers and unused wires go; $pmux would be written as an
# overlapping case, and an attribute-free file needs no lint exceptions.
CLEAN = (
    "proc; opt_expr; opt_clean; pmuxtree; opt_dff -nosdff; opt_expr; opt_merge; wreduce; "
    "memory_collect"
)
SAME_WIDTH = {"$add", "$sub", "$and", "$or", "$xor", "$eq", "$ne", "$lt", "$le", "$gt", "$ge"}
COMPARISONS = {"$eq", "$ne", "$lt", "$le", "$gt", "$ge"}


def main(rtlil: str, verilog: str) -> None:
    """Read `rtlil`, write `verilog`."""
    design = ys.Design()
    ys.run_pass(f"read_rtlil {rtlil}", design)
    ys.run_pass(CLEAN, design)
    for module in design.all_selected_modules():
        for cell in list(module.cells_.values()):
            if str(cell.type) == "$logic_not":
                _compare_with_zero(cell)
            if str(cell.type) in SAME_WIDTH:
                _extend_operands(cell)
    ys.run_pass("opt_clean; splitnets -driver -format ___; opt_clean -purge", design)
    ys.run_pass(f"write_verilog -noattr {verilog}", design)


def _compare_with_zero(cell) -> None:
    """Write the logical negation of a word as a comparison; linters want it of single bits."""
    width = cell.getPort(ys.IdString("\\A")).size()
    cell.type = ys.IdString("$eq")
    cell.setPort(ys.IdString("\\B"), ys.SigSpec(ys.Const(0, width)))
    cell.setParam(ys.IdString("\\B_SIGNED"), cell.getParam(ys.IdString("\\A_SIGNED")))
    cell.fixup_parameters()


def _extend_operands(cell) -> None:
    """Give both operands one width: Verilog would extend them silently, a linter says so."""
    ports = {name: ys.IdString(f"\\{name}") for name in "ABY"}
    sizes = {name: cell.getPort(port).size() for name, port in ports.items()}
    width = max(sizes["A"], sizes["B"])
    if str(cell.type) not in COMPARISONS:
        width = max(width, sizes["Y"])
    # As Yosys evaluates them: signed only if both are.
    signed = all(cell.getParam(ys.IdString(f"\\{name}_SIGNED")).as_bool() for name in "AB")
    for name in "AB":
        value = cell.getPort(ports[name])
        value.extend_u0(width, signed)
        cell.setPort(ports[name], value)
    cell.fixup_parameters()


if __name__ == "__main__":
    main(*sys.argv[1:])
