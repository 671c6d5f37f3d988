import numpy as np
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline

from skvae.study.aggregation import PatientPredictor, PatientScorer
from skvae.study.arm import Arm
from skvae.study.recent_steps import RecentSteps
from skvae.study.shared_steps import sharing_steps


class CountedPCA(PCA):
    """PCA that counts how often rows are transformed behind its fit."""

    n_transforms = 0

    def transform(self, X):
        type(self).n_transforms += 1
        return super().transform(X)


def test_candidates_that_share_steps_share_what_is_scored():
    X, y = load_iris(return_X_y=True)
    CountedPCA.n_transforms = 0
    pipeline = make_pipeline(CountedPCA(), LogisticRegression(), memory=RecentSteps())
    grid = {"countedpca__n_components": [1, 2], "logisticregression__C": [0.1, 1.0, 10.0]}
    cv = list(StratifiedKFold(3).split(X, y))
    found = Arm("pca", pipeline, grid).search(cv, sharing_steps("roc_auc_ovr")).fit(X, y)
    assert CountedPCA.n_transforms == 2 * 3  # sizes x folds
    plain = GridSearchCV(
        pipeline.set_params(memory=None), grid, scoring="roc_auc_ovr", cv=cv
    )
    plain.fit(X, y)
    for key in ("params", "mean_test_score", "split2_test_score"):
        np.testing.assert_array_equal(found.cv_results_[key], plain.cv_results_[key])
    patients = np.arange(len(X)) // 2
    scorer = PatientScorer("accuracy", "mean")
    whole = PatientPredictor(plain.best_estimator_, patients, "mean")
    expected = accuracy_score(y[::2], whole.predict(X))
    assert scorer(found.best_estimator_, X, y, patients) == expected
