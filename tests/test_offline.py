"""What must work without a network, and beside a torchvision that does not import."""

import subprocess
import sys

OFFLINE = """
import socket, numpy as np

def refuse(*arguments, **keywords):
    raise AssertionError("no network access in fit")

socket.socket.connect = socket.getaddrinfo = refuse
import skvae
from skvae.networks import densenet121

X = np.random.default_rng(0).random((8, 3, 32, 32), np.float32)
y = np.arange(8) % 2
extractor = skvae.LayerExtractor(densenet121, layer="features.norm5", device="cpu")
print(extractor.fit_transform(X).shape)
small = skvae.Autoencoder(2, max_iter=1, device="cpu")
short = dict(autoencoder=small, head_max_iter=1, finetune_max_iter=1, device="cpu")
print(skvae.AutoencoderClassifier(**short).fit(X, y).predict(X).shape)
print(skvae.AutoencoderRegressor(**short).fit(X, y).predict(X).shape)
print(skvae.SequenceRegressor(**short).fit(X[:, None], y).predict(X[:, None]).shape)
segmenter = skvae.UNetSegmenter(max_iter=1, device="cpu")
print(segmenter.fit(X, (X[:, 0] > 0.5) * 1).predict(X).shape)
"""


def test_a_broken_torchvision_and_no_network_are_no_obstacle(tmp_path, monkeypatch):
    (tmp_path / "torchvision.py").write_text(
        'raise RuntimeError("operator torchvision::nms does not exist")'
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    out = subprocess.run(
        [sys.executable, "-c", OFFLINE], capture_output=True, text=True, check=True
    )
    shapes = ["(8, 1024)", "(8,)", "(8,)", "(8,)", "(8, 32, 32)"]
    assert out.stdout.strip().splitlines() == shapes
