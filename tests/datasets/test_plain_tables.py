import gzip

import numpy as np
import pandas as pd
import pytest

from skvae.datasets import read_features


def table(outcome, **columns):
    n = len(outcome)
    frame = pd.DataFrame({"case": [f"{i:03d}" for i in range(n)], "a": np.arange(n) + 0.5})
    return frame.assign(y=outcome, **columns)


@pytest.mark.parametrize("as_file", [False, True])
@pytest.mark.parametrize(
    ("given", "classes", "dtype"),
    [
        (["low", "high ", "low"], ["low", "high", "low"], object),
        ([1, 0, 1], [1, 0, 1], np.int64),
        ([1.0, 0.0, 1.0], [1, 0, 1], np.int64),
        (["1", "0", "1"], [1, 0, 1], np.int64),
        ([True, False, True], [True, False, True], bool),
        ([0.5, 2.0, -1.25], [0.5, 2.0, -1.25], float),
        (list(range(12)), [float(i) for i in range(12)], float),
        ([1, 0, None], [1, 0], np.int64),
        ([True, None, False], [True, False], bool),
        (["low", " ", "high", None], ["low", "high"], object),
        ([1.5, np.inf, 2.0], [1.5, 2.0], float),
    ],
    ids=str,
)
def test_outcomes_of_any_type(tmp_path, as_file, given, classes, dtype):
    frame = table(given)
    if as_file:
        frame.to_csv(tmp_path / "t.csv", index=False)
    data = read_features(tmp_path / "t.csv" if as_file else frame, target="y", id="case")
    assert data.target.tolist() == classes
    assert set(map(type, data.target.tolist())) == set(map(type, classes))
    assert (data.target.dtype == dtype) or dtype is object
    assert data.failed["reason"].tolist() == ["no outcome"] * (len(given) - len(classes))


@pytest.mark.parametrize(
    ("given", "named", "positive"),
    [
        (["low", "high"], None, "low"),
        (["low", "high"], "high", "high"),
        ([0, 1], "0", 0),
        ([1.0, 2.0], "1", 1),
        ([True, False], "False", False),
        (["a", "b", "c"], None, None),
    ],
)
def test_the_positive_class(given, named, positive):
    found = read_features(table(given), target="y", positive=named).positive
    assert found == positive
    assert type(found) is type(positive)


@pytest.mark.parametrize(
    ("given", "named", "listed"),
    [
        (["low", "high"], "High", "'high', 'low'"),
        ([0, 1, 2], "1", "0, 1, 2"),
        ([0.5, 1.5], "1.5", "numbers"),
    ],
)
def test_a_positive_class_that_is_none(given, named, listed):
    with pytest.raises(
        ValueError, match=f"positive='{named}', .* the outcome has {listed}"
    ):
        read_features(table(given), target="y", positive=named)


def test_what_is_no_number_among_numbers_is_named():
    frame = table(["1.5", "2", "n.d."])
    with pytest.raises(
        ValueError, match=r"target='y' with 2 numbers, but 'n\.d\.' in row 2"
    ):
        read_features(frame, target="y")
    frame = table([0, 1], original_shape_Sphericity=["0.5", "<0.1"])
    with pytest.raises(
        ValueError, match=r"'original_shape_Sphericity' with '<0\.1' in row 1"
    ):
        read_features(frame, target="y")


def test_text_is_no_feature_and_infinity_no_value():
    frame = table([0, 1, 0], b=[1, np.inf, -np.inf], c=[None] * 3, scanner=["x", "y", "x"])
    frame["c"] = frame["c"].astype(float)
    frame["d"] = pd.array([1, None, 3], dtype="Int64")
    frame["e"] = [True, False, True]
    data = read_features(frame, target="y", id="case")
    assert data.features.columns.tolist() == ["a", "b", "c", "d", "e"]
    expected = [[0.5, 1, None, 1, 1], [1.5, None, None, None, 0], [2.5, None, None, 3, 1]]
    np.testing.assert_array_equal(data.features, np.array(expected, dtype=float))
    assert data.dropped.to_numpy().tolist() == [
        ["scanner", "text; clinical= would keep it"]
    ]
    assert data.notes == [
        "2 infinite values count as missing",
        "1 features have no value at all: c",
    ]
    kept = read_features(frame, target="y", clinical=["scanner", "e"]).clinical
    assert kept["scanner"].tolist() == ["x", "y", "x"]
    assert kept["e"].dtype == bool


