from dataclasses import replace

import numpy as np
import pytest

from skvae.training.fitting import train
from skvae.training.phase_report import hashes
from skvae.training.recipe import Phase

PHASES = (
    Phase(2, 1e-2, frozen=("hidden", "bottleneck"), name="decoder"),
    Phase(3, 1e-2, name="whole"),
)


def test_each_phase_reports_what_it_changed(make_recipe, data):
    recipe = make_recipe("plain", phases=PHASES)
    first, second = train(recipe, data).phases
    assert (first["phase"], second["phase"]) == ("decoder", "whole")
    assert (first["n_epochs"], second["n_epochs"]) == (2, 3)
    n_weights = 2 * (6 * 5 + 5 * 2) + 5 + 2 + 5 + 6
    assert second["n_trainable"] == n_weights
    assert first["n_frozen"] == 6 * 5 + 5 + 5 * 2 + 2
    assert first["n_trainable"] + first["n_frozen"] == n_weights
    assert first["hidden_before"] == first["hidden_after"] == second["hidden_before"]
    assert first["decoded_before"] != first["decoded_after"] == second["decoded_before"]
    assert second["hidden_before"] != second["hidden_after"]


def test_early_stopping_reports_the_weights_that_are_kept(make_recipe, data):
    recipe = make_recipe("plain", phases=PHASES, validation_fraction=0.3)
    fitted = train(replace(recipe, n_iter_no_change=1), data)
    kept = hashes(fitted.state, "after")
    assert kept.items() <= fitted.phases[-1].items()
    assert fitted.phases[0]["n_epochs"] + fitted.phases[1]["n_epochs"] == len(
        fitted.history
    )


@pytest.mark.parametrize("change", ["value", "shape", "name", "dtype"])
def test_a_hash_is_that_of_names_shapes_types_and_values(change):
    state = {"a.w": np.arange(4, dtype=np.float32), "b.w": np.float32(1)}
    other = dict(state)
    if change == "value":
        other["a.w"] = np.array([0, 1, 2, 4], dtype=np.float32)
    if change == "shape":
        other["a.w"] = state["a.w"].reshape(2, 2)
    if change == "name":
        other = {"a.v": state["a.w"], "b.w": state["b.w"]}
    if change == "dtype":
        other["a.w"] = state["a.w"].view(np.int32)
    one, two = hashes(state, "after"), hashes(other, "after")
    assert one["a_after"] != two["a_after"]
    assert one["b_after"] == two["b_after"]
    assert hashes(dict(reversed(state.items())), "after") == one
