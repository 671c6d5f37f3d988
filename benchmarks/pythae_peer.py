"""pythae as a peer: its own TrainingPipeline with networks of the same sizes.

pythae is no dependency of the project: ``pip install pythae`` for its rows.
"""

import contextlib
import io
import logging
import tempfile
from itertools import pairwise

import numpy as np
from torch import Tensor, nn


def dense(sizes: tuple[int, ...]) -> nn.Sequential:
    """Linear layers of these sizes, each with a rectifier behind it."""
    layers = [(nn.Linear(*pair), nn.ReLU()) for pair in pairwise(sizes)]
    return nn.Sequential(*(layer for pair in layers for layer in pair))


def train(
    X: np.ndarray,
    hidden: tuple[int, ...],
    n_components: int,
    batch_size: int,
    n_epochs: int,
) -> None:
    """Train a dense VAE; its files go to a temporary folder, its messages nowhere."""
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig

    n_features = X.shape[1]

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = dense((n_features, *hidden))
            self.mean = nn.Linear(hidden[-1], n_components)
            self.log_var = nn.Linear(hidden[-1], n_components)

        def forward(self, x: Tensor) -> ModelOutput:
            x = self.hidden(x)
            return ModelOutput(embedding=self.mean(x), log_covariance=self.log_var(x))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(
                *dense((n_components, *hidden[::-1])), nn.Linear(hidden[0], n_features)
            )

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.layers(z))

    silence = io.StringIO()
    logging.disable(logging.INFO)
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(silence):
            config = VAEConfig(input_dim=(n_features,), latent_dim=n_components)
            model = VAE(config, encoder=Encoder(), decoder=Decoder())
            training = BaseTrainerConfig(
                output_dir=folder,
                num_epochs=n_epochs,
                per_device_train_batch_size=batch_size,
                learning_rate=1e-3,
                no_cuda=True,
            )
            TrainingPipeline(model=model, training_config=training)(train_data=X)
    finally:
        logging.disable(logging.NOTSET)
