#!/usr/bin/env bash
# Guess: channels_last is a matter of speed; it changes a result in the last bits.
# Fact: on a CPU, GroupNorm of float32 maps in channels_last or channels_last_3d loses the variance
#   to cancellation. With mean / sd = 100 in a volume of 64^3, values are wrong by up to
#   one standard deviation; with 1000, the variance of whole volumes comes out as 0, and maps that
#   should be normalised have values in the hundreds. Contiguous maps are right to 1e-4; of maps in
#   channels_last, InstanceNorm is right to 1e-4 as well, BatchNorm to some 1e-2. Nothing warns. One
#   channel per group, the common way to write instance normalisation, is hit hardest.
# Versions: torch 2.13.0, CPU; found 2026-11-28.
# Source: measured. Issue 54293 of pytorch/pytorch, on the same loss in the contiguous layout, is
#   closed; its cure (a stable variance) shows in the contiguous layout only.
# To do: centre images before the network; keep GroupNorm inputs contiguous on a CPU, or use
#   InstanceNorm for one channel per group; compare both layouts on your own data.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'torch==2.13.0' 'numpy==2.4.6'
cat > check.py <<'PY'
import torch
from torch import nn

print("torch", torch.__version__)
torch.set_num_threads(1)  # partial sums of many threads hide some of the loss
torch.manual_seed(0)
noise = torch.randn(1, 8, 64, 64, 64)
norms = {
    "GroupNorm, 1 group": nn.GroupNorm(1, 8),
    "GroupNorm, 8 groups": nn.GroupNorm(8, 8),
    "InstanceNorm3d": nn.InstanceNorm3d(8),
    "BatchNorm3d": nn.BatchNorm3d(8),
}
errors = {}
with torch.no_grad():
    for mean in (0, 100, 1000):
        x = noise + mean
        last = x.to(memory_format=torch.channels_last_3d)
        assert torch.equal(x, last)
        for name, norm in norms.items():
            exact = norm.double()(x.double())
            norm.float()
            here = [(norm(images) - exact).abs().max().item() for images in (x, last)]
            errors[name, mean] = here
            print(f"mean {mean:4}, sd 1, {name:20} largest error: "
                  f"contiguous {here[0]:.0e}, channels last {here[1]:.0e}")

seen = (
    all(contiguous < 2e-4 for contiguous, _ in errors.values())
    and all(last < 0.1 for (name, _), (_, last) in errors.items() if "Group" not in name)
    and errors["GroupNorm, 8 groups", 0][1] < 1e-2
    and errors["GroupNorm, 8 groups", 100][1] > 0.05
    and errors["GroupNorm, 8 groups", 1000][1] > 10
)
raise SystemExit(None if seen else "The behaviour has changed.")
PY
venv/bin/python check.py
