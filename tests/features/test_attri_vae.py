import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn import config_context
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    check_cv,
    cross_validate,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skvae import AttriVAE, VAEFeatureExtractor
from skvae.datasets import make_lesions, make_sprites
from skvae.estimators.targets import Classes
from skvae.features.attribute_columns import LearnedAttributes
from skvae.features.monotone import MonotoneMap
from skvae.inspection import latent_traversal
from skvae.networks.staged import stage_shapes

# Some of these are trained for an epoch or two.
pytestmark = pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")

NAMES = ["scale", "right", "down"]
N_TRAIN = 500


@pytest.fixture(scope="module")
def sprites():
    made = make_sprites(700, size=16, shapes=["square"], discrete=False, random_state=0)
    return made.images, pd.DataFrame(made.factors[:, [1, 3, 4]], columns=NAMES)


@pytest.fixture(scope="module")
def labels(sprites):
    """Whether the square is on the right."""
    return np.where(sprites[1]["right"] > 0.5, "right", "left")


def small(**parameters):
    fixed = {"random_state": 0, "n_threads": 1, "device": "cpu"}
    brief = {"n_components": 6, "max_iter": 10, "learning_rate_init": 1e-2}
    return AttriVAE(**fixed | brief | parameters)


@pytest.fixture(scope="module")
def fitted(sprites, labels):
    X, A = sprites
    train = slice(N_TRAIN)
    more = {"max_iter": 20, "learning_rate_init": 5e-3}
    return small(random_state=1, **more).fit(X[train], labels[train], attributes=A[train])


def own_unit_correlation(estimator, X, A):
    """Spearman's correlation of each attribute with its unit on unseen samples."""
    Z = estimator.transform(X[N_TRAIN:])
    A = np.asarray(A)[N_TRAIN:]
    return np.array([spearmanr(Z[:, k], A[:, k])[0] for k in range(A.shape[1])])


def test_each_attribute_orders_its_unit_on_unseen_samples(fitted, sprites):
    assert fitted.attribute_names_ == NAMES
    assert own_unit_correlation(fitted, *sprites).min() > 0.9
    row = fitted.history_[-1]
    terms = ["reconstruction", "divergence", "prediction", "attributes", "leakage"]
    assert list(row) == ["epoch", "loss", *terms]
    assert row["loss"] == pytest.approx(sum(row[term] for term in terms))


def test_units_without_an_attribute_know_little_of_it():
    made = make_lesions(160, size=16, random_state=0)
    X, volume = made.images, made.attributes[:, 0]
    known = volume[:60, None].copy()
    known[::4] = np.nan
    weight = np.random.default_rng(0).uniform(0.5, 1.5, size=60)
    tiny = {"hidden_layer_sizes": (32,), "channels": (4, 8), "learning_rate_init": 1e-2}
    found = {}
    for leakage_weight in (0.0, AttriVAE().leakage_weight):
        vae = small(max_iter=24, leakage_weight=leakage_weight, **tiny)
        vae.fit(X[:60], attributes=known, sample_weight=weight)
        Z = vae.transform(X[60:])
        found[leakage_weight] = np.abs([spearmanr(z, volume[60:])[0] for z in Z.T])
    before, after = found.values()
    assert after[0] > before[0] - 0.02
    assert after[1:].mean() < 0.5 * before[1:].mean()


def test_without_attributes_and_labels_it_is_the_vae(sprites):
    X = sprites[0][:60]
    shared = {
        "max_iter": 3,
        "random_state": 0,
        "n_threads": 1,
        "device": "cpu",
        "beta": 0.5,
    }
    mine = AttriVAE(4, **shared).fit(X)
    other = VAEFeatureExtractor(4, **shared).fit(X)
    np.testing.assert_array_equal(mine.transform(X), other.transform(X))
    assert mine.history_ == other.history_
    assert mine.score(X) == other.score(X)
    assert mine.attribute_maps_ == mine.attribute_names_ == []


def test_maps_speak_the_units_of_the_attributes(fitted, sprites):
    X, A = sprites
    mean = fitted.transform(X)
    for k, name in enumerate(NAMES):
        read = fitted.attribute_maps_[k].to_attribute(mean[N_TRAIN:, k])
        error = np.abs(read - A[name][N_TRAIN:])
        assert error.mean() < 0.08 * np.ptp(A[name])


