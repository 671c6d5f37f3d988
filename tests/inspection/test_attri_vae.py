"""What an AttriVAE of lesions learned: each attribute where it is, and as it is."""

import numpy as np
import pytest

from skvae.inspection import attention_map, closed_loop, latent_traversal


def measure(images):
    """Sum over the left lesion, and the mean in the middle of the right one."""
    return np.column_stack(
        [
            images[..., :8].sum(axis=(1, 2, 3, 4)),
            images[:, 0, 7:9, 7:9, 11:13].mean(axis=(1, 2, 3)),
        ]
    )


def test_traversals_are_in_units_of_the_attribute(lesions):
    traversal = latent_traversal(lesions.vae, lesions.X, attribute="volume")
    values = traversal.values[:, 0]
    low, high = lesions.attributes["volume"].quantile([0, 1])
    assert low <= values[0] < values[-1] <= high
    attribute_map = lesions.vae.attribute_maps_[0]
    np.testing.assert_allclose(
        attribute_map.to_attribute(traversal.codes[:, 0]), values, rtol=1e-4
    )
    assert traversal.names == ("volume",)
    assert (np.diff(measure(traversal.images)[:, 0]) > 0).all()


def test_decoded_attributes_follow_their_unit_and_leave_the_other_lesion(lesions):
    table = closed_loop(lesions.vae, lesions.X, measure, units=[0, 2])
    assert (table["spearman"] > 0.95).all()
    assert (table["on_target"] > 0.3).all()
    assert (table["off_target"] < 0.5 * table["on_target"]).all()


@pytest.mark.parametrize(("attribute", "left"), [("volume", True), ("intensity", False)])
def test_attention_is_on_the_lesion_that_has_the_attribute(lesions, attribute, left):
    maps = attention_map(lesions.vae, lesions.X, attribute=attribute, stage="conv_1")
    halves = [half.sum(axis=(1, 2, 3)) for half in (maps[..., :8], maps[..., 8:])]
    assert (halves[not left] > halves[left]).mean() > 0.75


def test_both_classes_are_explained_by_opposite_evidence(lesions):
    against, in_favour = (
        attention_map(lesions.vae, lesions.X[:5], target_class=c, relu=False)
        for c in (0, 1)
    )
    np.testing.assert_array_equal(against, -in_favour)
    assert np.abs(in_favour).max() > 0


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")
def test_a_head_that_learned_apart_is_explained_as_well(lesions):
    vae = type(lesions.vae)(**lesions.vae.get_params() | {"alpha": 0, "max_iter": 2})
    vae.fit(lesions.X, lesions.attributes["volume"] > 100, attributes=lesions.attributes)
    assert attention_map(vae, lesions.X[:5], target_class=True, relu=False).any()
