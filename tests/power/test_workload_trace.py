"""Traces: read, refused, and made."""

import numpy as np
import pytest

from voltile.core import VoltileError
from voltile.power import bursts, ramps, read_trace, write_trace

HEADER = "time_s,frequency_hz\n"


def test_rows_demand_until_the_next_and_the_last_ends_the_trace(tmp_path):
    path = tmp_path / "trace.csv"
    for last in ("", "0", "0.0"):
        path.write_text(f"\ufeff{HEADER}0.5, 1e8\n\n1,0\n1.25,2.5e7\n2,{last}\n", encoding="utf-8")
        trace = read_trace(path)
        assert trace.time.tolist() == [0.5, 1, 1.25, 2]
        assert trace.frequency.tolist() == [1e8, 0, 2.5e7]
        assert trace.line.tolist() == [2, 4, 5]
        assert trace.duration == 1.5


BAD = {
    "": "{path} is empty",
    "time,frequency\n0,1\n":
        "{path}:1: the header must be time_s,frequency_hz, not time,frequency",
    HEADER: "{path} must have two rows or more, the last of which ends it, not 0",
    HEADER + "0,0\n": "{path} must have two rows or more, the last of which ends it, not 1",
    HEADER + "0,1e6\n-1,0\n": "{path}:3: time_s must be 0 or more, not -1",
    HEADER + "0,1e6\n1,1e6\n1,0\n": "{path}:4: time_s must be above 1 of the row before, not 1",
    HEADER + "0,1e6\n1e300,0\n": "{path}:3: time_s must be 1e+09 or less, not 1e+300",
    HEADER + "0,1e6\n2,1e6\n1,0\n": "{path}:4: time_s must be above 2 of the row before, not 1",
    HEADER + "0,-5\n1,0\n": "{path}:2: frequency_hz must be 0 or more, not -5",
    HEADER + "0,inf\n1,0\n": "{path}:2: frequency_hz must be finite, not inf",
    HEADER + "nan,1\n1,0\n": "{path}:2: time_s must be finite, not nan",
    HEADER + "0,fast\n1,0\n": "{path}:2: frequency_hz must be a number, not 'fast'",
    HEADER + "0,\n1,0\n": "{path}:2: frequency_hz must be a number, not ''",
    HEADER + "0,1\n1\n": "{path}:3: 1 columns, where the header has 2",
    HEADER + "0,1e6\n1,1e6\n":
        "{path}:3: frequency_hz must be 0 or empty in the last row, which ends the trace, "
        "not 1e+06",
    HEADER + '0,"1\n': "{path} is no CSV file: unexpected end of data",
}  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_read_trace_rejects(text, tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text(text)
    with pytest.raises(VoltileError) as fault:
        read_trace(path)
    assert str(fault.value) == BAD[text].format(path=path)


def test_read_trace_rejects_what_is_no_text_or_no_file(tmp_path):
    (tmp_path / "bytes.csv").write_bytes(HEADER.encode() + b"\xff\xfe\n")
    for path, message in (
        (tmp_path / "none.csv", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "bytes.csv", "is no CSV file: 'utf-8' codec can't decode byte 0xff"),
    ):
        with pytest.raises(VoltileError, match=message):
            read_trace(path)


def test_what_is_written_is_read_again(tmp_path):
    made = bursts(1.3e8, 0.2, 2e-3, 3e-3, np.random.default_rng(5))
    write_trace(made, tmp_path / "made.csv")
    read = read_trace(tmp_path / "made.csv")
    assert np.array_equal(read.time, made.time)
    np.testing.assert_allclose(read.frequency, made.frequency, rtol=1e-8)
    assert np.array_equal(read.line, made.line)


def test_bursts_are_peaks_between_idle_times_of_the_mean_lengths_asked_for():
    trace = bursts(1e8, 100.0, 2e-3, 8e-3, np.random.default_rng(1))
    assert (trace.time[0], trace.time[-1]) == (0, 100)
    length = np.diff(trace.time)
    busy = trace.frequency > 0
    assert (busy[1:] != busy[:-1]).all()
    assert trace.frequency[busy].min() >= 0.5e8 and trace.frequency.max() <= 1e8
    # Ten thousand of each: the mean of an exponential distribution errs by a hundredth.
    assert length[busy].mean() == pytest.approx(2e-3, rel=0.04)
    assert length[~busy].mean() == pytest.approx(8e-3, rel=0.04)
    assert length[busy].std() == pytest.approx(2e-3, rel=0.08)


def test_ramps_go_in_even_steps_from_turn_to_turn():
    trace = ramps(2e7, 1e8, 1.0, 0.1, 0.01, np.random.default_rng(1))
    assert trace.time == pytest.approx(np.arange(101) / 100)
    assert trace.frequency.min() >= 2e7 and trace.frequency.max() <= 1e8
    change = np.diff(trace.frequency)
    # Ten steps of a ramp are alike, and no two ramps are.
    for first in range(0, 90, 10):
        assert change[first : first + 10] == pytest.approx(change[first])
    assert len(set(change[::10].round())) == 10


def test_a_seed_makes_one_trace():
    for make in (lambda rng: bursts(1e8, 1.0, 1e-3, 1e-3, rng),
                 lambda rng: ramps(1e7, 1e8, 1.0, 0.1, 1e-3, rng)):  # fmt: skip
        first, again, other = (make(np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert np.array_equal(first.frequency, again.frequency)
        assert np.array_equal(first.time, again.time)
        assert not np.array_equal(first.frequency[:50], other.frequency[:50])


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ((0, 1e-3, 1e-3), "duration must be positive and finite, not 0 ms"),
        ((1, -1e-3, 1e-3), "busy must be positive and finite, not -1 ms"),
        ((1, 1e-3, float("nan")), "idle must be positive and finite, not nan ms"),
        ((1e4, 1e-3, 1e-3),
         "a synthetic trace has at most 1000000 demands; 1e+07 ms at 1 ms each are 1e+07"),
    ],
)  # fmt: skip
def test_bursts_reject_lengths_out_of_range(lengths, message):
    with pytest.raises(VoltileError) as fault:
        bursts(1e8, *lengths, np.random.default_rng(1))
    assert str(fault.value) == message


def test_ramps_reject_a_ramp_shorter_than_its_steps():
    with pytest.raises(VoltileError) as fault:
        ramps(1e7, 1e8, 1.0, 1e-3, 2e-3, np.random.default_rng(1))
    assert str(fault.value) == "ramp must be as long as a step or longer, 2 ms, not 1 ms"
