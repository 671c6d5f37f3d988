#!/usr/bin/env bash
# Guess: MONAI's RemoveSmallObjects(min_size=3) keeps objects of 3 pixels, as it says ("objects smaller than this size
#   (in number of voxels) are removed") and as it does with older releases of scikit-image.
# Fact: with scikit-image 0.26 it removes them too: MONAI passes min_size on, which scikit-image now takes for its new
#   max_size, the size up to which objects are removed, with a deprecation warning that says that min_size removes
#   smaller ones only. The same code and data lose the lesions of exactly the least size on an upgrade.
# Versions: monai 1.6.1, scikit-image 0.26.0 and 0.25.2; found 2026-11-29.
# Source: measured; docstring of monai.transforms.RemoveSmallObjects, scikit-image 0.26 release notes on max_size.
# To do: pin scikit-image, or pass min_size=n - 1 with 0.26, and count the objects of a mask before and after; sizes are
#   whole numbers, so one off is one size class.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > check.py <<'PY'
import sys
import warnings

import monai
import skimage
import torch
from monai.transforms import RemoveSmallObjects

warnings.simplefilter("ignore")
mask = torch.zeros(1, 8, 8)
mask[0, 0, :2] = 1  # an object of 2 pixels
mask[0, 3, :3] = 1  # of 3
mask[0, 6, :4] = 1  # of 4
left = RemoveSmallObjects(min_size=3)(mask)
sizes = [n for n, row in ((2, 0), (3, 3), (4, 6)) if left[0, row].any()]
print("monai", monai.__version__, "scikit-image", skimage.__version__, "kept sizes", sizes)
assert sizes == ([4] if sys.argv[1] == "new" else [3, 4])
PY
for which in new old; do
  python3 -m venv "$which"
  version=$([ "$which" = new ] && echo 0.26.0 || echo 0.25.2)
  "$which"/bin/pip install --quiet 'torch==2.13.0' 'numpy==2.4.6' 'monai==1.6.1' "scikit-image==$version"
  "$which"/bin/python check.py "$which"
done
echo "as found: objects of exactly min_size are kept with 0.25 and removed with 0.26"
