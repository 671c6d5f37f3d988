#!/usr/bin/env bash
# Guess: a training loop in torch that makes the same temporary tensors in each step gets the same memory again
#   from the allocator, so that after some steps the process asks the kernel for nothing.
# Fact: where the temporaries of a step are each below the 32 MB from which glibc always maps memory, but together above
#   twice the largest one, glibc gives the end of its heap back to the kernel as they are freed, and every step
#   fetches it anew, page by page and zeroed: here 500 to 1,700 page faults a step, a seventh to a third of the CPU
#   time of networks of a few MB. torch has no cache of its own on a CPU, as it has on a GPU. One block of 31 MB
#   that is made and freed once, of which no page is touched, ends it: glibc takes twice the largest block that it
#   has seen freed for the threshold.
# Versions: torch 2.13.0, CPU, glibc 2.36; found 2026-11-29.
# Source: measured; mallopt(3), M_MMAP_THRESHOLD (dynamic) and M_TRIM_THRESHOLD.
# To do: before a long loop on a CPU make and drop torch.empty(31 << 20, dtype=torch.uint8), or set
#   MALLOC_TRIM_THRESHOLD_ or another allocator in the environment; look at the minor page faults of a slow loop.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'torch==2.13.0' 'numpy==2.4.6'
cat > check.py <<'PY'
import platform
import resource
import time

import torch

print("torch", torch.__version__, *platform.libc_ver())
torch.set_num_threads(1)


def cost(n_steps=60):
    """Page faults and CPU milliseconds of a step of 20 small networks side by side."""
    draws = torch.Generator().manual_seed(0)
    shapes = [(20, 850, 64), (20, 64, 32), (20, 32, 64), (20, 64, 850)]
    weights = [torch.randn(s, generator=draws).mul_(0.05).requires_grad_() for s in shapes]
    data = torch.randn(20, 128, 850, generator=draws)
    optimizer = torch.optim.Adam(weights, lr=1e-3, fused=True)

    def step():
        x = data[:, torch.randperm(128, generator=draws)[:32]]
        h = x / 3.0
        for weight in weights[:-1]:
            h = torch.relu(torch.bmm(h, weight))
        loss = (torch.bmm(h, weights[-1]) - x).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(20):
        step()
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.process_time()
    for _ in range(n_steps):
        step()
    seconds = time.process_time() - start
    found = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return found / n_steps, 1e3 * seconds / n_steps


found = []
for name in ("as it is", "after one block of 31 MB"):
    found.append(cost())
    print(f"{name:25s} {found[-1][0]:6.0f} page faults and {found[-1][1]:5.1f} CPU ms a step")
    torch.empty(31 << 20, dtype=torch.uint8)
assert found[0][0] > 200, "torch or glibc keeps what is freed"
assert found[1][0] < found[0][0] / 2
print("as found: what a step frees is fetched anew by the next, until a large block was freed")
PY
venv/bin/python check.py
