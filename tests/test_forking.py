"""Processes that are forked from one whose torch has used threads answer."""

import multiprocessing
import os

import numpy as np
import pytest
import torch
from torch import nn

from skvae import (
    AutoencoderClassifier,
    LayerExtractor,
    UNetSegmenter,
    VAEFeatureExtractor,
)
from skvae.training.threads import effective_threads, pinned_threads

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]

SECONDS = 30

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(300, 64)).astype(np.float32)
IMAGES = rng.random((4, 1, 64, 64), dtype=np.float32)


def wide():
    return nn.Sequential(nn.Linear(64, 1024), nn.ReLU(), nn.Linear(1024, 3))


KINDS = {
    "vae": (VAEFeatureExtractor(4, max_iter=1), ROWS, None),
    "classifier": (
        AutoencoderClassifier(pretrain=False, head_max_iter=1, finetune_max_iter=1),
        ROWS,
        ROWS[:, 0] > 0,
    ),
    "segmenter": (
        UNetSegmenter(depth=2, width=4, max_iter=1),
        IMAGES,
        (IMAGES[:, 0] > 0.5).astype(int),
    ),
    "extractor of a module": (LayerExtractor(wide(), layer="2"), ROWS, None),
    "extractor of a factory": (LayerExtractor(wide, layer="2"), ROWS, None),
}


@pytest.fixture(autouse=True)
def threads_are_used():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.ones(512, 512) @ torch.ones(512, 512) + torch.ones(512, 512)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def in_child():
    with multiprocessing.get_context("fork").Pool(1) as pool:
        # The call waits for no longer, and what does not answer is ended.
        yield lambda function, *args: pool.apply_async(function, args).get(SECONDS)


def answers(estimator, X, y):
    named = ("transform", "predict", "predict_proba", "score")
    methods = [name for name in named if hasattr(estimator, name)]
    arguments = {"score": (X, y)}
    return {name: getattr(estimator, name)(*arguments.get(name, (X,))) for name in methods}


def fitted_answers(estimator, X, y):
    return answers(estimator.fit(X, y), X, y)


@pytest.mark.parametrize("n_threads", [None, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_forked_process_fits_and_reads_as_one_thread_does(kind, n_threads, in_child):
    estimator, X, y = KINDS[kind]
    estimator.set_params(n_threads=n_threads, random_state=0).fit(X, y)
    # What is sent to the child pickles, and is built anew there.
    read = in_child(answers, estimator, X, y)
    fitted = in_child(fitted_answers, estimator, X, y)
    assert torch.get_num_threads() == 2
    for name, expected in answers(estimator.set_params(n_threads=1), X, y).items():
        np.testing.assert_array_equal(read[name], expected)
    for name, expected in fitted_answers(estimator, X, y).items():
        np.testing.assert_array_equal(fitted[name], expected)


def test_an_estimator_of_the_parent_answers_without_a_pickle():
    vae = VAEFeatureExtractor(4, max_iter=1, random_state=0).fit(ROWS)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sender.send(vae.transform(ROWS)))
    child.start()
    answered = receiver.poll(SECONDS)
    features = receiver.recv() if answered else None
    child.kill()
    child.join()
    assert answered
    np.testing.assert_array_equal(features, vae.set_params(n_threads=1).transform(ROWS))


def counts():
    with pinned_threads(2):
        return torch.get_num_threads(), effective_threads(2), effective_threads(None)


def test_the_child_has_one_thread_whatever_is_asked_for(in_child):
    assert in_child(counts) == (1, 1, 1)
    assert counts() == (2, 2, 2)
    in_child(torch.set_num_threads, 1)
    assert torch.get_num_threads() == 2
