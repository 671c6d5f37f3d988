"""Models that older releases have saved give the features that they gave then."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import skvae
from skvae.exceptions import ModelFileWarning
from skvae.saving.known_parts import ESTIMATORS
from skvae.saving.model_files import load_described, versions

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*/*.skvae"))
# Of the standard deviation of a feature.
TOLERANCE = 1e-5


@pytest.mark.filterwarnings("ignore::skvae.exceptions.EmptyOrganWarning")
@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_model_of_an_older_release_gives_what_it_gave(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelFileWarning)
        model, description = load_described(path)
    made = json.loads((path.parent / "made_with.json").read_text())
    before, now = description["versions"], versions()
    same = made["cpu_capability"] == torch.backends.cpu.get_cpu_capability() and all(
        before[name] == now[name] for name in ("scikit-learn", "torch", "numpy")
    )
    with np.load(path.parent / "expected.npz") as file:
        found = {
            k.partition("/")[2]: file[k] for k in file if k.startswith(f"{path.stem}/")
        }
    X = found.pop("X")
    assert found
    for method, expected in found.items():
        values = getattr(model, method)(X)
        assert values.shape == expected.shape
        if same:
            np.testing.assert_array_equal(values, expected)
        else:
            # What hardly varies is told apart no finer than float32 rounds.
            rounding = 2 * np.spacing(np.abs(expected).max().astype(np.float32))
            most = max(TOLERANCE * expected.std(axis=0).max(), rounding)
            assert np.abs(values.astype(float) - expected).max() <= most


def test_there_is_a_golden_file_of_every_trained_kind():
    made = {path.stem.partition("-")[0] for path in FILES}
    # The one crops images alone, the other is what it holds, and scikit-learn's face of it.
    apart = {"LesionCrop", "StableFeatures"}
    trained = {name for name in ESTIMATORS if hasattr(skvae, name)} - apart
    assert trained <= made
    assert all(path.stat().st_size < 50_000 for path in FILES)
