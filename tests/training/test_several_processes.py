"""The recipe of the guide for one fit on several devices, by two processes of gloo."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch.distributed

import skvae

GUIDE = Path(skvae.__file__).parents[1] / "docs" / "many-fits.md"
REPORT = """
import hashlib
weights = vae.network_.state
digest = hashlib.sha256(b"".join(weights[name].tobytes() for name in sorted(weights)))
print("REPORT", digest.hexdigest(), vae.history_[-1]["loss"])
"""


def recipe():
    (found,) = re.findall(r"```python\n(# large_fit\.py.*?)```", GUIDE.read_text(), re.S)
    return found


def reports(folder, X, n_processes):
    """Run the recipe; return the hash of the weights and the last loss of each process."""
    np.save(folder / "X.npy", X)
    script = folder / "large_fit.py"
    script.write_text(recipe() + REPORT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = ["-m", "torch.distributed.run", "--nproc_per_node", str(n_processes)]
    where = ["--master_addr", "127.0.0.1", "--master_port", str(port)]
    files = [str(script), str(folder / "X.npy"), str(folder / "model.skvae")]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *launch, *where, *files],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=GUIDE.parents[1],
    )
    found = re.findall(r"REPORT (\w+) (\S+)", done.stdout)
    return done, [(digest, float(loss)) for digest, loss in found]


@pytest.mark.skipif(
    not torch.distributed.is_gloo_available(), reason="this torch has no gloo"
)
def test_two_processes_have_one_set_of_weights_and_the_loss_of_one(tmp_path):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(4096, 4)) @ rng.normal(size=(4, 20))).astype(np.float32)
    X += 2 * rng.normal(size=X.shape).astype(np.float32)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    done, found = reports(tmp_path, X, 2)
    assert len(found) == 2, done.stderr
    (one, first), (other, second) = found
    assert one == other
    loaded = skvae.load(tmp_path / "model.skvae")
    alone = skvae.VAEFeatureExtractor(8, max_iter=20, batch_size=64, random_state=0).fit(X)
    assert np.mean([first, second]) == pytest.approx(alone.history_[-1]["loss"], rel=0.01)
    assert loaded.score(X) == pytest.approx(alone.score(X), rel=0.02)


def test_one_process_alone_is_told(tmp_path):
    done, found = reports(tmp_path, np.zeros((64, 5), np.float32), 1)
    assert not found
    assert "start this file by torchrun" in done.stderr