def test_samples_have_the_attributes_that_were_asked_for(fitted):
    wanted = np.linspace(0.1, 0.9, 30)
    images = fitted.sample(30, attributes={"right": wanted}, random_state=0)
    ink = images.sum(axis=(1, 2))
    centre = (ink * np.arange(16)).sum(axis=1) / ink.sum(axis=1)
    assert spearmanr(centre, wanted)[0] > 0.9
    # A centre of mass covers the middle half of the image: eight pixels.
    assert np.polyfit(wanted, centre, 1)[0] == pytest.approx(8, abs=3)
    # What units without an attribute do to the ink differs from sample to sample.
    growth = [
        np.divide(
            *(
                fitted.sample(attributes=[scale, 0.5, 0.5], random_state=k).sum()
                for scale in (0.95, 0.55)
            )
        )
        for k in range(20)
    ]
    assert np.median(growth) == pytest.approx((0.95 / 0.55) ** 2, rel=0.25)
    with pytest.raises(ValueError, match=r"Got scale=3, but training saw 0\.5"):
        fitted.sample(attributes={"scale": 3})


def test_the_head_predicts_unseen_labels(fitted, sprites, labels):
    X, y = sprites[0][N_TRAIN:], labels[N_TRAIN:]
    assert fitted.score(X, y) > 0.9
    probability = fitted.predict_proba(X)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-6)
    logit = fitted.decision_function(X)
    np.testing.assert_allclose(probability[:, 1], 1 / (1 + np.exp(-logit)), rtol=1e-4)
    np.testing.assert_array_equal(fitted.predict(X), fitted.classes_[(logit > 0) * 1])
    names = [layer.name for layer in fitted.list_layers()]
    assert names[names.index("z") + 1 :][:3] == ["head_1", "head_2", "logits"]


def test_numbers_are_predicted_in_their_own_units(sprites):
    X, A = sprites
    y = 1000 + 300 * A["down"].to_numpy()
    y_some = y.copy()
    y_some[:50] = np.nan
    estimator = small(task="regression").fit(X[:N_TRAIN], y_some[:N_TRAIN])
    assert estimator.score(X[N_TRAIN:], y[N_TRAIN:]) > 0.8
    assert estimator.predict(X[N_TRAIN:]).mean() == pytest.approx(1150, abs=20)
    assert not hasattr(estimator, "predict_proba")
    assert "prediction" in [layer.name for layer in estimator.list_layers()]


def test_missing_attributes_cost_little(fitted, sprites, labels):
    X, A = sprites
    some = A[:N_TRAIN].mask(np.random.default_rng(0).random((N_TRAIN, 3)) < 0.3)
    with_gaps = small().fit(X[:N_TRAIN], labels[:N_TRAIN], attributes=some)
    loss = own_unit_correlation(fitted, X, A) - own_unit_correlation(with_gaps, X, A)
    assert loss.mean() < 0.05
    assert (some.isna().to_numpy() == np.isnan(some.to_numpy())).all()


def test_permuted_attributes_are_not_found_on_unseen_samples(sprites):
    X, A = sprites
    permuted = A.to_numpy()[np.random.default_rng(0).permutation(len(A))]
    estimator = small().fit(X[:N_TRAIN], attributes=permuted[:N_TRAIN])
    found = own_unit_correlation(estimator, X, permuted)
    # What three attributes of 200 independent samples exceed once in a thousand times.
    assert np.abs(found).max() < 3.6 / np.sqrt(len(X) - N_TRAIN)


def test_shuffled_labels_are_not_predicted(sprites, labels):
    X, A = sprites
    shuffled = np.random.default_rng(0).permutation(labels)
    estimator = small().fit(X[:N_TRAIN], shuffled[:N_TRAIN], attributes=A[:N_TRAIN])
    probability = estimator.predict_proba(X[N_TRAIN:])[:, 1]
    assert roc_auc_score(shuffled[N_TRAIN:], probability) == pytest.approx(0.5, abs=0.1)


