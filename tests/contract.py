"""The public estimators, and inputs of every kind, for the contract tests."""

import inspect
from functools import cache

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.tree import DecisionTreeClassifier
from torch import nn

import skvae
from skvae.training.recipe import Phase

KINDS = [
    getattr(skvae, name)
    for name in skvae.__all__
    if inspect.isclass(getattr(skvae, name))
    and issubclass(getattr(skvae, name), BaseEstimator)
    # The one crops images alone, the other leaves all to what it holds; see
    # tests/segmentation/test_lesion_crop.py and tests/inspection/test_stable_features.py.
    and name not in ("LesionCrop", "StableFeatures")
]

# All but those that read a network as it is, or leave the training to another kind.
TRAINED = [kind for kind in KINDS if hasattr(kind, "_phases")]

# Those to which an entry of X may be missing.
FILLING = [kind for kind in KINDS if "missing" in kind().get_params()]

# All but those whose layers are those of the estimators that they hold.
LAYERED = [kind for kind in KINDS if hasattr(kind, "list_layers")]

SMALL = {
    "n_components": 3,
    "hidden_layer_sizes": (8,),
    "channels": (2, 4),
    "max_iter": 3,
    "batch_size": 16,
    "random_state": 0,
    "n_threads": 1,
    "device": "cpu",
}


# What some kinds need beside it; of the other kinds, the same as for all.
PRETRAINED = {
    "autoencoder": skvae.Autoencoder(
        3, hidden_layer_sizes=(8,), channels=(2, 4), max_iter=2, batch_size=16
    ),
    "head_max_iter": 3,
    "head_learning_rate_init": 0.03,
    "finetune_max_iter": 2,
    "finetune_learning_rate_init": 0.03,
    "encoder_learning_rate_scale": 0.5,
}


SEQUENCE = PRETRAINED | {
    "autoencoder": skvae.Autoencoder(8, channels=(2, 4), max_iter=2, batch_size=16),
    "hidden_size": 8,
    "finetune_learning_rate_init": 0.001,
}


