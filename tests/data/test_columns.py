"""Column plans: one matrix from a table of text, gaps, booleans and dates, learned on training rows only."""

import contextlib
import json
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from nnkit.data.columns import ColumnPlan
from nnkit.data.table import Table, Words, as_table
from nnkit.errors import DataError, ShapeError, SpecError, TrainingWarning


def people(rows=40):
    rng = np.random.default_rng(0)
    age = rng.integers(18, 80, rows).astype(float)
    age[::7] = np.nan
    city = np.array(["Oslo", "Rome", "Lima"], dtype=object)[rng.integers(0, 3, rows)]
    city[3] = None
    return pd.DataFrame({"age": age, "city": city, "member": rng.random(rows) > 0.5, "size": rng.normal(size=rows)})


def frames(frame):
    """The same table in every form that is installed."""
    yield frame
    yield {name: frame[name].tolist() for name in frame}
    yield Table({name: as_table(frame, "X")[name] for name in frame})
    yield frame.convert_dtypes()
    yield frame.astype({"city": "category"})
    yield {name: np.ma.masked_invalid(frame[name]) if name == "age" else frame[name].to_numpy() for name in frame}
    for package in ("polars", "pyarrow"):
        try:
            module = __import__(package)
        except ModuleNotFoundError:
            continue
        yield module.from_pandas(frame) if package == "polars" else module.Table.from_pandas(frame)


def test_the_matrix_is_that_of_scikit_learn():
    frame = people()
    train = frame[:30]
    plan = ColumnPlan.learn(train)
    imputer = SimpleImputer(strategy="median", add_indicator=True).fit(train[["age"]])
    encoder = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(train[["city"]].fillna("zz"))
    expected = np.hstack(
        [
            imputer.transform(frame[["age"]]),
            frame[["size"]],
            encoder.transform(frame[["city"]].fillna("zz")),
            frame[["member"]].to_numpy(dtype=float),
        ]
    )
    np.testing.assert_array_equal(expected, plan.matrix(frame))
    names = ("age", "age is missing", "size", "city=Lima", "city=Oslo", "city=Rome", "city=missing", "member")
    assert names == plan.outputs
    assert {"age": slice(0, 2), "size": slice(2, 3), "city": slice(3, 7), "member": slice(7, 8)} == plan.ranges


def test_every_kind_of_frame_gives_the_same_plan_and_matrix():
    expected = ColumnPlan.learn(people())
    for frame in frames(people()):
        plan = ColumnPlan.learn(frame)
        assert expected == plan
        np.testing.assert_array_equal(expected.matrix(people()), plan.matrix(frame))


def test_booleans_with_missing_values_are_booleans_in_every_kind_of_frame():
    flags = pd.DataFrame({"flag": pd.array([True, None, False, True], dtype="boolean")})
    forms = [flags, {"flag": ["True", None, "False", "True"]}, {"flag": [True, None, False, True]}]
    for package in ("polars", "pyarrow"):
        with contextlib.suppress(ModuleNotFoundError):
            module = __import__(package)
            forms.append(module.from_pandas(flags) if package == "polars" else module.Table.from_pandas(flags))
    plans = [ColumnPlan.learn(form) for form in forms]
    assert all(plan == plans[0] for plan in plans)
    assert "boolean" == plans[0].rules[0][1].rule
    bytes_ = ColumnPlan.learn({"kind": np.array([b"a", b"b", b"a", b"b"])})
    assert ("kind=a", "kind=b") == bytes_.outputs


def test_texts_with_digits_among_numbers_are_categories():
    plan = ColumnPlan.learn({"children": ["0", "1", "2", "3+"] * 5, "part": ["10", "20A"] * 10})
    assert ["onehot", "onehot"] == [rule.rule for _, rule in plan.rules]


def test_a_text_among_the_numbers_of_other_rows_is_refused_too():
    table = {"age": ["1", "2", "1", "2", "?"]}
    with pytest.raises(DataError, match=r"'age' has numbers, and '\?' in row 4 \(counted from 0\)"):
        ColumnPlan.learn(table, rows=[0, 1, 2, 3])


def test_a_form_of_dates_is_part_of_the_rule():
    iso = ColumnPlan.learn({"when": ["2024-12-31", "2025-01-02"]}, {"when": "date"})
    other = ColumnPlan.learn({"when": ["31.12.2024", "02.01.2025"]}, {"when": "date(format='%d.%m.%Y')"})
    np.testing.assert_array_equal(iso.matrix({"when": ["2025-03-04"]}), other.matrix({"when": ["04.03.2025"]}))
    assert other == ColumnPlan.from_config(json.loads(json.dumps(other.to_config())))


