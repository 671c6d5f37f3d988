import gzip

import pandas as pd
import pytest

from skvae.datasets.csv_text import read_csv


@pytest.fixture
def write(tmp_path):
    def write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


PLAIN = pd.DataFrame({"case": ["007", "8"], "a": [1.5, -2.0], "b": ["x", "y"]})


@pytest.mark.parametrize(
    "content",
    [
        "case,a,b\n007,1.5,x\n8,-2,y\n",
        "case\ta\tb\n007\t1.5\tx\n8\t-2\ty",
        "case;a;b\n007;1.5;x\n8;-2;y\n",
        "case;a;b\n007;1,5;x\n8;-2,0;y\n",
        '\ufeff"case","a","b"\r\n"007","1.5","x"\r\n"8","-2","y"\r\n',
        "case,a,b\r007,1.5,x\r8,-2,y\r",
        "case,a,b\n\n007,1.5,x\n,,\n8,-2,y\n,,\n",
        gzip.compress(b"case,a,b\n007,1.5,x\n8,-2,y\n"),
    ],
    ids=["csv", "tsv", "semicolons", "commas", "windows", "mac", "blank", "gzip"],
)
@pytest.mark.parametrize("name", ["t.csv", "t.gz", "t"])
def test_one_table_however_it_is_written(write, content, name):
    frame, notes = read_csv(write(content, name), as_text=("case",))
    pd.testing.assert_frame_equal(frame, PLAIN, check_dtype=False)
    assert frame["a"].dtype == float
    assert notes == []


def test_a_comma_within_text_parts_no_digits(write):
    """MIRP writes semicolons and points; a description of a series may hold 1,5."""
    path = write("sample;series;stat_mean\nim0;T1, 1,5 mm;148.71315\nim1;2,5;150.1\n")
    frame, _ = read_csv(path)
    assert frame["stat_mean"].tolist() == [148.71315, 150.1]
    assert frame["series"].tolist() == ["T1, 1,5 mm", "2,5"]


def test_quotes_hold_separators_and_line_ends(write):
    frame, _ = read_csv(write('case,"a, b",c\n"x\ny",1,"{\'binWidth\': 25, \'x\': 1}"\n'))
    assert frame.columns.tolist() == ["case", "a, b", "c"]
    assert frame.iloc[0].tolist() == ["x\ny", 1, "{'binWidth': 25, 'x': 1}"]


def test_an_appended_table_is_aligned_by_name(write):
    text = 'case,a,b\n01,1,x\n\n"l\n2",2,x\nb,case,a\ny,03,3\nz,04,4.5\ncase,a,b\n05,5,w\n'
    frame, notes = read_csv(write(text), as_text=("case",))
    assert frame["case"].tolist() == ["01", "l\n2", "03", "04", "05"]
    assert frame["a"].tolist() == [1, 2, 3, 4.5, 5]
    assert frame["b"].tolist() == ["x", "x", "y", "z", "w"]
    assert notes == [
        "a header is repeated on line 6; the rows below it are aligned by name",
        "a header is repeated on line 9; the rows below it are aligned by name",
    ]


def test_a_value_that_is_the_name_of_a_column_is_no_header(write):
    frame, notes = read_csv(write("case,a,b,c\ncase,1,2,3\nb,4,5,6\n"))
    assert frame["case"].tolist() == ["case", "b"]
    assert notes == []


DAMAGED = gzip.compress(b"case,a\n" + b"".join(b"%d,%d\n" % (i, i**3) for i in range(999)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "its first line is empty"),
        ("\n\ncase,a\n1,2\n", "its first line is empty"),
        ("case,a\n", "without a row below its header"),
        ("case,a\n,\n", "without a row below its header"),
        ("case,a,b,a\n1,2,3,4\n", "more than one of its columns is called a"),
        ("case,a\n1,2\n3\n", "its line 3 has 1 values, its header has 2"),
        ("a,b\nr1,1,2\n", "its line 2 has 3 values, its header has 2"),
        ("case,a,x\n1,2,3\ncase,b,x\n", "another header.*: b only there, a only in the"),
        (
            "case,a\n1,2\ncase,a,b\n3,4,5\n",
            "line 3 is another header.*: b only there, none",
        ),
        ('case,a\n1,"2\n', "its lines cannot be parted into columns"),
        ("case,größe\n1,2\n".encode("latin-1"), "it is not text in UTF-8"),
        ("case,a\n1,2\n".encode("utf-16"), "it is not text in UTF-8"),
        (bytes(range(256)), "it is not text in UTF-8"),
        (b"\0" * 3000, "it is not text"),
        (b"PK\x03\x04" + b"\0" * 50, "a zip archive, as workbooks are; save it as csv"),
        (DAMAGED[:400], "its compression is cut off or damaged"),
        (DAMAGED[:400] + b"x" * 400, "its compression is cut off or damaged"),
    ],
)
def test_what_is_wrong_is_said(write, content, message):
    with pytest.raises(ValueError, match=rf"table\.csv'.*{message}") as caught:
        read_csv(write(content))
    for foreign in ("codec", "tokeniz", "C error", "EOF", "pandas"):
        assert foreign not in str(caught.value)


def test_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "no.csv"):
        with pytest.raises(FileNotFoundError, match="which is not a file"):
            read_csv(path)
