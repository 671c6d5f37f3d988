"""A study to be killed, as a program: its folder, whether it goes on, its processes."""

import sys
from unittest.mock import patch

import numpy as np

from skvae.study import arm_features
from skvae.study.configuration import StudyConfig
from skvae.study.run_study import run_study
from skvae.study.study_inputs import StudyInputs


def study(folder, resume, jobs):
    """Run it, and write its tables."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = rng.normal(size=(60, 12)) + 0.5 * y[:, None]
    config = StudyConfig(
        arms=("pca", "vae"),
        outer=(3, 1),
        inner=2,
        n_components=(2,),
        layers=("hidden_1", "mean"),
        threshold="youden",
        jobs=jobs,
    )
    inputs = StudyInputs(X, np.array(["no", "yes"])[y], np.arange(60))
    with patch.dict(arm_features.TABLE_TRAINING, max_iter=3):
        run_study(config, inputs, folder, resume=resume).to_csv(folder)


if __name__ == "__main__":
    study(sys.argv[1], sys.argv[2] == "resume", int(sys.argv[3]))
