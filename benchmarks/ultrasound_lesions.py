"""Lesions in ultrasound that never was: what helps a U-Net on small, noisy sets.

``make_ultrasound_lesions`` at 128 x 128 pixels. Candidates learn from 300 images of one to
three generator states and are compared on 150 others of the same states. With ``--final``,
the two that were chosen learn from 450 images of three other states, of which nothing has
been seen, and their 195 test images are read once. Beside them: the defaults, and MONAI's
``BasicUNet`` with the same augmentation, loss, schedule, epochs, batches and flips (marks:
0.02 above the latter, 0.03 above the former). Each fit is read in several ways. The
candidate "range test" takes the learning rate where the loss falls fastest while the rate
rises from step to step (Smith, 2017; MONAI's ``LearningRateFinder``).

A row per fit and reading goes to ``results/ultrasound_lesions.csv``: the mean Dice
coefficient of images with a lesion, of those with an unclear border and of those below 5 %
of the area, the share of lesions that are missed, the share of images without a lesion in
which one is found (false alarms), and the CPU seconds of the fit. Fits that are there
already are not repeated; after ``--minutes`` no further one begins, so that the same call
goes on later.

    python benchmarks/ultrasound_lesions.py --models "deep, wider" --states 0 1
    python benchmarks/ultrasound_lesions.py --final [--minutes 60] [--device cuda]
    python benchmarks/ultrasound_lesions.py --summary
    python benchmarks/ultrasound_lesions.py --cost
    python benchmarks/ultrasound_lesions.py --rehearse

``--cost`` fits each model for two epochs of 64 images in a process of its own, and writes
CPU seconds an image and epoch, and the peak of the memory above the imports and data, to
``results/ultrasound_lesions_cost.csv``, beside those of the defaults.
"""

import argparse
import csv
import json
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch
from harness import RESULTS, Row, print_table, update_csv
from memory_map import resident
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet
from monai.optimizers import LearningRateFinder
from skorch.callbacks import Callback
from torch.utils.data import DataLoader, TensorDataset

from skvae import RandomAugment, UNetSegmenter, dice_scores
from skvae.datasets import make_ultrasound_lesions
from skvae.objectives.batch import Batch
from skvae.training.flips import mean_over_flips

CHOOSING, FINAL = (0, 1, 2), (100, 101, 102)
N_TRAIN, N_TEST = 450, 195
N_LEARN, N_COMPARE = 300, 150
KEYS = ("part", "state", "model", "reading")
SMALL_AREA = 0.05


class Averaged(Callback):
    """Weights and running means of normalisation, averaged over the last epochs.

    Izmailov et al. (2018), Averaging weights leads to wider optima and better
    generalization, UAI, with the schedule as it is.
    """

    def __init__(self, n_epochs=10):
        self.n_epochs = n_epochs

    def on_train_begin(self, net, **_):
        self.states = []

    def on_epoch_end(self, net, **_):
        state = net.module_.state_dict()
        self.states = self.states[1 - self.n_epochs :]
        self.states.append({name: value.clone() for name, value in state.items()})
        if len(net.history) == net.phase.n_epochs:
            means = {
                name: torch.stack([each[name] for each in self.states]).double().mean(0)
                for name in state
            }
            net.module_.load_state_dict(means)


