"""Files as somebody who knows the format would forge them, hashes included."""

import hashlib
import json

import numpy as np

import skvae
from skvae.tensor_file import TensorFile, write_tensor_file


def opened(path):
    """Return what a model file says, and its arrays."""
    with TensorFile(path) as file:
        return file.description, {name: file.array(name) for name in file.entries}


def forge(path, source, change):
    """Write a model file in which something was changed, with hashes that are right."""
    description, arrays = opened(source)
    change(description, arrays)
    write_tensor_file(path, description, arrays)


def with_header(text, payload=b"", length=None):
    """Return the bytes of a file with a header."""
    header = text.encode() if isinstance(text, str) else text
    length = len(header) if length is None else length
    return length.to_bytes(8, "little") + header + payload


def described(text, listed, payload=b""):
    """Return the bytes of a file with a description and what it says of arrays."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    header = {"__metadata__": {"skvae": f"{digest} {text}"}, **listed}
    return with_header(json.dumps(header, separators=(",", ":")), payload)


def small_model():
    """Return an estimator whose file is small."""
    X = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    options = {"hidden_layer_sizes": (3,), "max_iter": 2, "n_threads": 1, "device": "cpu"}
    return skvae.Autoencoder(2, random_state=0, **options).fit(X), X