def test_seeds_start_anew_and_agree_on_what_they_find(fitted, sprites, labels):
    X, A = sprites
    other = small(random_state=2)
    other.fit(X[:N_TRAIN], labels[:N_TRAIN], attributes=A[:N_TRAIN])
    assert own_unit_correlation(other, X, A).min() > 0.85
    # Units without an attribute are another basis each time.
    one, another = fitted.transform(X), other.transform(X)
    free = [abs(spearmanr(one[:, k], another[:, k])[0]) for k in (3, 4, 5)]
    assert max(free) < 0.95


def test_only_the_order_of_attributes_counts(sprites, labels):
    X, A = sprites
    one, other = (
        small(max_iter=4).fit(X[:N_TRAIN], labels[:N_TRAIN], attributes=attributes)
        for attributes in (A[:N_TRAIN], np.exp(5 * A[:N_TRAIN]) * 1e6)
    )
    np.testing.assert_array_equal(other.transform(X), one.transform(X))


def test_rows_without_a_label_train_the_rest(sprites, labels):
    X, A = sprites[0][:N_TRAIN], sprites[1][:N_TRAIN]
    some = pd.Series(labels[:N_TRAIN], dtype=object)
    some[100:] = None
    estimator = small().fit(X, some, attributes=A)
    assert list(estimator.classes_) == ["left", "right"]
    assert own_unit_correlation(estimator, *sprites).min() > 0.9
    assert estimator.score(sprites[0][N_TRAIN:], labels[N_TRAIN:]) > 0.85


@pytest.mark.parametrize("alpha", [0.0, 50.0])
def test_with_alpha_zero_the_labels_do_not_shape_the_code(sprites, labels, alpha):
    X, A, y = sprites[0][:200], sprites[1][:200], labels[:200]
    codes = []
    for class_weight in (None, {"left": 5.0, "right": 1.0}):
        estimator = small(max_iter=3, alpha=alpha, class_weight=class_weight)
        codes.append(estimator.fit(X, y, attributes=A).transform(X))
        rows = estimator.history_
        assert rows[-1]["prediction"] < rows[0]["prediction"]
    assert np.array_equal(*codes) == (alpha == 0)


def test_the_first_stage_trains_the_autoencoder_alone(sprites):
    X, A = sprites[0][:100], sprites[1][:100]
    rows = small(max_iter=4, reconstruction_fraction=0.5).fit(X, attributes=A).history_
    assert [row["attributes"] == 0 for row in rows] == [True, True, False, False]
    alone = small(max_iter=4).fit(X).history_
    assert rows[1]["reconstruction"] == pytest.approx(alone[1]["reconstruction"], rel=1e-5)


def test_tags_say_before_fit_what_y_is(labels):
    assert is_classifier(AttriVAE())
    assert is_regressor(AttriVAE(task="regression"))
    assert not is_classifier(AttriVAE(task="regression"))
    assert not AttriVAE().__sklearn_tags__().target_tags.required
    y = np.arange(10) % 2
    assert isinstance(check_cv(3, y, classifier=is_classifier(AttriVAE())), StratifiedKFold)
    for_regression = is_classifier(AttriVAE(task="regression"))
    assert type(check_cv(3, y, classifier=for_regression)) is KFold


def test_without_labels_nothing_is_predicted(sprites):
    estimator = small(max_iter=1).fit(sprites[0][:40])
    with pytest.raises(NotFittedError, match="was fitted without y"):
        estimator.predict(sprites[0])
    assert estimator.score(sprites[0]) == pytest.approx(
        estimator.score_samples(sprites[0]).mean(dtype=np.float64)
    )


def test_a_second_fit_forgets_the_first(sprites, labels):
    estimator = small(max_iter=1).fit(
        sprites[0][:60], labels[:60], attributes=sprites[1][:60]
    )
    estimator.fit(sprites[0][:60])
    assert not hasattr(estimator, "classes_")
    assert estimator.attribute_names_ == estimator.attribute_maps_ == []


def test_a_failed_fit_changes_nothing(fitted, sprites, labels):
    X, A = sprites
    before = dict(fitted.__dict__)
    with pytest.raises(ValueError, match="the attribute 'down' that is 1 everywhere"):
        fitted.fit(X, labels, attributes=A.assign(down=1.0))
    assert fitted.__dict__ == before


