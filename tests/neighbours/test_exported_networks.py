"""``network_.module`` leaves for torch.export and ONNX and computes the same there."""

import numpy as np
import pytest
import torch

from skvae import VAEFeatureExtractor

pytestmark = [
    pytest.mark.nightly,
    # Of the exporters themselves.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

rng = np.random.default_rng(0)
INPUTS = {
    "rows": rng.normal(size=(8, 12)).astype(np.float32),
    "images": rng.random((8, 1, 8, 8), dtype=np.float32),
}


class Features(torch.nn.Module):
    """The mean of the code alone, which is what `transform` reads."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x)["mean"]


@pytest.fixture(params=INPUTS)
def fitted(request):
    X = INPUTS[request.param]
    vae = VAEFeatureExtractor(3, channels=(2,), max_iter=1, layer="mean", random_state=0)
    return vae.fit(X), X


def test_torch_export(fitted):
    vae, X = fitted
    rows = torch.from_numpy(X)
    exported = torch.export.export(Features(vae.network_.module), (rows,)).module()
    np.testing.assert_allclose(exported(rows).numpy(), vae.transform(X), atol=1e-5)


def test_onnx(fitted, tmp_path):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    vae, X = fitted
    path = str(tmp_path / "features.onnx")
    module = Features(vae.network_.module)
    torch.onnx.export(module, (torch.from_numpy(X),), path, dynamo=True, verbose=False)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(found, vae.transform(X), atol=1e-5)
