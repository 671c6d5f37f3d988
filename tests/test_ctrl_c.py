"""Ctrl-C at any time stops what is computed, and leaves what the guide says."""

import os
import re
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")

SECONDS = 5

# Each call is made by a fork of a process that has imported everything, and is pressed
# Ctrl-C as a terminal does: with all that it has started.
PRESSING = """
    import os, random, signal, sys, tempfile, time, traceback, warnings
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from joblib import Parallel, delayed
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline

    from skvae import VAEFeatureExtractor
    from skvae.study import nested_cv
    from skvae.training.cache_entries import read_entry
    from skvae.training.caching import n_trainings
    from skvae.training.fitting import Fitted
    from skvae.training.state_files import read_state

    FOREVER = 10**6
    rng = np.random.default_rng(0)
    X, y = rng.random((90, 12), dtype=np.float32), np.arange(90) % 2

    def vae(max_iter, **options):
        return VAEFeatureExtractor(
            2, hidden_layer_sizes=(16,), dropout=0.1, max_iter=max_iter, random_state=0,
            n_threads=1, device="cpu", **options,
        )

    def same_as_trained_for(n_epochs, found):
        expected = vae(n_epochs).fit(X).transform(X)
        np.testing.assert_array_equal(found.transform(X), expected)

    def fit(folder):
        estimator = vae(2).fit(X) if times.random() < 0.5 else vae(2)
        before = dict(vars(estimator))
        ready()
        try:
            estimator.set_params(max_iter=FOREVER, checkpoint=folder).fit(X)
        except KeyboardInterrupt:
            pressed()
            if not hasattr(estimator, "network_"):
                assert before.keys() == vars(estimator).keys()
                return 0
            assert estimator.n_iter_ == len(estimator.history_)
            same_as_trained_for(estimator.n_iter_, estimator)
            for path in Path(folder).iterdir():
                read_state(path)  # raises of one that is not whole
            return estimator.n_iter_

    def search(folder, n_jobs=1):
        # The first candidates are over soon; of them, the memory keeps what is whole.
        pipeline = make_pipeline(vae(5, memory=folder), LogisticRegression())
        grid = {"vaefeatureextractor__max_iter": [5, 6, FOREVER]}
        found = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs)
        # Processes are there and have imported all, as it takes them longer than to fit.
        Parallel(n_jobs)(delayed(vae(1).fit)(X) for _ in range(2 * n_jobs))
        ready()
        try:
            found.fit(X, y)
        except KeyboardInterrupt:
            pressed()
            assert not hasattr(found, "best_estimator_")
            paths = list(Path(folder).rglob("output.pkl"))
            networks = [p for p in paths if "diagnostics" not in p.parent.name]
            for path in paths:  # raises of one that is not whole
                read_entry(path, Fitted if path in networks else dict)
            entries = len(networks)
            assert entries - n_trainings(folder) in (0, 1)
            folds = pipeline.fit(X, y)  # a memory that was interrupted is as good as any
            same_as_trained_for(5, folds[0])
            return entries

    def search_in_processes(folder):
        return search(folder, n_jobs=2)

    def compared(**options):
        trained = make_pipeline(vae(40), LogisticRegression())
        arms = {"pca": LogisticRegression(), "vae": trained}
        return nested_cv(arms, X, y, outer=(2, 1), inner=2, **options).scores

    def study(folder):
        ready()
        try:
            compared(folder=folder)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it was over before
        except KeyboardInterrupt:
            pass
        pressed()
        left = [path.name for path in Path(folder).rglob("*") if path.is_file()]
        assert not [name for name in left if name.startswith(".")], left
        pd.testing.assert_frame_equal(compared(folder=folder, resume=True), expected)
        return left

    def ready():
        os.write(to_parent, b"r")

    def pressed():
        os.write(to_parent, b"p")

    def child(call):
        os.setsid()
        try:
            with tempfile.TemporaryDirectory() as folder:
                warnings.simplefilter("ignore")
                print(call.__name__, "left", call(folder), flush=True)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    def others(session):
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(path.parent.name))
        return found

    def press(call, n_times, longest):
        slowest = 0.0
        for _ in range(n_times):
            from_child, to_parent = os.pipe()
            globals()["to_parent"] = to_parent
            times.random()
            process = os.fork()
            if not process:
                os.close(from_child)
                child(call)
            os.close(to_parent)
            assert os.read(from_child, 1) == b"r"
            time.sleep(times.uniform(0, longest))
            start = time.perf_counter()
            os.killpg(process, signal.SIGINT)
            assert os.read(from_child, 1) == b"p", "it did not raise KeyboardInterrupt"
            slowest = max(slowest, time.perf_counter() - start)
            _, status = os.waitpid(process, 0)
            assert status == 0
            os.close(from_child)
            until = time.perf_counter() + 5
            while others(process) and time.perf_counter() < until:
                time.sleep(0.1)
            assert not others(process), "processes are left"
        print(f"{call.__name__}: {n_times} times, {slowest:.2f} s at most")
        assert slowest < SECONDS

    n_times, n_in_processes = int(sys.argv[1]), int(sys.argv[2])
    times = random.Random(n_times)
    vae(2).fit(X)  # what is slow the first time
    start = time.perf_counter()
    expected = compared()
    duration = time.perf_counter() - start
    for call, longest in {
        fit: 1.0, search: 1.5, study: 0.8 * duration, search_in_processes: 1.5
    }.items():
        press(call, n_in_processes if call is search_in_processes else n_times, longest)
"""


def press(n_times, n_in_processes):
    script = textwrap.dedent(PRESSING).replace("SECONDS", str(SECONDS))
    command = [sys.executable, "-c", script, str(n_times), str(n_in_processes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    said = [n_times] * 3 + [n_in_processes]
    assert re.findall(r": (\d+) times", done.stdout) == [str(n) for n in said]


def test_it_stops_at_once():
    press(2, 1)  # new processes import all anew, which takes longer than all else


@pytest.mark.nightly
def test_it_stops_at_once_at_twenty_times():
    press(20, 20)
