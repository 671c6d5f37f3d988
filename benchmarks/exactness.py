"""Figures of what tests hold to a mark: features, transfer, phases, masks; in a minute.

Copied tensors and errors of borrowed networks, the share of negatives that an in-place
ReLU would hide, what a hot rate does after unfreezing, padded sequences against single
ones, windows against whole images, and masks that move with their images. Each beside
its mark in brackets; ``tests/`` asserts the marks.

    python benchmarks/exactness.py
"""

import re
import warnings

import numpy as np
import torch
from harness import one_thread
from monai.inferers import sliding_window_inference
from sklearn.datasets import load_digits

from skvae import (
    AutoencoderClassifier,
    LayerExtractor,
    RandomAugment,
    SequenceRegressor,
    UNetSegmenter,
    dice_scores,
    transfer_weights,
)
from skvae.datasets import make_moving_blobs, make_xrays
from skvae.networks import densenet121, vgg16
from skvae.networks.unet import unpooled
from skvae.objectives.batch import Batch
from skvae.training.windows import apply_by_windows

QUIET = {"device": "cpu", "n_threads": 1}
RATES = {"default": {}, "3e-2": {"finetune_learning_rate_init": 3e-2}}
RNG = np.random.default_rng(0)


def largest(one, other):
    return float(np.abs(np.asarray(one) - np.asarray(other)).max())


def layers():
    X = RNG.normal(size=(5, 3, 64, 64)).astype(np.float32)
    norm = LayerExtractor(densenet121, layer="features.norm5", pool=None, **QUIET).fit(X)
    values = norm.transform(X)
    relu = norm.set_params(layer="features.norm5+relu").transform(X)
    wide = values.shape[1], norm.set_params(pool="avg").transform(X).shape[1]
    print(f"B1 norm5: {wide} features [4096, 1024], negative {(values < 0).mean():.3f}")
    print(f"   behind its ReLU: {largest(relu, np.maximum(values, 0)):.1e} off [0]")
    network = vgg16(n_classes=10).eval()
    found = LayerExtractor(network, layer="features.29", **QUIET).fit_transform(X[:2])
    with torch.inference_mode():
        expected = network.features[:30](torch.from_numpy(X[:2])).mean(dim=(2, 3))
    print(f"B4 VGG-16 by hand: {largest(found, expected):.1e} off [0]")


def transfer():
    source = vgg16(n_classes=10).eval()
    for n_channels in (3, 1):
        X = np.repeat(RNG.random((2, 1, 32, 32), np.float32), n_channels, axis=1)
        unet = UNetSegmenter(
            width=64,
            depth=4,
            n_convolutions=(2, 2, 3, 3, 3),
            normalization=None,
            encoder_weights=source,
            freeze="encoder",
            pool=None,
            max_iter=1,
            random_state=0,
            **QUIET,
        ).fit(X, (X[:, 0] > 0.5).astype(int))
        with torch.inference_mode():
            rgb = torch.from_numpy(np.repeat(X[:, :1], 3, axis=1))
            expected = source.features[:30](rgb)
        off = largest(unet.transform(X).reshape(expected.shape), expected)
        print(f"C1 {n_channels} channels: {unet.transfer_report_.counts}, {off:.1e} off")
    state = densenet121(n_classes=10).state_dict()
    spelled = {
        re.sub(r"(layer\d+\.(?:norm|conv))(\d)", r"\1.\2", k): state[k] for k in state
    }
    equal = len(state.keys() & spelled.keys())
    counts = transfer_weights(densenet121(n_classes=10), spelled).counts
    print(f"C2 old spelling of DenseNet: {equal} of {len(state)} names equal, {counts}")


def phases():
    X, y = load_digits(return_X_y=True)
    for state in range(3):
        chosen = np.random.default_rng(state).permuted(np.arange(len(y)))
        some = np.full(len(y), -1)
        for label in range(10):
            some[chosen[y[chosen] == label][:5]] = label
        for name, rate in RATES.items():
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                fitted = AutoencoderClassifier(random_state=state, **QUIET, **rate).fit(
                    X / 16, some
                )
            _, head, last = fitted.phases_
            same = head["encoder_before"] == head["encoder_after"]
            accuracy = fitted.score(X[some < 0] / 16, y[some < 0])
            print(f"A2 state {state}, frozen bits equal: {same}; A3 rate {name}:", end=" ")
            print(f"accuracy {accuracy:.3f}, {len(caught)} warnings. {last['diagnosis']}")


def sequences():
    blobs = make_moving_blobs(60, n_frames=(2, 6), size=12, random_state=0)
    fitted = SequenceRegressor(random_state=0, finetune_max_iter=2, **QUIET).fit(
        blobs.images, blobs.target
    )
    single = np.concatenate([fitted.predict([each]) for each in blobs.images])
    print(f"G3 padded against single: {largest(fitted.predict(blobs.images), single):.1e}")


def masks():
    x = torch.rand(2, 3, 17, 23)
    values, index = torch.nn.functional.max_pool2d(x, 2, return_indices=True)
    expected = torch.nn.functional.max_unpool2d(values, index, 2, output_size=x.shape)
    print(
        f"C6 unpooling: {largest(unpooled(values, index, x.shape[2:]), expected):.1e} [0]"
    )
    image = RNG.normal(size=(2, 37, 50)).astype(np.float32)
    whole = torch.from_numpy(image).sin()
    for name, function in (("pointwise", torch.sin), ("MONAI", torch.nn.ReLU())):
        maps = apply_by_windows(function, image, 16, 0.5, "cpu", 1, lambda _: None)
        if name == "MONAI":
            whole = sliding_window_inference(
                torch.from_numpy(image)[None], (16, 16), 1, function, 0.5, "gaussian"
            )[0]
        print(f"C7 windows, {name}: {largest(maps, whole):.1e} off [1e-5]")
    y = make_xrays(40, random_state=0).masks
    shown = torch.from_numpy(y[:, None].astype(np.float32))
    batch = RandomAugment(intensity=0, resampled=1)(
        Batch(shown, mask=torch.from_numpy(y)), torch.Generator().manual_seed(0)
    )
    kept, seen = batch.mask > 0, batch.x[:, 0] > 0.5
    overlap = ((kept & seen).sum() / (kept | seen).sum()).item()
    print(f"C8 image and mask: IoU {overlap:.3f} [.95], {batch.mask.unique().tolist()}")
    nothing = np.zeros((1, 4, 4), int)
    one = nothing + (np.arange(4) == 1)
    pairs = [(nothing, nothing), (nothing, one)]
    print("C9", [dice_scores(a, b, labels=[1]).item() for a, b in pairs], "[1, 0]")


def main():
    one_thread()
    torch.manual_seed(0)
    for part in (layers, transfer, phases, sequences, masks):
        part()


if __name__ == "__main__":
    main()
