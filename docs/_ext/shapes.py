"""Shapes such as `(n, *spatial)` and `(n_features_in_,)`, written as they are."""

import re

STARS = re.compile(r"(?<![\\*`\w])\*(?=(spatial|steps|sample_shape|size_)\b)")
BARS = re.compile(r"(?<![\\`\w])\|(?=[A-Z])")
NAMES = re.compile(r"(\w)_(?=[,)])")


def escape(app, what, name, obj, options, lines):
    """Escape what reStructuredText would take for markup."""
    for place, line in enumerate(lines):
        if line.lstrip().startswith((">>>", "...")):
            continue
        line = NAMES.sub(r"\1\\_", STARS.sub(r"\\*", line))
        lines[place] = line if "math" in line else BARS.sub(r"\\|", line)


def setup(app):
    """Come before numpydoc."""
    app.connect("autodoc-process-docstring", escape, priority=1)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
