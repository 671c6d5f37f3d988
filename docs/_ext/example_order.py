"""How examples are ordered, drawn and pictured."""

import warnings

import matplotlib
from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst, matplotlib_scraper

SECTIONS = [
    "gallery/features",
    "gallery/meaning",
    "gallery/prediction",
    "gallery/segmentation",
    "gallery/studies",
]
# Figures that an example has made and that are in the page already, by example.
_taken: dict[str, list[Figure]] = {}


def said(message, category, *place):
    """Write a warning without the place in whose folder the site was built."""
    return f"{category.__name__}: {message}\n"


def reset(gallery_conf, fname):
    """Draw all examples alike."""
    warnings.formatwarning = said
    matplotlib.rcParams.update({"figure.dpi": 100, "font.size": 10})


def free_figures(block, block_vars, gallery_conf):
    """Take the figures that are not pyplot's: those of results, and of displays."""
    taken = _taken.setdefault(block_vars["src_file"], [])
    found = []
    for value in list(block_vars["example_globals"].values()):
        figure = getattr(value, "figure_", value)
        if isinstance(figure, Figure) and not any(figure is each for each in taken):
            taken.append(figure)
            path = next(block_vars["image_path_iterator"])
            figure.savefig(path, dpi=130, bbox_inches="tight")
            found.append(path)
    return figure_rst(found, gallery_conf["src_dir"])


def all_figures(block, block_vars, gallery_conf):
    """Take pyplot's figures, then the others."""
    import matplotlib.pyplot as plt

    taken = _taken.setdefault(block_vars["src_file"], [])
    taken += [plt.figure(number) for number in plt.get_fignums()]
    pyplots = matplotlib_scraper(
        block, block_vars, gallery_conf, dpi=130, bbox_inches="tight"
    )
    return pyplots + free_figures(block, block_vars, gallery_conf)
