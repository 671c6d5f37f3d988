#!/usr/bin/env bash
# Guess: to make an optimizer (torch.optim.Adam(parameters)) takes microseconds, and a process that trains
#   eagerly, without torch.compile, never loads the compiler.
# Fact: the first optimizer of a process imports torch._dynamo and with it more than 500 modules: 1 to 3
#   seconds of CPU time and tens of MB, in each worker process of a search again, which is more than many a
#   fit of a small network takes. The second optimizer takes well under a millisecond. The first
#   activation on the meta device (relu, a product with a number) does the same.
# Versions: torch 2.13.0, CPU; found 2026-11-29.
# Source: measured; torch/_compile.py, whose wrapper imports the compiler at its first call.
# To do: keep worker processes between fits (joblib's loky does), time a second fit rather than the first, and
#   train several small networks in one process.
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

print("torch", torch.__version__)


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


def timed(call):
    n_modules, before, start = len(sys.modules), resident(), time.process_time()
    call()
    seconds = time.process_time() - start
    return seconds, len(sys.modules) - n_modules, resident() - before


weights = [torch.zeros(3, requires_grad=True)]
assert "torch._dynamo" not in sys.modules, "importing torch does not"
first = timed(lambda: torch.optim.Adam(weights))
second = timed(lambda: torch.optim.Adam(weights))
for name, (seconds, n_modules, megabytes) in {"first": first, "second": second}.items():
    print(f"{name:6s} optimizer {seconds:8.4f} CPU s, {n_modules:4d} modules, {megabytes:4.0f} MB")
assert "torch._dynamo" in sys.modules
assert first[1] > 500 and first[0] > 100 * second[0]
print("as found: the first optimizer imports the compiler")
PY
venv/bin/python check.py
