import numpy as np
import pytest
from contract import small
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skvae import LayerExtractor, VAEFeatureExtractor
from skvae.inspection import rank_layers
from skvae.statistics.code_similarity import effective_rank, isotropy, linear_cka

pytest.importorskip("pandas")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 12)).astype(np.float32)


@pytest.fixture(scope="module")
def vae():
    return small(VAEFeatureExtractor, max_iter=20, learning_rate_init=0.01).fit(X)


def test_numbers_of_each_layer_and_what_is_chosen(vae):
    ranking = rank_layers(vae, X, n_layers=None)
    table = ranking.table().set_index("layer")
    codes = {}
    for row in vae.list_layers():
        code = vae.set_params(layer=row.name).transform(X).astype(float)
        varies = code.std(axis=0) > 0
        codes[row.name] = StandardScaler().fit_transform(code) * varies
    vae.set_params(layer="mean")
    assert set(table.index) == set(codes)
    for name, code in codes.items():
        assert table.loc[name, "effective_rank"] == pytest.approx(effective_rank(code))
        assert table.loc[name, "isotropy"] == pytest.approx(isotropy(code))
        assert table.loc[name, "n_features"] == code.shape[1]
    assert table["effective_rank"].is_monotonic_decreasing
    chosen = []
    for name in table.index:
        likeness = [linear_cka(codes[name], codes[other]) for other in chosen]
        assert table.loc[name, "chosen"] == (max(likeness, default=0) <= 0.9)
        if likeness:
            assert table.loc[name, "largest_cka"] == pytest.approx(max(likeness))
            assert table.loc[name, "like"] == chosen[int(np.argmax(likeness))]
        chosen += [name] * int(table.loc[name, "chosen"])
    assert ranking.chosen == chosen
    assert not {"z", "mean"} <= set(chosen)  # they are the same
    assert repr(ranking).endswith(f"criterion='effective_rank', chosen={chosen})")


def test_few_layers_another_criterion_and_another_bound(vae):
    by_isotropy = rank_layers(vae, X, criterion="isotropy")
    assert by_isotropy.table()["isotropy"].is_monotonic_decreasing
    assert by_isotropy.chosen == by_isotropy.table()["layer"].iloc[:1].tolist()
    some = rank_layers(vae, X, layers=["mean", "z"], max_cka=1)
    # Of what is the same, the first is better, and rounding alone tells them apart.
    assert some.chosen[0] == "mean"


def test_a_layer_of_more_directions_is_better_and_a_copy_is_left_out():
    first, second = nn.Linear(12, 10, bias=False), nn.Linear(10, 8, bias=False)
    nn.init.orthogonal_(first.weight)
    second.weight.data[:] = 0
    second.weight.data[:3, :3] = nn.init.orthogonal_(second.weight.data[:3, :3].clone())
    network = nn.Sequential(first, nn.Identity(), second)
    ranking = rank_layers(LayerExtractor(network, layer="0", device="cpu"), X, n_layers=2)
    table = ranking.table().set_index("layer")
    assert ranking.chosen == ["0", "2"]
    assert table.loc["0", "effective_rank"] > 9
    assert table.loc["2", "effective_rank"] == pytest.approx(3, abs=0.1)
    assert table.loc["1", "like"] == "0"
    assert table.loc["1", "largest_cka"] == pytest.approx(1)


def test_an_unfitted_network_in_a_pipeline_is_fitted_and_stays_as_it_was(vae):
    model = make_pipeline(StandardScaler(), small(VAEFeatureExtractor))
    ranking = rank_layers(model, 100 * X + 7, layers=["mean", "hidden_1"])
    assert not hasattr(model[-1], "network_")
    scaled = StandardScaler().fit_transform(100 * X + 7)
    fitted = small(VAEFeatureExtractor).fit(scaled)
    again = rank_layers(fitted, scaled, layers=["mean", "hidden_1"])
    assert ranking.chosen == again.chosen
    assert ranking.table()["effective_rank"].tolist() == pytest.approx(
        again.table()["effective_rank"].tolist(), rel=1e-4
    )


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"criterion": "rank"}, "criterion='rank', but rank_layers takes one of effective"),
        ({"max_cka": 1.5}, "max_cka=1.5, but rank_layers takes a number of at least 0"),
        ({"n_layers": 0}, "n_layers=0, but rank_layers takes an integer of at least 1"),
        ({"layers": ["men"]}, r"layers=\['men'\], but VAEFeatureExtractor has the layers"),
    ],
)
def test_what_is_refused(vae, asked, message):
    with pytest.raises(ValueError, match=message):
        rank_layers(vae, X, **asked)
