"""The subset of SDC: what each command gives, and what is refused, with its line."""

from pathlib import Path

import pytest

from voltile.core import VoltileError
from voltile.floorplan import Constraints, read_sdc

BITS = [f"a[{bit}]" for bit in range(3)]
INPUTS = ["clk", "clk2", "rst_n", "mode", *BITS, "ab"]
OUTPUTS = ["y[0]", "y[1]", "done"]


def read(tmp_path, text, **units):
    path = tmp_path / "top.sdc"
    path.write_text(text)
    return read_sdc(path, INPUTS, OUTPUTS, **units)


def test_empty_file_asks_for_nothing(tmp_path):
    assert read(tmp_path, "\n# only a comment\n") == Constraints()


@pytest.mark.parametrize(
    "text",
    [
        "create_clock -name c -period 2.5 [get_ports clk]",
        "create_clock -period 2.5 [get_ports {clk}]",
        'create_clock [get_ports "clk"] -period 2.5 -name main',
        "create_clock -period 2.5 -waveform {0 1.25} clk",
        "create_clock -period 2.5 \\\n   [get_ports clk]",
        "create_clock -period 2.5 [get_ports clk] ;# the only clock",
        "create_clock -period 2.5 [get_ports clk];",
        "  create_clock -period 2.5 [ get_ports clk ]\n\n# end",
        "create_clock -period 2.5 [get_ports clk] \\",
    ],
)
def test_create_clock(tmp_path, text):
    result = read(tmp_path, text)
    assert (result.clocks, result.period, result.fall) == (("clk",), pytest.approx(2.5e-9), 0.5)


def test_waveform_and_several_clocks_of_one_period(tmp_path):
    result = read(tmp_path, "create_clock -period 4 -waveform {0 1} [get_ports {clk clk2}]")
    assert (result.clocks, result.fall) == (("clk", "clk2"), 0.25)
    both = (
        "create_clock -name a -period 4 [get_ports clk]; "
        "create_clock -name b -period 4 [get_ports clk2]"
    )
    assert read(tmp_path, both).clocks == ("clk", "clk2")
    assert read(tmp_path, both.replace("; ", "\n")).clocks == ("clk", "clk2")


def test_clock_of_no_port_has_a_name_that_delays_may_use(tmp_path):
    delay = "set_output_delay 1 -clock c done"
    result = read(tmp_path, f"create_clock -name c -period 2\n{delay}")
    assert (result.clocks, result.period) == ((), pytest.approx(2e-9))
    assert result.output_delay == pytest.approx({"done": 1e-9})


def test_external_delays(tmp_path):
    result = read(tmp_path, """
        create_clock -name c -period 10 [get_ports clk]
        set_input_delay 2 -clock c [all_inputs]
        set_input_delay -clock [get_clocks c] -max 0.5 [get_ports a]
        set_input_delay -min 0.1 -clock c [get_ports {a[*]}]
        set_output_delay -0.25 -clock c [get_ports y[1]]
        set_output_delay 1 -clock c done
    """)  # fmt: skip
    # A later command replaces an earlier one; the clock itself has no delay.
    expected = dict.fromkeys(INPUTS, 2e-9) | dict.fromkeys(BITS, 0.5e-9)
    del expected["clk"]
    assert result.input_delay == pytest.approx(expected)
    assert result.output_delay == pytest.approx({"y[1]": -0.25e-9, "done": 1e-9})


def test_added_delays_and_those_of_both_edges_count_the_latest(tmp_path):
    result = read(tmp_path, """
        create_clock -name c -period 5 clk
        set_input_delay 3 -clock c rst_n
        set_input_delay 2 -clock c -add_delay rst_n
        set_input_delay 1 -rise mode
        set_input_delay 4 -fall mode
    """)  # fmt: skip
    assert result.input_delay == pytest.approx({"rst_n": 3e-9, "mode": 4e-9})