USUAL = RandomAugment()
ULTRASOUND = RandomAugment(
    rotate=10, warp=0.05, gain=0.3, speckle=0.3, shadow=0.5, resampled=0.75
)
# Of all candidates but the defaults, and of MONAI's network.
SHARED: dict[str, Any] = {
    "max_iter": 20,
    "batch_size": 8,
    "learning_rate_init": 2e-3,
    "augment": ULTRASOUND,
}
HALF = {"first_stride": 2}
DEEP = HALF | {"deep_supervision": True}
CANDIDATES: dict[str, dict[str, Any]] = {
    "defaults": {"max_iter": 50, "batch_size": 32, "augment": None},
    "full resolution": {},
    "half resolution": HALF,
    "no augmentation": HALF | {"augment": None},
    "usual augmentation": HALF | {"augment": USUAL},
    "no warp": HALF | {"augment": replace(ULTRASOUND, warp=0.0)},
    "instance": HALF | {"normalization": "instance"},
    "deep supervision": DEEP,
    "deep, full resolution": {"deep_supervision": True},
    "deep, instance": DEEP | {"normalization": "instance"},
    "deep, instance, three": DEEP | {"normalization": "instance", "n_networks": 3},
    "deep, group": DEEP | {"normalization": "group"},
    "deep, wider": DEEP | {"width": 24},
    "deep, 4e-3": DEEP | {"learning_rate_init": 4e-3},
    "deep, batches of 4": DEEP | {"batch_size": 4},
    "deep, averaged": DEEP | {"skorch_callbacks": [("averaged", Averaged(5))]},
    "tversky": HALF | {"tversky_beta": 0.7},
    "wider": HALF | {"width": 24},
    "narrower": HALF | {"width": 8},
    "deeper": HALF | {"depth": 5},
    "sums": HALF | {"skip": "add"},
    "4e-3": HALF | {"learning_rate_init": 4e-3},
    "range test": HALF | {"learning_rate_init": "range test"},
    "40 epochs": HALF | {"max_iter": 40},
    "averaged": HALF | {"skorch_callbacks": [("averaged", Averaged(5))]},
}
PEERS: dict[str, dict[str, Any]] = {
    "BasicUNet": {},
    "BasicUNet, our channels": {
        "features": (16, 32, 64, 128, 128, 16),
        "act": "relu",
        "norm": "batch",
    },
}
# What is read last: the chosen, by Dice and by false alarms, and what they are beside.
LAST = ("defaults", "deep, instance", "deep supervision", "BasicUNet")
# What may be set after `fit`; MONAI's network has flips alone.
READINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "flips": {"test_time_flips": (-1,)},
    "flips, largest": {"test_time_flips": (-1,), "keep_largest": True},
    "flips, largest, 40 pixels": {
        "test_time_flips": (-1,),
        "keep_largest": True,
        "min_size": 40,
    },
}
UNREAD = {"test_time_flips": False, "keep_largest": False, "min_size": 0}


@dataclass
class Peer:
    """MONAI's network in a bare loop, with what our segmenters have around theirs."""

    network: Any
    settings: dict[str, Any]
    device: str

    def fit(self, x, y):
        torch.manual_seed(0)
        self.network.to(self.device).train()
        random = torch.Generator(self.device).manual_seed(0)
        x, y = (torch.from_numpy(each).to(self.device) for each in (x, y))
        n_epochs, size = self.settings["max_iter"], self.settings["batch_size"]
        weights = self.network.parameters()
        optimizer = torch.optim.Adam(weights, lr=self.settings["learning_rate_init"])
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_epochs)
        loss = DiceCELoss(
            include_background=False,
            softmax=True,
            to_onehot_y=True,
            smooth_nr=1,
            smooth_dr=1,
        )
        for _ in range(n_epochs):
            order = torch.randperm(len(x), generator=random, device=self.device)
            for rows in order.split(size):
                batch = Batch(x[rows], mask=y[rows])
                if self.settings["augment"] is not None:
                    batch = self.settings["augment"](batch, random)
                optimizer.zero_grad()
                loss(self.network(batch.x), batch.mask[:, None]).backward()
                optimizer.step()
            schedule.step()
        return self

    @torch.inference_mode()
    def predict(self, x, flips=()):
        self.network.eval()
        # Our axis -1, of which images have two.
        axes = [axis % 2 for axis in flips]
        probability = mean_over_flips(lambda x: self.network(x).softmax(1), axes)
        maps = [
            probability(rows.to(self.device)).argmax(1).cpu()
            for rows in torch.from_numpy(x).split(32)
        ]
        return torch.cat(maps).numpy().astype(np.uint8)


