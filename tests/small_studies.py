"""Studies of a few rows, and what their reports say."""

import warnings

import numpy as np

from skvae.report.checklists import answered
from skvae.report.markup import part_html
from skvae.report.methods_text import methods_sentences
from skvae.report.page import draft
from skvae.report.sections import SECTIONS, parts_of
from skvae.study import nested_cv
from skvae.study.reporting import record_of

N = 48
RNG = np.random.default_rng(0)
Y = np.arange(N) // 2 % 2
X = RNG.normal(size=(N, 6)) + Y[:, None]
GROUPS = np.arange(N) // 2


def study(arms, X=X, y=Y, **options):
    """Return a study of two outer folds; one arm alone is called pca."""
    options = {"outer": (2, 1), "inner": 2, "groups": GROUPS} | options
    arms = arms if isinstance(arms, dict) else {"pca": arms}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nested_cv(arms, X, y, **options)


def said(result):
    """Return the sentences of the methods."""
    return dict(methods_sentences(record_of(result)))


def status(result, checklist, item):
    """Return how an item of a list is answered."""
    evidence = draft(record_of(result)).anchors | {"file:provenance.json"}
    return {a.item: a.status for a in answered(checklist, evidence)}[item]


def section(result, key, **known):
    """Return the parts of a section."""
    (plan,) = [plan for plan in SECTIONS if plan.key == key]
    return parts_of(plan, record_of(result, **known))


def text_of(result, key, **known):
    """Return what a section says, as the page has it."""
    return "\n".join(map(part_html, section(result, key, **known)))


def table_of(result, key, name, **known):
    """Return a table of a section."""
    parts = section(result, key, **known)
    (frame,) = [p.frame for p in parts if getattr(p, "name", "") == name]
    return frame
