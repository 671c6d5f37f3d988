"""What a notebook shows of an estimator."""

import html
import re

import numpy as np
import pytest
import sklearn
from contract import KINDS, inputs, labels, small
from numpydoc.docscrape import NumpyDocString
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from skvae import VAEFeatureExtractor

pytestmark = [
    pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning"),
    pytest.mark.filterwarnings("ignore::skvae.exceptions.EmptyOrganWarning"),
]


def tooltips(shown):
    """Return what is shown of each name that the mouse is on."""
    found = re.findall(
        r'<a class="param-doc-link"[^>]*>\s*(\w+)\s*<span class="param-doc-description"'
        r"[^>]*>\s*(.*?)</span>",
        shown,
        flags=re.DOTALL,
    )
    return {name: html.unescape(text.replace("<br>", "\n")) for name, text in found}


def documented(kind, section):
    return {
        entry.name: "\n".join(entry.desc) for entry in NumpyDocString(kind.__doc__)[section]
    }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_parameter_is_shown_with_its_documentation(kind):
    texts = tooltips(estimator_html_repr(kind()))
    expected = documented(kind, "Parameters")
    assert set(kind().get_params(deep=False)) <= set(expected)
    for name, text in expected.items():
        assert texts[name].startswith(f"{name}: ")
        assert texts[name].endswith(text)


def test_a_parameter_and_an_attribute_say_what_they_are():
    X = np.random.default_rng(0).normal(size=(20, 4))
    vae = VAEFeatureExtractor(2, beta=2, max_iter=1).fit(X)
    for estimator in (vae, make_pipeline(StandardScaler(), vae)):
        texts = tooltips(estimator_html_repr(estimator))
        assert texts["beta"].endswith(documented(VAEFeatureExtractor, "Parameters")["beta"])
        assert "Number of epochs trained." in texts["n_iter_"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_nothing_links_to_a_page_that_is_not_there(kind):
    X = inputs()["rows"]
    fitted = small(kind).fit(X, labels(kind, X))
    for estimator in (small(kind), fitted):
        own = estimator._get_params_html(False)._repr_html_inner()
        assert "href" not in own + estimator._get_fitted_attr_html()._repr_html_inner()


class Documented(VAEFeatureExtractor):
    """Docstring.

    Parameters
    ----------
    n_components : int, default=16
        Size.
    """

    _doc_link_module = __name__.partition(".")[0]
    _doc_link_template = "https://example.org/{estimator_name}.html"


def test_a_class_that_has_a_page_links_to_it():
    shown = estimator_html_repr(Documented())
    assert 'href="https://example.org/Documented.html#:~:text=n_components' in shown


def test_scikit_learn_still_shows_documentation_in_this_form():
    assert "with_mean" in tooltips(estimator_html_repr(StandardScaler()))
    with sklearn.config_context(display="text"):
        assert not hasattr(VAEFeatureExtractor(), "_repr_html_")