def model_of(name, arguments):
    settings = SHARED | CANDIDATES.get(name, {})
    if arguments.epochs:
        settings = settings | {"max_iter": arguments.epochs}
    if name in PEERS:
        torch.manual_seed(0)
        return Peer(BasicUNet(2, 1, 2, **PEERS[name]), settings, arguments.device)
    run = {"random_state": 0, "device": arguments.device, "n_threads": arguments.threads}
    return UNetSegmenter(**settings | run)


def range_test(settings, x, y):
    """Return the rate at which the loss falls fastest, of 100 steps from 1e-5 to 0.1."""
    unet = UNetSegmenter(**settings | {"max_iter": 1, "learning_rate_init": 1e-9})
    module = unet.fit(x[:16], y[:16]).network_.module

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = module

        def forward(self, x):
            return self.network(x)["mask_logits"]

    network = Logits().train().requires_grad_(True)
    loss = DiceCELoss(False, softmax=True, to_onehot_y=True, smooth_nr=1, smooth_dr=1)
    data = TensorDataset(torch.from_numpy(x), torch.from_numpy(y)[:, None])
    random = torch.Generator().manual_seed(0)
    batches = DataLoader(data, settings["batch_size"], shuffle=True, generator=random)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-5)
    finder = LearningRateFinder(network, optimizer, loss, verbose=False)
    finder.range_test(batches, end_lr=0.1, num_iter=100)
    rate, _ = finder.get_steepest_gradient()
    return float(rate)


def readings(model, x):
    """Yield the name of each reading, and its masks."""
    for name, parameters in READINGS.items():
        if isinstance(model, UNetSegmenter):
            yield name, model.set_params(**UNREAD | parameters).predict(x)
        elif set(parameters) <= {"test_time_flips"}:
            yield name, model.predict(x, parameters.get("test_time_flips", ()))


def measures(ultrasound, rows, found):
    """Return what is reported of the masks of some rows."""
    dice = dice_scores(ultrasound.masks[rows], found, labels=[1])[:, 0]
    there, area = ultrasound.target[rows] >= 0, ultrasound.attributes[rows, 0]
    groups = {
        "dice": there,
        "dice_unclear": ultrasound.unclear[rows],
        "dice_small": there & (area < SMALL_AREA),
    }
    means = {
        name: dice[group].mean() if group.any() else np.nan
        for name, group in groups.items()
    }
    means["missed"] = (~found[there].any(axis=(1, 2))).mean()
    means["false_alarms"] = found[~there].any(axis=(1, 2)).mean()
    return {name: round(float(mean), 4) for name, mean in means.items()}


