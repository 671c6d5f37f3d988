"""Training a U-Net against bare PyTorch loops with networks of MONAI.

Images of 128 x 128, batches of 8, both terms of the loss, one thread. ``UNetSegmenter``
runs against a bare loop with the very same network (what the framework costs), and against
loops with MONAI's two U-Nets of about as many parameters and its ``DiceCELoss``.
``BasicUNet`` has two convolutions at every level as ours does by default. The ``UNet`` has
none at full resolution but its last: its peer is ``first_stride=2``, and against it the
default computes several times as much per parameter. The bare loops leave images as they
are, where `fit` lays them out with their channels last. Writes
``results/segmentation_throughput.csv``.

    python benchmarks/segmentation_throughput.py [--repetitions 5]
"""

import argparse

import numpy as np
import torch
from harness import alternate, one_thread, print_table, speeds, write_csv
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet, UNet

from skvae import UNetSegmenter
from skvae.datasets import make_xrays
from skvae.objectives.batch import Batch

N_IMAGES, BATCH_SIZE, MARK = 32, 8, 0.85
STRIDES = {"skvae fit": 1, "skvae fit, first_stride=2": 2}
SAME, BASIC, STRIDED = (
    f"bare loop, {name}" for name in ("same network", "MONAI BasicUNet", "MONAI UNet")
)


def estimator(stride):
    return UNetSegmenter(
        first_stride=stride,
        max_iter=1,
        batch_size=BATCH_SIZE,
        random_state=0,
        device="cpu",
        n_threads=1,
    )


def monai_networks():
    return {
        BASIC: BasicUNet(
            2, 1, 2, features=(16, 32, 64, 128, 128, 16), act="relu", norm="batch"
        ),
        STRIDED: UNet(2, 1, 2, (16, 32, 64, 128, 192), (2, 2, 2, 2), num_res_units=2),
    }


def bare_loop(network, loss, X, y):
    x_all, y_all = torch.from_numpy(X), torch.from_numpy(y)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    network.train()
    order = torch.randperm(len(X))
    for start in range(0, len(X), BATCH_SIZE):
        rows = order[start : start + BATCH_SIZE]
        value = loss(network(x_all[rows]), y_all[rows])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    one_thread()
    X, y = make_xrays(N_IMAGES, size=128, random_state=0, return_X_y=True)

    fitted = estimator(1).fit(X[:2], y[:2])
    network = fitted.network_.builder()
    objective = fitted._objective(fitted._learned)

    def ours(trace, mask):
        terms = objective(trace, Batch(mask, mask=mask))
        return sum(term.mean() for term in terms.values())

    criterion = DiceCELoss(include_background=False, softmax=True, to_onehot_y=True)

    def theirs(logits, mask):
        return criterion(logits, mask.unsqueeze(1).long())

    networks = {SAME: network} | monai_networks()
    losses = {name: ours if name == SAME else theirs for name in networks}
    n_weights = {
        name: sum(p.numel() for p in each.parameters()) for name, each in networks.items()
    }
    competitors = {
        name: lambda stride=stride: estimator(stride).fit(X, y)
        for name, stride in STRIDES.items()
    } | {
        name: lambda name=name: bare_loop(networks[name], losses[name], X, y)
        for name in networks
    }
    seconds = alternate(competitors, arguments.repetitions)
    rows = []
    for reference in networks:
        about = {
            "against": reference,
            "weights": n_weights[reference],
            "reference_seconds": round(float(np.median(seconds[reference])), 4),
            "mark": MARK,
        }
        for row in speeds(seconds, reference, N_IMAGES):
            if row["competitor"] in STRIDES:
                rows.append(about | row)
    write_csv("segmentation_throughput", rows)
    print_table(rows)


if __name__ == "__main__":
    main()
