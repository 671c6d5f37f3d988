import pickle
from copy import deepcopy
from functools import cache

import numpy as np
import pytest
from contract import small
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from skvae import SparseAutoencoder
from skvae.datasets import make_sprites
from skvae.features.sparse import SPARSITIES


@pytest.fixture(scope="module")
def digits():
    return (load_digits().data[:1000] / 16).astype(np.float32)


@pytest.fixture(scope="module")
def quiet(digits):
    quick = {"max_iter": 20, "learning_rate_init": 4e-3, "batch_size": 50}
    return SparseAutoencoder(100, random_state=0, n_threads=1, **quick).fit(digits)


def test_mean_activations_reach_their_target(quiet, digits):
    activation = quiet.transform(digits).mean(axis=0)
    assert np.abs(activation - 0.05).max() < 0.03
    np.testing.assert_allclose(quiet.mean_activation_, activation, atol=0.01)


def test_without_weight_the_code_is_dense(digits):
    dense = SparseAutoencoder(100, sparsity_weight=0.0, random_state=0, n_threads=1)
    activation = dense.set_params(max_iter=15).fit_transform(digits).mean()
    assert activation > 0.2


def test_diagnostics_are_those_of_the_training_rows(digits):
    sparse = small(SparseAutoencoder, n_components=12, max_iter=20).fit(digits[:500])
    code = sparse.transform(digits[:500])
    np.testing.assert_allclose(sparse.mean_activation_, code.mean(axis=0), rtol=1e-6)
    assert sparse.l0_ == pytest.approx((code > 0.1).sum(axis=1).mean())
    assert sparse.dead_units_ == (code.max(axis=0) <= 0.1).sum()
    residual = digits[:500] - sparse.reconstruct(digits[:500])
    explained = 1 - np.square(residual).sum() / digits[:500].var(axis=0).sum() / 500
    assert sparse.explained_variance_ == pytest.approx(explained, rel=1e-4)


def test_topk_has_exactly_k_active_units_and_they_are_the_largest(digits):
    sparse = small(SparseAutoencoder, n_components=40, sparsity="topk", k=7, max_iter=5)
    code = sparse.fit_transform(digits)
    assert ((code != 0).sum(axis=1) == 7).all()
    pre = sparse.set_params(layer="pre_activation").transform(digits)
    kept = np.where(code != 0, pre, np.inf).min(axis=1)
    dropped = np.where(code == 0, pre, -np.inf).max(axis=1)
    assert (kept >= dropped).all()
    np.testing.assert_array_equal(code[code != 0], pre[code != 0])
    assert sparse.l0_ == 7
    assert "sparsity" not in sparse.history_[-1]


def test_more_units_than_there_are_cannot_be_active(rows):
    with pytest.raises(ValueError, match="k=10 with n_components=3"):
        small(SparseAutoencoder, sparsity="topk").fit(rows)


@cache
def sprites():
    return make_sprites(1000, size=12, random_state=0).images.reshape(1000, -1)


@cache
def with_units(sparsity, **parameters):
    """Return many units fitted to sprites: a tenth as many as the pixels is plenty."""
    chosen = {"k": 8, "max_iter": 30, "learning_rate_init": 1.5e-3, "batch_size": 50}
    chosen |= {"random_state": 0, "n_threads": 1} | parameters
    return SparseAutoencoder(200, sparsity=sparsity, **chosen).fit(sprites())


@pytest.mark.parametrize("sparsity", ["topk", "batch_topk", "jumprelu"])
def test_revival_leaves_hardly_a_unit_dead(sparsity):
    plain = with_units(sparsity, revival_weight=0.0)
    revived = with_units(sparsity)
    assert revived.dead_units_ < 0.05 * 200
    assert revived.dead_units_ < plain.dead_units_
    assert revived.explained_variance_ > plain.explained_variance_ - 0.01
    assert 6 < revived.l0_ < 12
    assert "revival" in revived.history_[-1]


def test_batch_topk_may_spend_more_on_one_sample_than_on_another():
    code = with_units("batch_topk").transform(sprites())
    active = (code != 0).sum(axis=1)
    assert 6 < active.mean() < 10
    assert active.std() > 1


def test_thresholds_are_learned_and_decide_what_is_active():
    sparse = deepcopy(with_units("jumprelu"))
    threshold = sparse.network_.module.body.bottleneck.threshold.numpy()
    assert threshold.min() > 0.15
    assert threshold.std() > 0.05
    code = sparse.transform(sprites())
    pre = sparse.set_params(layer="pre_activation").transform(sprites())
    expected = np.where(pre > threshold, pre, 0)
    np.testing.assert_allclose(code, expected, atol=1e-6)


def test_l1_makes_codes_sparser_and_cannot_be_cheated_by_large_weights():
    codes, norms = [], []
    for weight in (0.0, 0.3):
        sparse = with_units("l1", sparsity_weight=weight, max_iter=15)
        codes.append(sparse.l0_)
        norms.append(np.linalg.norm(sparse.network_.state["body.to_rows.weight"], axis=0))
    assert codes[1] < 0.5 * codes[0]
    assert np.median(norms[1]) < 1.5 * np.median(norms[0])


@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_every_sparsity_works_on_images_and_under_early_stopping(sparsity):
    X = make_sprites(60, size=9, random_state=0).images
    sparse = small(
        SparseAutoencoder, n_components=9, k=3, sparsity=sparsity, early_stopping=True
    ).fit(X)
    code = sparse.transform(X)
    assert code.shape == (60, 9)
    assert "valid_reconstruction" in sparse.history_[-1]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(sparse)).transform(X), code)
    alone = np.concatenate([sparse.transform(X[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(alone, code[:5], atol=1e-6)


def test_codes_of_another_transformer(digits):
    pipeline = make_pipeline(
        PCA(20, whiten=True, random_state=0),
        SparseAutoencoder(
            50, sparsity="topk", k=5, max_iter=30, random_state=0, n_threads=1
        ),
    )
    pipeline.fit(digits)
    assert pipeline[-1].explained_variance_ > 0.4