def test_partial_fit_keeps_classes_and_names(sprites, labels):
    X, A = sprites
    estimator = small()
    left = labels == "left"
    estimator.partial_fit(
        X[left][:50],
        labels[left][:50],
        attributes=A[left][:50],
        classes=["left", "right"],
    )
    estimator.partial_fit(X[:50], labels[:50], attributes=A[:50])
    assert list(estimator.classes_) == ["left", "right"]
    maps = estimator.attribute_maps_
    estimator.partial_fit(X[:50], labels[:50])
    assert estimator.attribute_maps_ is maps
    with pytest.raises(ValueError, match="trained with scale, right, down"):
        estimator.partial_fit(X[:50], labels[:50], attributes=A[["scale"]][:50])
    with pytest.raises(ValueError, match="the class 'up', but AttriVAE knows"):
        estimator.partial_fit(X[:50], np.where(left, "up", labels)[:50])


@pytest.fixture
def pipeline():
    vae = small(max_iter=1, image_shape=(1, 16, 16))
    return Pipeline([("scale", StandardScaler()), ("vae", vae)])


@pytest.fixture(scope="module")
def table(sprites, labels):
    """Flat rows of images, labels, attributes, and patients of three rows each."""
    return (
        sprites[0][:90].reshape(90, -1),
        labels[:90],
        sprites[1][:90],
        np.arange(90) // 3,
    )


@pytest.mark.parametrize("routing", [True, False])
def test_attributes_reach_fit_through_pipeline_and_search(pipeline, table, routing):
    X, y, A, groups = table
    name = "attributes" if routing else "vae__attributes"
    grid = {"vae__gamma": [0.0, 10.0]}
    with config_context(enable_metadata_routing=routing):
        search = GridSearchCV(pipeline, grid, cv=StratifiedGroupKFold(2))
        search.fit(X, y, groups=groups, **{name: A})
        best = search.best_estimator_["vae"]
        assert best.attribute_names_ == NAMES
        scores = cross_validate(
            pipeline,
            X,
            y,
            cv=StratifiedGroupKFold(2),
            params={name: A, "groups": groups} if routing else {name: A},
            return_estimator=True,
            **({} if routing else {"groups": groups}),
        )
    for estimator in scores["estimator"]:
        assert len(estimator["vae"].attribute_maps_) == 3
        assert "attributes" in estimator["vae"].history_[0]


@pytest.mark.parametrize(
    ("setting", "weights"), [("paper", (2, 200, 10, 10_000)), ("code", (2, 10, 100, 5000))]
)
def test_published_settings(setting, weights):
    published = AttriVAE.published(setting, random_state=0)
    found = published.beta, published.gamma, published.delta, published.max_iter
    assert found == weights
    learned = LearnedAttributes(target=Classes(np.array([0, 1])))
    builder = published._network_builder((1, 80, 80, 80), learned)
    shapes = stage_shapes(builder, (1, 80, 80, 80))
    assert shapes["conv_5"] == (2, 5, 5, 5)
    assert shapes["logits"] == (1,)
    with pytest.raises(ValueError, match="Got setting='book'"):
        AttriVAE.published("book")


def test_the_published_estimator_trains_on_any_size(sprites, labels):
    X, A = sprites
    published = AttriVAE.published(max_iter=2, random_state=0, n_threads=1, device="cpu")
    published.fit(X[:40], labels[:40], attributes=A[:40])
    row = published.history_[-1]
    assert row["reconstruction"] == pytest.approx(
        np.square(published.reconstruct(X[:40]) - X[:40]).sum() / 40, rel=0.3
    )
    with pytest.raises(ValueError, match="Got architecture='published' for rows of 256"):
        AttriVAE.published().fit(X[:40].reshape(40, -1))


def test_more_attributes_than_units(sprites):
    with pytest.raises(ValueError, match="Got 3 attributes with n_components=2"):
        small(n_components=2).fit(sprites[0], attributes=sprites[1])


