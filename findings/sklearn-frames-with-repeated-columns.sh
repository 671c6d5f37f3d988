#!/usr/bin/env bash
# Guess: a table in which two columns have one name, as after joining the radiomics features of
#   two masks or two readers, can be scaled or passed through: scikit-learn 1.8 does both, and
#   steps that need no names have no use for them.
# Fact: scikit-learn 1.9 hands every table to narwhals, which raises its own DuplicateError from
#   fit_transform of any transformer, of FunctionTransformer as well, and does not say which
#   step or argument it was. It is a ValueError by inheritance, so that what catches these
#   takes it for bad values.
# Versions: scikit-learn 1.9.1 and 1.8.0, narwhals 2.28.0, pandas 3.1.1, CPython 3.11; found
#   2026-11-29.
# Source: measured.
# To do: make names unique before the first step (pandas.DataFrame.join takes lsuffix and
#   rsuffix), or pass X.to_numpy(), as no order of loading or of versions may be relied upon.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > check.py <<'PY'
import sys

import numpy as np
import pandas as pd
import sklearn
from sklearn.preprocessing import FunctionTransformer, StandardScaler

print("scikit-learn", sklearn.__version__, "pandas", pd.__version__)
values = np.arange(12.0).reshape(4, 3) ** 2
frame = pd.DataFrame(values, columns=["glcm_Contrast", "shape_Volume", "glcm_Contrast"])
for step in (StandardScaler(), FunctionTransformer()):
    name = type(step).__name__
    assert step.fit_transform(values).shape == (4, 3)
    try:
        shape = step.fit_transform(frame).shape
        print(f"{name}: {shape}")
        assert sys.argv[1] == "taken", "repeated names are taken again"
        assert shape == (4, 3)
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        print(f"{name}: {type(error).__module__}.{kinds[0]} {kinds[1:-2]}: {error}")
        assert sys.argv[1] == "refused", "repeated names are refused"
        assert kinds[0] == "DuplicateError"
        assert name not in str(error)
PY
for version in 1.8.0 1.9.1; do
  python3 -m venv "venv-$version"
  "venv-$version/bin/pip" install --quiet "scikit-learn==$version" 'pandas==3.1.1' \
    'numpy==2.4.6' $([ "$version" = 1.9.1 ] && echo 'narwhals==2.28.0')
done
venv-1.8.0/bin/python -W ignore check.py taken
venv-1.9.1/bin/python -W ignore check.py refused
echo "as described"
