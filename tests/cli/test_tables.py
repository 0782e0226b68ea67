"""Data files: what is written arrives as it is written, and every fault is named with its place."""

import gzip
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris

from nnkit.cli import text_tables
from nnkit.cli.data_files import DataFile, data_file
from nnkit.cli.tables import read_table
from nnkit.cli.text_layout import Reading, detect
from nnkit.cli.text_tables import read_columns
from nnkit.errors import DataError, MissingExtraError


def written(tmp_path, text, name="data.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path, **options):
    names = ("delimiter", "decimal", "header", "missing", "index_column", "encoding")
    reading = Reading(**{name: options.pop(name) for name in names if name in options})
    return read_table(DataFile.of(path), reading=reading, **options)


def values(table):
    return {name: np.asarray(table[name]).tolist() for name in table.columns}


@pytest.fixture(params=["standard library", "pyarrow"])
def reader(request, monkeypatch):
    """Both readers of text; the second for files of any size."""
    if request.param == "pyarrow":
        pytest.importorskip("pyarrow")
        monkeypatch.setattr(text_tables, "LARGE", 0)
    else:
        monkeypatch.setattr(text_tables, "LARGE", 1 << 60)
    return request.param


def test_a_csv_with_a_header_and_names_of_classes(tmp_path, reader):
    iris = load_iris()
    header = ["sepal length", "sepal width", "petal length", "petal width", "species"]
    rows = [[*map(repr, x.tolist()), iris.target_names[y]] for x, y in zip(iris.data, iris.target, strict=True)]
    content = read(written(tmp_path, "\n".join(",".join(row) for row in [header, *rows])), target="species")
    np.testing.assert_array_equal(iris.data, np.column_stack([content.X[name] for name in header[:-1]]))
    np.testing.assert_array_equal(iris.target_names[iris.target], np.asarray(content.y["species"]))


@pytest.mark.parametrize(
    ("text", "header", "expected"),
    [
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", None, {"1": [5.1, 4.9], "2": [3.5, 3.0], "3": ["setosa"] * 2}),
        ("1,2\n3,4\n", None, {"1": [1.0, 3.0], "2": [2.0, 4.0]}),
        ("2019,2020\n1,2\n", True, {"2019": [1.0], "2020": [2.0]}),
        ("id,2019,2020\n7,1,2\n", None, {"id": [7.0], "2019": [1.0], "2020": [2.0]}),
        ("name,kind\nAda,x\n", None, {"name": ["Ada"], "kind": ["x"]}),
        ("Ada,x\nBob,y\n", False, {"1": ["Ada", "Bob"], "2": ["x", "y"]}),
        ("a,b\n1,\n,2\n", None, {"a": [1.0, np.nan], "b": [np.nan, 2.0]}),
    ],
)
def test_the_first_line_is_a_header_or_a_row(tmp_path, reader, text, header, expected):
    columns = values(read(written(tmp_path, text), header=header).X)
    np.testing.assert_equal(columns, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a;b\n1,5;2\n3,5;x\n", {"a": [1.5, 3.5], "b": ["2", "x"]}),
        ("1,5;2,5\n3,5;4,5\n", {"1": [1.5, 3.5], "2": [2.5, 4.5]}),
        ("a\tb\n1\t2\n", {"a": [1.0], "b": [2.0]}),
        ("a|b\n1|x,y,z\n2|u\n", {"a": [1.0, 2.0], "b": ["x,y,z", "u"]}),
        ('a,b\n1,"x;y"\n2,"u;v"\n', {"a": [1.0, 2.0], "b": ["x;y", "u;v"]}),
        ("a;b\n1.5;2,5\n", {"a": [1.5], "b": ["2,5"]}),
        ('"a, b", c\n\n1.5, "x, y"\n\n+2.5e1, z\n', {"a, b": [1.5, 25.0], "c": ["x, y", "z"]}),
        ("\ufeffa,b\r\n1,2\r\n", {"a": [1.0], "b": [2.0]}),
        ('a,b\n1,"x\ny"\n2,"q""q"\n', {"a": [1.0, 2.0], "b": ["x\ny", 'q"q']}),
    ],
)
def test_delimiter_decimal_sign_and_quotes_are_detected(tmp_path, reader, text, expected):
    assert expected == values(read(written(tmp_path, text)).X)


