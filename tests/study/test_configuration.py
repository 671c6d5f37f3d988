import tomllib
from dataclasses import asdict

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skvae.study.configuration import StudyConfig

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FULL = {
    "data": 'my "table".csv',
    "target": "Größe\t\\",
    "clinical": ("age", "sex"),
    "n_components": (4, 8),
    "outer": (3, 2),
    "seed": 7,
    "full": True,
}


def test_a_written_file_is_the_same_study(tmp_path):
    config = StudyConfig.of(FULL)
    path = config.write(tmp_path / "study.toml")
    assert StudyConfig.of({}, file=path) == config
    assert set(tomllib.loads(path.read_text(encoding="utf-8"))) == set(asdict(config))
    assert StudyConfig.of({"seed": 8}, file=path) == StudyConfig.of(FULL | {"seed": 8})


@settings(max_examples=20, deadline=None)
@example(target="\x7f", clinical=['"', "a\\b", "\n", "é"])
@given(target=TEXT, clinical=st.lists(TEXT, max_size=3))
def test_any_name_of_a_column_survives(tmp_path_factory, target, clinical):
    config = StudyConfig.of({"data": "x.csv", "target": target, "clinical": clinical})
    path = config.write(tmp_path_factory.getbasetemp() / "study.toml")
    assert StudyConfig.of({}, file=path) == config


@pytest.mark.parametrize(
    ("given", "quick", "outer", "inner", "sizes"),
    [
        ({"data": "x.csv"}, False, (5, 5), 3, (8, 16)),
        ({"data": "x.csv"}, True, (5, 1), 2, (16,)),
        ({"data": "x.csv", "outer": (3, 4)}, True, (3, 4), 2, (16,)),
        ({}, False, (5, 1), 2, (16,)),
        ({"inner": 4}, False, (5, 1), 4, (16,)),
        ({"full": True}, False, (5, 1), 3, (16,)),
        ({"n_components": (2,)}, False, (5, 1), 2, (2,)),
    ],
)
def test_defaults(given, quick, outer, inner, sizes):
    config = StudyConfig.of(given, quick=quick)
    assert (config.outer, config.inner, config.n_components) == (outer, inner, sizes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("targt = 'y'", r"Got 'targt' in .*study\.toml', but a study has data, target"),
        ("seed = '3'", "Got seed='3', expected int"),
        ("seed = true", "Got seed=True, expected int"),
        ("full = 1", "Got full=1, expected bool"),
        ("arms = 'pca'", "Got arms='pca', expected a list of str"),
        ("n_components = [8, 'x']", "Got n_components=.*, expected a list of int"),
        ("n_components = []", r"Got n_components=\[\], expected sizes of at least 1"),
        ("n_components = [8, 0]", r"Got n_components=\[8, 0\], expected sizes"),
        ("outcome = 'event'", "Got outcome='event', expected classes or number"),
        ("outer = [5]", r"Got outer=\[5\], expected at least 2 folds and 1 repeat"),
        ("outer = [1, 5]", r"Got outer=\[1, 5\], expected at least 2 folds"),
        ("inner = 1", "Got inner=1, expected an int from 2"),
        ("seed = -1", "Got seed=-1, expected an int from 0 to 4294967295"),
        ("jobs = -2", "Got jobs=-2, expected an int from 0"),
        ("case,a\n1,2", r"Got config='.*study\.toml', expected a file as a study writes"),
    ],
)
def test_a_file_that_is_no_study(tmp_path, text, message):
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        StudyConfig.of({}, file=path)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Got config='.*', which is not a file\."):
        StudyConfig.of({}, file=tmp_path / "no.toml")
