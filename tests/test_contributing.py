"""The kind that CONTRIBUTING.md shows keeps the promises of all kinds."""

import ast
import doctest
import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from contract import SMALL, inputs
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

import skvae

TEXT = (Path(skvae.__file__).parents[1] / "CONTRIBUTING.md").read_text()
(SOURCE,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture(scope="module")
def kind(tmp_path_factory):
    """Import the example from a file of its own, as a user has it."""
    path = tmp_path_factory.mktemp("contributed") / "regularised_autoencoder.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    yield module.RegularisedAutoencoder
    del sys.modules[path.stem]


def test_it_is_short_and_its_example_runs(kind):
    assert len(SOURCE.splitlines()) <= 60
    assert any(isinstance(node, ast.ClassDef) for node in ast.parse(SOURCE).body)
    module = sys.modules[kind.__module__]
    failed, attempted = doctest.testmod(module)
    assert attempted
    assert not failed


def test_it_passes_the_checks_of_scikit_learn(kind):
    skipped = {"check_sample_weight_equivalence_on_dense_data": "minibatches"}
    skipped["check_sample_weight_equivalence_on_sparse_data"] = "minibatches"
    small = {name: value for name, value in SMALL.items() if name in kind().get_params()}
    check_estimator(kind(**small), expected_failed_checks=skipped, on_skip=None)


@pytest.mark.parametrize("name", inputs())
def test_it_works_on_every_input_and_has_merged_documentation(kind, name):
    X = inputs()[name]
    small = kind(3, channels=(2,), max_iter=2, random_state=0, n_threads=1).fit(X)
    again = clone(small).fit(X)
    np.testing.assert_array_equal(small.transform(X), again.transform(X))
    assert small.reconstruct(X).shape == X.shape
    assert set(small.history_[0]) == {"epoch", "loss", "reconstruction", "length"}
    assert "code_weight : float" in kind.__doc__
    assert "n_components : int" in kind.__doc__
    with pytest.raises(ValueError, match="'code_weight' parameter"):
        kind(code_weight=-1).fit(X)


def test_an_objective_whose_stage_is_missing_is_refused_in_a_sentence(kind):
    class Mistaken(kind):
        """It reads what only a VAE computes."""

        def _objective(self, learned):
            return skvae.VAEFeatureExtractor()._objective(learned)

    message = (
        "reads the stage 'log_var', but the network has hidden_1, code, decoded_1, rec"
    )
    with pytest.raises(ValueError, match=message):
        Mistaken(3).fit(inputs()["rows"])