def test_names_of_cases_are_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("case,patient,a,y\n007,01 ,1,0\n7,01,2,1\n")
    data = read_features(path, target="y", id="case", group="patient")
    assert data.features.index.tolist() == ["007", "7"]
    assert data.groups.tolist() == ["01", "01"]
    frame = pd.DataFrame({"a": [1.0, 2], "y": [0, 1]}, index=pd.Index([7, 8], name="case"))
    data = read_features(frame, target="y", id="case")
    assert data.groups.tolist() == ["7", "8"]


@pytest.mark.parametrize("role", ["id", "group"])
def test_a_case_without_a_name_is_no_case(role, tmp_path):
    frame = table([0, 1, 1]).assign(case=["x", None, "z"])
    for given in (frame, tmp_path / "t.csv"):
        frame.to_csv(tmp_path / "t.csv", index=False)
        with pytest.raises(ValueError, match=f"Got {role}='case' without a value in row 1"):
            read_features(given, target="y", **{role: "case"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "Y"}, r"Got target='Y', but the frame .*; there is 'y'\. Its first"),
        ({"target": "y", "id": "ID"}, "Got id='ID'"),
        ({"target": "y", "group": "g"}, "Got group='g'"),
        ({"target": "y", "clinical": ["case", " A"]}, "clinical=' A', .*; there is 'a'"),
        ({"target": "y", "id": "y"}, "target='y', which also names cases or patients"),
        ({"target": "y", "group": "y"}, "target='y', which also names cases or patients"),
        ({"target": "y", "clinical": ["y"]}, "clinical with 'y', which is the outcome"),
        ({"target": "y", "id": "case", "clinical": ["case"]}, "is the case or the patient"),
        ({"target": "y", "clinical": ["a", "a"]}, "expected each column once"),
    ],
)
def test_columns_are_named_rightly(options, message):
    with pytest.raises(ValueError, match=message):
        read_features(table([0, 1]), **options)


def test_tables_that_are_none():
    with pytest.raises(ValueError, match=r"without a column of features\. Dropped: case"):
        read_features(table([0, 1])[["case", "y"]], target="y")
    frame = table([None, None])
    with pytest.raises(ValueError, match="no usable row: no outcome"):
        read_features(frame, target="y", id="case")
    with pytest.raises(ValueError, match="two columns of one name"):
        read_features(pd.concat([frame, frame], axis=1), target="y")
    with pytest.raises(TypeError, match="Got path of type list"):
        read_features([[1, 2]], target="y")


def test_names_of_columns_become_text():
    frame = pd.DataFrame({0: [1.0, 2], "y": [0, 1], 10: [3.0, 4]})
    assert read_features(frame, target="y").features.columns.tolist() == ["0", "10"]


def test_the_frame_of_the_user_stays_as_it_is():
    frame = table([0.0, 1, 1], b=[1, np.inf, 2])
    before = frame.copy()
    features = read_features(frame, target="y", id="case").features
    features.iloc[0, 0] = 9
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("name", "shape", "n_positive", "kind"),
    [
        ("Arita2018", (168, 683), 111, "plain"),
        ("Dong2022", (279, 851), 136, "PyRadiomics"),
        ("Huang2023", (212, 854), 97, "plain"),
        ("LGG-1p19qDeletion", (159, 2030), 102, "PyRadiomics"),
        ("Meningioma-SEG-CLASS", (88, 2030), 38, "PyRadiomics"),
        ("NSCLC-Radiogenomics", (144, 105), 23, "PyRadiomics"),
        ("Veeraraghavan2020", (150, 200), 47, "plain"),
        ("Zhang2024B", (192, 833), 126, "PyRadiomics"),
    ],
)
def test_real_tables(real_data, name, shape, n_positive, kind):
    path = real_data / "radmlbench" / f"{name}.gz"
    data = read_features(path, target="Target", id="ID")
    assert data.features.shape == shape
    assert (data.target == 1).sum() == n_positive
    assert data.kind == kind
    assert data.groups.is_unique
    # 855 columns in all, one of which numbers the rows.
    assert data.dropped["column"].tolist() == (["Id"] if name == "Huang2023" else [])
    with gzip.open(path, "rt") as file:
        header, first = (file.readline().rstrip("\n").split(",") for _ in range(2))
    place = header.index(data.features.columns[5])
    assert data.features.iloc[0, 5] == pytest.approx(float(first[place]), rel=1e-14)