def test_strokes_of_real_digits(real_data):
    table = pd.read_csv(real_data / "mnist/mnist_5k.csv.gz", header=None, nrows=900)
    measures = pd.read_csv(real_data / "mnist/mnist_5k_morpho.csv.gz").set_index("index")
    A = measures.loc[table.index, ["area", "thickness", "slant"]]
    X = (table.iloc[:, :784].to_numpy() / 255).astype(np.float32).reshape(-1, 1, 28, 28)
    train = np.arange(len(X)) % 3 > 0
    estimator = small(max_iter=5, learning_rate_init=4e-3)
    estimator.fit(X[train], table[784][train], attributes=A[train])
    Z = estimator.transform(X[~train])
    found = [spearmanr(Z[:, k], A[~train].iloc[:, k])[0] for k in range(3)]
    assert min(found) > 0.9


def test_a_score_is_that_of_the_labelled_rows(sprites, labels):
    X, y = sprites[0][:100], (labels[:100] == "right").astype(int)
    fitted = small(max_iter=2).fit(X, y)
    hidden = np.arange(100) % 3 == 0
    expected = (fitted.predict(X) == y)[~hidden].mean()
    assert fitted.score(X, np.where(hidden, -1, y)) == pytest.approx(expected)
    assert fitted.score(X, np.where(hidden, np.nan, y)) == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"entries up to 1e\+200.* in larger units"):
        small(task="regression").fit(X, 1e200 * y)


@pytest.mark.parametrize(
    ("missing", "binary", "zero"),
    [(0.3, False, 0), (0.1, False, 0), (0, True, 0), (0, False, 0.3)],
)
def test_batches_without_a_pair_that_counts_train(missing, binary, zero):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(130, 10))
    attributes = X[:, :2] > 0.9 if binary else X[:, :2].copy()
    attributes = attributes.astype(float)
    attributes[rng.random(attributes.shape) < missing] = np.nan
    weight = (rng.random(130) >= zero).astype(float)
    vae = AttriVAE(4, ties="ignore" if binary else "zero", max_iter=6, random_state=0)
    vae.fit(X, attributes=attributes, sample_weight=weight)
    assert np.isfinite([row["attributes"] for row in vae.history_]).all()


@pytest.mark.parametrize("offset", [0.0, 0.1, 1.7e9])
def test_samples_may_have_the_extremes_of_training(offset):
    rng = np.random.default_rng(0)
    X, A = rng.normal(size=(30, 4)), offset + rng.normal(size=(30, 2))
    vae = AttriVAE(3, max_iter=1, random_state=0, n_threads=1).fit(X, attributes=A)
    vae.partial_fit(X, attributes=A)
    ends = np.stack([A.min(axis=0), A.max(axis=0)])
    assert vae.sample(2, attributes=ends).shape == (2, 4)
    latent_traversal(vae, attribute=0, values=ends[:, 0])
    found = [(each.lowest, each.highest) for each in vae.attribute_maps_]
    np.testing.assert_array_equal(np.transpose(found), ends)
    beyond = np.nextafter(ends[1, 0], np.inf)
    for ask in (
        lambda: vae.sample(attributes={"attribute_0": beyond}),
        lambda: latent_traversal(vae, attribute=0, values=[beyond]),
    ):
        with pytest.raises(ValueError, match=r"Got attribute_0=.*, but training saw "):
            ask()


def test_rows_that_do_not_weigh_shape_no_map():
    rng = np.random.default_rng(0)
    X, A = rng.normal(size=(40, 4)), rng.normal(size=(40, 1))
    weight = rng.integers(0, 3, size=40)
    model = AttriVAE(3, max_iter=2, random_state=0, n_threads=1, batch_size=64)
    wild = np.where(weight[:, None] > 0, A, 1e6)
    fitted = model.fit(X, attributes=wild, sample_weight=weight)
    (found,), unit = fitted.attribute_maps_, fitted.transform(X)[:, 0]
    there = weight > 0
    expected = MonotoneMap.fit(unit[there], A[there, 0], weight[there])
    np.testing.assert_allclose(found.values, expected.values)
    np.testing.assert_allclose(found.units, expected.units, rtol=1e-5)
    assert found.highest == A[there].max()
    scaler = fitted._learned.scaler
    assert scaler.mean_[0] == pytest.approx(np.repeat(A[:, 0], weight).mean())
    assert scaler.scale_[0] == pytest.approx(np.repeat(A[:, 0], weight).std())
    same = np.where(there[:, None], 2.0, A)
    with pytest.raises(ValueError, match="'attribute_0' that is 2 everywhere"):
        model.fit(X, attributes=same, sample_weight=weight)