def test_a_fault_is_named_with_its_row_in_the_whole_table():
    table = {"age": [1.0, 2.0, np.inf, 3.0]}
    with pytest.raises(DataError, match=r"houses.csv: column 'age' has inf in row 2"):
        ColumnPlan.learn(table, name="houses.csv", rows=[3, 0])
    plan = ColumnPlan.learn({"age": [1.0, 2.0]}, {"age": "number(missing='refuse')"})
    plan.check({"age": [3.0]})
    with pytest.raises(DataError, match=r"column 'age' has no value in row 1"):
        plan.check({"age": [3.0, np.nan]})
    some = as_table(table, "X").rows([3, 2]).rows([1])
    assert "row 2 (counted from 0)" == some.place(0)


def test_only_the_rows_of_training_teach():
    frame = people()
    assert ColumnPlan.learn(frame[:20]) == ColumnPlan.learn(frame, rows=np.arange(20))
    assert ColumnPlan.learn(frame) != ColumnPlan.learn(frame, rows=np.arange(20))


def test_rows_may_come_in_any_number_and_order():
    frame = people()
    plan = ColumnPlan.learn(frame)
    order = np.random.default_rng(1).permutation(len(frame))
    np.testing.assert_array_equal(plan.matrix(frame)[order], plan.matrix(frame.iloc[order]))
    np.testing.assert_array_equal(plan.matrix(frame)[5:6], plan.matrix(frame[5:6]))
    np.testing.assert_array_equal(plan.matrix(frame), plan.matrix(frame[["size", "member", "city", "age"]]))


def test_values_that_training_did_not_have_count_as_other_and_are_warned_of():
    plan = ColumnPlan.learn(people())
    new = people()[:4].assign(city=["Oslo", "Paris", "Bonn", "Paris"])
    with pytest.warns(TrainingWarning, match=r"'city' in 3 rows \(Paris, Bonn\)"):
        matrix = plan.matrix(new)
    np.testing.assert_array_equal([1, 0, 0, 0], matrix[:, plan.ranges["city"]].sum(axis=1))
    gaps = ColumnPlan.learn(people()[["size"]])
    with pytest.warns(TrainingWarning, match=r"'size' in 1 rows \(missing, taken as"):
        assert gaps.matrix({"size": [np.nan, 1.0]})[0, 0] == np.median(people()["size"])


def test_declared_rules():
    days = ["2024-02-28", "2024-03-01T12:00", "2024-02-28"]
    table = {"zip": [10, 20, 10], "when": days, "note": ["a", "b", "c"], "flag": ["True", "false", None]}
    rules = {
        "zip": "onehot",
        "when": "date(parts=['elapsed', 'day', 'weekday', 'hour', 'month', 'year'])",
        "note": "drop",
    }
    plan = ColumnPlan.learn(table, rules)
    assert ("zip=10", "zip=20", "flag", "flag is missing") == plan.outputs[6:]
    assert ("zip", "when", "flag") == plan.columns
    np.testing.assert_array_equal(
        [
            [0, 28, 2, 0, 2, 2024, 1, 0, 1, 0],
            [2.5, 1, 4, 12, 3, 2024, 0, 1, 0, 0],
            [0, 28, 2, 0, 2, 2024, 1, 0, 0.5, 1],
        ],
        plan.matrix(table),
    )
    assert plan == ColumnPlan.learn(table, {**rules, "zip": {"name": "onehot"}})
    dates = {**table, "when": np.array(days, dtype="datetime64[m]")}
    np.testing.assert_array_equal(plan.matrix(table), plan.matrix(dates))
    np.testing.assert_array_equal(plan.matrix(table), plan.matrix({k: v for k, v in table.items() if k != "note"}))


def test_rows_without_a_value_are_dropped_where_that_is_declared():
    frame = people()
    plan = ColumnPlan.learn(frame, {"age": "number(missing='drop')", "city": "onehot(missing='drop')"})
    expected = frame[["age", "city"]].notna().all(axis=1).to_numpy()
    np.testing.assert_array_equal(expected, plan.complete(frame))
    assert ("age", "size", "city=Lima") == plan.outputs[:3]
    assert plan.matrix(frame[expected]).shape == (expected.sum(), 6)
    with pytest.raises(DataError, match=r"column 'age' has no value in row 0 \(counted from 0\), 6 such rows"):
        plan.matrix(frame)
    with pytest.raises(DataError, match="leaves no row"):
        plan.complete(frame.assign(age=np.nan))
    assert ColumnPlan.learn(frame).complete(frame) is None


