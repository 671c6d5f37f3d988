"""Rows of which entries are missing: what kinds make of them, and what they fill in."""

import pickle

import numpy as np
import pytest
from contract import FILLING, small
from scipy import sparse
from scipy.linalg import subspace_angles
from scipy.stats import norm
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skvae import (
    Autoencoder,
    AutoencoderClassifier,
    ConvolutionalSparseAutoencoder,
    SequenceClassifier,
    SparseAutoencoder,
    VAEFeatureExtractor,
)
from skvae.exceptions import ConstantCodeWarning
from skvae.training.caching import n_trainings
from skvae.training.checkpointing import Checkpoint

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::skvae.exceptions.{name}")
    for name in ("ConstantCodeWarning", "PosteriorCollapseWarning")
]

each_kind = pytest.mark.parametrize("kind", FILLING, ids=lambda kind: kind.__name__)


def low_rank(n_rows=300, n_columns=20, rank=3, noise=0.1):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, rank)) @ rng.normal(size=(rank, n_columns))
    return X / X.std(axis=0) + noise * rng.normal(size=X.shape) + rng.normal(size=n_columns)


def with_holes(X, share=0.3, seed=1):
    return np.where(np.random.default_rng(seed).random(X.shape) < share, np.nan, X)


X = low_rank(60, 12).astype(np.float32)
HOLES = with_holes(X)
HOLES[7] = np.nan


@each_kind
@pytest.mark.parametrize("shape", [(12,), (1, 3, 4)], ids=["rows", "images"])
def test_without_holes_no_bit_changes(kind, shape):
    given = X.reshape(-1, *shape)
    plain, masked = (small(kind, missing=m).fit(given) for m in ("error", "mask"))
    for method in ("transform", "reconstruct"):
        found = getattr(masked, method)(given)
        np.testing.assert_array_equal(found, getattr(plain, method)(given))
    # Of a linear decoder, a sum is taken in another order.
    scores = plain.score_samples(given)
    np.testing.assert_allclose(masked.score_samples(given), scores, rtol=1e-5)
    assert masked.history_ == plain.history_
    np.testing.assert_array_equal(masked.impute(given), given)


@each_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(12,), (1, 3, 4)], ids=["rows", "images"])
def test_holes_are_filled_and_nothing_else(kind, dtype, shape):
    holes = HOLES.astype(dtype).reshape(-1, *shape) / 3
    estimator = small(kind, missing="mask").fit(holes)
    filled = estimator.impute(holes)
    gone = np.isnan(holes)
    assert filled.dtype == dtype
    np.testing.assert_array_equal(filled[~gone], holes[~gone])
    np.testing.assert_array_equal(filled[gone], estimator.reconstruct(holes)[gone])
    codes = estimator.transform(holes)
    assert np.isfinite(codes).all()
    assert np.isfinite(estimator.inverse_transform(codes)).all()
    assert np.isfinite(estimator.score_samples(holes)).all()
    assert np.isfinite(estimator.score(holes))
    # A row of which nothing is known is the mean of those in `fit`.
    mean = np.nanmean(holes.astype(float), axis=0, keepdims=True)
    np.testing.assert_allclose(codes[[7]], estimator.transform(mean), rtol=1e-4, atol=1e-5)


@each_kind
def test_same_bits_in_clones_and_pickles_and_by_groups_of_rows(kind):
    estimator = small(kind, missing="mask").fit(HOLES)
    codes = estimator.transform(HOLES)
    np.testing.assert_array_equal(clone(estimator).fit_transform(HOLES), codes)
    copied = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(copied.impute(HOLES), estimator.impute(HOLES))
    parts = [estimator.transform(HOLES[i : i + 7]) for i in range(0, len(HOLES), 7)]
    np.testing.assert_allclose(np.concatenate(parts), codes, rtol=1e-6, atol=1e-6)


@each_kind
def test_what_is_observed_is_a_layer(kind):
    estimator = small(kind, missing="mask", layer="observed")
    assert estimator.list_layers(HOLES)[0].name == "observed"
    observed = estimator.fit_transform(HOLES)
    np.testing.assert_array_equal(observed, ~np.isnan(HOLES))


