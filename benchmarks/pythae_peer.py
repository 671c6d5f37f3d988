"""pythae as a peer: its own TrainingPipeline with networks of the same sizes.

pythae is no dependency of the project: ``pip install pythae`` for its rows.
"""

import contextlib
import io
import logging
import tempfile

import numpy as np
from torch import Tensor, nn


def train(
    X: np.ndarray, n_hidden: int, n_components: int, batch_size: int, n_epochs: int
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
            self.hidden = nn.Sequential(nn.Linear(n_features, n_hidden), nn.ReLU())
            self.mean = nn.Linear(n_hidden, n_components)
            self.log_var = nn.Linear(n_hidden, n_components)

        def forward(self, x: Tensor) -> ModelOutput:
            x = self.hidden(x)
            return ModelOutput(embedding=self.mean(x), log_covariance=self.log_var(x))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(
                nn.Linear(n_components, n_hidden),
                nn.ReLU(),
                nn.Linear(n_hidden, n_features),
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
