"""What Sphinx needs. `QUICK=1` runs five examples, `ONLINE=1` links to other sites."""

import os
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

import benchmark_page  # noqa: E402
import public_objects  # noqa: E402
from example_order import SECTIONS  # noqa: E402

import skvae  # noqa: E402

QUICK, ONLINE = bool(os.environ.get("QUICK")), bool(os.environ.get("ONLINE"))
# What `make docs QUICK=1` runs: one of each kind of picture.
QUICK_EXAMPLES = ("vae_layers", "attributes", "unet_errors", "nested_cv", "transfer_report")

project = "skvae"
copyright = "The skvae developers"
author = "The skvae developers"
release = version = skvae.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "equations",
    "shapes",
]
# Two parents: `decisions` and `estimators` are found by their pages' own lists.
exclude_patterns = ["gallery/*", "_ext/*", "generated/gallery/**/*.ipynb", "**/README.*"]

autodoc_typehints = "none"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
myst_fence_as_directive = ["math"]

# Without a network, what others document is plain text.
intersphinx_mapping = (
    {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
    }
    if ONLINE
    else {}
)

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "generated/gallery",
    "filename_pattern": rf"plot_({'|'.join(QUICK_EXAMPLES)})\.py" if QUICK else "/plot_",
    "subsection_order": SECTIONS,
    "within_subsection_order": "ExampleTitleSortKey",
    "image_scrapers": ("example_order.all_figures",),
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 0,
    "write_computation_times": False,  # that page loads from other sites
    "plot_gallery": "True",
    "reset_modules": ("matplotlib", "example_order.reset"),
    "doc_module": ("skvae",),
    "reference_url": {"skvae": None},
    "backreferences_dir": None,
    "nested_sections": False,
}

highlight_language = "none"
html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "skvae"
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_start": ["navbar-logo"],
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 7,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "benchmarks": []}

# Theme and gallery use what Sphinx will drop one day; that is theirs to mend.
warnings.filterwarnings("ignore", category=DeprecationWarning, module="sphinx.*")
warnings.filterwarnings("ignore", category=PendingDeprecationWarning)

public_objects.write_pages(HERE / "generated" / "api")
benchmark_page.write_page(HERE.parent / "benchmarks", HERE / "generated")
