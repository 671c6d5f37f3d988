import subprocess
import sys
from collections import Counter
from itertools import islice

import numpy as np
import pytest

from skvae.datasets import lidc, load_lidc_nodules
from skvae.datasets.lidc_database import read_scans

# Nodules of so many scans are derived in a second or two; of all of them, nightly.
N_SCANS = 150


@pytest.fixture(autouse=True, scope="module")
def first_scans():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lidc, "read_scans", lambda path: islice(read_scans(path), N_SCANS))
        yield


@pytest.fixture(scope="module")
def nodules(lidc_home):
    return load_lidc_nodules(data_home=lidc_home)


@pytest.fixture(scope="module")
def everything(lidc_home):
    return load_lidc_nodules(min_raters=1, indeterminate="keep", data_home=lidc_home)


@pytest.fixture(scope="module")
def reference(real_data):
    path = real_data / "lidc" / "lidc_nodule_shapes_32.npz"
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def test_shapes_and_types(nodules):
    n_samples = len(nodules.images)
    assert nodules.images.shape == (n_samples, 1, 32, 32, 32)
    assert nodules.images.dtype == np.uint8
    assert nodules.images.max() == 1
    assert nodules.attributes.shape == (n_samples, 10)
    assert len(nodules.attribute_names) == 10
    assert np.isfinite(nodules.attributes).all()
    assert nodules.groups.shape == nodules.malignancy.shape == (n_samples,)
    assert nodules.spacing_mm == 1.25
    assert "CC BY 3.0" in nodules.DESCR


def test_only_clear_labels_of_three_raters_by_default(nodules):
    assert set(nodules.target) == {0, 1}
    np.testing.assert_array_equal(nodules.target == 1, nodules.malignancy > 3)
    np.testing.assert_array_equal(nodules.target == 0, nodules.malignancy < 3)
    assert set(nodules.n_raters) == {3, 4}


def test_indeterminate_nodules_are_marked_when_kept(everything):
    np.testing.assert_array_equal(everything.target == -1, everything.malignancy == 3)
    assert (everything.target == -1).any()
    assert set(everything.n_raters) == {1, 2, 3, 4}


def test_attributes_are_plausible(everything):
    columns = dict(zip(everything.attribute_names, everything.attributes.T, strict=True))
    for name in everything.attribute_names[:8]:
        assert columns[name].min() >= 1
        assert columns[name].max() <= 6
    # In millimetres: LIDC-IDRI outlines lesions of 3 mm and more.
    assert 8 < np.median(columns["max_diameter_mm"]) < 12
    equivalent = np.cbrt(6 * columns["volume_mm3"] / np.pi)
    assert np.corrcoef(equivalent, columns["max_diameter_mm"])[0, 1] > 0.9


def test_nodules_lie_in_the_middle_of_their_images(nodules):
    whole = nodules.attributes[:, -1] < 30
    middles = [np.argwhere(image[0]).mean(axis=0) for image in nodules.images[whole]]
    assert np.abs(np.mean(middles, axis=0) - 15.5).max() < 0.1
    assert np.quantile(np.abs(np.array(middles) - 15.5), 0.99) < 2


@pytest.mark.nightly
def test_all_nodules_agree_with_the_reference(reference, tmp_path, monkeypatch):
    monkeypatch.setattr(lidc, "read_scans", read_scans)
    kept = {"min_raters": 1, "indeterminate": "keep"}
    everything = load_lidc_nodules(**kept, data_home=tmp_path)
    # Known of the reference: 2547 in all, 1372 of three raters, 647 / 196 / 529 of them
    # rated below, at and above 3, of 693 patients.
    three = everything.n_raters >= 3
    counts = [
        len(everything.images),
        three.sum(),
        *(np.sum(everything.target[three] == label) for label in (0, -1, 1)),
        len(set(everything.groups[three])),
    ]
    np.testing.assert_allclose(counts, [2547, 1372, 647, 196, 529, 693], rtol=0.01)
    assert len(reference["masks"]) == 2547
    check_one_by_one(everything, reference)


def test_nodules_agree_one_by_one_with_the_reference(everything, reference):
    here = np.isin(reference["patient_id"], everything.groups)
    names = ("patient_id", "n_annotators", "attributes", "volume_mm3", "masks")
    known = {name: reference[name][here] for name in names}
    np.testing.assert_allclose(len(everything.images), here.sum(), rtol=0.01)
    check_one_by_one(everything, known)


