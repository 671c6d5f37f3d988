#!/usr/bin/env bash
# Guess: torch.where(mask, x, y) with a mask that is true everywhere is x, in the layout of x.
# Fact: images of one channel, as CT, MR and X-ray are, in memory_format=channels_last are contiguous
#   as well, and which of the two their strides say differs between operations: x / 2 keeps the strides
#   of channels_last, torch.where and isnan return those of a contiguous tensor. The values are the same
#   bits, but on a CPU a convolution behind takes another path, and its weight gradients have other last
#   bits: a `where` that changes nothing changes what is trained. With three channels all keep the layout.
# Versions: torch 2.13.0, CPU; found 2026-11-29.
# Source: measured.
# To do: where runs must repeat to the bit, copy such a result into the layout of its input
#   (torch.empty_like(x).copy_(result)), or set the layout behind the operation, not before it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'torch==2.13.0' 'numpy==2.4.6'
cat > check.py <<'PY'
import torch

print("torch", torch.__version__)
torch.manual_seed(0)
torch.set_num_threads(1)


def layouts(n_channels):
    x = torch.randn(12, n_channels, 24, 24).to(memory_format=torch.channels_last)
    if n_channels == 1:  # as an operation on images of more channels leaves it
        x = torch.empty_strided(x.shape, (576, 1, 24, 1)).copy_(x)
    same = {
        "x / 2": x / 2,
        "where": torch.where(torch.ones_like(x, dtype=torch.bool), x, torch.zeros_like(x)),
        "isnan": x.isnan(),
    }
    for name, value in same.items():
        print(f"{n_channels} channel(s)  {name:6s} strides", value.stride())
    return x, same


x, one = layouts(1)
_, three = layouts(3)
assert x.stride() == one["x / 2"].stride()
assert all(one[name].stride() != x.stride() for name in ("where", "isnan"))
assert len({value.stride() for value in three.values()}) == 1

assert torch.equal(one["where"], x)
gradients = []
for images in (x, one["where"]):
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(1, 8, 3, padding=1, stride=2)
    convolution(images).square().sum().backward()
    gradients.append(convolution.weight.grad)
gap = (gradients[0] - gradients[1]).abs().max().item()
print("largest difference of the weight gradients", gap)
assert 0 < gap < 1e-1
PY
venv/bin/python check.py