def test_what_is_detected_may_be_stated(tmp_path):
    path = written(tmp_path, "a;b\n1,234;2\n")
    assert {"a": ["1,234"], "b": [2.0]} == values(read(path, decimal=".").X)
    assert {"a;b": ["1;2"]} == values(read(written(tmp_path, "a;b\n1;2\n"), delimiter="|").X)
    assert {"a": [1.0]} == values(read(written(tmp_path, "a\tb\n1\t2\n", "x.tsv"), target="b").X)


def test_numbers_are_only_what_is_written_as_a_number(tmp_path, reader):
    columns = {"a": ["15", "1_5"], "b": ["1", "٢"], "c": ["1", "0x10"], "d": ["1e3", "1d3"], "e": ["01", "2"]}
    text = "\n".join([",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))])
    expected = {**columns, "e": [1.0, 2.0]}
    assert expected == values(read(written(tmp_path, text)).X)


def test_a_text_far_down_makes_the_column_one_of_words(tmp_path, reader):
    cells = [*map(str, range(9000)), "x"]
    content = read(written(tmp_path, "a,b\n" + "".join(f"{cell},{row}\n" for row, cell in enumerate(cells))))
    assert {"a": cells, "b": list(range(9001))} == values(content.X)


def test_a_row_may_be_longer_than_a_block(tmp_path, reader):
    long = "x" * 100_000
    content = read(written(tmp_path, f'a,b,c,d\n1,{long},{long},{long}\n2,5" pipe,,\n'))
    assert {"a": [1.0, 2.0], "b": [long, '5" pipe'], "c": [long, None], "d": [long, None]} == values(content.X)


@pytest.mark.parametrize(("missing", "count"), [(None, 4), (("?",), 2), ((), 1)])
def test_texts_of_missing_values(tmp_path, reader, missing, count):
    text = "a,n\n" + "".join(f"{cell},1\n" for cell in ("NA", "", "?", "n/a", "null", "x"))
    column = read(written(tmp_path, text), missing=missing).X["a"]
    assert count == int((column.codes < 0).sum())


def test_labels_are_words_as_they_are_written(tmp_path, reader):
    labels = ["1_0", "10", "1e1", "010", str(2**53), str(2**53 + 1), "10.0"]
    content = read(written(tmp_path, "x,y\n" + "".join(f"1,{label}\n" for label in labels)), target="y")
    assert labels == np.asarray(content.y["y"]).tolist()


def test_the_index_that_pandas_writes_is_no_feature(tmp_path, reader):
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    frame.to_csv(tmp_path / "once.csv")
    pd.read_csv(tmp_path / "once.csv").to_csv(tmp_path / "twice.csv")
    for name in ("once.csv", "twice.csv"):
        assert {"a": [1.0, 2.0], "b": [3.0, 4.0]} == values(read(tmp_path / name).X)
    path = written(tmp_path, "row,a,b\n0,1,2\n")
    assert ("a", "b") == read(path, index_column="row").X.columns
    with pytest.raises(DataError, match=r"no column 'rwo'; did you mean 'row'"):
        read(path, index_column="rwo")


def test_several_targets_and_chosen_features_in_the_order_asked_for(tmp_path, reader):
    path = written(tmp_path, "a,b,c,d\n1,2,3,4.5\n5,6,7,8\n")
    content = read(path, target=["d", "a"], features=["c", "b"], numeric_target=True)
    assert {"c": [3.0, 7.0], "b": [2.0, 6.0]} == values(content.X)
    assert {"d": [4.5, 8.0], "a": [1.0, 5.0]} == values(content.y)


def test_a_file_without_names_has_the_features_in_their_order(tmp_path):
    path = written(tmp_path, "x,1,2\ny,3,4\n", "rows.data")
    assert {"a": [1.0, 3.0], "b": [2.0, 4.0]} == values(read(path, target="1", features=["a", "b"]).X)
    named = written(tmp_path, "p,q\n1,2\n")
    assert {"2": [1.0], "3": [2.0]} == values(read(named, features=["2", "3"]).X)


def test_columns_are_kept_as_they_are_written(tmp_path, reader):
    path = written(tmp_path, 'id,a,note\n007,1.50,NA\n008,,"x, y"\n')
    content = read(path, features=["a"], keep=["note", "id", "a"])
    expected = {"note": ["NA", "x, y"], "id": ["007", "008"], "a": ["1.50", None]}
    assert expected == values(content.kept)
    assert ("id", "a", "note") == read(path, features=["a"], keep=None).kept.columns


def test_compressed_text_and_standard_input(tmp_path, reader, monkeypatch):
    content = b"a,b\n1,x\n"
    path = written(tmp_path, gzip.compress(content), "data.csv.gz")
    assert {"a": [1.0], "b": ["x"]} == values(read(path).X)
    np.savez(tmp_path / "data.npz", X=[[1.0]])
    for stream in (content, gzip.compress(content)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stream)))
        with data_file(Path("-")) as file:
            assert {"a": [1.0], "b": ["x"]} == values(read_table(file).X)
            assert "standard input" == str(file)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "data.npz").read_bytes())))
    with data_file(Path("-")) as file:
        assert [[1.0]] == read_table(file, y=None).X.tolist()