@each_kind
def test_the_default_refuses_holes(kind):
    with pytest.raises(ValueError, match="refuses with missing='error'; expected finite"):
        small(kind).fit(HOLES)
    estimator = small(kind).fit(X).set_params(missing="mask")
    with pytest.raises(ValueError, match="contains NaN"):
        estimator.transform(HOLES)
    with pytest.raises(ValueError, match="impute needs one fitted with missing='mask'"):
        estimator.impute(HOLES)
    infinite = HOLES.copy()
    infinite[0, 0] = np.inf
    masked = small(kind, missing="mask")
    with pytest.raises(ValueError, match="contains infinity"):
        masked.fit(infinite)
    with pytest.raises(ValueError, match="contains infinity"):
        masked.fit(HOLES).transform(infinite)


@each_kind
def test_the_tag_follows_the_parameter(kind):
    assert not get_tags(kind()).input_tags.allow_nan
    assert get_tags(kind(missing="mask")).input_tags.allow_nan


def test_a_column_needs_a_value_in_a_row_that_counts():
    holes = HOLES.copy()
    holes[10:, 2] = np.nan
    autoencoder = small(Autoencoder, missing="mask")
    autoencoder.fit(holes)
    weight = np.where(np.arange(60) < 10, 0.0, 1.0)
    with pytest.raises(ValueError, match="column 2 has no value in any row that counts"):
        autoencoder.fit(holes, sample_weight=weight)
    holes[:, [2, 5]] = np.nan
    with pytest.raises(ValueError, match="column 2 and 1 more has no value"):
        autoencoder.fit(holes)


def test_the_centre_is_the_weighted_mean_of_what_is_known():
    weight = np.linspace(0, 2, 60)
    autoencoder = small(Autoencoder, missing="mask").fit(HOLES, sample_weight=weight)
    masked = np.ma.average(np.ma.masked_invalid(HOLES), axis=0, weights=weight)
    centre = autoencoder.network_.state["centre"]
    np.testing.assert_allclose(centre, masked.filled(), rtol=1e-5)


def test_images_that_move_cannot_have_holes():
    images = HOLES.reshape(-1, 1, 3, 4)
    with pytest.raises(ValueError, match="augment=True with missing='mask'"):
        small(Autoencoder, missing="mask", augment=True).fit(images)
    with pytest.raises(TypeError, match="missing"):
        ConvolutionalSparseAutoencoder(missing="mask")


@pytest.mark.parametrize("kind", [Autoencoder, VAEFeatureExtractor])
def test_low_rank_rows_are_filled_much_better_than_by_means(kind):
    whole = low_rank()
    holes = with_holes(whole)
    train, test = holes[:200], holes[200:]
    sizes = {"hidden_layer_sizes": (32,), "max_iter": 60, "learning_rate_init": 0.01}
    estimator = kind(
        6, missing="mask", random_state=0, n_threads=1, device="cpu", **sizes
    ).fit(train)
    gone = np.isnan(test)
    error = (estimator.impute(test) - whole[200:])[gone].std()
    of_means = (np.nanmean(train, axis=0) - whole[200:])[gone].std()
    assert error < 0.5 * of_means


def em_pca(rows, n_components, n_iter=300):
    """Least squares over what is known: Ilin & Raiko (2010), JMLR 11, section 3.1."""
    gone = np.isnan(rows)
    filled = np.where(gone, np.nanmean(rows, axis=0), rows)
    for _ in range(n_iter):
        mean = filled.mean(axis=0)
        _, _, v = np.linalg.svd(filled - mean, full_matrices=False)
        basis = v[:n_components]
        filled = np.where(gone, (filled - mean) @ basis.T @ basis + mean, rows)
    return basis, filled


def test_a_linear_autoencoder_approaches_pca_with_missing_entries():
    whole = low_rank(120, 12, noise=0.3)
    holes = with_holes(whole, 0.1)
    basis, filled = em_pca(holes, 3)
    linear = Autoencoder(
        3,
        hidden_layer_sizes=(),
        solver="lbfgs",
        max_iter=150,
        missing="mask",
        random_state=0,
        n_threads=1,
    ).fit(holes)
    decoder = linear.network_.state["body.to_rows.weight"]
    angle = np.degrees(subspace_angles(decoder, basis.T).max())
    # PCA of what means fill in is three times as far away.
    filled_in = np.where(np.isnan(holes), 0, holes - np.nanmean(holes, axis=0))
    of_means = np.linalg.svd(filled_in)[2][:3]
    assert angle < 0.5 * np.degrees(subspace_angles(of_means.T, basis.T).max())
    gone = np.isnan(holes)
    error = np.square(linear.impute(holes) - whole)[gone].mean()
    best = np.square(filled - whole)[gone].mean()
    means = np.square(np.nanmean(holes, axis=0) - whole)[gone].mean()
    assert error < 2 * best < 0.5 * means


