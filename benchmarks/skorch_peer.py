"""skorch as a peer: its own loop with a network of the same sizes, without callbacks."""

import numpy as np
import torch
from pythae_peer import dense
from skorch import NeuralNet
from torch import Tensor, nn


class Network(nn.Module):
    """A dense VAE."""

    def __init__(self, n_features: int, hidden: tuple[int, ...], n_components: int) -> None:
        super().__init__()
        self.hidden = dense((n_features, *hidden))
        self.mean = nn.Linear(hidden[-1], n_components)
        self.log_var = nn.Linear(hidden[-1], n_components)
        self.decoder = nn.Sequential(
            *dense((n_components, *hidden[::-1])), nn.Linear(hidden[0], n_features)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = self.hidden(x)
        mean, log_var = self.mean(hidden), self.log_var(hidden)
        z = mean + (log_var / 2).exp() * torch.randn_like(mean)
        return self.decoder(z), mean, log_var


class Net(NeuralNet):
    """skorch with the loss of a VAE."""

    def get_loss(self, y_pred, y_true, *args, **kwargs) -> Tensor:
        reconstruction, mean, log_var = y_pred
        error = (reconstruction - y_true).square().sum(1)
        kl = (mean.square() + log_var.exp() - log_var - 1).sum(1)
        return (0.5 * error + 0.5 * kl).mean()


def train(
    X: np.ndarray,
    hidden: tuple[int, ...],
    n_components: int,
    batch_size: int,
    n_epochs: int,
) -> None:
    """Train a dense VAE, as fast as skorch does by itself."""
    Net(
        Network,
        module__n_features=X.shape[1],
        module__hidden=hidden,
        module__n_components=n_components,
        criterion=nn.Identity,
        optimizer=torch.optim.Adam,
        optimizer__fused=True,
        lr=1e-3,
        batch_size=batch_size,
        max_epochs=n_epochs,
        train_split=None,
        iterator_train__shuffle=True,
        callbacks="disable",
        verbose=0,
    ).fit(X, X)
