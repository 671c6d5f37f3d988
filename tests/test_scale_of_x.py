"""What is said of a fit whose rates are too high, or whose X is not scaled."""

import warnings

import numpy as np
import pytest
from contract import TRAINED, columns, given, small
from sklearn.tree import DecisionTreeClassifier

import skvae
from skvae.exceptions import (
    ConstantCodeWarning,
    NonFiniteLossError,
    PosteriorCollapseWarning,
)

RATES = {
    kind: [name for name in kind().get_params() if name.endswith("learning_rate_init")]
    for kind in TRAINED
}
CASES = [(kind, name) for kind, names in RATES.items() for name in names]


def huge(kind, name, rate=1e30):
    """Return an estimator that diverges for one of its rates; the others are small."""
    estimator = small(kind, **dict.fromkeys(RATES[kind], 1e-6))
    estimator.set_params(**{name: rate})
    if name.startswith("finetune"):
        estimator.set_params(finetune_max_iter=5)
    if "autoencoder" in estimator.get_params():
        held = estimator.get_params()["autoencoder"]
        estimator.set_params(autoencoder=held.set_params(learning_rate_init=1e-6))
    return estimator


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PretrainingLostWarning")
@pytest.mark.parametrize(
    ("kind", "name"), CASES, ids=[f"{kind.__name__}-{name}" for kind, name in CASES]
)
def test_the_rate_that_is_too_high_is_named_as_the_class_has_it(kind, name):
    X = given(kind, "images")
    with pytest.raises(NonFiniteLossError) as caught:
        huge(kind, name).fit(X, **columns(kind, X))
    assert f" {name}=1e+30" in str(caught.value)
    others = set(RATES[kind]) - {name}
    assert not any(f" {other}=" in str(caught.value) for other in others)


ROUNDED = [case for case in CASES if "precision" in case[0]().get_params()]


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PretrainingLostWarning")
@pytest.mark.parametrize(
    ("kind", "name"), ROUNDED, ids=[f"{kind.__name__}-{name}" for kind, name in ROUNDED]
)
def test_bfloat16_hides_no_divergence(kind, name):
    X = given(kind, "images")
    estimator = huge(kind, name).set_params(precision="bfloat16")
    before = vars(estimator).copy()
    with pytest.raises(NonFiniteLossError, match=rf" {name}=1e\+30"):
        estimator.fit(X, **columns(kind, X))
    assert vars(estimator) == before


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e38])
@pytest.mark.parametrize("kind", TRAINED, ids=lambda kind: kind.__name__)
def test_no_network_comes_of_what_is_no_number(kind, value, precision):
    X = given(kind, "images").copy()
    X[(3, *[0] * (X.ndim - 1))] = value
    estimator = small(kind)
    if "precision" in estimator.get_params():
        estimator.set_params(precision=precision)
    before = vars(estimator).copy()
    with pytest.raises(ValueError, match=r"\bX\b"):
        estimator.fit(X, **columns(kind, X))
    assert vars(estimator) == before


def test_the_rate_of_what_another_holds_is_named_as_its_own():
    held = skvae.Autoencoder(2, learning_rate_init=1e30, max_iter=3)
    X = np.random.default_rng(0).random((40, 12), dtype=np.float32)
    classifier = skvae.AutoencoderClassifier(autoencoder=held, random_state=0)
    with pytest.raises(NonFiniteLossError, match=r"fit of autoencoder.*autoencoder__"):
        classifier.fit(X, np.arange(40) % 2)


def bright(shape=(8, 1, 16, 16)):
    X = np.random.default_rng(0).random(shape, dtype=np.float32)
    X[3, 0, 5, 5] = 1e20
    return X


@pytest.mark.parametrize("max_iter", [1, 3])
def test_a_pixel_whose_square_is_infinite_is_named_as_unscaled(max_iter):
    maps = skvae.ConvolutionalSparseAutoencoder(
        3, kernel_size=3, scales=(1, 2), patch_size=None, max_iter=max_iter, random_state=0
    )
    with pytest.raises(NonFiniteLossError, match="X is not scaled"):
        maps.fit(bright())
    masks = (bright() > 0.5)[:, 0].astype(int)
    pixels = skvae.PixelClassifier(
        features=maps, classifier=DecisionTreeClassifier(), random_state=0
    )
    with pytest.raises(NonFiniteLossError, match="fit of features"):
        pixels.fit(bright(), masks)


PLAIN = [
    skvae.Autoencoder,
    skvae.DenoisingAutoencoder,
    skvae.SparseAutoencoder,
    skvae.ConvolutionalSparseAutoencoder,
]


@pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.__name__)
def test_a_code_that_does_not_vary_is_said_to_be_void(kind, rows):
    estimator = small(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConstantCodeWarning)
        estimator.fit(rows)
    rows[:, 0] += 1e6
    with pytest.warns(ConstantCodeWarning, match=f"{kind.__name__}.*X is not scaled"):
        estimator.fit(rows)
    code = estimator.set_params(layer="code").transform(rows)
    assert np.ptp(code, axis=0).max() <= 1e-4 * np.abs(code).max()


def test_rows_that_are_all_the_same_have_a_constant_code(rows):
    small(skvae.Autoencoder).fit(np.repeat(rows[:1], 9, axis=0))


def test_a_void_code_of_a_vae_is_a_collapsed_posterior(rows):
    vae = skvae.VAEFeatureExtractor(
        2, beta=1e4, max_iter=30, learning_rate_init=1e-2, random_state=0
    )
    with pytest.warns(PosteriorCollapseWarning) as caught:
        vae.fit(rows)
    assert [w.category for w in caught] == [PosteriorCollapseWarning]
