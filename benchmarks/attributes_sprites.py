"""Scale and position of sprites in latent units of their own, beside a beta-VAE.

8,000 sprites to train on, 2,000 to score. Writes ``results/attributes_sprites.csv``.

With ``--all`` also rotation and shape, as in the published values of AR-VAE on dSprites
(Pati & Lerch, 2021: the first of their runs, read off their figures), from more sprites
and with batch normalisation: ``results/attributes_sprites_all.csv``. No unit can know all
of these: a square looks the same after a quarter of a turn and an ellipse after half, so
that the best guess of the rotation, its mean over all that look alike, has a Spearman
correlation of .635 with it and an R² of .437; and a unit without ties has at most .943
with three shapes and .986 with six scales. The best possible scores are printed beside.
Network and budget were chosen on other sprites (random_state 1 to train, 2 to score).

    python benchmarks/attributes_sprites.py [--all] [--models AttriVAE]
"""

import numpy as np
import pandas as pd
from attribute_scores import arguments_of, fit, own_units, report, scores

from skvae.datasets import make_sprites
from skvae.inspection import interpretability, spearman_correlation_score

PUBLISHED = [
    {"model": "AR-VAE", "scc": 0.871, "interpretability": 0.828, "mig": 0.684,
     "sap_sampled": 0.828, "pixel_accuracy": 0.998},
    {"model": "beta-VAE(4)", "scc": 0.613, "interpretability": 0.437, "mig": 0.290,
     "sap_sampled": 0.389, "pixel_accuracy": 0.996},
]  # fmt: skip
# Sprites to train on, epochs, parameters: for scale and position, and for all factors.
# Without batch normalisation, 400,000 images teach the units of shape and rotation little
# (.16 and .28 on other sprites); with it, 320,000 do (.84 and .46), and in a larger network
# 240,000 (.88 and .47).
SOME = 8_000, 10, {}
LARGE = {"channels": (16, 32, 64, 64), "kernel_size": 4, "hidden_layer_sizes": (256,)}
ALL = 60_000, 10, LARGE | {"normalization": "batch", "batch_size": 128}
# Epochs more for all factors, at a tenth of the learning rate.
N_SETTLING = 3
SCALE, POSITIONS = 1, (3, 4)
MODELS = {
    "AttriVAE": {},
    "same without the term": {"gamma": 0.0},
    "beta-VAE(4)": {"gamma": 0.0, "beta": 4.0},
}
# Turns after which a square, an ellipse and a heart look as before; steps of a rotation.
N_TURNS, N_ROTATIONS = (4, 2, 1), 40


def best_possible(factors):
    """Return the scores of units that know of all five factors what can be seen."""
    frame = pd.DataFrame(factors, columns=range(5))
    step = (frame[2] / (2 * np.pi / N_ROTATIONS)).round()
    looks = step % (N_ROTATIONS / np.array(N_TURNS)[frame[0].astype(int)])
    frame[2] = frame[2].groupby([frame[0], looks]).transform("mean")
    untied = frame + np.random.default_rng(0).normal(scale=1e-6, size=frame.shape)
    own = range(5)
    linear = round(interpretability(frame, factors, units=own), 3)
    return {
        "model": "best possible",
        "scc": round(spearman_correlation_score(untied, factors, units=own), 3),
        "interpretability": linear,
        "sap_sampled": linear,  # no other unit knows anything of a factor
    }


def bars_of(rows, all_factors):
    """Return which bars are reached, by the first seed of the models that were run."""
    first = {row["model"]: row for row in reversed(rows)}
    ours, plain, beta = (first.get(model) for model in MODELS)
    marks = (0.87, 0.83, 0.83) if all_factors else (0.95, 0.90, 0.80)
    bars = {}
    if ours:
        bars |= {
            f"SCC {marks[0]}": ours["scc"] >= marks[0],
            f"interpretability {marks[1]}": ours["interpretability"] >= marks[1],
            f"SAP {marks[2]}": ours["sap_sampled"] >= marks[2],
            "own unit is the best unit": ours["own_unit"] == ours["scc"],
        }
    if ours and beta:
        bars |= {
            "SCC +0.20 over beta-VAE": ours["scc"] - beta["scc"] >= 0.20,
            "SAP +0.50 over beta-VAE": ours["sap_sampled"] - beta["sap_sampled"] >= 0.50,
        }
    if ours and plain:
        mse = ours["mse"] <= 1.10 * plain["mse"]
        bars |= {"MSE at most 1.10 times that without": mse}
    return bars


def main():
    parser = arguments_of(__doc__, epochs=None)
    parser.add_argument("--all", action="store_true", help="with rotation and shape")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--train", type=int, help="number of sprites to train on")
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=MODELS)
    arguments = parser.parse_args()
    n_train, n_epochs, network = ALL if arguments.all else SOME
    arguments.train = arguments.train or n_train
    arguments.epochs = arguments.epochs or n_epochs
    sprites = make_sprites(arguments.train + 2000, size=arguments.size, random_state=0)
    columns = [0, 1, 2, 3, 4] if arguments.all else [SCALE, *POSITIONS]
    names = [sprites.factor_names[column] for column in columns]
    A = sprites.factors[:, columns]
    X, unseen = sprites.images[: arguments.train], sprites.images[arguments.train :]
    A_train, A_unseen = A[: arguments.train], A[arguments.train :]

    rows = []
    for seed in range(arguments.seeds):
        for model in arguments.models:
            estimator, cost = fit(
                arguments,
                X,
                None,
                A_train,
                n_settling=N_SETTLING if arguments.all else 0,
                random_state=seed,
                **network | MODELS[model],
            )
            rows.append(
                {"model": model, "size": arguments.size, "seed": seed}
                | scores(estimator, unseen, A_unseen)
                | own_units(estimator, unseen, A_unseen, names)
                | cost
            )
    bars = bars_of(rows, arguments.all)
    name = "attributes_sprites_all" if arguments.all else "attributes_sprites"
    beside = [*PUBLISHED, best_possible(sprites.factors)] if arguments.all else PUBLISHED
    report(name, rows, beside, bars)


if __name__ == "__main__":
    main()
