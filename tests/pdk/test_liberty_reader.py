"""The Liberty tree: what is read, and where a fault lies."""

import pytest
from toy_technology import liberty_text

from voltile.core import LibertyError
from voltile.pdk import read_liberty

TEXT = r'''/* a comment
   of two lines with { and " in it */
library ("made \
up") {
  time_unit : "1ns" ;
  nom_voltage : 1.2
  capacitive_load_unit (1.0, "pf");
  define (a_word, cell, string);
  comment : "holds ; and } and (";
  cell ("AND") { area : 2.5; /* here too */
    pin (A, B) { direction : input; capacitance : 0.001 }
    pin ("Y") { direction : output; function : "(A B)'";
      timing () { related_pin : "A B"; when : "!(C)"; values ("1, 2", \
        "3, 4"); }
    };
  }
}
'''


def read(tmp_path, text):
    path = tmp_path / "made.lib"
    path.write_text(text)
    return read_liberty(path)


def test_comments_continued_lines_and_quoted_signs(tmp_path):
    library = read(tmp_path, TEXT)
    assert (library.kind, library.number("nom_voltage")) == ("library", 1.2)
    assert library.label.split() == ["made", "up"]
    assert library.attributes["comment"] == "holds ; and } and ("
    assert library.attributes["capacitive_load_unit"] == '1.0, "pf"'
    assert library.attributes["define"] == "a_word, cell, string"
    (cell,) = library.of_kind("cell")
    assert (cell.label, cell.number("area"), cell.number("missing", -1.0)) == ("AND", 2.5, -1.0)
    inputs, output = cell.of_kind("pin")
    assert inputs.arguments == "A, B" and inputs.number("capacitance") == 0.001
    assert output.attributes["function"] == "(A B)'"
    (timing,) = output.of_kind("timing")
    assert timing.attributes["when"] == "!(C)"
    assert timing.attributes["values"].replace("\n", "").split() == ['"1,', '2",', '"3,', '4"']


def test_carriage_returns_do_not_matter(tmp_path):
    path = tmp_path / "made.lib"
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    assert read_liberty(path) == read(tmp_path, TEXT)


@pytest.mark.parametrize("part", [0.01, 0.1, 0.25, 0.4, 0.5, 0.61, 0.77, 0.9, 0.999])
def test_read_liberty_rejects_a_file_cut_off(tmp_path, part):
    whole = liberty_text(1.0).rstrip()
    text = whole[: int(part * len(whole))]
    with pytest.raises(LibertyError) as fault:
        read(tmp_path, text)
    path = str(tmp_path / "made.lib")
    assert fault.value.path == path
    # The last complete statement and the cut are at most a table apart.
    last = text.count("\n") + 1
    assert last - 8 <= fault.value.line <= last
    assert str(fault.value).startswith(f"{path}:{fault.value.line}: ")


@pytest.mark.parametrize("line", range(3, 18))
def test_read_liberty_rejects_a_file_cut_at_any_line(tmp_path, line):
    text = "\n".join(TEXT.splitlines()[:line])
    if line == 17:
        assert read(tmp_path, text).kind == "library"
        return
    with pytest.raises(LibertyError) as fault:
        read(tmp_path, text)
    assert 0 < fault.value.line <= line


def test_read_liberty_says_cut_off_wherever_the_cut_is(tmp_path):
    inside = TEXT.index("cell (")
    for cut in range(inside, TEXT.rindex("}"), 3):
        with pytest.raises(LibertyError, match=r"ends inside group [^:]*: cut off\?$"):
            read(tmp_path, TEXT[:cut])


def test_read_liberty_names_the_group_that_is_open(tmp_path):
    with pytest.raises(LibertyError) as fault:
        read(tmp_path, 'library (l) {\n  cell ("X1") {\n    area : 1;\n')
    path = tmp_path / "made.lib"
    assert str(fault.value) == f"{path}:3: the file ends inside group 'cell (X1)': cut off?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("library (l) {\n  area ? 3;\n}", "2: not a Liberty statement"),
        ("library (l) {\n}\n}", "3: '}' without a group"),
        ("", " holds no library group"),
        ("cell (l) { }", " holds no library group"),
        ("library (a) { }\nlibrary (b) { }", " holds no library group"),
    ],
)
def test_read_liberty_rejects_what_is_no_library(tmp_path, text, message):
    with pytest.raises(LibertyError) as fault:
        read(tmp_path, text)
    assert str(fault.value) == f"{tmp_path / 'made.lib'}:{message}"


def test_read_liberty_rejects_a_file_that_is_not_there(tmp_path):
    with pytest.raises(LibertyError) as fault:
        read_liberty(tmp_path / "none.lib")
    assert str(fault.value) == f"{tmp_path / 'none.lib'}: cannot be read: No such file or directory"
    with pytest.raises(LibertyError) as fault:
        read_liberty(tmp_path)
    assert str(fault.value) == f"{tmp_path}: cannot be read: Is a directory"