def test_a_plan_survives_its_config():
    frame = people().assign(when="2024-05-06")
    plan = ColumnPlan.learn(frame, {"when": "date", "size": "drop"})
    again = ColumnPlan.from_config(json.loads(json.dumps(plan.to_config())))
    assert plan == again
    np.testing.assert_array_equal(plan.matrix(frame), again.matrix(frame))
    for damaged in (
        [{"column": "a"}],
        [{"column": "a", "rule": "cubic"}],
        3,
        [{"column": "a", "rule": "number", "x": 1}],
    ):
        with pytest.raises(SpecError, match="cannot be understood"):
            ColumnPlan.from_config(damaged)


def test_what_is_done_with_each_column_is_listed():
    plan = ColumnPlan.learn(people(), {"size": "drop"})
    assert [
        ("age", "number", "2", f"6 missing, median {plan.rules[0][1].fill:g} where missing"),
        ("city", "onehot", "4", "1 missing, 3 categories, or missing"),
        ("member", "boolean", "1", ""),
        ("size", "drop", "0", "not used"),
    ] == plan.lines(people())


@pytest.mark.parametrize(
    ("columns", "request_", "said"),
    [
        ({"when": ["2024-01-01"] * 4}, "auto", r"column 'when' has dates; declare \"date\""),
        ({"when": ["31.12.2024", "01.01.2025"]}, "auto", r"declare \"date\(format='%d.%m.%Y'\)\", or \"drop\""),
        ({"when": ["01/02/2024 10:30"]}, "auto", r"'%m/%d/%Y %H:%M'\)\", or \"date\(format='%d/%m/%Y %H:%M'\)\""),
        ({"when": ["5 Jan 2024"] * 3}, "auto", r"For example: columns=\{'when': \"date\(format='%d %b %Y'\)\"\}"),
        (
            {"age": ["1", "2", "?", "3"]},
            "auto",
            r"'age' has numbers, and '\?' in row 2 \(counted from 0\): .* missing = \[\"\?\"\]",
        ),
        (
            {"age": ["1,5", "2,5", "-", "n", "3,5", "4"]},
            "auto",
            "'age' has numbers, and '-', 'n' in 2 rows, the first in row 2 ",
        ),
        ({"price": ["$1,000.50", "$2.10", "$3"]}, "auto", "numbers are written as 1234.5, without signs"),
        ({"a": np.ones((4, 2))}, "auto", r"X: column 'a' has the shape \(4, 2\); expected one value a row"),
        (
            {"a": np.arange(4).astype("m8[s]")},
            "auto",
            "X: column 'a' has durations; expected numbers: pass their seconds",
        ),
        ({"a": [1j, 2.0]}, "auto", "X: column 'a' has complex numbers; expected numbers: pass two columns"),
        ({"a": [10**400, 1, 2]}, "auto", "column 'a' has 3 distinct texts in 3 rows"),
        ({"age": 3.0, "size": 1.0}, "auto", r"single value 3.0 in column 'age'; .* pass \{'age': \[3.0\], ...\}"),
        ({"when": ["2024-13-01"]}, {"when": "date(format='%Y.%m.%d')"}, "expected dates of the form %Y.%m.%d"),
        ({"name": ["a", "b", "c", "a"]}, "auto", r"'name' has 3 distinct texts in 4 rows .* declare \"drop\""),
        ({"age": [np.nan, np.nan]}, "auto", "'age' has no value in any row of training"),
        ({"city": [None, None]}, {"city": "onehot"}, "'city' has no value in any row of training"),
        (
            {"age": ["1", "x"]},
            {"age": "number"},
            r"column 'age' has the text 'x' in row 1 \(counted from 0\); expected numbers",
        ),
        ({"age": ["1_0", "2"]}, {"age": "number"}, "column 'age' has the text '1_0' in row 0"),
        ({"age": [1.0, np.inf]}, "auto", r"column 'age' has inf in row 1 \(counted from 0\); expected finite numbers"),
        (
            {"flag": [0.0, 2.0]},
            {"flag": "boolean"},
            r"'flag' has 2 in row 1 \(counted from 0\); expected True and False: declare 'number'",
        ),
        ({"when": ["tomorrow"]}, {"when": "date"}, r"'tomorrow' in row 0 \(counted from 0\); expected dates such as"),
        ({"when": ["2024-13-01"]}, {"when": "date"}, "'2024-13-01' in row 0 .*; expected dates such as"),
        ({"when": [1.0]}, {"when": "date"}, "'when' has numbers; expected dates"),
        ({"a": [1.0]}, {"b": "drop"}, "columns has a rule for 'b', which X does not have"),
        ({"a": [1.0]}, {"a": "drop"}, "no column left for the features; its columns are a"),
        ({"a": [1.0], "b": [1.0, 2.0]}, "auto", "columns of different lengths: 1, 2 rows"),
        (np.ones(2), "auto", r"ndarray of shape \(2,\); a column plan needs columns"),
        ([[1.0], [1.0, 2.0]], "auto", "a column plan needs columns"),
        (np.array([[1.0, np.inf]]), "auto", r"column '1' has inf in row 0 \(counted from 0\)"),
    ],
)
def test_what_cannot_be_learned_is_refused_with_what_to_do(columns, request_, said):
    with pytest.raises(DataError, match=said):
        ColumnPlan.learn(columns, request_)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ("automatic", "columns is 'automatic'; expected 'auto', or the rules"),
        ({"a": "onhot"}, "did you mean 'onehot'"),
        ({"a": "number(missing='zero')"}, "rule of 'a': .*missing"),
        ({"a": "number(fill=3)"}, "number has no option 'fill'; it has indicator, missing"),
        ({"a": "date(parts=['minute'])"}, "expected some of elapsed"),
        ({"a": "date(format='dd.mm.yyyy')"}, "expected text such as '%d.%m.%Y'"),
        ({"a": 3}, "the rule of 'a' is 3; expected text such as"),
    ],
)
def test_a_wrong_request_is_refused(request_, said):
    with pytest.raises(SpecError, match=said):
        ColumnPlan.learn({"a": [1.0]}, request_)


