#!/usr/bin/env bash
# Guess: an ensemble around a semi-supervised classifier leaves rows with the label -1 ("unlabelled", as
#   sklearn.semi_supervised has it) to that classifier, and predicts the other classes.
# Fact: VotingClassifier, BaggingClassifier, StackingClassifier, CalibratedClassifierCV and
#   OneVsRestClassifier encode y first: -1 becomes one more class, the classifier within sees no
#   unlabelled row, and where most rows have no label, most rows are predicted to be "-1". There is no
#   warning: of two blobs with 10 % labelled rows, accuracy falls from .94 to .04 and less.
#   GridSearchCV and Pipeline hand y on as it is.
# Versions: scikit-learn 1.9.1; found 2026-11-29.
# Source: measured.
# To do: look for -1 in the classes_ of what was fitted; average the probabilities of semi-supervised
#   classifiers by hand, or calibrate and stack on labelled rows alone.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'scikit-learn==1.9.1' 'numpy==2.4.6' 'scipy==1.17.1'
cat > check.py <<'PY'
import warnings

import numpy as np
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_blobs
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.multiclass import OneVsRestClassifier
from sklearn.semi_supervised import LabelSpreading

print("scikit-learn", sklearn.__version__)
warnings.simplefilter("error")
X, truth = make_blobs(300, centers=2, random_state=0)
y = np.where(np.arange(300) % 10 == 0, truth, -1)
one = LabelSpreading()
ensembles = {
    "VotingClassifier": VotingClassifier([("one", one)], voting="soft"),
    "BaggingClassifier": BaggingClassifier(one, n_estimators=3, random_state=0),
    "StackingClassifier": StackingClassifier([("one", one)]),
    "CalibratedClassifierCV": CalibratedClassifierCV(one),
    "OneVsRestClassifier": OneVsRestClassifier(one),
}
tested = np.where(np.arange(300) % 20 == 0, 0, -1)
search = GridSearchCV(one, {"alpha": [0.2]}, cv=PredefinedSplit(tested))
fitted = {"alone": one, "GridSearchCV": search} | ensembles
for name, model in fitted.items():
    model.fit(X, y)
    accuracy = (model.predict(X) == truth).mean()
    print(f"{name:24s} classes {model.classes_.tolist()!s:12s} accuracy {accuracy:.3f}")
    if name in ensembles:
        assert model.classes_.tolist() == [-1, 0, 1], name
        assert accuracy < 0.6, name
    else:
        assert model.classes_.tolist() == [0, 1], name
        assert accuracy > 0.9, name
print("as found: the ensembles learn -1 as a class")
PY
venv/bin/python check.py
