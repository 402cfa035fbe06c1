"""Random, scheduled and recorded inputs."""

import subprocess

import numpy as np
import pytest
from power_icarus import require_icarus, stimulus_bits
from power_toy import MODELS, make_netlist, toy_library

from voltile.core import VoltileError
from voltile.floorplan.clocks import trace_clocks
from voltile.floorplan.netlist import write_verilog
from voltile.power.recordings import recorded_stimulus
from voltile.power.stimulus import find_resets, random_stimulus, scheduled_stimulus

INPUTS = ("clk", "rn", "set", "en", *(f"act[{k}]" for k in range(3)))


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    """A register with clear and preset, and logic that reads `en` and `act`."""
    library = toy_library(tmp_path_factory.mktemp("toy"))
    cells = [
        ("TBUF", {"A": "rn", "Y": "r1"}),
        ("TINV", {"A": "set", "Y": "s1"}),
        ("TDFSR", {"CK": "clk", "D": "x", "RN": "r1", "SN": "s1", "Q": "q"}),
        ("TNR3", {"A": "act[0]", "B": "act[1]", "C": "act[2]", "Y": "w"}),
        ("TND2", {"A": "w", "B": "en", "Y": "x"}),
    ]
    netlist = make_netlist(library, cells, INPUTS, ["q"])
    return netlist, trace_clocks(netlist)


def test_resets_are_found_with_their_active_level(design):
    assert find_resets(*design) == {"rn": 0, "set": 1}


def test_port_that_is_also_data_is_no_reset(design):
    netlist, _ = design
    cells = [
        ("TDFSR", {"CK": "clk", "D": "x", "RN": "rn", "SN": "one", "Q": "q"}),
        ("TND2", {"A": "rn", "B": "q", "Y": "x"}),
        ("TTIE", {"H": "one"}),
    ]
    other = make_netlist(netlist.library, cells, ["clk", "rn"], ["q"])
    assert find_resets(other, trace_clocks(other)) == {}


def test_random_bits_have_the_probability_and_toggle_rate_asked_for(design):
    stimulus = random_stimulus(
        *design, 400, 640, probability={"en": 0.1, "act": 0.5}, toggle_rate={"en": 0.05, "act": 1.0}
    )
    bits = stimulus_bits(stimulus)
    en, act = bits[:, :, stimulus.ports.index("en")], bits[:, :, stimulus.ports.index("act[1]")]
    assert np.isclose(en.mean(), 0.1, atol=0.01)
    assert np.isclose((en[1:] != en[:-1]).mean(), 0.05, atol=0.003)
    assert (act[1:] != act[:-1]).all()


def test_resets_are_active_first_and_held_ports_never_move(design):
    stimulus = random_stimulus(*design, 20, 70, held={"act": 5, "en": 1}, reset_cycles=3)
    bits = stimulus_bits(stimulus)
    level = {port: bits[:, :, place] for place, port in enumerate(stimulus.ports)}
    assert not level["rn"][:3].any() and level["rn"][3:].all()
    assert level["set"][:3].all() and not level["set"][3:].any()
    assert level["en"].all() and level["act[0]"].all() and level["act[2]"].all()
    assert not level["act[1]"].any()
    assert stimulus.warmup == 3 + 16
    assert stimulus.description == (
        "random inputs, seed 0, probability 0.5, toggle rate 0.5, "
        "with act[0]=1, act[1]=0, act[2]=1, en=1"
    )


def test_same_seed_gives_the_same_bits(design):
    stimulus = random_stimulus(*design, 9, 64, seed=4)
    assert np.array_equal(stimulus_bits(stimulus), stimulus_bits(stimulus))


def test_random_stimulus_rejects_a_rate_that_no_chain_has(design):
    message = (
        "input 'en' cannot be high for 0.1 of the time and toggle 0.3 times a cycle: a probability "
        "lies between 0 and 1, a toggle rate between 0 and twice the smaller of it and its "
        "complement"
    )
    with pytest.raises(VoltileError) as caught:
        random_stimulus(*design, 9, probability={"en": 0.1}, toggle_rate={"en": 0.3})
    assert str(caught.value) == message


INTEGERS = "integers of shape (cycles,) or (cycles, lanes)"
UNDECODED = "'utf-8' codec can't decode byte 0xff in position 7: invalid start byte"
HELD = {"rn": 1, "set": 0}