def test_loads_cases_and_false_paths(tmp_path):
    result = read(tmp_path, """
        set_load -pin_load 0.05 [all_outputs]
        set_load 0.002 [get_ports {y[0]}]
        set_case_analysis 1 [get_ports mode]
        set_case_analysis zero {rst_n}
        set_false_path -from [get_ports {rst_n a[1]}]
        set_false_path -to done
        set_false_path -setup -to [get_ports y*]
    """)  # fmt: skip
    assert result.load == pytest.approx({"y[0]": 2e-15, "y[1]": 5e-14, "done": 5e-14})
    assert result.case == {"mode": 1, "rst_n": 0}
    assert result.false_from == {"rst_n", "a[1]"}
    assert result.false_to == {"y[0]", "y[1]", "done"}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("{a[1]}", ["a[1]"]), ("a[1]", ["a[1]"]), ("a", BITS), ("{a[*]}", BITS),
        ("a*", [*BITS, "ab"]), ("a?", ["ab"]), ("{a[?] ab}", [*BITS, "ab"]),
        ("clk*", ["clk", "clk2"]), ("ab", ["ab"]),
    ],
)  # fmt: skip
def test_patterns_of_ports(tmp_path, pattern, found):
    result = read(tmp_path, f"set_case_analysis 0 [get_ports {pattern}]")
    assert list(result.case) == found


def test_units_are_those_that_are_given(tmp_path):
    text = "create_clock -period 250 clk\nset_load 3 done\nset_input_delay 7 mode"
    result = read(tmp_path, text, time_unit=1e-12, capacitance_unit=1e-15)
    assert result.period == pytest.approx(250e-12)
    assert result.load == pytest.approx({"done": 3e-15})
    assert result.input_delay == pytest.approx({"mode": 7e-12})


@pytest.mark.parametrize(
    ("text", "cell", "net"),
    [
        ("set_timing_derate 1.1", 1.1, 1.1),
        ("set_timing_derate -late 1.1", 1.1, 1.1),
        ("set_timing_derate -late -cell_delay 1.1", 1.1, 1.0),
        ("set_timing_derate 0.9 -net_delay -late", 1.0, 0.9),
        ("set_timing_derate -early -late -cell_delay -net_delay 1.2", 1.2, 1.2),
        ("set_timing_derate -early 0.8", 1.0, 1.0),
        ("set_timing_derate 1.1\nset_timing_derate -net_delay 1.3", 1.1, 1.3),
    ],
)
def test_derates_of_all_cells_and_nets(tmp_path, text, cell, net):
    result = read(tmp_path, text)
    assert (result.cell_derate, result.net_derate) == (cell, net)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("set_timing_derate -late 1.1 [get_cells u1]", "command 'get_cells' {refused}"),
        ("set_timing_derate -late 1.1 u1",
         "expected a factor alone: derates of single objects are not read"),
        ("set_timing_derate -late",
         "expected a factor alone: derates of single objects are not read"),
        ("set_timing_derate 0", "a derate must be positive and finite, not 0"),
        ("set_timing_derate nan", "a derate must be positive and finite, not nan"),
        ("set_timing_derate -cell_check 1.1",
         "option -cell_check is not among those that are read"),
        ("set_timing_derate -clock 1.1", "option -clock is not among those that are read"),
        ("set_input_delay 1 -late mode", "option -late is not among those that are read"),
        ("set_units -time ns",
         "command 'set_units' {refused}"),
        ("set_load 1 done; set_units -time ns", "command 'set_units' {refused}"),
        ("current_design top", "command 'current_design' {refused}"),
        ("set x 3", "command 'set' {refused}"),
        ("exec touch {marker}", "command 'exec' {refused}"),
        ("create_clock -period [exec touch {marker}] clk",
         "command 'exec' {refused}"),
        ("set_load 1 [get_ports [exec touch {marker}]]", "brackets inside brackets are not read"),
        ("if {1} {create_clock}", "command 'if' {refused}"),
        ("create_clock -period 2 [get_ports ck]", "no port 'ck'"),
        ("create_clock -period 2 ck", "no port 'ck'"),
        ("create_clock -period 2 y", "port 'y[0]' is not an input"),
        ("create_clock -period 2", "expected a clock port, or the -name of a clock that has none"),
        ("create_clock clk", "expected -period"),
        ("create_clock -period two clk", "could not convert string to float: 'two'"),
        ("create_clock clk -period", "-period needs a value"),
        ("create_clock -period 0 clk", "period must be positive and finite, not 0 ns"),
        ("create_clock -period nan clk", "period must be positive and finite, not nan ns"),
        ("create_clock -period inf clk", "period must be positive and finite, not inf ns"),
        ("set_load -1 done", "load must be 0 or more, not -1"),
        ("set_load nan done", "load must be 0 or more, not nan"),
        ("set_input_delay inf mode", "delay must be finite, not inf"),
        ("create_clock -period 2 -waveform {1 2} clk",
         "the waveform must rise at 0 and fall within the period"),
        ("create_clock -period 2 -waveform {0 2} clk",
         "the waveform must rise at 0 and fall within the period"),
        ("create_clock -period 2 -waveform {0 1 2} clk",
         "the waveform must rise at 0 and fall within the period"),
        ("set_input_delay 1", "expected a value and ports"),
        ("set_input_delay 1 -clock c [all_outputs]", "port 'y[0]' is not an input"),
        ("set_output_delay 1 -clock c mode", "port 'mode' is not an output"),
        ("set_input_delay 1 -clock_fall -clock c mode",
         "option -clock_fall is not among those that are read"),
        ("set_input_delay 1 -clock c mode", "no clock 'c'"),
        ("set_output_delay 1 -clock [get_clocks c] done", "no clock 'c'"),
        ("set_input_delay x mode", "could not convert string to float: 'x'"),
        ("set_load 1 [get_ports q]", "no port 'q'"),
        ("set_load 1 q", "no port 'q'"),
        ("set_load 1 [get_cells u1]", "command 'get_cells' {refused}"),
        ("set_case_analysis rising mode", "case must be 0 or 1, not rising"),
        ("set_case_analysis 1 done", "port 'done' is not an input"),
        ("set_false_path -from mode -to done", "give either -from or -to, with ports"),
        ("set_false_path", "give either -from or -to, with ports"),
        ("set_false_path -through u1/A", "option -through is not among those that are read"),
        ("set_false_path -from [get_clocks clk]", "get_clocks is read after -clock only"),
        ("set_false_path -from c", "no port 'c'"),
        ("set_false_path -to a", "port 'a[0]' is not an output"),
        ("set_load 1 [get_ports done", "brackets, braces or quotes that do not match"),
        ("set_load 1 {done", "brackets, braces or quotes that do not match"),
        ('set_load 1 "done', "brackets, braces or quotes that do not match"),
        ("set_load 1 done]", "brackets, braces or quotes that do not match"),
        ("set_load 1 $name", "no port '$name'"),
        ("set_load 1 done more", "expected a value and ports"),
    ],
)  # fmt: skip
def test_read_sdc_rejects(tmp_path, statement, message):
    message = message.replace("{refused}", "is not among the SDC commands that are read")
    marker = tmp_path / "marker"
    statement = statement.replace("{marker}", str(marker))
    with pytest.raises(VoltileError) as fault:
        read(tmp_path, f"# a comment\ncreate_clock -period 2 clk\n\n{statement}\n")
    assert str(fault.value) == f"{tmp_path / 'top.sdc'}:4: {message} in '{statement}'"
    assert not marker.exists()


