#!/usr/bin/env bash
# Guess: PCA centres its data, so an offset common to all values (Hounsfield units, raw intensities)
#   costs a digit or two, and one more row changes the components a little.
# Fact: from 10 rows per column on (and up to 1000 columns), svd_solver="auto" takes the covariance,
#   and takes it of the data as they are: X'X - n * mean mean'. In float32 the signal cancels away.
#   With a mean of 1000 and standard deviations of .5 to 2, 319 rows of 32 columns give the right
#   components; 320 rows give noise for components and more than twice the first variance. At 300
#   and 2000 rows the first components are already lost. Nothing warns. float64 is right.
# Versions: scikit-learn 1.9.1, numpy 2.4.6; found 2026-11-28.
# Source: measured. The documentation of svd_solver calls the data centred and this solver less
#   stable for a large range of singular values; this needs neither such a range nor many columns.
# To do: float64, or StandardScaler before PCA, or svd_solver="full". Where PCA is the baseline of a
#   comparison with codes of a network (float32), this can hand the network its victory.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'scikit-learn==1.9.1' 'numpy==2.4.6' 'scipy==1.17.1'
cat > check.py <<'PY'
import numpy as np
import sklearn
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

print("scikit-learn", sklearn.__version__, "numpy", np.__version__)
sd = np.linspace(0.5, 2, 32)


def fit(n, mean, **parameters):
    X = (np.random.default_rng(0).normal(size=(n, 32)) * sd + mean).astype(np.float32)
    exact = PCA(3, svd_solver="full").fit(X.astype(np.float64))
    pca = PCA(3, **parameters).fit(X)
    cosine = np.abs((pca.components_ * exact.components_).sum(axis=1)).min()
    ratio = pca.explained_variance_[0] / exact.explained_variance_[0]
    used = pca._fit_svd_solver
    print(f"n {n:4}, mean {mean:4}, {parameters or 'default'} -> {used:15} "
          f"worst |cosine| {cosine:.3f}, first variance x {ratio:.2f}")
    return cosine, ratio


centred = fit(320, 0)
few = fit(319, 1000)
enough = fit(320, 1000)
moderate = fit(2000, 300)
full = fit(320, 1000, svd_solver="full")

X = (np.random.default_rng(0).normal(size=(320, 32)) * sd + 1000).astype(np.float32)
scaled = make_pipeline(StandardScaler(), PCA(3)).fit(X)[-1].explained_variance_[0]
wide = make_pipeline(StandardScaler(), PCA(3)).fit(X.astype(np.float64))[-1].explained_variance_[0]
print(f"first variance behind StandardScaler: float32 {scaled:.4f}, float64 {wide:.4f}")

seen = (
    all(cosine > 0.99 and abs(ratio - 1) < 0.01 for cosine, ratio in (centred, few, full))
    and enough[0] < 0.8
    and enough[1] > 1.2
    and moderate[0] < 0.8
    and abs(scaled / wide - 1) < 0.01
)
raise SystemExit(None if seen else "The behaviour has changed.")
PY
venv/bin/python check.py