def test_the_lower_bound_is_that_of_the_known_columns():
    vae = small(
        VAEFeatureExtractor, hidden_layer_sizes=(), missing="mask", max_iter=20
    ).fit(HOLES)
    known = ~np.isnan(HOLES)
    mean, log_var = vae.network_.read_each(HOLES, ["mean", "log_var"])
    weight = vae.network_.state["body.to_rows.weight"] * vae.input_scale_
    deviation = np.exp(log_var / 2)
    rebuilt = vae.inverse_transform(mean.astype(np.float32))
    # E log N(x; x_hat, s²) has the spread of the decoder under q in its square.
    spread = np.square(deviation) @ np.square(weight).T
    each = norm.logpdf(HOLES, rebuilt, np.sqrt(vae.noise_variance_))
    each -= spread / (2 * vae.noise_variance_)
    kl = 0.5 * (mean**2 + deviation**2 - log_var - 1).sum(axis=1)
    expected = np.where(known, each, 0).sum(axis=1) - kl
    np.testing.assert_allclose(vae.score_samples(HOLES), expected, rtol=1e-4)
    error = np.where(known, (HOLES - rebuilt) ** 2 + spread, 0)
    assert vae.noise_variance_ == pytest.approx(error.sum() / known.sum(), rel=1e-4)


def test_bounds_agree_by_draws_and_importance():
    vae = small(VAEFeatureExtractor, missing="mask", max_iter=20).fit(HOLES)
    lower = vae.score(HOLES, n_draws=400)
    assert lower <= vae.score(HOLES, n_draws=400, importance_weighted=True)
    assert vae.penalized_log_likelihood(HOLES).mean() > lower


def test_probabilities_of_holes():
    binary = np.where(np.isnan(HOLES), np.nan, HOLES > 0)
    masked = small(Autoencoder, likelihood="bernoulli", missing="mask").fit(binary)
    p, known = masked.reconstruct(binary), ~np.isnan(binary)
    each = np.log(np.where(binary == 1, p, 1 - p))
    expected = np.where(known, each, 0).sum(axis=1)
    np.testing.assert_allclose(masked.score_samples(binary), expected, rtol=1e-3)
    with pytest.raises(ValueError, match=r"expects X in \[0, 1\], but X has"):
        masked.fit(HOLES)


def test_a_search_over_layers_trains_one_network_a_fold(tmp_path):
    y = np.arange(60) % 2
    pipeline = make_pipeline(
        StandardScaler(),
        small(Autoencoder, missing="mask", memory=str(tmp_path)),
        GridSearchCV(StandardScaler(), {}, scoring=lambda *_: 0.0, cv=2),
    )
    grid = {"autoencoder__layer": ["code", "hidden_1", "observed"]}
    search = GridSearchCV(pipeline, grid, cv=3, scoring=lambda *_: 0.0).fit(HOLES, y)
    assert n_trainings(str(tmp_path)) == 4
    filled = search.best_estimator_[:-1].transform(HOLES)
    assert np.isfinite(filled).all()
    other = HOLES.copy()
    other[0, 0] += 1.0
    search.fit(other, y)
    # Of three folds, one does not have the row that has changed.
    assert n_trainings(str(tmp_path)) == 7


def test_training_goes_on_with_the_first_centre():
    parts = small(Autoencoder, missing="mask", warm_start=True, max_iter=2).fit(HOLES)
    whole = small(Autoencoder, missing="mask", max_iter=4).fit(HOLES)
    parts.fit(HOLES)
    np.testing.assert_array_equal(parts.transform(HOLES), whole.transform(HOLES))
    centre = parts.network_.state["centre"]
    parts.fit(HOLES + 1)
    np.testing.assert_array_equal(parts.network_.state["centre"], centre)
    online = small(Autoencoder, missing="mask").partial_fit(HOLES).partial_fit(HOLES[:9])
    assert np.isfinite(online.impute(HOLES)).all()
    with pytest.raises(ValueError, match="missing='error', but the fitted network"):
        parts.set_params(missing="error").fit(X)


