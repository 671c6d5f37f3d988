from functools import partial

import numpy as np
import pytest
from contract import KINDS, small
from sklearn import config_context
from sklearn.callback import ProgressBar
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skvae.estimators.trained as trained
from skvae import Autoencoder, VAEFeatureExtractor
from skvae.exceptions import NonFiniteLossError
from skvae.training.caching import n_trainings

# In one phase, which can be continued.
CONTINUED = [kind for kind in KINDS if hasattr(kind, "partial_fit")]
each_kind = pytest.mark.parametrize("kind", CONTINUED, ids=lambda kind: kind.__name__)
pytestmark = pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X[:300] / 16).astype(np.float32), y[:300]


def grid(folder, n_jobs=None, layers=("hidden_1", "log_var", "mean", "z")):
    vae = small(VAEFeatureExtractor, memory=folder and str(folder))
    pipeline = make_pipeline(vae, StandardScaler(), LogisticRegression(max_iter=200))
    return GridSearchCV(
        pipeline, {"vaefeatureextractor__layer": list(layers)}, cv=3, n_jobs=n_jobs
    )


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_grid_over_layers_trains_once_per_fold(digits, tmp_path, n_jobs):
    search = grid(tmp_path, n_jobs).fit(*digits)
    assert n_trainings(tmp_path) == 4
    plain = grid(None).fit(*digits)
    for key in ("mean_test_score", "rank_test_score"):
        np.testing.assert_array_equal(search.cv_results_[key], plain.cv_results_[key])
    np.testing.assert_array_equal(
        search.best_estimator_[:-1].transform(digits[0]),
        plain.best_estimator_[:-1].transform(digits[0]),
    )
    grid(tmp_path).fit(*digits)
    assert n_trainings(tmp_path) == 4


def test_without_a_seed_nothing_is_remembered(rows, tmp_path):
    estimator = small(Autoencoder, random_state=None, memory=str(tmp_path))
    first = estimator.fit_transform(rows)
    assert not np.array_equal(estimator.fit_transform(rows), first)
    assert n_trainings(tmp_path) == 0


def test_a_random_state_instance_advances_on_a_hit_as_on_a_miss(rows, tmp_path):
    def draw(memory):
        rng = np.random.RandomState(0)
        small(Autoencoder, random_state=rng, memory=memory).fit(rows)
        return rng.randint(1000)

    assert draw(None) == draw(str(tmp_path)) == draw(str(tmp_path))
    assert n_trainings(tmp_path) == 1


@each_kind
def test_warm_start_goes_on_as_if_it_had_not_stopped(kind, rows):
    whole = small(kind, max_iter=6).fit(rows)
    halves = small(kind, max_iter=3, warm_start=True).fit(rows).fit(rows)
    assert halves.n_iter_ == 6
    np.testing.assert_array_equal(halves.transform(rows), whole.transform(rows))
    assert halves.history_ == whole.history_
    steps = small(kind)
    for _ in range(6):
        steps.partial_fit(rows)
    np.testing.assert_array_equal(steps.transform(rows), whole.transform(rows))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_warm_start_goes_on_with_the_learning_rate_that_is_asked_for(rows, solver):
    estimator = small(Autoencoder, solver=solver, warm_start=True).fit(rows)
    before = estimator.transform(rows)
    estimator.set_params(learning_rate_init=1e-9).fit(rows)
    moved = np.abs(estimator.transform(rows) - before).max()
    assert moved < 1e-5 if solver == "adam" else moved > 1e-3


def test_a_weight_of_zero_leaves_a_row_out(rows):
    """A batch holds all rows, so that the weights can be compared with their removal."""
    outlier = np.vstack([rows, np.full((1, 12), 50, np.float32)])
    weight = np.append(np.ones(len(rows)), 0.0)
    common = {"batch_size": 100, "max_iter": 1}
    weighted = small(Autoencoder, **common).fit(outlier, sample_weight=weight)
    without = small(Autoencoder, **common).fit(rows)
    np.testing.assert_allclose(weighted.transform(rows), without.transform(rows), rtol=1e-4)


@each_kind
def test_a_diverging_fit_says_so_and_changes_nothing(kind, rows):
    estimator = small(kind).fit(rows)
    before = estimator.__dict__.copy()
    estimator.set_params(learning_rate_init=1e30)
    with pytest.raises(NonFiniteLossError, match=r"epoch \d.*learning_rate_init=1e\+30"):
        estimator.fit(rows[:, :5])
    assert {k: v for k, v in estimator.__dict__.items() if k != "learning_rate_init"} == {
        k: v for k, v in before.items() if k != "learning_rate_init"
    }


class Interrupt:
    """A callback that presses Ctrl-C at the end of an epoch."""

    def __init__(self, after):
        self.after = after

    def setup(self, estimator, context):
        self.n_epochs = 0

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch":
            self.n_epochs += 1
            if self.n_epochs > self.after:
                raise KeyboardInterrupt

    def on_fit_task_end(self, estimator, context):
        pass


@each_kind
def test_an_interrupt_keeps_the_last_whole_epoch_and_is_raised_again(kind, rows):
    interrupted = small(kind, max_iter=10).set_callbacks(Interrupt(after=4))
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(rows)
    expected = small(kind, max_iter=5).fit(rows).transform(rows)
    np.testing.assert_array_equal(interrupted.transform(rows), expected)
    assert interrupted.n_iter_ == 5


