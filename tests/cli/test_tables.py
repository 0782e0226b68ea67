"""Data files: what they say arrives as it stands, and every fault is named with its place."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from nnkit.cli.tables import read_table
from nnkit.errors import DataError


def written(tmp_path, text, name="data.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_csv_with_a_header_and_names_of_classes(tmp_path):
    iris = load_iris()
    header = ["sepal length", "sepal width", "petal length", "petal width", "species"]
    rows = [[*map(repr, x.tolist()), iris.target_names[y]] for x, y in zip(iris.data, iris.target, strict=True)]
    path = written(tmp_path, "\n".join(",".join(row) for row in [header, *rows]))
    table = read_table(path, target="species")
    np.testing.assert_array_equal(iris.data, table.X)
    np.testing.assert_array_equal(iris.target_names[iris.target], table.y)
    assert (tuple(header[:-1]), True) == (table.features, table.named)


def test_a_csv_without_a_header_has_numbered_columns(tmp_path):
    table = read_table(written(tmp_path, "1,2,0\n3,4,1\n"), target="3")
    np.testing.assert_array_equal([[1, 2], [3, 4]], table.X)
    np.testing.assert_array_equal([0, 1], table.y)
    assert (("1", "2"), False, "i") == (table.features, table.named, table.y.dtype.kind)


def test_several_targets_and_chosen_features_in_the_order_asked_for(tmp_path):
    table = read_table(written(tmp_path, "a,b,c,d\n1,2,3,4.5\n5,6,7,8\n"), target=["d", "a"], features=["c", "b"])
    np.testing.assert_array_equal([[3, 2], [7, 6]], table.X)
    np.testing.assert_array_equal([[4.5, 1], [8, 5]], table.y)


def test_quotes_blank_lines_blanks_byte_order_mark_and_crlf(tmp_path):
    path = written(tmp_path, '\ufeff"a, b", c\r\n\r\n1.5, "x, y"\r\n\r\n2.5, z\r\n')
    table = read_table(path, target="c")
    np.testing.assert_array_equal([[1.5], [2.5]], table.X)
    assert ["x, y", "z"] == table.y.tolist()
    assert ("a, b",) == table.features


@pytest.mark.parametrize(("name", "delimiter"), [("data.tsv", ","), ("data.txt", "\t")])
def test_other_delimiters(tmp_path, name, delimiter):
    table = read_table(written(tmp_path, "a\tb\n1\t2\n", name), target="b", delimiter=delimiter)
    np.testing.assert_array_equal([[1.0]], table.X)


def test_no_target_leaves_all_columns_to_the_features(tmp_path):
    table = read_table(written(tmp_path, "a,b\n1,2\n"))
    np.testing.assert_array_equal([[1.0, 2.0]], table.X)
    assert table.y is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b,t\n1,2,x\n3,,y\n", r"line 3, column 'b' is empty \(a missing value\)"),
        ("a,b,t\n1,2,x\n\n3,n/a,y\n", r"line 4, column 'b' is 'n/a', not a number"),
        ("a,b,t\n1,nan,x\n", r"line 2, column 'b' is nan; expected a finite number"),
        ("a,b,t\n1,-inf,x\n", r"line 2, column 'b' is -inf; expected a finite number"),
        ("a,b,t\n1,2,\n", r"line 2, column 't' is empty \(a missing target\)"),
        ("a,b,t\n1,2,x\n1,2\n", r"line 3 has 2 cells; expected 3"),
        ("a,b,t\n1,2,x,4\n", r"line 2 has 4 cells; expected 3"),
        ("a,a,t\n1,2,x\n", r"line 1: several columns are called 'a'"),
        ("a,b,t\n", "a header and no rows"),
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("a,b,T\n1,2,x\n", r"no column 't'.* its columns are a, b, T"),
        ("a,tt\n1,x\n", r"no column 't'; did you mean 'tt'\? its columns are a, tt"),
        ("t\n1\n", "no column left for the features"),
        ('a,t\n1,"x\n', "line 2: unexpected end of data"),
        (b"a,t\n1,\xff\n", "is not UTF-8 text"),
    ],
)
def test_every_fault_of_a_csv_is_named_with_its_place(tmp_path, text, said):
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=said) as raised:
        read_table(path, target="t")
    assert str(path) in str(raised.value)


def test_an_npz_arrives_as_it_stands_and_images_become_rows(tmp_path):
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.savez(tmp_path / "data.npz", images=images, digit=[1, 7])
    table = read_table(tmp_path / "data.npz", x="images", y="digit")
    np.testing.assert_array_equal(images.reshape(2, 12), table.X)
    assert (np.uint8, [1, 7]) == (table.X.dtype, table.y.tolist())
    assert read_table(tmp_path / "data.npz", x="images", y=None).y is None


def test_an_npz_without_the_array_lists_those_it_has(tmp_path):
    np.savez(tmp_path / "data.npz", images=np.ones((2, 2)), digit=[1, 7])
    with pytest.raises(DataError, match=r"has no array 'X'; it has images, digit"):
        read_table(tmp_path / "data.npz")


class Trap:
    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


def bare(path):
    with path.open("wb") as file:
        np.save(file, np.ones((2, 2)))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: np.savez(path, X=np.ones(3), y=[1]), r"'X' has shape \(3,\); expected \(N, D\)"),
        (lambda path: path.write_bytes(b"PK\x03\x04nonsense"), "cannot be read as an .npz"),
        (lambda path: path.write_bytes(b"nonsense"), "cannot be read as an .npz"),
        (lambda path: path.write_bytes(b""), "cannot be read as an .npz"),
        (lambda path: np.savez(path, X=np.array([[Trap()]]), y=[1]), "without pickled objects"),
        (bare, "holds one bare array"),
    ],
)
def test_a_damaged_or_dangerous_npz_is_refused(tmp_path, make, said):
    path = tmp_path / "data.npz"
    make(path)
    with pytest.raises(DataError, match=said):
        read_table(path)


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"\.npz and \.csv files; this one ends in '\.xlsx'"):
        read_table(tmp_path / "data.xlsx")