def test_a_fit_that_was_stopped_goes_on_to_the_same_bits(tmp_path):
    whole = small(VAEFeatureExtractor, missing="mask").fit(HOLES)
    stopped = small(VAEFeatureExtractor, missing="mask", checkpoint=tmp_path)
    keep, kept = Checkpoint.keep, []

    def keep_and_stop(checkpoint, state):
        keep(checkpoint, state)
        kept.append(state)
        if len(kept) == 2:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "keep", keep_and_stop)
        with pytest.raises(KeyboardInterrupt):
            stopped.fit(HOLES)
    again = small(VAEFeatureExtractor, missing="mask", checkpoint=tmp_path).fit(HOLES)
    assert again.history_ == whole.history_
    for name, value in whole.network_.state.items():
        np.testing.assert_array_equal(again.network_.state[name], value)


def test_sparse_rows_and_tables_have_holes_as_well():
    pd = pytest.importorskip("pandas")
    expected = small(Autoencoder, missing="mask").fit(HOLES)
    table = pd.DataFrame(HOLES, columns=[f"c{i}" for i in range(12)]).astype("Float32")
    assert table.isna().to_numpy().sum() == np.isnan(HOLES).sum()
    for given in (table, sparse.csr_matrix(HOLES), HOLES.tolist()):
        found = small(Autoencoder, missing="mask").fit(given)
        np.testing.assert_array_equal(found.transform(given), expected.transform(HOLES))
        np.testing.assert_array_equal(found.impute(given), expected.impute(HOLES))


@pytest.mark.parametrize("pretrain", [True, False])
def test_a_classifier_takes_the_holes_of_its_autoencoder(pretrain):
    y = np.arange(60) % 2
    autoencoder = small(Autoencoder, missing="mask")
    classifier = small(
        AutoencoderClassifier, autoencoder=autoencoder, pretrain=pretrain
    ).fit(HOLES, y)
    assert get_tags(classifier).input_tags.allow_nan
    assert np.isfinite(classifier.predict_proba(HOLES)).all()
    centre = classifier.network_.state["encoder.centre"]
    np.testing.assert_allclose(centre, np.nanmean(HOLES, axis=0), rtol=1e-5)
    with pytest.raises(ValueError, match="contains NaN"):
        small(AutoencoderClassifier).fit(HOLES, y)
    with pytest.raises(ValueError, match="says which frames are not there"):
        small(SequenceClassifier, autoencoder=autoencoder).fit(HOLES, y)


def test_diagnostics_count_what_is_known():
    holes = HOLES * np.linspace(1, 3, 12, dtype=np.float32)
    vae = small(VAEFeatureExtractor, missing="mask").fit(holes)
    scale = np.sqrt(np.nanvar(holes.astype(float), axis=0).mean())
    assert vae.input_scale_ == pytest.approx(scale, rel=1e-5)
    sparse_one = small(SparseAutoencoder, missing="mask").fit(holes)
    gone = np.isnan(holes)
    error = np.square(sparse_one.reconstruct(holes) - holes)[~gone].sum()
    total = np.nansum(np.square(holes - np.nanmean(holes, axis=0)))
    assert sparse_one.explained_variance_ == pytest.approx(1 - error / total, rel=1e-3)


OPTIONS = {
    "half precision": {"precision": "bfloat16"},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 1},
    "normalised": {"normalization": "batch"},
    "dropout": {"dropout": 0.2},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_holes_go_with_other_options(options):
    vae = small(VAEFeatureExtractor, missing="mask", max_iter=8, **options).fit(HOLES)
    assert np.isfinite([row["loss"] for row in vae.history_]).all()
    assert np.isfinite(vae.impute(HOLES)).all()


def test_codes_that_do_not_vary_are_warned_of_behind_holes_too():
    autoencoder = small(Autoencoder, missing="mask", max_iter=1)
    with pytest.warns(ConstantCodeWarning, match="No unit of the code of Autoencoder"):
        autoencoder.fit(HOLES + 1e5)
