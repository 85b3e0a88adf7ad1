import pytest

from matsweep.core.checks import UserError
from matsweep.core.tables import Row, finite_number, read_rows, read_text, split_rows


@pytest.fixture
def written(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "table.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return write


def test_rows_have_the_line_they_begin_in(written):
    path = written('a, b\n\n 1,"x\ny"\n   \n2,"3,4"\n')
    assert read_rows(path) == [Row(1, ["a", "b"]), Row(3, ["1", "x\ny"]), Row(6, ["2", "3,4"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_byte_order_marks_and_ends_of_lines_do_not_matter(written, encoding, end):
    path = written(f"g [µS],b{end}1,2{end}", encoding)
    assert read_rows(path) == [Row(1, ["g [µS]", "b"]), Row(2, ["1", "2"])]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_that_of_the_first_row(written, separator):
    path = written(f"# a,b;c\na{separator}b\n1{separator}2 # said; so, twice\n")
    found = read_rows(path, separators=",;\t", comment="#")
    assert found == [Row(2, ["a", "b"]), Row(3, ["1", "2"])]


def test_without_comments_a_hash_is_a_character(written):
    assert read_rows(written("a#,b\n"))[0].cells == ["a#", "b"]


def test_rows_may_be_ragged_and_a_row_of_empty_cells_is_one(written):
    assert [len(row.cells) for row in read_rows(written("a,b\n1\n1,2,3\n,\n"))] == [2, 1, 3, 2]
    assert read_rows(written("")) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,\x01\n", r"table.csv cannot be read: it is no text \(UTF-8, UTF-16 or Win"),
        (b"a,b\n1,\x81\n", "it is no text"),  # a byte that Windows-1252 does not have
        (b"PK\x03\x04\x00\x00", "it is no text"),
        ("a,b\n1,2\n" + "3" * 200_000 + ",4\n", "line 3, column 1: a cell has more than 100000"),
        ('a,b\n1,2\n"3,4\n5,6\n', "line 3 cannot be read: unexpected end of data; put a cell"),
        ('a,b\n"3"4,5\n', "line 2 cannot be read: ',' expected after '\"'"),
    ],
)
def test_what_is_no_table_is_told_in_one_line(written, content, message):
    with pytest.raises(UserError, match=message) as caught:
        read_rows(written(content), owner="design.path")
    assert str(caught.value).startswith("design.path: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match=r"^.*nowhere.csv cannot be read: No such file"):
        read_rows(tmp_path / "nowhere.csv")


def test_a_comment_begins_a_line_or_stands_between_spaces(written):
    """So that a column may be called Pulse #, and a broken cell of Excel is not lost."""
    path = written("  # said\nPulse #,g\n1,#DIV/0! # a, b\n")
    assert read_rows(path, comment="#") == [Row(2, ["Pulse #", "g"]), Row(3, ["1", "#DIV/0!"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_an_encoding_is_recognised(written, encoding):
    assert read_text(written("g [µS];°C\r\n1;2\n", encoding)) == "g [µS];°C\n1;2\n"


def test_rows_of_a_part_keep_the_lines_of_the_file():
    assert split_rows(["a;b", "", "1;2"], ";", named="t", first=7) == [
        Row(7, ["a", "b"]),
        Row(9, ["1", "2"]),
    ]


def test_finite_numbers_are_read():
    assert finite_number("1e-6") == 1e-6
    assert [finite_number(text) for text in ("inf", "nan", "x", "1,5", "1_000", "")] == [None] * 6