def run(arguments, model_name, state):
    n_train, n_test = arguments.images
    ultrasound = make_ultrasound_lesions(
        n_train + n_test, size=arguments.size, random_state=state
    )
    train, test = np.arange(n_train), n_train + np.arange(n_test)
    x, y = ultrasound.images, ultrasound.masks
    model = model_of(model_name, arguments)
    wall, cpu = time.perf_counter(), time.process_time()
    rate = getattr(model, "learning_rate_init", None)
    if rate == "range test":
        rate = range_test(model.get_params(), x[train], y[train])
        print(f"The range test says {rate:.1e}.")
        model.set_params(learning_rate_init=rate)
    model.fit(x[train], y[train])
    cost = {
        "n_train": len(train),
        "n_test": len(test),
        "device": arguments.device,
        "seconds": round(time.perf_counter() - wall, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
    }
    for reading, found in readings(model, x[test]):
        yield {"reading": reading} | measures(ultrasound, test, found) | cost


def cost(name, arguments):
    """Return the CPU seconds an image and epoch, and the peak memory of a fit."""
    x, y = make_ultrasound_lesions(64, size=arguments.size, random_state=0, return_X_y=True)
    model = model_of(name, arguments)
    before = resident("VmRSS")
    model.fit(x[:16], y[:16])
    cpu = time.process_time()
    model.fit(x, y)
    seconds = (time.process_time() - cpu) / (len(x) * arguments.epochs)
    peak = resident("VmHWM") - before
    return {
        "model": name,
        "ms_an_image": round(1000 * seconds, 1),
        "peak_gb": round(peak, 3),
    }


def all_costs(arguments):
    """Measure each model in a process of its own, since peaks stay."""
    rows: list[Row] = []
    for name in arguments.models:
        command = [sys.executable, __file__, "--one-cost", "--models", name]
        command += ["--size", str(arguments.size)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(printed.stdout.splitlines()[-1]))
    first = rows[0]
    for row in rows:
        row["to_the_first"] = round(row["ms_an_image"] / first["ms_an_image"], 2)
    return rows


def done():
    """Return the part, state and model of all rows that there are."""
    path = RESULTS / "ultrasound_lesions.csv"
    if not path.exists():
        return set()
    with path.open(newline="") as file:
        return {tuple(row[key] for key in KEYS[:3]) for row in csv.DictReader(file)}


def compare(arguments):
    """Fit the models that are not there yet, and write what they find."""
    start, part = time.monotonic(), "final" if arguments.final else "choosing"
    before = set() if arguments.rehearse else done()
    states = arguments.states or (FINAL if arguments.final else CHOOSING)
    for state, name in product(states, arguments.models):
        about: Row = {"part": part, "state": state, "model": name}
        if tuple(map(str, about.values())) in before:
            continue
        if time.monotonic() - start > 60 * arguments.minutes:
            print("The minutes are over; the same call goes on from here.")
            break
        found = [about | row for row in run(arguments, name, state)]
        print_table(found)
        if not arguments.rehearse:
            update_csv("ultrasound_lesions", found, KEYS)


def summary():
    """Print means over the states read last, and how far they are above two others."""
    table = pd.read_csv(RESULTS / "ultrasound_lesions.csv")
    table = table[table["part"] == "final"]
    names = ["dice", "dice_unclear", "dice_small", "missed", "false_alarms", "cpu_seconds"]
    means = table.groupby(["model", "reading"])[names].mean()
    means.insert(0, "states", table.groupby(["model", "reading"])["state"].nunique())
    dice = table.pivot(index="state", columns=["model", "reading"], values="dice")
    for other in (("BasicUNet", "flips"), ("defaults", "plain")):
        if other in dice:
            means[f"above_{other[0]}"] = dice.sub(dice[other], axis=0).mean()
    print(means.round(4).to_string())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    names = [*CANDIDATES, *PEERS]
    parser.add_argument("--models", nargs="+", choices=names)
    parser.add_argument("--states", nargs="+", type=int, help="some of them")
    parser.add_argument("--final", action="store_true", help="states never chosen on")
    parser.add_argument("--minutes", type=float, default=np.inf)
    parser.add_argument("--epochs", type=int, help="instead of each candidate's own")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cost", action="store_true", help="CPU seconds and memory")
    parser.add_argument("--one-cost", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--summary", action="store_true", help="of what --final read")
    parser.add_argument("--rehearse", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    if arguments.models is None:
        arguments.models = LAST if arguments.final else names
    arguments.images = (N_TRAIN, N_TEST) if arguments.final else (N_LEARN, N_COMPARE)
    if arguments.rehearse:
        arguments.images, arguments.epochs = (20, 10), arguments.epochs or 2
    allowed = FINAL if arguments.final else CHOOSING
    if not set(arguments.states or ()) <= set(allowed):
        parser.error(f"--states are of {allowed}; got {arguments.states}.")
    torch.set_num_threads(arguments.threads)
    if arguments.one_cost:
        arguments.epochs = 2
        print(json.dumps(cost(*arguments.models, arguments)))
    elif arguments.summary:
        summary()
    elif arguments.cost:
        print_table(rows := all_costs(arguments))
        update_csv("ultrasound_lesions_cost", rows, ("model",))
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
