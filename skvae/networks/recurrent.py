"""Sequences: an encoder of each frame, a recurrent network over them, and a head."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from skvae.networks.builder import Builder
from skvae.networks.head import EncoderWithHead
from skvae.networks.pooling import pooled
from skvae.networks.staged import Noise, Stages

RECURRENT: dict[str, Any] = {"gru": nn.GRU, "lstm": nn.LSTM}
# What a frame that is not there adds to a pooled stage: nothing.
NOTHING: dict[str | None, float] = {"avg": 0.0, "max": -torch.inf, None: torch.nan}


class TimePooling(nn.Module):
    """How the states of a sequence become one row; its last stage is ``features``."""

    def __init__(self, n_states: int) -> None:
        super().__init__()

    def stages(self, states: Tensor, present: Tensor) -> Stages:
        """Pool states ``(n, n_states, time)`` over the frames that are ``present``."""
        raise NotImplementedError


class LastState(TimePooling):
    """The state behind the last frame."""

    def stages(self, states: Tensor, present: Tensor) -> Stages:
        last = present.sum(dim=1).sub(1).reshape(-1, 1, 1)
        yield "features", states.gather(2, last.expand(-1, states.shape[1], 1)).squeeze(2)


class MeanState(TimePooling):
    """The mean state over the frames."""

    def stages(self, states: Tensor, present: Tensor) -> Stages:
        yield "features", pooled_over_time(states, "avg", present)


class Attention(TimePooling):
    """A mean of the states with weights that the network learns.

    a_t = softmax_t(v' tanh(W h_t + b)), the features are sum_t a_t h_t: Yang et al. (2016),
    Hierarchical attention networks for document classification, NAACL, equations 5 to 7.
    """

    def __init__(self, n_states: int) -> None:
        super().__init__(n_states)
        self.project = nn.Linear(n_states, n_states)
        self.score = nn.Linear(n_states, 1, bias=False)

    def stages(self, states: Tensor, present: Tensor) -> Stages:
        scores = self.score(self.project(states.mT).tanh()).squeeze(2)
        weights = scores.masked_fill(~present, -torch.inf).softmax(dim=1)
        yield "attention", weights
        yield "features", (states @ weights.unsqueeze(2)).squeeze(2)


TIME_POOLINGS: dict[str, type[TimePooling]] = {
    "last": LastState,
    "mean": MeanState,
    "attention": Attention,
}


class Recurrent(nn.Module):
    """A recurrent network over the codes of frames, and a pooling of its states.

    Parameters
    ----------
    n_features : int
        Size of a frame's code.
    rnn : {"gru", "lstm"}
        Kind of recurrent network.
    hidden_size : int
        Size of its state.
    n_layers : int
        Number of recurrent layers, of which each reads the states of the one before.
    pool_time : {"last", "mean", "attention"}
        How the states become one row.
    """

    def __init__(
        self, *, n_features: int, rnn: str, hidden_size: int, n_layers: int, pool_time: str
    ) -> None:
        super().__init__()
        self.rnn = RECURRENT[rnn](n_features, hidden_size, n_layers, batch_first=True)
        self.pool = TIME_POOLINGS[pool_time](hidden_size)

    def stages(self, codes: Tensor, present: Tensor) -> Stages:
        """Yield the stages from codes ``(n, n_features, time)`` to one row each.

        Missing frames come last, so that no state of a frame that is there sees them.
        """
        frames = codes.mT
        # On the meta device torch goes through the frames in Python, 5 ms each: there, the
        # first has the shape of all (findings/torch-rnn-on-meta-is-slow.sh).
        read = frames[:, :1] if frames.is_meta else frames
        states = self.rnn(read)[0].expand(-1, frames.shape[1], -1).mT
        yield "states", states
        yield from self.pool.stages(states, present)


class SequenceNetwork(EncoderWithHead):
    """The stages of another network on every frame, a recurrent network, and a head.

    A sample is ``(time, *frame_shape)``. Frames that are NaN throughout, behind the last
    one of a sequence, are not there: nothing depends on them, and they get no gradient.
    In every stage up to the states, time is the first axis behind the channels.

    The encoder is always in eval mode: padding would count in the statistics of a batch
    normalisation, and the frames of a few sequences are too much alike for them.

    Parameters
    ----------
    encoder : Builder
        The network that encodes a frame.
    layers : tuple of str
        Stages of it that the recurrent network takes, side by side.
    pool : {"avg", "max"} or None
        How feature maps among them become features.
    recurrent : Builder
        A ``Recurrent``.
    head : Builder
        A ``Head``.
    """

    encoded = "frames"
    nan_is = "padding"

    def __init__(self, *, recurrent: Builder, **parts: Any) -> None:
        super().__init__(**parts)
        self.recurrent = cast(Recurrent, recurrent())

    def train(self, mode: bool = True) -> "SequenceNetwork":
        super().train(mode)
        self.encoder.eval()
        return self

    def stages(self, x: Tensor, noise: Noise | None = None) -> Stages:
        present = frames_present(x)
        frames = without_nan(x).flatten(0, 1)
        codes = x
        for name, value in self.encode(frames):
            codes = value.reshape(*x.shape[:2], *value.shape[1:]).movedim(1, 2)
            if name != "features":
                yield name, codes
        yield "frames", codes.where(present.unsqueeze(1), torch.nan)
        yield from self.predict(codes, present, noise)

    def stages_behind(self, encoded: Tensor, noise: Noise | None = None) -> Stages:
        present = ~encoded[:, 0].isnan()
        yield from self.predict(without_nan(encoded), present, noise)

    def predict(self, codes: Tensor, present: Tensor, noise: Noise | None) -> Stages:
        """Yield the stages behind the codes of the frames."""
        features = codes
        for name, features in self.recurrent.stages(codes, present):
            yield name, features
        yield from self.head.stages(features, noise)

    def features(self, x: Tensor, layers: Any, pool: str | None) -> Tensor:
        """Return pooled features as always, but over the frames that are there.

        Unpooled, a missing frame is NaN.
        """
        present = frames_present(x)
        trace = self.read(x, layers)
        columns = [pooled_over_time(trace[layer], pool, present) for layer in layers]
        return torch.cat(columns, dim=1)


def frames_present(x: Tensor) -> Tensor:
    """Return ``(n, time)``, whether a frame has any entry that is not NaN."""
    return ~x.flatten(2).isnan().all(dim=2)


def without_nan(x: Tensor) -> Tensor:
    """Return zeros in place of NaN."""
    return x.masked_fill(x.isnan(), 0.0)


def pooled_over_time(value: Tensor, pool: str | None, present: Tensor) -> Tensor:
    """Pool a stage ``(n, channels, time, *spatial)`` over the frames that are present."""
    if value.ndim == 2:
        return value
    if pool == "avg+max":
        each = [pooled_over_time(value, kind, present) for kind in ("avg", "max")]
        return torch.cat(each, dim=1)
    n_frames = present.shape[1]
    there = present.reshape(-1, 1, n_frames, *[1] * (value.ndim - 3))
    rows = pooled(value.where(there, NOTHING[pool]), pool)
    if pool == "avg":
        return rows * (n_frames / present.sum(dim=1, keepdim=True))
    return rows