def test_schedule_puts_words_and_bits_where_they_belong(design):
    act = np.array([[1, 6], [-1, 0]])  # -1 is all ones
    stimulus = scheduled_stimulus(*design, {"act": act, "en": [0, 1]}, "by hand", held=HELD)
    bits = stimulus_bits(stimulus)
    places = [stimulus.ports.index(port) for port in ("act[0]", "act[1]", "act[2]", "en")]
    assert bits[:, :, places].tolist() == [
        [[1, 0, 0, 0], [0, 1, 1, 0]],
        [[1, 1, 1, 1], [0, 0, 0, 1]],
    ]


def test_held_port_stays_whatever_the_values_say(design):
    held = {**HELD, "en": 0}
    stimulus = scheduled_stimulus(*design, {"act": [1, 2], "en": [1, 1]}, "by hand", held=held)
    assert not stimulus_bits(stimulus)[:, :, stimulus.ports.index("en")].any()
    assert stimulus.description == "by hand, with rn=1, set=0, en=0"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "stimulus 'scheduled' gives no values"),
        ({"act": [1]}, "stimulus 'scheduled' has no values for input port 'en' of toy"),
        ({"act": [1], "en": [1], "b": [0]}, "toy has no data input 'b'"),
        ({"act": [8], "en": [1]}, "value 8 does not fit port 'act' of 3 bits (-4 to 7)"),
        ({"act": [-5], "en": [1]}, "value -5 does not fit port 'act' of 3 bits (-4 to 7)"),
        (
            {"act": [1, 2], "en": [1]},
            "arrays of stimulus 'scheduled' differ in cycles or lanes: act (2,), en (1,)",
        ),
        (
            {"act": [0.5], "en": [1]},
            "values of 'act' must be " + INTEGERS + ", not float64 of shape (1,)",
        ),
    ],
)
def test_schedule_rejects_what_does_not_fit(design, values, message):
    with pytest.raises(VoltileError) as caught:
        scheduled_stimulus(*design, values, "by hand", held=HELD)
    assert str(caught.value) == message


def recording(design, folder, text, suffix="csv", **options):
    path = folder / f"in.{suffix}"
    path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
    options.setdefault("held", HELD)
    return recorded_stimulus(path, *design, **options)


def test_csv_columns_become_ports(design, tmp_path):
    stimulus = recording(design, tmp_path, "act,en\n0x3,1\n0b100,0\n-1,1\n")
    bits = stimulus_bits(stimulus)[:, 0]
    places = [stimulus.ports.index(port) for port in ("act[0]", "act[1]", "act[2]", "en", "rn")]
    assert bits[:, places].tolist() == [[1, 1, 0, 1, 1], [0, 0, 1, 0, 1], [1, 1, 1, 1, 1]]
    assert stimulus.description == "recording in.csv, 3 cycles, with rn=1, set=0"


def test_recording_is_cut_into_lanes_that_overlap(design, tmp_path):
    rows = "".join(f"{k % 8},{k % 2}\n" for k in range(10))
    stimulus = recording(design, tmp_path, "act,en\n" + rows, lanes=3, warmup=2)
    place = [stimulus.ports.index(f"act[{k}]") for k in range(3)]
    act = stimulus_bits(stimulus)[:, :, place] @ [1, 2, 4]
    expected = [[0, 0, 0, 1, 2, 3], [1, 2, 3, 4, 5, 6], [4, 5, 6, 7, 8, 9]]
    assert act.T.tolist() == (np.array(expected) % 8).tolist()
    assert (stimulus.cycles, stimulus.lanes, stimulus.warmup) == (6, 3, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "stimulus file {path} is empty"),
        ("act,en\n", "{path} has no values: it needs a line of port names and one per cycle"),
        ("act\n1\n", "{path} has no values for input port 'en' of toy"),
        ("act,en,b\n1,1,1\n", "toy has no data input 'b'"),
        ("act,en,en\n1,1,1\n", "{path}:1: column 'en' stands there twice"),
        ("act,en\n1,1\n1\n", "{path}:3: 1 values for 2 columns"),
        ("act,en\n1,1\n1x,1\n",
         "{path}:3: '1x' in column 'act' is not a decimal, 0x or 0b number"),
        ("act,en\n1,1\n1,2\n", "{path}:3: value 2 does not fit port 'en' of 1 bits (-1 to 1)"),
        (b"act,en\n\xff\xfe,1\n", "{path} is not a CSV file: " + UNDECODED),
    ],
)  # fmt: skip
def test_csv_rejects_what_does_not_fit(design, tmp_path, text, message):
    with pytest.raises(VoltileError) as caught:
        recording(design, tmp_path, text)
    assert str(caught.value) == message.format(path=tmp_path / "in.csv")


