"""What it saves to train images with their channels last, on a CPU.

A step (forward and backward) of networks of several kinds, for images as they come and for
the same with the channels of each pixel side by side, as `fit` lays them out. One thread.
Writes ``results/channels_last.csv``.

    python benchmarks/channels_last.py [--repetitions 10]
"""

import argparse
from functools import partial
from typing import NamedTuple

import torch
from harness import alternate, one_thread, print_table, speeds, write_csv

from skvae import Autoencoder, UNetSegmenter
from skvae.training.net import channels_last

AS_THEY_COME, LAST = "as they come", "channels last"


class Case(NamedTuple):
    """An untrained network, images for it, and the stage whose gradient is computed."""

    estimator: object
    n_images: int
    shape: tuple[int, ...]
    stage: str = "mask_logits"


def cases():
    strided = {"channels": (16, 32, 64, 128)}
    pooled = strided | {"downsampling": "max", "normalization": "batch"}
    return {
        "U-Net, 64 x 64": Case(UNetSegmenter(), 16, (1, 64, 64)),
        "U-Net, 128 x 128": Case(UNetSegmenter(), 8, (1, 128, 128)),
        "U-Net, 32 x 32 x 32": Case(UNetSegmenter(width=8, depth=3), 2, (1, 32, 32, 32)),
        "autoencoder, strided": Case(
            Autoencoder(**strided), 32, (1, 64, 64), "reconstruction"
        ),
        "autoencoder, pooled": Case(
            Autoencoder(**pooled), 32, (1, 64, 64), "reconstruction"
        ),
    }


def step(network, x, stage):
    network(x)[stage].square().mean().backward()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=10)
    arguments = parser.parse_args()
    one_thread()
    torch.manual_seed(0)
    rows = []
    for name, case in cases().items():
        network = case.estimator._network_builder(
            case.shape, case.estimator._unfitted
        )().train()
        x = torch.rand(case.n_images, *case.shape)
        layouts = {AS_THEY_COME: x, LAST: channels_last(x)}
        steps = {
            layout: partial(step, network, images, case.stage)
            for layout, images in layouts.items()
        }
        seconds = alternate(steps, arguments.repetitions)
        rows += [{"network": name} | r for r in speeds(seconds, AS_THEY_COME, len(x))]
    write_csv("channels_last", rows)
    print_table(rows)


if __name__ == "__main__":
    main()