class Tiny(nn.Module):
    """A network for rows and images of any size."""

    def __init__(self):
        super().__init__()
        self.conv_1 = nn.Conv1d(1, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.AdaptiveAvgPool1d(3)
        self.code = nn.Linear(12, 3)

    def forward(self, x):
        maps = self.pool(self.relu(self.conv_1(x.flatten(1)[:, None])))
        return self.code(maps.flatten(1))


SEGMENTER = {"depth": 2, "width": 4, "n_convolutions": 1}

SPARSE = {"kernel_size": 3, "scales": (1, 2), "learning_rate_init": 0.05}

OWN = {
    "AutoencoderClassifier": PRETRAINED,
    "AutoencoderRegressor": PRETRAINED,
    "CascadeSegmenter": {
        "stage1": skvae.UNetSegmenter(**SEGMENTER, max_iter=1, batch_size=16),
        "stage2": skvae.UNetSegmenter(**SEGMENTER, max_iter=1, batch_size=16),
        "margin": 1,
        # Of rows in the order of their classes, each fold has some of each.
        "cv": skvae.MaskStratifiedKFold(2, shuffle=True, random_state=0),
    },
    "ConvolutionalSparseAutoencoder": SPARSE,
    "LayerExtractor": {"model": Tiny, "layer": "code"},
    "PixelClassifier": {
        "features": skvae.ConvolutionalSparseAutoencoder(3, max_iter=3, **SPARSE),
        # A logistic regression has another joblib hash when it was pickled.
        "classifier": DecisionTreeClassifier(max_depth=2),
    },
    "SegNetSegmenter": SEGMENTER,
    "SequenceClassifier": SEQUENCE,
    "SequenceRegressor": SEQUENCE,
    "UNetSegmenter": SEGMENTER,
}

# For the checks of scikit-learn that ask what was learned, few large steps.
BRIEF = {"max_iter": 1}
HEADED = {
    "head_max_iter": 5,
    "head_learning_rate_init": 0.1,
    "finetune_max_iter": 2,
    "batch_size": 64,
}
SHORT = {"autoencoder__max_iter": 1, "autoencoder__batch_size": 64}
CHECKED = {
    "AttriVAE": {
        "max_iter": 8,
        "batch_size": 64,
        "learning_rate_init": 0.05,
        "alpha": 100.0,
    },
    "AutoencoderClassifier": HEADED | SHORT,
    "AutoencoderRegressor": HEADED | SHORT | {"head_max_iter": 10},
    "SequenceClassifier": HEADED | SHORT | {"head_max_iter": 8},
    "SequenceRegressor": HEADED | SHORT | {"head_max_iter": 10},
}

# For the others, which are most of them, as few as there can be.
HASTY = {
    "max_iter": 1,
    "head_max_iter": 1,
    "finetune_max_iter": 1,
    "batch_size": 64,
    "autoencoder__max_iter": 1,
    "autoencoder__batch_size": 64,
    "features__max_iter": 1,
    "features__batch_size": 64,
}

# Training of a single step, in whatever phases a kind has, or an estimator that it holds.
ONE_STEP = {
    "max_iter": 1,
    "head_max_iter": 1,
    "finetune_max_iter": 0,
    # Of a bias before a batch norm, the gradient is rounding, of which Adam makes a step.
    "normalization": None,
}

# Of the inputs below; kinds that learn without labels ignore them.
Y = np.arange(40) % 2


def small(kind, **parameters):
    """Return a small instance; a kind may lack some of the parameters."""
    known = kind().get_params()
    own = {k: clone(v, safe=False) for k, v in OWN.get(kind.__name__, {}).items()}
    chosen = {k: v for k, v in SMALL.items() if k in known} | own
    return kind(**{**chosen, **parameters})


def hasty(kind):
    """Return an instance that hardly trains, for what does not depend on training."""
    return _changed(small(kind), HASTY)


def checked(kind):
    """Return an instance that learns enough for the checks of scikit-learn."""
    return _changed(small(kind), BRIEF | CHECKED.get(kind.__name__, {}))


def _changed(estimator, chosen):
    known = estimator.get_params()
    return estimator.set_params(**{k: v for k, v in chosen.items() if k in known})


def one_step(kind, n_rows, **parameters):
    """Return a small instance that is trained for as few steps as it can be."""
    estimator, steps = small(kind, **parameters), ONE_STEP | {"batch_size": n_rows}
    names = {name: name.rpartition("__")[2] for name in estimator.get_params()}
    own = {name: steps[last] for name, last in names.items() if last in steps}
    return estimator.set_params(**own)


@cache
def fitted(kind, name):
    """Return the small instance fitted to an input, the same for all who only read it."""
    X = given(kind, name)
    return small(kind).fit(X, labels(kind, X))


def labels(kind, X):
    """Return y for X: a label of each sample or, for kinds that segment, of each pixel."""
    if "ignore_label" not in kind().get_params():
        return Y
    return np.where(X[:, 0] < 0.1, -1, X[:, 0] > 0.5)


def columns(kind, X):
    """Return the labels under the name by which a kind that learns from them takes them."""
    takes_y = "y" in inspect.signature(kind._data).parameters
    return {"y": labels(kind, X)} if takes_y else {}


def given(kind, name):
    """Return an input as a kind takes it: for sequences, each image is one of one frame."""
    X = inputs()[name]
    return X[:, np.newaxis] if "rnn" in kind().get_params() and X.ndim > 2 else X


def inputs():
    """Return X with one to five axes per sample kind: rows, signals, images, volumes."""
    rng = np.random.default_rng(0)
    shapes = {"rows": (40, 12), "images": (40, 1, 7, 6), "volumes": (40, 2, 5, 4, 6)}
    return {name: rng.random(shape, dtype=np.float32) for name, shape in shapes.items()}


# A value of each parameter of what is trained that differs from its default.
OTHER = {
    "n_components": 5,
    "hidden_layer_sizes": (4,),
    "channels": (3, 5),
    "kernel_size": 2,
    "downsampling": "max",
    "normalization": "group",
    "activation": "elu",
    "dropout": 0.5,
    "likelihood": "bernoulli",
    "image_shape": (1, 6, 7),
    "solver": "lbfgs",
    "missing": "mask",
    "n_networks": 2,
    "combine": "average",
    "cross_fit": 3,
    "max_iter": 4,
    "batch_size": 8,
    "learning_rate_init": 0.1,
    "weight_decay": 0.1,
    "max_grad_norm": 2.0,
    "augment": True,
    "autoencoder": skvae.Autoencoder(5),
    "pretrain": False,
    "head_layer_sizes": (4,),
    "head_normalization": None,
    "head_dropout": 0.5,
    "head_max_iter": 4,
    "head_learning_rate_init": 0.1,
    "finetune_max_iter": 4,
    "finetune_learning_rate_init": 0.1,
    "encoder_learning_rate_scale": 0.2,
    "unfreeze_from": "conv_2",
    "phases": (Phase(2),),
    "class_weight": {0: 2.0, 1: 1.0},
    "rnn": "lstm",
    "hidden_size": 5,
    "n_layers": 2,
    "pool_time": "mean",
    "early_stopping": True,
    "validation_fraction": 0.3,
    "n_iter_no_change": 2,
    "tol": 0.1,
    "precision": "bfloat16",
    "device": "cpu:0",
    "n_threads": 2,
    "random_state": 1,
    "sparsity": "topk",
    "sparsity_target": 0.2,
    "sparsity_weight": 2.0,
    "revival_weight": 0.1,
    "k": 2,
    "scales": (1, 3),
    "lifetime_weight": 2.0,
    "whitening": 0.5,
    "population_weight": 2.0,
    "pool_size": 3,
    "patch_size": 4,
    "n_patches": 2,
    "corruption": "masking",
    "corruption_level": 0.5,
    "block_size": 2,
    "counted": "corrupted",
    "beta": 2.0,
    "kl_warmup": 0.5,
    "free_bits": 0.1,
    "task": "regression",
    "alpha": 2.0,
    "gamma": 2.0,
    "delta": 2.0,
    "attribute_weight": (2.0,),
    "leakage_weight": 0.5,
    "ties": "ignore",
    "attribute_stage": "mean",
    "counted_entries": 10,
    "reconstruction_fraction": 0.5,
    "architecture": "published",
    "depth": 3,
    "width": 5,
    "n_convolutions": 2,
    "first_stride": 2,
    "skip": "add",
    "up": "resize",
    "spacing": (3.0, 1.0),
    "loss": "dice",
    "tversky_beta": 0.7,
    "deep_supervision": True,
    "ignore_label": None,
    "encoder_weights": {"encoder.block1_conv1.bias": np.ones(4, dtype=np.float32)},
    "freeze": 1,
    "foreground_fraction": 0.3,
}
