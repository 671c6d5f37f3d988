#!/usr/bin/env bash
# Guess: num_workers and the file format do not change values; torch resolves its lazy conjugation
#   wherever values leave a tensor, as torch.save, pickle and joblib do.
# Fact: two ways out take the raw memory. (1) A DataLoader worker that returns tensors as they are
#   (batch_size=None, or a collate_fn that keeps a list, usual for k-space of unequal sizes) hands
#   z.conj() and z.mH over unconjugated; z.conj().imag, a tensor of real floats, arrives with its
#   sign flipped. With num_workers=0 they are right. (2) safetensors writes z.conj() unconjugated.
#   None of these warns; the default collate_fn in a worker raises, which is the only hint.
# Versions: torch 2.13.0, safetensors 0.8.0; found 2026-11-28.
# Source: measured. Issue 81690 of pytorch/pytorch, closed, was the same loss in torch.save.
# To do: .resolve_conj().resolve_neg() on what a Dataset returns, and before save_file.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'torch==2.13.0' 'numpy==2.4.6' 'safetensors==0.8.0' 'joblib==1.6.0'
cat > check.py <<'PY'
import io
import pickle

import joblib
import safetensors
import torch
from safetensors.torch import load, save
from torch.utils.data import DataLoader, Dataset

kspace = torch.complex(torch.tensor([[1.0, 2], [3, 4]]), torch.tensor([[5.0, 6], [7, 8]]))
made = {
    "z.conj()": lambda z: z.conj(),
    "z.mH": lambda z: z.mH,
    "z.conj().imag": lambda z: z.conj().imag,
    "z.conj().resolve_conj()": lambda z: z.conj().resolve_conj(),
}


class Slices(Dataset):
    def __init__(self, name):
        self.name = name

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return made[self.name](kspace)


def through_buffer(write, read, z):
    buffer = io.BytesIO()
    write(z, buffer)
    buffer.seek(0)
    return read(buffer)


def first(name, **parameters):
    (item, _) = list(DataLoader(Slices(name), **parameters))
    return item[0] if isinstance(item, list) else item


def routes(name):
    z = made[name](kspace)
    yield "worker, batch_size=None", lambda: first(name, num_workers=1, batch_size=None)
    yield "worker, collate_fn=list", lambda: first(name, num_workers=1, collate_fn=list)
    yield "no worker", lambda: first(name, num_workers=0, batch_size=None)
    yield "pickle", lambda: pickle.loads(pickle.dumps(z))
    yield "torch.save", lambda: through_buffer(torch.save, torch.load, z)
    yield "joblib", lambda: through_buffer(joblib.dump, joblib.load, z)
    if z.is_contiguous():  # others are refused
        yield "safetensors", lambda: load(save({"z": z}))["z"]


if __name__ == "__main__":
    print("torch", torch.__version__, "safetensors", safetensors.__version__)
    lossy = set()
    for name in made:
        exact = made[name](kspace).clone().resolve_conj().resolve_neg()
        for route, travel in routes(name):
            here = travel().resolve_conj().resolve_neg()
            kept = torch.equal(here, exact)
            print(f"{name:24} {route:24} {'kept' if kept else 'CHANGED'}: "
                  f"{exact.flatten()[0].item()} -> {here.flatten()[0].item()}")
            if not kept:
                lossy.add((name, route))
    worker = {"worker, batch_size=None", "worker, collate_fn=list"}
    expected = {(name, route) for name in list(made)[:3] for route in worker}
    expected.add(("z.conj()", "safetensors"))
    raise SystemExit(None if lossy == expected else "The behaviour has changed.")
PY
venv/bin/python check.py