def check_one_by_one(everything, reference):
    def keys(patients, n_raters, ratings):
        # Several nodules of a patient may be rated alike: they are counted in order.
        seen = Counter()
        for patient, n, marks in zip(patients, n_raters, ratings, strict=True):
            key = (str(patient), int(n), *np.round(marks.astype(float), 3).tolist())
            seen[key] += 1
            yield (*key, seen[key])

    ratings = np.column_stack([everything.attributes[:, :8], everything.malignancy])
    ours = list(keys(everything.groups, everything.n_raters, ratings))
    theirs = list(
        keys(reference["patient_id"], reference["n_annotators"], reference["attributes"])
    )
    index = {key: i for i, key in enumerate(theirs)}
    pairs = np.array([(i, index[key]) for i, key in enumerate(ours) if key in index])
    assert len(pairs) > 0.95 * len(theirs)

    volumes = everything.attributes[pairs[:, 0], 8] / reference["volume_mm3"][pairs[:, 1]]
    assert np.median(np.abs(volumes - 1)) < 0.01
    assert np.mean(np.abs(volumes - 1) < 0.1) > 0.97
    # The reference has columns before rows.
    expected = reference["masks"][pairs[:, 1]].transpose(0, 1, 3, 2) > 0
    masks = everything.images[pairs[:, 0], 0] > 0
    overlap = (masks & expected).sum(axis=(1, 2, 3))
    dice = 2 * overlap / (masks.sum(axis=(1, 2, 3)) + expected.sum(axis=(1, 2, 3)))
    assert np.mean(dice > 0.99) > 0.95
    counted = masks.sum(axis=(1, 2, 3)) / expected.sum(axis=(1, 2, 3))
    assert np.median(np.abs(counted - 1)) < 0.01


def test_the_second_time_nothing_is_derived(nodules, lidc_home, monkeypatch):
    def never(*_):
        raise AssertionError("derived again")

    monkeypatch.setattr(lidc, "_derive_nodules", never)
    again = load_lidc_nodules(data_home=lidc_home)
    np.testing.assert_array_equal(again.images, nodules.images)
    np.testing.assert_array_equal(again.attributes, nodules.attributes)
    # Other selections come from the same file, another grid does not.
    assert len(load_lidc_nodules(min_raters=4, data_home=lidc_home).images) < len(
        again.images
    )
    with pytest.raises(AssertionError, match="derived again"):
        load_lidc_nodules(spacing_mm=2.0, data_home=lidc_home)


def test_another_grid(tmp_path, monkeypatch):
    # Of the first patients alone, which are derived in a second.
    monkeypatch.setattr(lidc, "read_scans", lambda path: islice(read_scans(path), 60))
    nodules = load_lidc_nodules(data_home=tmp_path)
    coarse = load_lidc_nodules(size=15, spacing_mm=2.5, data_home=tmp_path)
    assert coarse.images.shape[1:] == (1, 15, 15, 15)
    assert coarse.spacing_mm == 2.5
    # Fewer nodules, as small ones do not fill four large voxels: compare the sums.
    assert len(coarse.images) < len(nodules.images)
    assert coarse.images.sum() * 2.5**3 == pytest.approx(
        nodules.images.sum() * 1.25**3, rel=0.1
    )


def test_other_forms(nodules, lidc_home):
    images, target = load_lidc_nodules(data_home=lidc_home, return_X_y=True)
    np.testing.assert_array_equal(images, nodules.images)
    np.testing.assert_array_equal(target, nodules.target)
    framed = load_lidc_nodules(data_home=lidc_home, as_frame=True)
    assert list(framed.attributes.columns) == nodules.attribute_names
    np.testing.assert_array_equal(framed.attributes.to_numpy(), nodules.attributes)
    assert framed.target.tolist() == nodules.target.tolist()


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"size": 0}, ValueError, "Got size=0, but load_lidc_nodules takes an integer"),
        ({"spacing_mm": 0}, ValueError, "Got spacing_mm=0, but .* a number above 0"),
        ({"spacing_mm": "1"}, TypeError, "Got spacing_mm='1', but load_lidc_nodules takes"),
        ({"min_raters": 5}, ValueError, "Got min_raters=5, but .* at most 4"),
        ({"indeterminate": "no"}, ValueError, "Got indeterminate='no', but .* drop, keep"),
    ],
)
def test_bad_parameters(parameters, error, message, tmp_path):
    with pytest.raises(error, match=message):
        load_lidc_nodules(**parameters, data_home=tmp_path)


def test_datasets_import_no_torch_and_need_no_pandas():
    code = """
import sys
sys.modules["pandas"] = None
from skvae.datasets import make_sprites
make_sprites(3)
print("torch" in sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert found.stdout.split() == [b"False"]
