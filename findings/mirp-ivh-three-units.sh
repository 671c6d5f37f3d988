#!/usr/bin/env bash
# Guess: the column ivh_i50 of MIRP, the intensity that half of the volume reaches, is an intensity
#   in the units of the image, as stat_median is.
# Fact: it depends on image_modality, with the same settings, image and column name. CT: intensity.
#   PET, RTDOSE: intensity. All others (MR, generic): number of a bin, 1 to 1000, of the range
#   of each region, so that it no longer depends on brightness; where no bin satisfies the
#   definition (a region of one intensity) it is 1001, a bin that does not exist, not NaN, and the
#   difference ivh_diff_i10_i90 is 0. No warning, no metadata column says so.
# Versions: mirp 2.7.0, numpy 2.4.6, pandas 3.1.1; found 2026-11-28.
# Source: measured; get_default_ivh_discretisation_method in mirp/_images/*.py: "none", "fixed_bin_size"
#   of 0.1 (PET) or 0.2 (dose), else "fixed_bin_number" of 1000.
# To do: never join tables of different image_modality; take ivh_i* of MR as shapes of a histogram
#   and 1001 as missing, or set ivh_discretisation_method and say it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'mirp==2.7.0' 'numpy==2.4.6' 'pandas==3.1.1'
cat > check.py <<'PY'
import logging
from importlib.metadata import version

import numpy as np
from mirp import extract_features

logging.disable(logging.CRITICAL)
print("mirp", version("mirp"), "numpy", np.__version__)
rng = np.random.default_rng(0)
z, y, x = np.mgrid[:16, :24, :24]
mask = (z - 8) ** 2 + (y - 12) ** 2 + (x - 12) ** 2 < 36
noise = np.round(rng.normal(150, 20, mask.shape)).astype(np.float32)


def features(image, modality):
    (found,) = extract_features(
        image=image,
        mask=mask,
        image_modality=modality,
        base_feature_families=["statistics", "ivh"],
    )
    return found.iloc[0]


result = {}
for modality in ("ct", "pet", "mr"):
    for shift in (0, 100):
        row = features(noise + shift, modality)
        result[modality, shift] = row.ivh_i50, row.stat_median
        print(f"{modality}, image + {shift}: ivh_i50 {row.ivh_i50:.1f}, median {row.stat_median:.1f}")
flat = features(np.full_like(noise, 150), "mr")
print(f"mr, all 150: ivh_i50 {flat.ivh_i50}, ivh_diff_i10_i90 {flat.ivh_diff_i10_i90}")

near = [abs(i50 - median) < 5 for (kind, _), (i50, median) in result.items() if kind != "mr"]
seen = (
    all(near)
    and result["mr", 0][0] == result["mr", 100][0]
    and abs(result["mr", 0][0] - result["mr", 0][1]) > 100
    and flat.ivh_i50 == 1001
    and flat.ivh_diff_i10_i90 == 0
)
raise SystemExit(None if seen else "The behaviour has changed.")
PY
venv/bin/python check.py