VCD = """$date today $end
$timescale 1ns $end
$scope module bench $end
$var reg 1 ! clk $end
$scope module dut $end
$var wire 1 ! clk $end
$var wire 3 " act [2:0] $end
$var wire 1 # en $end
$upscope $end
$upscope $end
$enddefinitions $end
#0
0!
bx "
1#
#5
1!
b101 "
#10
0!
0#
#15
b11 "
1!
#20
0!
#25
1!
"""


def test_vcd_is_sampled_before_each_rising_edge(design, tmp_path):
    stimulus = recording(design, tmp_path, VCD, "vcd")
    places = [stimulus.ports.index(port) for port in ("act[2]", "act[1]", "act[0]", "en", "rn")]
    assert stimulus_bits(stimulus)[:, 0][:, places].tolist() == [
        [0, 0, 0, 1, 1],  # unknown
        [1, 0, 1, 0, 1],  # what changes with the edge comes after it
        [0, 1, 1, 0, 1],
    ]
    assert stimulus.description == (
        "recording in.vcd, 3 cycles, 3 unknown bits taken as 0, with rn=1, set=0"
    )


@pytest.mark.parametrize(
    ("old", "new", "options", "message"),
    [
        ("#25\n1!\n", "#25\n1", {}, "{path} is cut off: its last line has no end"),
        ("$enddefinitions $end", "$enddefi $end", {}, "{path}:11:10: invalid keyword $enddefi"),
        ("#20\n", "#zz\n", {}, "{path}:25:3: Expected decimal value"),
        ("$var wire 1 # en $end\n", "", {},
         "scope 'bench.dut' of {path} has no values for input port 'en' of toy"),
        ("$var wire 3 \" act [2:0]", "$var wire 4 \" act [3:0]", {},
         "signal 'act[3:0]' of {path} has 4 bits, port 'act' of toy 3"),
        ("", "", {"scope": "top"}, "{path} has no scope 'top': it has bench, bench.dut"),
        ("", "", {"clock": "ck"}, "toy has no clock port 'ck'"),
        ("1!", "0!", {}, "{path} has no rising edge of clock 'clk'"),
        ("$var wire 1 ! clk", "$var wire 1 ! ck", {},
         "scope 'bench.dut' of {path} has no clock 'clk'"),
    ],
)  # fmt: skip
def test_vcd_rejects_what_does_not_fit(design, tmp_path, old, new, options, message):
    text = VCD.replace(old, new) if old else VCD
    with pytest.raises(VoltileError) as caught:
        recording(design, tmp_path, text, "vcd", **options)
    assert str(caught.value) == message.format(path=tmp_path / "in.vcd")


BENCH = """
module bench;
  reg clk = 0, rn = 1, set = 0, en = 0; reg [2:0] act = 0; wire q;
  integer k;
  toy dut (.clk(clk), .rn(rn), .set(set), .en(en), .act(act), .q(q));
  always @(posedge clk) begin act <= act * 3 + 1; en <= act[1]; end
  initial begin
    $dumpfile("run.vcd"); $dumpvars(0, bench);
    for (k = 0; k < 12; k = k + 1) begin #5 clk = 1; #5 clk = 0; end
    $finish;
  end
endmodule
"""


def test_vcd_of_icarus_is_read(design, tmp_path):
    require_icarus()
    write_verilog(design[0], tmp_path / "toy.v")
    (tmp_path / "bench.v").write_text(BENCH + MODELS)
    for command in ("iverilog -g2012 -o run bench.v toy.v", "vvp -n run"):
        subprocess.run(command.split(), cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    stimulus = recorded_stimulus(tmp_path / "run.vcd", *design)
    bits = stimulus_bits(stimulus)[:, 0]
    level = {port: bits[:, place] for place, port in enumerate(stimulus.ports)}
    act = [0]
    for _ in range(11):
        act.append((act[-1] * 3 + 1) % 8)
    assert (level["act[0]"] + 2 * level["act[1]"] + 4 * level["act[2]"]).tolist() == act
    assert level["en"].tolist() == [0] + [(value >> 1) & 1 for value in act[:-1]]
    assert level["rn"].all() and not level["set"].any()


def test_stimulus_rejects_no_cycles(design):
    message = "^a stimulus needs at least one cycle and one lane, not 0 and 64$"
    with pytest.raises(ValueError, match=message):
        random_stimulus(*design, 0)


def test_recording_rejects_a_file_that_is_no_recording(design, tmp_path):
    with pytest.raises(VoltileError, match=r"stimulus file .*/in\.txt must end in \.vcd or \.csv$"):
        recording(design, tmp_path, "x", "txt")
    with pytest.raises(VoltileError, match=r"stimulus file .*/none\.vcd does not exist$"):
        recorded_stimulus(tmp_path / "none.vcd", *design)
