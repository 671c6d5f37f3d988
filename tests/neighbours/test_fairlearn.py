"""fairlearn's thresholds take the scores of a classifier of ours, or behind us."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skvae import Autoencoder, AutoencoderClassifier, VAEFeatureExtractor

pytestmark = pytest.mark.nightly

postprocessing = pytest.importorskip("fairlearn.postprocessing")

rng = np.random.default_rng(0)
SEX = rng.integers(0, 2, 200)
X = rng.normal(size=(200, 6)) + SEX[:, np.newaxis]
Y = (X[:, 0] + 0.3 * rng.normal(size=200) > 0.5).astype(int)

OURS = AutoencoderClassifier(
    autoencoder=Autoencoder(3, max_iter=1),
    head_max_iter=20,
    finetune_max_iter=1,
    random_state=0,
)
# Features are float32, and so are the probabilities of what is fitted on them.
BEHIND = make_pipeline(
    VAEFeatureExtractor(3, max_iter=2, layer="hidden_1", random_state=0),
    FunctionTransformer(np.float64),
    LogisticRegression(),
)


@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
@pytest.mark.parametrize("estimator", [OURS, BEHIND], ids=["ours", "behind"])
def test_thresholds_make_the_shares_of_two_groups_equal(estimator, method):
    fair = postprocessing.ThresholdOptimizer(
        estimator=estimator, constraints="demographic_parity", predict_method=method
    )
    fair.fit(X, Y, sensitive_features=SEX)
    plain = fair.estimator_.predict(X)
    chosen = fair._pmf_predict(X, sensitive_features=SEX)[:, 1]
    assert abs(plain[SEX == 1].mean() - plain[SEX == 0].mean()) > 0.1
    assert chosen[SEX == 1].mean() == pytest.approx(chosen[SEX == 0].mean(), abs=1e-3)
