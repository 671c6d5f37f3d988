#!/usr/bin/env bash
# Guess: optimizer(fused=True) is the same step, faster: a gradient of the right shape is enough.
# Fact: on a CPU the fused steps of SGD, Adam, AdamW and Adagrad read a gradient as memory, not by
#   its strides. A gradient laid out otherwise than its weight moves the wrong weights, silently.
#   Plain loss.backward() gave none here; torch.autograd.grad does, for the stacked linear layers of
#   torch.func.vmap, torch.einsum and torch.bmm, and for convolutions of channels_last images. So
#   a loop that works on gradients and then sets .grad (gradient surgery, meta-learning, ensembles
#   trained as one batch) learns with fused=False, and moves weights about with fused=True.
# Versions: torch 2.13.0, CPU; found 2026-11-28.
# Source: measured. Issue 106951 of pytorch/pytorch has unlike strides raise an error on CUDA.
# To do: p.grad = g.contiguous() (or in the layout of p) before a fused step.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'torch==2.13.0' 'numpy==2.4.6'
cat > check.py <<'PY'
import torch
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

print("torch", torch.__version__)
torch.manual_seed(0)
x, y = torch.randn(64, 6), torch.randn(64, 5)
images = torch.randn(4, 3, 9, 9).to(memory_format=torch.channels_last)

nets = [torch.nn.Linear(6, 5) for _ in range(3)]
stacked, _ = stack_module_state(nets)


def vmapped(weight):
    def one(w):
        return F.mse_loss(functional_call(nets[0], {"weight": w}, (x,)), y)

    return vmap(one)(weight).sum()


cases = {
    "vmapped linear": (stacked["weight"], vmapped),
    "einsum": (torch.randn(3, 5, 6), lambda w: torch.einsum("ni,koi->kno", x, w).square().mean()),
    "conv, channels last": (torch.randn(4, 3, 3, 3), lambda w: F.conv2d(images, w).square().mean()),
}
optimizers = [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.Adagrad]


def train(start, loss, optimizer, fused, how):
    p = torch.nn.Parameter(start.detach().clone())
    opt = optimizer([p], lr=0.05, fused=fused)
    for _ in range(5):
        opt.zero_grad()
        if how == "backward":
            loss(p).backward()
        else:
            (g,) = torch.autograd.grad(loss(p), p)
            assert g.shape == p.shape
            p.grad = g.contiguous() if how == "contiguous" else g
        opt.step()
    return p.detach()


seen = True
for name, (start, loss) in cases.items():
    for optimizer in optimizers:
        exact = train(start, loss, optimizer, False, "grad")
        moved = (exact - start).abs().max()
        error = {
            how: ((train(start, loss, optimizer, True, how) - exact).abs().max() / moved).item()
            for how in ("backward", "contiguous", "grad")
        }
        print(f"{name:20} {optimizer.__name__:8} fused against unfused, as a share of the way: "
              + ", ".join(f"{how} {e:.1e}" for how, e in error.items()))
        seen &= error["backward"] < 1e-3 and error["contiguous"] < 1e-3 and error["grad"] > 0.1
raise SystemExit(None if seen else "The behaviour has changed.")
PY
venv/bin/python check.py
