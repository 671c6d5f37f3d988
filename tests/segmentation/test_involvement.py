import numpy as np
import pytest

from skvae import involvement


def masks_with(*shares):
    """Return masks whose organ has 100 pixels, of which shares are lesions."""
    masks = np.zeros((len(shares), 12, 12), dtype=np.uint8)
    masks[:, 1:11, 1:11] = 1
    for mask, share in zip(masks, shares, strict=True):
        inner = mask[1:11, 1:11]
        inner.flat[: round(100 * share)] = 2
    return masks


def test_classes_begin_at_the_limits_of_lungquant():
    shares = [0, 0.04, 0.05, 0.24, 0.25, 0.49, 0.5, 0.74, 0.75, 1]
    found = involvement(masks_with(*shares))
    np.testing.assert_allclose(found.fraction, shares)
    assert found.severity.tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert found.n_organ.tolist() == [100] * 10
    np.testing.assert_array_equal(found.n_lesion, np.multiply(shares, 100).round())


def test_an_organ_that_is_not_there_has_no_share_and_no_class():
    found = involvement(np.zeros((1, 4, 4), dtype=int))
    assert np.isnan(found.fraction[0])
    assert found.severity[0] == 0


def test_what_does_not_count_and_all_kinds_of_lesions():
    mask = np.array([[[-1, 1, 1, 2, 3, 255]]])
    assert involvement(mask, ignore_label=255).n_organ[0] == 4
    assert involvement(mask, ignore_label=255).n_lesion[0] == 2


def test_fields_and_lists_of_unequal_sizes():
    codes = [np.array([[0, 1, 2]]), np.array([[1, 1], [2, 2]]), np.array([[0, -1, 1]])]
    fields = []
    for code in codes:
        mask = np.zeros(code.shape, dtype=[("organ", "i1"), ("lesion", "i1")])
        # A lesion is a part of the organ, also where the organ's mask leaves it out.
        mask["organ"], mask["lesion"] = np.where(code < 0, -1, code == 1), code == 2
        fields.append(mask)
    expected = involvement(codes)
    for name, values in involvement(fields).items():
        np.testing.assert_array_equal(values, expected[name])
    np.testing.assert_array_equal(involvement(fields[0][None]).fraction, [0.5])
    wrong = np.zeros((1, 2, 2), dtype=[("lung", "u1"), ("lesion", "u1")])
    with pytest.raises(ValueError, match="fields lung, lesion, but expected organ and"):
        involvement(wrong)


def test_it_makes_a_table():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(involvement(masks_with(0.1, 0.6)))
    assert table["severity"].tolist() == [2, 4]
