from copy import deepcopy

import numpy as np
import pytest
from contract import KINDS, OTHER, inputs, labels, small

from skvae import AttriVAE, Autoencoder, VAEFeatureExtractor

pytestmark = pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")
ROWS = inputs()["rows"]
ONGOING = [kind for kind in KINDS if "warm_start" in kind().get_params()]


def going_on(kind, X, **parameters):
    model = small(kind, warm_start=True, max_iter=1).fit(X, labels(kind, X))
    return model.set_params(**parameters)


@pytest.mark.parametrize("kind", ONGOING, ids=lambda kind: kind.__name__)
def test_what_asks_for_another_network_is_named_with_both_values(kind):
    X = inputs()["images"]
    model = going_on(kind, X, n_components=5, max_iter=2, tol=0.1)
    message = "^Got n_components=5, but the fitted network has n_components=3; expected"
    with pytest.raises(ValueError, match=message):
        model.fit(X, labels(kind, X))
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, labels(kind, X))


@pytest.mark.parametrize("kind", ONGOING, ids=lambda kind: kind.__name__)
def test_every_parameter_goes_on_or_is_named(kind):
    X, y = inputs()["rows"], labels(kind, inputs()["rows"])
    left_out = {"image_shape", "device", "augment", "task", "warm_start", "class_weight"}
    begun = going_on(kind, X)
    for name in kind().get_params().keys() & OTHER.keys() - left_out:
        model = deepcopy(begun).set_params(**{name: OTHER[name]})
        try:
            model.fit(X, y)
        except ValueError as error:
            if "fitted network" in str(error):
                assert f"Got {name}=" in str(error)  # noqa: PT017


def test_several_are_named_and_a_list_is_a_tuple():
    model = going_on(Autoencoder, ROWS, n_components=5, hidden_layer_sizes=[4])
    message = (
        r"Got hidden_layer_sizes=\(4,\), n_components=5, .* hidden_layer_sizes=\(8,\), n_"
    )
    with pytest.raises(ValueError, match=message):
        model.fit(ROWS)
    going_on(Autoencoder, ROWS, hidden_layer_sizes=[8]).fit(ROWS)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (ROWS[:, :4], "Got X or y that ask for n_features=4, .* has n_features=12;"),
        (inputs()["images"], "that ask for network='ConvAutoencoder'"),
    ],
)
def test_other_rows_are_named(X, message):
    with pytest.raises(ValueError, match=message):
        going_on(VAEFeatureExtractor, ROWS).fit(X)


def test_other_targets_are_named():
    y = np.arange(40) % 3
    model = small(AttriVAE, warm_start=True)
    with pytest.raises(ValueError, match="the class 3, but AttriVAE knows the classes 0"):
        model.fit(ROWS, y).fit(ROWS, y + 1)
    with pytest.raises(ValueError, match=r"Got no y, .* has a head"):
        model.fit(ROWS)
    with pytest.raises(ValueError, match=r"Got y, .* has no head"):
        small(AttriVAE, warm_start=True).fit(ROWS).fit(ROWS, y)
    with pytest.raises(ValueError, match="ask for n_outputs=1, output='prediction', but"):
        model.set_params(task="regression").fit(ROWS, y)
