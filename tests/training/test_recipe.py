import pickle
from dataclasses import FrozenInstanceError, replace

import joblib
import pytest

from skvae.objectives.elbo import BetaELBO, Reconstruction
from skvae.training.recipe import Phase

CHANGES = {
    "builder": None,
    "objective": BetaELBO(beta=2.0),
    "phases": (Phase(4),),
    "seed": 1,
    "batch_size": 7,
    "weight_decay": 0.1,
    "max_grad_norm": 1.0,
    "solver": "lbfgs",
    "validation_fraction": 0.2,
    "n_iter_no_change": 3,
    "tol": 0.0,
    "precision": "bfloat16",
    "device": "cuda",
    "n_threads": 2,
    "augment": joblib.hash,
}


def test_equal_recipes_are_one_value(make_recipe):
    one, other = make_recipe(), make_recipe()
    assert one == other
    assert hash(one) == hash(other)
    assert joblib.hash(one) == joblib.hash(other)


def test_a_pickled_recipe_is_the_same_value(make_recipe):
    recipe = make_recipe(phases=(Phase(2, frozen=("hidden",)), Phase(1, name="tuned")))
    twin = pickle.loads(pickle.dumps(recipe))
    assert twin == recipe
    assert hash(twin) == hash(recipe)
    assert joblib.hash(twin) == joblib.hash(recipe)


@pytest.mark.parametrize("name", CHANGES)
def test_every_field_changes_the_value(make_recipe, name_network, name):
    recipe = make_recipe()
    new = name_network("plain") if name == "builder" else CHANGES[name]
    other = replace(recipe, **{name: new})
    assert other != recipe
    assert joblib.hash(other) != joblib.hash(recipe)


def test_no_field_is_forgotten(make_recipe):
    assert set(CHANGES) == set(make_recipe().__dataclass_fields__)


@pytest.mark.parametrize(
    "change",
    [
        {"n_epochs": 3},
        {"learning_rate": 0.1},
        {"rates": (("hidden", 0.1),)},
        {"frozen": ("hidden",)},
        {"objective": Reconstruction()},
        {"annealed": True},
        {"name": "tuned"},
    ],
)
def test_every_field_of_a_phase_changes_the_value(make_recipe, change):
    phase = Phase(2)
    other = replace(phase, **change)
    assert other != phase
    one, changed = make_recipe(phases=(phase,)), make_recipe(phases=(other,))
    assert joblib.hash(one) != joblib.hash(changed)


def test_the_budget_is_that_of_all_phases(make_recipe):
    assert make_recipe(phases=(Phase(2), Phase(5))).n_epochs == 7


def test_recipes_and_phases_cannot_be_changed(make_recipe):
    with pytest.raises(FrozenInstanceError):
        make_recipe().seed = 3
    with pytest.raises(FrozenInstanceError):
        Phase(1).n_epochs = 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_epochs": -3}, "Got n_epochs=-3, but expected a whole number"),
        ({"n_epochs": 2.5}, "Got n_epochs=2.5"),
        ({"learning_rate": -1.0}, "Got learning_rate=-1.0, but expected a number"),
        ({"learning_rate": float("nan")}, "Got learning_rate=nan"),
        ({"frozen": "encoder"}, r"Got frozen='encoder', .* such as \('encoder',\)"),
        ({"frozen": (3,)}, r"Got frozen=\(3,\)"),
        (
            {"rates": {"encoder": 0.1}},
            r"Got rates=\{'encoder': 0.1\}, .*\('encoder', 0.1\)",
        ),
        ({"rates": ("encoder", 0.1)}, "Got rates="),
        ({"rates": (("encoder", "slow"),)}, "Got rates="),
        ({"rates": (("encoder", -0.1),)}, "Got rates="),
    ],
)
def test_what_is_no_phase_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Phase(**{"n_epochs": 2} | change)


def test_lists_are_taken_for_tuples():
    listed = Phase(2, frozen=["hidden"], rates=[["hidden", 0.1]])
    assert listed == Phase(2, frozen=("hidden",), rates=(("hidden", 0.1),))
    assert hash(listed) == hash(replace(listed))
