#!/usr/bin/env bash
# Guess: SMOTE draws between two neighbours; on integers the draw is rounded, as good as unbiased.
# Fact: it computes and returns the dtype of X. (1) Of unsigned integers, the difference to the
#   neighbour wraps around: a minority class whose pixels all lie in 90..110 gets synthetic pixels
#   of 0 and 255. (2) Of integers of any width, the draw is cut off, not rounded: each synthetic
#   value is low by a half, and a 0/1 column (a clinical flag, a mask) becomes 0 wherever the two
#   parents differ: a flag that half of the class has is left to little more than a third of its
#   synthetic members. BorderlineSMOTE and ADASYN share this. Nothing warns; floats come out right.
# Versions: imbalanced-learn 0.14.2, numpy 2.4.6; found 2026-11-28.
# Source: measured.
# To do: X.astype(float) before any SMOTE; SMOTENC or SMOTEN for flags.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'imbalanced-learn==0.14.2' 'scikit-learn==1.9.1' 'numpy==2.4.6'
cat > check.py <<'PY'
import imblearn
import numpy as np
from imblearn.over_sampling import ADASYN, SMOTE, BorderlineSMOTE

print("imbalanced-learn", imblearn.__version__, "numpy", np.__version__)
rng = np.random.default_rng(0)
y = np.repeat([0, 1], [160, 80])
images = rng.integers(90, 111, (240, 64))
flags = (rng.random((240, 20)) < 0.5).astype(int)


def synthetic(kind, X, dtype):
    X_new, y_new = kind(random_state=0).fit_resample(X.astype(dtype), y)
    assert X_new.dtype == dtype and (y_new[240:] == 1).all() and len(y_new) > 300
    return X_new[240:].astype(float)


seen = True
for kind in (SMOTE, BorderlineSMOTE, ADASYN):
    real = images[y == 1]
    print(f"{kind.__name__}: minority pixels {real.min()}..{real.max()}, mean {real.mean():.2f}")
    new = {dtype: synthetic(kind, images, dtype) for dtype in (np.uint8, np.int16, np.float32)}
    for dtype, values in new.items():
        print(f"    {dtype.__name__:8} synthetic {values.min():.0f}..{values.max():.0f}, "
              f"mean {values.mean():.2f}")
    seen &= new[np.uint8].min() < 50 and new[np.uint8].max() > 200
    seen &= new[np.int16].min() >= 90 and new[np.int16].max() <= 110
    seen &= 0.3 < (new[np.float32] - new[np.int16]).mean() < 0.7

real = flags[y == 1].mean()
cut = synthetic(SMOTE, flags, np.int64).mean()
drawn = synthetic(SMOTE, flags, np.float64).mean()
print(f"0/1 columns: real mean {real:.2f}, synthetic as int64 {cut:.2f}, as float64 {drawn:.2f}")
seen &= abs(drawn - real) < 0.05 and cut < 0.85 * real
raise SystemExit(None if seen else "The behaviour has changed.")
PY
venv/bin/python check.py
