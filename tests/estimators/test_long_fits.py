"""Fits that are killed, and go on to the same bits."""

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from contract import TRAINED, given, labels, small
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skvae import (
    Autoencoder,
    AutoencoderClassifier,
    CascadeSegmenter,
    SparseAutoencoder,
    UNetSegmenter,
    VAEFeatureExtractor,
)
from skvae.exceptions import CacheWarning
from skvae.training.caching import n_trainings
from skvae.training.checkpointing import Checkpoint

pytestmark = pytest.mark.filterwarnings(
    "ignore::skvae.exceptions.PosteriorCollapseWarning",
    "ignore::skvae.exceptions.EmptyOrganWarning",
)


@pytest.fixture
def killed():
    """Return a function that fits until so many epochs are kept, and counts them."""

    def fit_until(estimator, after, *arguments):
        n_kept, keep = 0, Checkpoint.keep

        def keep_and_die(checkpoint, state):
            nonlocal n_kept
            keep(checkpoint, state)
            n_kept += 1
            if n_kept == after:
                raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Checkpoint, "keep", keep_and_die)
            if after is not None:
                with pytest.raises(KeyboardInterrupt):
                    estimator.fit(*arguments)
            else:
                estimator.fit(*arguments)
        return n_kept

    return fit_until


def assert_same_fit(one, other):
    assert one.history_ == other.history_
    assert getattr(one, "phases_", None) == getattr(other, "phases_", None)
    for name, value in one.network_.state.items():
        np.testing.assert_array_equal(other.network_.state[name], value)


@pytest.mark.parametrize("kind", TRAINED, ids=lambda kind: kind.__name__)
def test_every_kind_goes_on_behind_its_second_epoch(kind, killed, tmp_path):
    X = given(kind, "images")
    y = labels(kind, X)
    known = kind().get_params()
    own = {k: v for k, v in {"dropout": 0.3, "augment": True}.items() if k in known}
    whole = small(kind, **own).fit(X, y)
    estimator = small(kind, checkpoint=tmp_path, **own)
    killed(estimator, 2, X, y)
    assert len(list(tmp_path.iterdir())) == 1
    again = small(kind, checkpoint=tmp_path, **own)
    n_kept = killed(again, None, X, y)
    assert n_kept == len(whole.history_) - 2
    assert_same_fit(again, whole)
    np.testing.assert_array_equal(again.transform(X), whole.transform(X))
    assert not list(tmp_path.iterdir())


def test_fine_tuning_goes_on_from_each_epoch_of_each_phase(killed, tmp_path):
    X, y = given(AutoencoderClassifier, "rows"), np.arange(40) % 2
    whole = small(AutoencoderClassifier).fit(X, y)
    n_epochs = len(whole.history_)
    assert n_epochs == 7
    for after in range(1, n_epochs + 1):
        killed(small(AutoencoderClassifier, checkpoint=tmp_path), after, X, y)
        # Behind pretraining, its last epoch stays until fine-tuning is over.
        assert len(list(tmp_path.iterdir())) == (1 if after <= 2 else 2)
        again = small(AutoencoderClassifier, checkpoint=tmp_path)
        assert killed(again, None, X, y) == n_epochs - after
        assert_same_fit(again, whole)
        np.testing.assert_array_equal(again.predict_proba(X), whole.predict_proba(X))
        assert not list(tmp_path.iterdir())


def test_a_cascade_keeps_what_its_stages_need(killed, tmp_path):
    X = given(CascadeSegmenter, "images")
    y = (X[:, 0] > 0.5).astype(int) + (X[:, 0] > 0.8)

    def cascade():
        stages = {
            name: small(UNetSegmenter, depth=2, width=4, max_iter=3, checkpoint=tmp_path)
            for name in ("stage1", "stage2")
        }
        return small(CascadeSegmenter, stage1_for_training="insample", **stages)

    whole = cascade().fit(X, y)
    assert not list(tmp_path.iterdir())
    killed(cascade(), 5, X, y)
    again = cascade()
    assert killed(again, None, X, y) == 1
    np.testing.assert_array_equal(again.predict_proba(X), whole.predict_proba(X))
    assert not list(tmp_path.iterdir())


def test_the_fits_of_a_search_share_a_folder(killed, tmp_path, rows):
    def search(checkpoint=None):
        estimator = small(Autoencoder, checkpoint=checkpoint)
        grid = {"autoencoder__n_components": [2, 3], "autoencoder__pool": ["avg", None]}
        steps = make_pipeline(estimator, small(SparseAutoencoder))
        return GridSearchCV(steps, grid, cv=2, scoring=lambda *_: 0.0)

    whole = search().fit(rows)
    killed(search(tmp_path), 8, rows)
    assert len(list(tmp_path.iterdir())) == 1
    again = search(tmp_path)
    killed(again, None, rows)
    np.testing.assert_array_equal(again.transform(rows), whole.transform(rows))
    assert not list(tmp_path.iterdir())


def test_the_memory_has_what_a_checkpoint_helped_to_train(killed, tmp_path, rows):
    common = {"memory": str(tmp_path / "memory"), "checkpoint": str(tmp_path / "kept")}
    killed(small(Autoencoder, **common), 2, rows)
    assert n_trainings(common["memory"]) == 0
    assert killed(small(Autoencoder, **common), None, rows) == 1
    assert killed(small(Autoencoder, **common), None, rows) == 0
    assert n_trainings(common["memory"]) == 1
    without = small(Autoencoder, memory=common["memory"]).fit(rows)
    assert n_trainings(common["memory"]) == 1
    assert_same_fit(without, small(Autoencoder).fit(rows))


