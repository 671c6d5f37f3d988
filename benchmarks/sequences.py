"""The speed of a moving blob: frozen and fine-tuned VAE against training from scratch.

SequenceRegressor at its defaults on 160 sequences of 8 frames of 24 x 24 pixels, tested
on 150 others, for each seed: the encoder frozen, fine-tuned, and the same network without
pretraining; beside them a VAE that is made to collapse (``beta=100``), as a control.
Writes ``results/sequences.csv`` (a row per seed and way), and prints it.

    python benchmarks/sequences.py [--seeds 3]
"""

import argparse
import time
import warnings

import pandas as pd
from harness import RESULTS, one_thread

from skvae import SequenceRegressor, VAEFeatureExtractor
from skvae.datasets import make_moving_blobs
from skvae.exceptions import PosteriorCollapseWarning

N_TRAIN, N_TEST = 160, 150
COLLAPSED = VAEFeatureExtractor(16, beta=100.0, max_iter=10)
WAYS = {
    "frozen": {"finetune_max_iter": 0},
    "fine-tuned": {},
    "scratch": {"pretrain": False},
    "collapsed": {"autoencoder": COLLAPSED, "finetune_max_iter": 0},
}


def run(seed):
    images, speed = make_moving_blobs(N_TRAIN + N_TEST, random_state=seed, return_X_y=True)
    train, test = slice(N_TRAIN), slice(N_TRAIN, None)
    for way, parameters in WAYS.items():
        regressor = SequenceRegressor(
            device="cpu", n_threads=1, random_state=seed, **parameters
        )
        start = time.process_time()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            regressor.fit(images[train], speed[train])
        seconds = time.process_time() - start
        kinds = {warning.category for warning in caught}
        assert (PosteriorCollapseWarning in kinds) == (way == "collapsed")
        vae = getattr(regressor, "autoencoder_", None)
        yield {
            "seed": seed,
            "way": way,
            "r2": regressor.score(images[test], speed[test]),
            "active_units": None if vae is None else vae.active_units_,
            "fit_seconds": round(seconds, 1),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    one_thread()
    table = pd.DataFrame([row for seed in range(arguments.seeds) for row in run(seed)])
    table.to_csv(RESULTS / "sequences.csv", index=False, float_format="%.4f")
    print(table.to_string(index=False))
    print(table.groupby("way", sort=False)["r2"].agg(["mean", "min"]).round(3))


if __name__ == "__main__":
    main()
