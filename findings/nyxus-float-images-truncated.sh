#!/usr/bin/env bash
# Guess: Nyxus.featurize takes an array of floats as it is: the MEAN of a region is the mean of its
#   pixels, in the units of the image, and the array of the caller is only read.
# Fact: intensities are cast to unsigned integers, fractions cut off: an image scaled to 0..1 has
#   MEAN, MAX and STANDARD_DEVIATION 0 in every region, z-scores keep three or four grey levels.
#   Where any image of the stack has a value below zero, the minimum of the WHOLE STACK is first
#   subtracted, in place, from the array of the caller: CT of a mean of -100 HU has a MEAN of 924,
#   features depend on which images were handed over together, and the same array handed over
#   twice is another image the second time. Nothing warns. A region of one pixel has zeros for
#   what is not defined (texture, area in units), not NaN.
# Versions: nyxus 0.11.0, numpy 2.4.6, pandas 3.1.1; found 2026-11-28.
# Source: measured; Nyxus.featurize in nyxus/nyxus.py ("check if the intensities are represented in
#   Hounsfeld type scale, and adjust them into the unsigned integer scale").
# To do: hand over a copy, of whole numbers at or above zero: (image - low) / (high - low) * 4095
#   with low and high fixed for all images; undo it for what is in units. Drop regions of
#   AREA_PIXELS_COUNT 1.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'nyxus==0.11.0' 'numpy==2.4.6' 'pandas==3.1.1'
cat > check.py <<'PY'
from importlib.metadata import version

import numpy as np
from nyxus import Nyxus

print("nyxus", version("nyxus"), "numpy", np.__version__)
rng = np.random.default_rng(0)
mask = np.zeros((1, 64, 64), dtype=np.uint16)
mask[0, 10:30, 10:30] = 1
mask[0, 50, 50] = 2
NAMES = ["MEAN", "STANDARD_DEVIATION", "ENTROPY", "AREA_PIXELS_COUNT"]


def features(image, mask=mask):
    # Named, since the names of a first call are kept as the default of the next.
    names = [f"image {i}" for i in range(len(image))]
    return Nyxus(NAMES).featurize(image, mask, names, names).query("ROI_label == 1")


unit = rng.random((1, 64, 64))
first = features(unit.copy()).iloc[0]
print(f"scaled to 0..1: mean {unit[mask == 1].mean():.3f}, Nyxus {first.MEAN:.3f}")

ct = rng.normal(-100, 20, (1, 64, 64))
ct[0, 0, 0] = -1024
given = ct.copy()
second = features(given).iloc[0]
print(f"CT: mean {ct[mask == 1].mean():.1f} HU, Nyxus {second.MEAN:.1f}")
print(f"the caller's array: minimum {ct.min():.0f} before, {given.min():.0f} after")

air = ct.copy()
air[0, 0, 1] = -2000
both = features(np.concatenate([ct, air]), np.concatenate([mask, mask])).iloc[0]
print(f"the same CT beside one of minimum -2000: {both.MEAN:.1f}")

pixel = Nyxus(NAMES).featurize(ct.copy(), mask, ["a"], ["a"]).query("ROI_label == 2").iloc[0]
print(f"a region of one pixel: standard deviation {pixel.STANDARD_DEVIATION}")

seen = (
    first.MEAN == 0
    and first.STANDARD_DEVIATION == 0
    and abs(second.MEAN - ct[mask == 1].mean() - 1024) < 1
    and given.min() == 0
    and abs(both.MEAN - ct[mask == 1].mean() - 2000) < 1
    and pixel.STANDARD_DEVIATION == 0
)
raise SystemExit(None if seen else "The behaviour has changed.")
PY
venv/bin/python check.py