def test_clock_without_a_name_has_that_of_its_port(tmp_path):
    delay = "set_output_delay 1 -clock clk done"
    assert read(tmp_path, f"create_clock -period 2 clk\n{delay}").output_delay == {"done": 1e-9}
    with pytest.raises(VoltileError, match="no clock 'clk'"):
        read(tmp_path, f"create_clock -period 2 clk -name c\n{delay}")


def test_read_sdc_rejects_clocks_that_differ(tmp_path):
    for second in ("-period 3 clk2", "-period 2 -waveform {0 0.5} clk2"):
        with pytest.raises(VoltileError) as fault:
            read(tmp_path, f"create_clock -period 2 clk\ncreate_clock {second}")
        assert str(fault.value) == (
            f"{tmp_path / 'top.sdc'}: clocks with different periods or waveforms are not supported"
        )


def test_fault_in_a_continued_statement_has_its_last_line(tmp_path):
    with pytest.raises(VoltileError, match=r"top.sdc:3: no port 'q' in 'set_load 1 "):
        read(tmp_path, "# one\nset_load 1 \\\n  [get_ports q]\nset_load 1 done")


def test_read_sdc_rejects_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(VoltileError) as fault:
        read_sdc(tmp_path / "none.sdc", INPUTS, OUTPUTS)
    assert str(fault.value) == (
        f"SDC file {tmp_path / 'none.sdc'} cannot be read: No such file or directory"
    )
    (tmp_path / "latin.sdc").write_bytes(b"# \xe9\n")
    with pytest.raises(VoltileError, match=r"^SDC file .*latin.sdc cannot be read: 'utf-8' codec "):
        read_sdc(Path(tmp_path / "latin.sdc"), INPUTS, OUTPUTS)
