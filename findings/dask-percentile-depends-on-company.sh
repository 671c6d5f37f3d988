#!/usr/bin/env bash
# Guess: dask.array.percentile is approximate: off by a little, less so for few large chunks, and
#   a percentile does not depend on which others are asked for in the same call.
# Fact: each chunk is reduced to its own minimum, maximum and the percentiles ASKED FOR, and these
#   few points are merged. Where chunks differ (slices of a volume: some air, some body), the answer
#   hangs on the company. The median of a CT phantom of one million voxels is -989 HU (air). Asked
#   for alone, with a slice per chunk, it comes out as +11 HU (tissue); asked for together with all
#   from 0 to 100, as -988. Company can also harm: with ten slices per chunk the 99th percentile is
#   102 HU alone (exact: 95), and 1200 HU, the few voxels of metal, among all. So windows and
#   thresholds depend on chunks and on company. Nothing warns.
# Versions: dask 2026.8.0, numpy 2.4.6; found 2026-11-28.
# Source: measured. The documentation says "approximate", with no bound.
# To do: rechunk to one chunk, or take a histogram (da.histogram over fixed edges, exact to a bin),
#   or numpy.percentile over the memory map.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'dask[array]==2026.8.0' 'numpy==2.4.6'
cat > check.py <<'PY'
import dask
import dask.array as da
import numpy as np

print("dask", dask.__version__, "numpy", np.__version__)
rng = np.random.default_rng(0)
volume = rng.normal(-1000, 20, (40, 160, 160))  # air
y, x = np.mgrid[-80:80, -80:80]
for k, slice_ in enumerate(volume):
    body = x**2 + y**2 < (70 * np.sin(np.pi * (k + 0.5) / 40)) ** 2
    slice_[body] = rng.normal(40, 30, body.sum())
    if k % 7 == 3:
        slice_[78:82, 78:82] = 1200  # metal


def percentile(q, n_slices, company=()):
    asked = sorted({q, *company})
    flat = da.from_array(volume, chunks=(n_slices, 160, 160)).ravel()
    return da.percentile(flat, asked).compute()[asked.index(q)]


result = {}
for q in (50, 99):
    exact = result[q, "exact"] = np.percentile(volume, q)
    print(f"percentile {q}: exact {exact:.0f} HU")
    for n_slices in (1, 4, 10, 40):
        alone = result[q, n_slices] = percentile(q, n_slices)
        among = result[q, n_slices, "all"] = percentile(q, n_slices, range(101))
        print(f"    {n_slices:2} slices a chunk: asked alone {alone:.0f}, with 0..100 {among:.0f}")

counts, edges = da.histogram(da.from_array(volume, chunks=(1, 160, 160)), np.arange(-1200.5, 1300))
median = edges[1:][np.searchsorted(counts.compute().cumsum(), volume.size / 2)]
print(f"median from a chunked histogram {median:.0f}")

seen = (
    result[50, 1] - result[50, "exact"] > 500
    and abs(result[50, 1, "all"] - result[50, "exact"]) < 5
    and abs(result[50, 40] - result[50, "exact"]) < 1e-6
    and abs(median - result[50, "exact"]) < 2
    and abs(result[99, 10] - result[99, "exact"]) < 50
    and result[99, 10, "all"] - result[99, "exact"] > 500
)
raise SystemExit(None if seen else "The behaviour has changed.")
PY
venv/bin/python check.py
