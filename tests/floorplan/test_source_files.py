"""What a synthesis reads beside the files that it is given."""

import os
from pathlib import Path

from voltile.floorplan import source_files


def write(folder, **texts):
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def names(*arguments):
    return [str(path) for path in source_files(*arguments)]


def test_named_files_are_found_beside_the_source_in_include_folders_and_where_yosys_runs(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write(
        tmp_path,
        rtl__top_v='`include "near.h"\n`include <far.vh>\nmodule top #(parameter F = "rom.hex");\n'
        'initial $readmemh("ram.mem", m); // 19" "none.h" `include "late.vh"\nendmodule\n',
        rtl__near_h='`include "nested.svh"\n',
        rtl__nested_svh='`include "near.h"\n',
        rtl__late_vh="",
        inc__far_vh='`define NAME "ram.mem"\n',
        rom_hex="00",
        ram_mem="00",
        unused_v="",
        inc__unused_vh="",
    )
    assert names([Path("rtl/top.v")], [Path("inc")]) == [
        "inc/far.vh", "ram.mem", "rom.hex", "rtl/late.vh", "rtl/near.h", "rtl/nested.svh",
        "rtl/top.v",
    ]  # fmt: skip


def test_macros_of_the_command_line_name_files_and_dumped_waveforms_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, a_v='initial $dumpfile("dump.vcd");', dump_vcd="", defs_h="")
    assert names([Path("a.v")], [], ['HEADER="defs.h"']) == ["a.v", "defs.h"]


def test_what_is_no_text_and_no_file_does_not_hurt(tmp_path):
    (tmp_path / "a.v").write_bytes(os.urandom(4096) + b'"\0" "' + b"x" * 5000 + b'" "/dev/null"')
    (tmp_path / "b.v").write_text('"." "/dev/null" "')
    files = [tmp_path / "a.v", tmp_path / "b.v"]
    assert list(source_files(files)) == files
