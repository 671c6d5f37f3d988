#!/usr/bin/env bash
# Guess: a concordance index is of ranks: risk, 1e-9 * risk and exp(risk) have the same one.
# Fact: scikit-survival's three rank measures (Harrell's and Uno's C, time-dependent AUC) call two
#   risks tied where they differ by 1e-8 or less, whatever their scale. Risks of 1e-9 (an event
#   probability per day, exp() of a linear predictor whose covariates were not centred) are all
#   tied: C = 0.5, however good the model. In between, C comes out wrong without a sign, and below
#   or above the truth. lifelines, with the same numbers, is exact.
# Versions: scikit-survival 0.28.0, lifelines 0.30.0; found 2026-11-28.
# Source: measured. tied_tol=1e-8 is in the documentation; that it is absolute, and so makes a rank
#   measure depend on units, is left to the reader. The metric wrappers of the library have the
#   default as well.
# To do: tied_tol=0, or scipy.stats.rankdata of the risks first, or scores on the log scale.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'scikit-survival==0.28.0' 'lifelines==0.30.0' 'numpy==2.4.6' \
    'scipy==1.17.1'
cat > check.py <<'PY'
import lifelines
import numpy as np
import sksurv
from lifelines.utils import concordance_index
from scipy.stats import rankdata
from sksurv.metrics import (
    concordance_index_censored,
    concordance_index_ipcw,
    cumulative_dynamic_auc,
)
from sksurv.util import Surv

print("scikit-survival", sksurv.__version__, "lifelines", lifelines.__version__)
rng = np.random.default_rng(0)
predictor = rng.normal(size=300)
death = rng.exponential(np.exp(-predictor))
censoring = rng.exponential(2, size=300)
time, event = np.minimum(death, censoring), death <= censoring
y = Surv.from_arrays(event, time)
times = np.quantile(time, [0.3, 0.5, 0.7])


def measures(risk, **parameters):
    _, auc = cumulative_dynamic_auc(y, y, risk, times, **parameters)
    return np.array([
        concordance_index_censored(event, time, risk, **parameters)[0],
        concordance_index_ipcw(y, y, risk, tau=times[-1], **parameters)[0],
        auc,
        1 - concordance_index(time, risk, event),
    ])


table = {}
for shift in (0, -14, -18, -30):
    risk = np.exp(predictor + shift)
    assert np.array_equal(rankdata(risk), rankdata(predictor))
    table[shift] = measures(risk)
    print(f"risks about {np.median(risk):.0e}: Harrell {table[shift][0]:.4f}, "
          f"Uno {table[shift][1]:.4f}, AUC {table[shift][2]:.4f}; lifelines {table[shift][3]:.4f}")
strict = measures(np.exp(predictor - 30), tied_tol=0)
print(f"risks about {np.exp(-30):.0e}, tied_tol=0: "
      f"Harrell {strict[0]:.4f}, Uno {strict[1]:.4f}, AUC {strict[2]:.4f}")

seen = (
    np.allclose(table[-30][:3], 0.5)
    and np.all(np.abs(table[-18][:3] - table[0][:3]) > 0.005)
    and np.allclose([row[3] for row in table.values()], table[0][3])
    and np.allclose(table[0][0], table[0][3])
    and np.allclose(strict, table[0], atol=1e-6)
)
raise SystemExit(None if seen else "The behaviour has changed.")
PY
venv/bin/python check.py
