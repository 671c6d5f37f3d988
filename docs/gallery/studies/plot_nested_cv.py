"""
A study, and its report
=======================

PCA and an autoencoder on the same outer and inner folds of whole patients, their difference
with an interval that knows that folds share patients, and the report that goes with it.
"""

from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from sklearn.datasets import load_breast_cancer

from skvae.study import comparison_figure, default_arms, nested_cv

table = load_breast_cancer(as_frame=True)
X, malignant = table.data[:200], np.where(table.target[:200] == 0, "malignant", "benign")
patients = np.arange(200) // 2  # as if each had two lesions

# %%
arms = default_arms(X, ["radiomics", "pca", "autoencoder"], n_components=4)
result = nested_cv(
    arms,
    X,
    malignant,
    groups=patients,
    positive="malignant",
    outer=(3, 1),
    inner=2,
    threshold="youden",
)
print(result)

# %%
figure = comparison_figure(result)

# %%
# One page of HTML that loads nothing, its figures, csv files, the methods to paste and the
# checklists:
folder = Path(mkdtemp())
sections = ["summary", "flow", "discrimination", "calibration", "confusion", "methods"]
for path in result.report(folder, sections=sections)[:8]:
    print(path.relative_to(folder))

# %%
print((folder / "methods.md").read_text(encoding="utf-8")[:600], "...")