def test_a_warm_start_goes_on(killed, tmp_path, rows):
    def half():
        return small(VAEFeatureExtractor, warm_start=True, checkpoint=tmp_path).fit(rows)

    whole = half().set_params(max_iter=5).fit(rows)
    interrupted = half()
    killed(interrupted.set_params(max_iter=5), 3, rows)
    again = half().set_params(max_iter=5).fit(rows)
    assert_same_fit(again, whole)
    again.partial_fit(rows)
    assert again.n_iter_ == 9
    assert not list(tmp_path.iterdir())


def test_an_interrupted_estimator_is_usable_and_its_checkpoint_stays(
    killed, tmp_path, rows
):
    estimator = small(Autoencoder, checkpoint=tmp_path, max_iter=5)
    killed(estimator, 3, rows)
    # The third epoch was kept but not told of.
    assert 2 <= estimator.n_iter_ <= 3
    assert len(list(tmp_path.iterdir())) == 1
    assert estimator.fit(rows).n_iter_ == 5


def test_the_progress_bar_counts_what_was_trained_before(killed, tmp_path, rows, capsys):
    common = {"checkpoint": tmp_path, "max_iter": 8}
    killed(small(Autoencoder, **common), 5, rows)
    capsys.readouterr()
    small(Autoencoder, verbose=True, **common).fit(rows)
    assert "8/8" in capsys.readouterr().out


def test_a_fit_that_could_not_go_on_as_it_would_have_is_refused(tmp_path, rows):
    folder = tmp_path / "kept"
    with pytest.raises(ValueError, match=r"checkpoint=.*random_state=None"):
        small(Autoencoder, checkpoint=folder, random_state=None).fit(rows)

    class Stop:
        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = on_fit_task_end = setup

    with pytest.raises(ValueError, match=r"checkpoint=.*callbacks that could end the fit"):
        small(Autoencoder, checkpoint=folder).set_callbacks(Stop()).fit(rows)
    assert not folder.exists()


def test_a_wrong_folder_is_refused_before_anything_is_trained(tmp_path, rows):
    (tmp_path / "notes.txt").write_text("mine")
    y = np.arange(len(rows)) % 2
    for estimator in (Autoencoder, AutoencoderClassifier):
        fresh = small(estimator, checkpoint=str(tmp_path))
        with pytest.raises(ValueError, match=r"checkpoint=.*such as notes\.txt"):
            fresh.fit(rows, y)
        fresh.set_params(checkpoint=tmp_path / "notes.txt")
        with pytest.raises(ValueError, match=r"checkpoint=.*expected a folder"):
            fresh.fit(rows, y)
        assert not hasattr(fresh, "n_features_in_")
    with pytest.raises(ValueError, match="'checkpoint' parameter"):
        small(Autoencoder, checkpoint=3).fit(rows)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_damaged_checkpoint_warns_the_caller(killed, tmp_path, rows):
    killed(small(Autoencoder, checkpoint=tmp_path), 2, rows)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(CacheWarning, match="begins anew") as found:
        again = small(Autoencoder, checkpoint=tmp_path).fit(rows)
    assert found[0].filename == __file__
    assert_same_fit(again, small(Autoencoder).fit(rows))


KILLING = """
    import os, random, signal, sys, time, warnings
    from pathlib import Path

    import numpy as np

    from skvae import DenoisingAutoencoder
    from skvae.training.state_files import read_state

    def fit(checkpoint):
        model = DenoisingAutoencoder(
            8, hidden_layer_sizes=(128, 128), dropout=0.2, max_iter=N_EPOCHS,
            early_stopping=True, n_iter_no_change=10**6, device="cpu",
            n_threads=1, random_state=0, checkpoint=checkpoint,
        )
        return model.fit(rows).transform(rows)

    warnings.simplefilter("error")
    rows = np.random.default_rng(0).random((60, 30), dtype=np.float32)
    folder, n_kills = Path(sys.argv[1]), int(sys.argv[2])
    N_EPOCHS = 15 * n_kills
    times = random.Random(n_kills)
    n_left = n_kills
    while n_left:
        process = os.fork()
        if not process:
            fit(folder)
            os._exit(0)
        time.sleep(times.uniform(0.02, 0.4))
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        n_left -= os.WIFSIGNALED(status)
        for path in folder.glob("fit-*"):
            read_state(path)  # raises of one that is not whole
    np.testing.assert_array_equal(fit(folder), fit(None))
    left = [path.name for path in folder.iterdir()]
    assert not [name for name in left if not name.startswith(".fit-")], left
    print(n_kills, "kills:", len(left), "unfinished files left")
"""


def kill(folder, n_kills):
    script = textwrap.dedent(KILLING)
    command = [sys.executable, "-c", script, str(folder), str(n_kills)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    assert f"{n_kills} kills" in done.stdout


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal")
def test_killed_at_any_time_the_file_is_whole_and_the_fit_goes_on(tmp_path):
    kill(tmp_path, 3)


@pytest.mark.nightly
def test_killed_a_hundred_times_the_file_is_whole_and_the_fit_goes_on(tmp_path):
    kill(tmp_path, 100)
