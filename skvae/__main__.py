"""``python -m skvae``: the command `skvae` of this interpreter."""

import sys

from skvae.cli import main

if __name__ == "__main__":
    sys.exit(main())