@each_kind
def test_an_interrupt_before_the_first_epoch_leaves_a_fitted_estimator_as_it_was(
    kind, rows
):
    estimator = small(kind).fit(rows)
    before = {k: v for k, v in estimator.__dict__.items() if k != "_skl_callbacks"}

    def press_ctrl_c(*args, **kwargs):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trained, "epochs", press_ctrl_c)
        with pytest.raises(KeyboardInterrupt):
            estimator.fit(rows[:, :5])
    assert estimator.__dict__ == before
    assert estimator.transform(rows).shape == (len(rows), 3)


def test_an_interrupt_stops_a_cross_validation(rows):
    estimator = small(Autoencoder).set_callbacks(Interrupt(after=1))
    with pytest.raises(KeyboardInterrupt):
        cross_validate(estimator, rows, cv=2)


class StopAfter(Interrupt):
    """A callback that asks to stop, and looks at the half-trained estimator."""

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
        if context.task_name != "epoch":
            return False
        self.features = fitted_estimator.transform(X)
        self.n_epochs += 1
        return self.n_epochs >= self.after


@each_kind
def test_callbacks_see_each_epoch_and_can_stop(kind, rows, tmp_path):
    stop = StopAfter(2)
    estimator = small(kind, max_iter=10, memory=str(tmp_path)).set_callbacks(stop).fit(rows)
    assert estimator.n_iter_ == 2
    np.testing.assert_array_equal(stop.features, estimator.transform(rows))
    assert n_trainings(tmp_path) == 0


def test_progress_bars_nest_and_leave_the_cache_alone(digits, tmp_path):
    bar = ProgressBar(max_propagation_depth=None)
    grid(tmp_path).set_callbacks(bar).fit(*digits)
    assert n_trainings(tmp_path) == 4


def test_verbose_shows_a_bar(rows, capsys):
    small(Autoencoder, verbose=True).fit(rows)
    assert "Autoencoder" in capsys.readouterr().out
    small(Autoencoder).fit(rows)
    assert capsys.readouterr() == ("", "")


def test_patients_by_name_and_by_number_give_the_same_features(rows):
    numbers = np.arange(len(rows)) % 20
    names = np.array([f"Patient {11 * i % 20}" for i in numbers])
    vae = small(VAEFeatureExtractor, early_stopping=True, validation_fraction=0.3)
    first, second = (vae.fit(rows, groups=g).transform(rows) for g in (numbers, names))
    np.testing.assert_array_equal(second, first)


def test_groups_reach_early_stopping_through_a_search(rows, monkeypatch):
    seen = []
    original = trained.Data

    def spy(x, **columns):
        seen.append(columns["groups"])
        return original(x, **columns)

    monkeypatch.setattr(trained, "Data", spy)
    groups = np.repeat(np.arange(20), 3)
    y = np.arange(60) % 2
    pipeline = make_pipeline(
        StandardScaler(), small(Autoencoder, early_stopping=True), LogisticRegression()
    )
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            pipeline, {"autoencoder__n_components": [2, 3]}, cv=GroupKFold(2)
        )
        search.fit(rows, y, groups=groups)
    assert len(seen) == 5
    assert all(set(part) < set(groups) for part in seen[:4])
    np.testing.assert_array_equal(seen[4], groups)


@each_kind
def test_early_stopping_keeps_the_best_epoch(kind, rows):
    noise = np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32)
    estimator = small(
        kind,
        max_iter=300,
        early_stopping=True,
        n_iter_no_change=5,
        learning_rate_init=1e-2,
        validation_fraction=0.3,
    ).fit(noise)
    losses = [row["valid_loss"] for row in estimator.history_]
    best = int(np.argmin(losses)) + 1
    assert estimator.n_iter_ == best + 5 < 300
    again = small(
        kind,
        max_iter=best,
        early_stopping=True,
        learning_rate_init=1e-2,
        validation_fraction=0.3,
    ).fit(noise)
    np.testing.assert_array_equal(again.transform(noise), estimator.transform(noise))


def test_every_term_is_in_the_history(rows):
    vae = small(VAEFeatureExtractor, early_stopping=True).fit(rows)
    names = {"loss", "reconstruction", "divergence"}
    for i, row in enumerate(vae.history_, start=1):
        assert set(row) == {"epoch", *names, *(f"valid_{name}" for name in names)}
        assert row["epoch"] == i
        assert row["loss"] == pytest.approx(row["reconstruction"] + row["divergence"])


def test_pandas_output_is_named_by_layer(rows):
    pytest.importorskip("pandas")
    estimator = small(VAEFeatureExtractor).set_output(transform="pandas").fit(rows)
    estimator.set_params(layer=["hidden_1", "mean"])
    frame = estimator.transform(rows)
    assert list(frame.columns[-3:]) == ["mean_0", "mean_1", "mean_2"]
    assert frame.shape == (60, 11)


def test_bfloat16_trains_to_about_the_same_loss(rows):
    losses = [
        small(VAEFeatureExtractor, max_iter=20, precision=precision)
        .fit(rows)
        .history_[-1]["loss"]
        for precision in ("float32", "bfloat16")
    ]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


def test_reading_parameters_that_change_after_fit_are_checked():
    x = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    fitted = Autoencoder(2, hidden_layer_sizes=(4,), max_iter=1, device="cpu").fit(x)
    fitted.set_params(pool="mean")
    for read in (partial(fitted.transform, x), fitted.list_layers):
        with pytest.raises(ValueError, match="Got pool='mean', but expected 'avg', 'max'"):
            read()
    fitted.set_params(pool="avg")
    for layer in (0, [0], [["code"]], []):
        with pytest.raises(ValueError, match=r"Got layer=.*Autoencoder has the layers "):
            fitted.set_params(layer=layer).transform(x)


def test_no_images_at_all_are_no_samples():
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        Autoencoder(2).fit(np.zeros((0, 1, 8, 8), dtype=np.float32))