def test_later_tables_that_do_not_fit_are_refused():
    plan = ColumnPlan.learn(people())
    with pytest.raises(DataError, match=r"X lacks 'age' and has 'Age' in addition; its column plan has"):
        plan.matrix(people().rename(columns={"age": "Age"}))
    with pytest.raises(DataError, match="rows: column 'age' has the text 'old' in row 2"):
        plan.matrix(people().assign(age=["1", "2", "old"] + ["4"] * 37), "rows")


def codes(rows=240):
    return {"code": [f"c{i // 4:02}" for i in range(rows)], "size": np.arange(rows, dtype=float)}


def test_more_than_fifty_texts_are_indices_in_the_last_columns():
    table = codes()
    plan = ColumnPlan.learn(table)
    assert (("size", "code"), ((1, 60, 8),)) == (plan.outputs, plan.embedded)
    np.testing.assert_array_equal(np.column_stack([table["size"], np.arange(240) // 4]), plan.matrix(table))
    assert plan == ColumnPlan.from_config(json.loads(json.dumps(plan.to_config())))
    assert ("code", "embedding", "1", "60 categories, as vectors of 8") == plan.lines(table)[0]
    with pytest.warns(TrainingWarning, match=r"'code' in 1 rows \(new\)"):
        assert [[1.0, 60.0]] == plan.matrix({"size": [1.0], "code": ["new"]}).tolist()
    rule = "embedding(dimensions=3)"
    gaps = ColumnPlan.learn({"code": ["a", None, "b"], "when": ["c", "d", "c"]}, {"code": rule, "when": rule})
    assert ((0, 3, 3), (1, 2, 3)) == gaps.embedded
    assert [[0, 0], [2, 1]] == gaps.matrix({"code": ["a", None], "when": ["c", "d"]}).tolist()
    with pytest.raises(SpecError, match="dimensions"):
        ColumnPlan.learn(table, {"code": "embedding(dimensions=0)"})


def test_a_plan_of_numbers_alone_reads_arrays_by_place():
    frame = people()[["age", "member", "size"]]
    plan = ColumnPlan.learn(frame.assign(note="x"), {"note": "drop"})
    np.testing.assert_array_equal(plan.matrix(frame), plan.matrix(frame.to_numpy(dtype=float)))
    with pytest.raises(ShapeError, match=r"X has shape \(2, 5\); expected \(N, 3\), with the columns 'age', 'member'"):
        plan.matrix(np.ones((2, 5)))


WORDS = st.one_of(st.none(), st.text(max_size=3))


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=20).filter(lambda words: any(word is not None for word in words)))
def test_any_text_is_one_hot_row_by_row(words):
    column = Words.of(words)
    plan = ColumnPlan.learn({"text": column}, {"text": "onehot"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        matrix = plan.matrix({"text": column})
    np.testing.assert_array_equal(np.ones(len(words)), matrix.sum(axis=1))
    equal = np.array([[a == b for a in words] for b in words])
    np.testing.assert_array_equal(equal, matrix @ matrix.T > 0.5)
