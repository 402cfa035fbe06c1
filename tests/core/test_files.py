"""Files that are whole or absent."""

import hashlib
import os
import stat
from pathlib import Path

import pytest

from voltile.core import file_hash, write_atomically


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_written_file_has_the_content_and_is_readable_by_all(tmp_path):
    path = tmp_path / "result.csv"
    with write_atomically(path) as temporary:
        assert temporary.parent == tmp_path and temporary.suffix == ".csv"
        assert not path.exists()
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert names(tmp_path) == ["result.csv"]


def test_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "result.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="^half way$"), write_atomically(path) as temporary:
        temporary.write_text("new")
        raise RuntimeError("half way")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["result.csv"]


def test_interrupt_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), write_atomically(tmp_path / "x.json") as temporary:
        temporary.write_text("{")
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_link_is_followed(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "real.v").write_text("old")
    link = tmp_path / "link.v"
    link.symlink_to("far/real.v")
    with write_atomically(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink() and (tmp_path / "far" / "real.v").read_text() == "new"


def test_link_to_nothing_makes_what_it_points_to(tmp_path):
    link = tmp_path / "link.v"
    link.symlink_to("real.v")
    with write_atomically(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink() and (tmp_path / "real.v").read_text() == "new"


def test_pipe_and_device_are_written_to_and_stay(tmp_path):
    pipe = tmp_path / "pipe.v"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    device = tmp_path / "null"
    device.symlink_to("/dev/null")
    for path in (pipe, device):
        with write_atomically(path) as temporary:
            temporary.write_text("module")
    assert os.read(reader, 100) == b"module"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode) and device.is_char_device()
    assert sorted(names(tmp_path)) == ["null", "pipe.v"]


def test_folder_of_that_name_is_an_error_and_stays(tmp_path):
    (tmp_path / "x.json").mkdir()
    with (
        pytest.raises(IsADirectoryError),
        write_atomically(tmp_path / "x.json") as temporary,
    ):
        temporary.write_text("{}")
    assert names(tmp_path) == ["x.json"]


def test_folder_that_is_not_there_is_an_error(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match="missing"),
        write_atomically(tmp_path / "missing" / "x.json"),
    ):
        raise AssertionError("the block must not run")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_names_the_file(tmp_path):
    """Writing fails with no name: the stream was opened before."""
    with pytest.raises(OSError, match="No space left") as fault:
        with write_atomically(tmp_path / "x.json"), Path("/dev/full").open("w") as stream:
            stream.write("{}")
            stream.flush()
    assert fault.value.filename == str(tmp_path / "x.json")
    assert names(tmp_path) == []


def test_file_hash_is_sha256(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"abc" * 100_000)
    assert file_hash(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()
    path.write_bytes(b"abc")
    # The example of FIPS 180-4.
    assert file_hash(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
