#!/usr/bin/env bash
# Guess: on the meta device a module computes shapes alone, so a recurrent layer takes less time
#   there than on the CPU, and no longer for long sequences.
# Fact: torch has no meta kernel for nn.GRU and nn.LSTM; a decomposition walks over the frames
#   in Python. A GRU of 8 units takes milliseconds a frame, hundreds of times what it takes to
#   compute on the CPU: a minute for 10,000 frames of which one only wanted the shape.
# Versions: torch 2.13.0, CPython 3.11; found 2026-11-29.
# Source: measured; torch/_decomp/decompositions.py, gru_impl.
# To do: on the meta device run the layer on one frame and expand its output along the time.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'torch==2.13.0' 'numpy==2.4.6'
cat > check.py <<'PY'
import sys
import time

import torch

torch.set_num_threads(1)  # threads that wait for one another would be timed as well
print("torch", torch.__version__, "Python", sys.version.split()[0])


def seconds(device, kind, n_frames):
    layer = kind(4, 8, batch_first=True, device=device)
    x = torch.zeros(2, n_frames, 4, device=device)
    with torch.no_grad():
        layer(x[:, :2])
        start = time.perf_counter()
        out = layer(x)[0]
    assert out.shape == (2, n_frames, 8)
    return time.perf_counter() - start


for kind in (torch.nn.GRU, torch.nn.LSTM):
    of_500 = seconds("meta", kind, 500)
    of_1000 = seconds("meta", kind, 1000)
    on_cpu = seconds("cpu", kind, 1000)
    print(
        f"{kind.__name__}: 500 and 1000 frames on meta {of_500:.2f} and {of_1000:.2f} s, "
        f"1000 on the CPU {on_cpu:.4f} s"
    )
    assert of_1000 > 1.5 * of_500, "no longer frame by frame"
    assert of_1000 > 10 * on_cpu, "no longer slower than computing"
print("as described")
PY
venv/bin/python check.py