def test_parquet(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": ["x", None], "d": [True, False], "y": ["p", "q"]})
    frame["e"] = pd.to_datetime(["2024-01-01", "2024-02-01"])
    frame["f"] = pd.Categorical(["u", "v"])
    frame.to_parquet(tmp_path / "data.parquet")
    frame.to_csv(tmp_path / "data.csv")
    content, text = read(tmp_path / "data.parquet", target="y"), read(tmp_path / "data.csv", target="y")
    assert text.X.columns == content.X.columns
    assert values(text.X)["c"] == values(content.X)["c"]
    assert ["p", "q"] == np.asarray(content.y["y"]).tolist()
    assert "M" == content.X["e"].dtype.kind
    (tmp_path / "bad.parquet").write_bytes(b"PAR1xxxx")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(tmp_path / "bad.parquet")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"nnkit-core\[frames\]"):
        read(tmp_path / "data.parquet")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b,t,\n1,2,3,\n4,5,6,\n", ("a", "b")),
        ("a,,b,,t\n1,9,2,9,3\n4,9,5,9,6\n", ("a", "b")),
        (",,a,b,t\n0,0,1,2,3\n1,1,4,5,6\n", ("a", "b")),
    ],
)
def test_columns_without_a_name_are_not_used(tmp_path, reader, text, expected):
    content = read(written(tmp_path, text), last_is_target=True)
    assert expected == content.X.columns
    assert ({"a": [1.0, 4.0], "b": [2.0, 5.0]}, {"t": ["3", "6"]}) == (values(content.X), values(content.y))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "cp437"])
def test_text_of_another_encoding(tmp_path, reader, encoding):
    text = "citt\u00e0;t\r\nK\u00f6ln;1,5\r\n\u00c5re;2,5\r\n"
    path = written(tmp_path, text.encode(encoding))
    content = read(path, target="t", encoding=encoding if encoding.startswith("cp") else "cp1252", numeric_target=True)
    assert {"citt\u00e0": ["K\u00f6ln", "\u00c5re"], "t": [1.5, 2.5]} == values(content.X) | values(content.y)
    if encoding.startswith("cp"):
        with pytest.raises(
            DataError, match='not UTF-8 text in line 1: .* state how it is encoded, for example encoding = "cp1252"'
        ):
            read(path, target="t")


def test_no_target_leaves_all_columns_to_the_features(tmp_path):
    content = read(written(tmp_path, "a,b\n1,2\n"))
    assert {"a": [1.0], "b": [2.0]} == values(content.X)
    assert content.y is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a,b,t\n1,2,x\n1,2\n", r"line 3 has 2 cells; expected 3, as in the first line \(delimiter ','"),
        ("a,b,t\n1,2,x,4\n", r"line 2 has 4 cells; expected 3"),
        ("a,a,t\n1,2,x\n", r"line 1: several columns are called 'a'; .* header = false"),
        ("a,b,t\n", "a header and no rows"),
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("a,b,T\n1,2,x\n", r"no column 't'.* its columns are a, b, T"),
        ("t\n1\n", r"no column left for the features \(delimiter ',', a header\).*; state delimiter in \[data\]"),
        ('a,t\n1,"x\n', "line 2: a quote of this row is never closed"),
        (b"a,t\n1,\xff\n", "is not UTF-8 text in line 2"),
        ("# made\n\n# by me\na,t\n" + "1,x\n" * 9, "line 1 is '# made', .* rows below have 2 .* above line 4"),
        ("my; table\na;b;t\n" + "1,5;2;x\n" * 9, r"'my', 'table', .* have 3 cells: name all columns .* above line 2"),
        ("a,t\n" + "1,x,\n" * 9, "each row ends in a separator: write one at the end of the first line"),
        ("a,t\n" + "1,x\n" * 9 + "1\n" + "1,x\n" * 20, "line 11 has 1 cells; expected 2"),
    ],
)
def test_every_fault_of_a_csv_is_named_with_its_place(tmp_path, reader, text, problem):
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=problem) as raised:
        read(path, target="t")
    assert str(path) in str(raised.value)


