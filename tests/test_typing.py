"""What a user's type checker learns of the public names."""

import re
import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
from skvae import Autoencoder, AutoencoderClassifier, UNetSegmenter, VAEFeatureExtractor
from skvae.study import default_arms, nested_cv

X = np.zeros((40, 8), dtype=np.float32)
vae = VAEFeatureExtractor(4, layer="hidden_1", random_state=0).fit(X)
reveal_type(vae)
reveal_type(vae.transform(X))
reveal_type(Autoencoder().partial_fit(X).inverse_transform(X))
reveal_type(AutoencoderClassifier().fit(X, X[:, 0]).predict_proba(X))
reveal_type(UNetSegmenter().fit(X, X))
reveal_type(nested_cv(default_arms(X), X, X[:, 0]))
VAEFeatureExtractor(n_components="four")
VAEFeatureExtractor(4, beta="one")
"""


def test_a_users_program_is_checked(tmp_path, request):
    pytest.importorskip("mypy", reason="the type checker is not installed")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    (tmp_path / "empty.ini").write_text("[mypy]\n")
    # What is imported is read once, and then again where it has changed.
    cache = getattr(request.config, "cache", None)
    folder = cache.mkdir("mypy") if cache else tmp_path / "mypy"
    options = ["--strict", "--follow-imports=silent", "--config-file=empty.ini"]
    options.append(f"--cache-dir={folder}")
    command = [sys.executable, "-m", "mypy", *options, program.name]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    # What stands for the shape and dtype of any array differs between versions of numpy.
    revealed = re.findall(r'Revealed type is "([\w.]+)', found.stdout)
    expected = [
        "skvae.features.vae.VAEFeatureExtractor",
        *["numpy.ndarray"] * 3,
        "skvae.segmentation.unet_segmenter.UNetSegmenter",
        "skvae.study.result.NestedCVResult",
    ]
    assert revealed == expected, found.stdout
    errors = re.findall(r"error: (.*)", found.stdout)
    assert [error.split('"')[1] for error in errors] == ["n_components", "beta"], errors
