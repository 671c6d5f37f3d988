#!/usr/bin/env bash
# Guess: register_ray() adds a backend "ray" to joblib; what asks for another backend, such as
#   Parallel(backend="multiprocessing"), has nothing to do with ray, before and after.
# Fact: the first use of the backend "ray" sets the base class of joblib's own pool of processes to
#   ray's, and nothing sets it back. From then on, every Parallel(backend="multiprocessing") of this
#   process runs its tasks in workers of ray, silently, outside of any parallel_config; with ray
#   shut down, it starts ray again. A search or a study that had asked for plain processes then
#   runs under ray's scheduler and limits, and what was pickled by joblib is pickled by ray.
# Versions: ray 2.60.0, joblib 1.6.0; found 2026-11-29.
# Source: measured. The documentation of ray.util.joblib does not say so.
# To do: use ray in a process of its own; or stay with "loky", which is not touched; or put
#   joblib.pool.PicklingPool.__bases__ back afterwards, as remembered before.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'ray==2.60.0' 'joblib==1.6.0'
cat > check.py <<'PY'
import multiprocessing

import joblib
import joblib.pool
import ray
from joblib import Parallel, delayed, parallel_config
from ray.util.joblib import register_ray

print("ray", ray.__version__, "joblib", joblib.__version__)


def seen():
    import ray

    return ray.is_initialized()


def by_processes():
    return Parallel(n_jobs=2, backend="multiprocessing")(delayed(seen)() for _ in range(4))


before, bases = by_processes(), joblib.pool.PicklingPool.__bases__
register_ray()
registered = joblib.pool.PicklingPool.__bases__ == bases
with parallel_config("ray", n_jobs=2):
    Parallel()(delayed(abs)(i) for i in range(4))
after = joblib.pool.PicklingPool.__bases__
answers = by_processes()
loky = Parallel(n_jobs=2, backend="loky")(delayed(abs)(-i) for i in range(4))
ray.shutdown()
again = by_processes()
restarted = ray.is_initialized()
joblib.pool.PicklingPool.__bases__ = bases
ray.shutdown()
mended = by_processes()
print("before:        in ray?", set(before), bases)
print("registered:    base class unchanged?", registered)
print("after one use: in ray?", set(answers), after)
print("ray shut down: in ray?", set(again), "ray runs again:", restarted)
print("put back:      in ray?", set(mended))
same = (
    set(before) == {False}
    and registered
    and set(answers) == {True}
    and set(again) == {True}
    and restarted
    and set(mended) == {False}
    and loky == [0, 1, 2, 3]
)
raise SystemExit(0 if same else "this has changed")
PY
RAY_DEDUP_LOGS=0 venv/bin/python check.py 2> log || { tail -20 log; exit 1; }