PLACES = 'a,"long\nname",t\n1,2,x\n\n ,,\n3,"4",y\n5,"of\ntwo lines",z\n\n7,8,x\n'


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("source", ["data.csv", "data.csv.gz", "standard input"])
def test_a_row_is_named_by_the_line_in_which_an_editor_shows_it(tmp_path, monkeypatch, reader, source, end):
    text = PLACES.replace("\n", end).encode()
    name = "a" if source == "standard input" else source
    path = written(tmp_path, gzip.compress(text) if name.endswith("gz") else text, name)
    if source == "standard input":
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
        path = Path("-")
    with data_file(path) as file:
        content = read_table(file, target="t")
    expected = [next(n for n, line in enumerate(text.decode().split(end), 1) if line[:1] == a) for a in "1357"]
    assert [f"line {n}" for n in expected] == [content.X.place(row) for row in range(4)]
    assert f"line {expected[3]}" == content.y.rows([0, 3]).rows([1]).place(0)


def test_a_damaged_gzip_file_is_a_sentence(tmp_path):
    for content in (b"no gzip", gzip.compress(b"a,b\n1,2\n" * 99)[:-9]):
        with pytest.raises(DataError, match="not a complete gzip file"):
            read(written(tmp_path, content, "data.csv.gz"))


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6)


@given(st.lists(st.tuples(cells, st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_every_table_that_pandas_writes_comes_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("tables") / "data.csv"
    pd.DataFrame(rows, columns=["text", "number"]).to_csv(path, index=False)
    file, reading = DataFile.of(path), Reading(header=True, delimiter=",", missing=())
    table = read_columns(file, detect(file, reading), reading, ["text", "number"], ["text"])
    assert [text.strip() or None for text, _ in rows] == np.asarray(table["text"]).tolist()
    assert [number for _, number in rows] == table["number"].tolist()


def test_an_npz_arrives_as_it_is_and_images_become_rows(tmp_path):
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.savez(tmp_path / "data.npz", images=images, digit=[1, 7])
    content = read(tmp_path / "data.npz", x="images", y="digit")
    np.testing.assert_array_equal(images.reshape(2, 12), content.X)
    assert (np.uint8, [1, 7]) == (content.X.dtype, content.y.tolist())
    assert read(tmp_path / "data.npz", x="images", y=None).y is None
    with pytest.raises(DataError, match="columns can be kept of tables only"):
        read(tmp_path / "data.npz", x="images", y=None, keep=["a"])


def test_an_npz_without_the_array_lists_those_it_has(tmp_path):
    np.savez(tmp_path / "data.npz", images=np.ones((2, 2)), digit=[1, 7])
    with pytest.raises(DataError, match=r"has no array 'X'; it has images, digit"):
        read(tmp_path / "data.npz")


class Trap:
    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


def bare(path):
    with path.open("wb") as file:
        np.save(file, np.ones((2, 2)))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: np.savez(path, X=np.ones(3), y=[1]), r"'X' has shape \(3,\); expected \(N, D\)"),
        (lambda path: path.write_bytes(b"PK\x03\x04nonsense"), "cannot be read as an .npz"),
        (lambda path: path.write_bytes(b"nonsense"), "cannot be read as an .npz"),
        (lambda path: path.write_bytes(b""), "cannot be read as an .npz"),
        (lambda path: np.savez(path, X=np.array([[Trap()]]), y=[1]), "without pickled objects"),
        (bare, "holds one bare array"),
    ],
)
def test_a_damaged_or_dangerous_npz_is_refused(tmp_path, make, problem):
    path = tmp_path / "data.npz"
    make(path)
    with pytest.raises(DataError, match=problem):
        read(path)


def test_other_endings_are_refused(tmp_path):
    for name in ("data.xlsx", "data.npz.gz", "data"):
        with pytest.raises(DataError, match=r"\.npz, \.csv .* and \.parquet files; this one ends in"):
            read(tmp_path / name)
