"""LayerExtractor against a bare forward pass that ends at the same layer.

DenseNet-121 on images of 64 x 64 and 224 x 224, VGG-16 on 224 x 224, random weights. The
bare pass runs the modules up to the layer, written out by hand, in batches of the same
size, and pools as the extractor does. Beside it: the usual way, a hook and the whole
network.

Writes ``results/layer_extractor.csv`` and ``results/layer_extractor.png``; takes about
two minutes.

    python benchmarks/layer_extractor.py [--repetitions 9]
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from harness import Panel, alternate, one_thread, plot, print_table, speeds, write_csv
from torch import Tensor, nn

from skvae import LayerExtractor
from skvae.networks import densenet121, vgg16

BARE, EXTRACTOR, HOOK = "bare forward to the layer", "skvae transform", "hook, all layers"
MARK = 0.95
BATCH_SIZE = 16


class Scenario(NamedTuple):
    """A network, the layer to read, how many parts lead to it, and the images."""

    network: Callable[[], nn.Module]
    layer: str
    n_parts: int
    n_images: int
    size: int


SCENARIOS = {
    "DenseNet-121 norm5": Scenario(densenet121, "features.norm5", 12, 64, 64),
    "DenseNet-121 denseblock2": Scenario(densenet121, "features.denseblock2", 7, 64, 64),
    "DenseNet-121 norm5, 224": Scenario(densenet121, "features.norm5", 12, 16, 224),
    "VGG-16 last ReLU, 224": Scenario(vgg16, "features.29", 30, 16, 224),
}


def competitors(s: Scenario) -> dict[str, Callable]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(s.n_images, 3, s.size, s.size)).astype(np.float32)
    network = s.network().eval()
    fitted = LayerExtractor(
        network, layer=s.layer, batch_size=BATCH_SIZE, device="cpu", n_threads=1
    ).fit(X)
    front = nn.Sequential(*list(network.features)[: s.n_parts])

    def in_batches(features: Callable[[Tensor], Tensor]) -> np.ndarray:
        with torch.inference_mode():
            batches = torch.from_numpy(X).split(BATCH_SIZE)
            return torch.cat([features(x) for x in batches]).numpy()

    def bare(x: Tensor) -> Tensor:
        return front(x).flatten(2).mean(dim=2)

    def hooked(x: Tensor) -> Tensor:
        kept = []
        handle = network.get_submodule(s.layer).register_forward_hook(
            lambda module, args, output: kept.append(output.clone())
        )
        network(x)
        handle.remove()
        return kept[0].flatten(2).mean(dim=2)

    expected = in_batches(bare)
    assert np.array_equal(fitted.transform(X), expected), "both must read the same values"
    assert np.array_equal(in_batches(hooked), expected)
    return {
        BARE: lambda: in_batches(bare),
        EXTRACTOR: lambda: fitted.transform(X),
        HOOK: lambda: in_batches(hooked),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--scenarios", nargs="*", default=list(SCENARIOS))
    arguments = parser.parse_args()
    one_thread()
    rows, panels = [], []
    for name in arguments.scenarios:
        scenario = SCENARIOS[name]
        seconds = alternate(competitors(scenario), arguments.repetitions)
        found = speeds(seconds, BARE, scenario.n_images)
        rows += [
            {"scenario": name}
            | row
            | {"mark": MARK if row["competitor"] == EXTRACTOR else ""}
            for row in found
        ]
        bars = [row["competitor"] for row in found], [row["share"] for row in found]
        panels.append(Panel(name, *bars, f"speed as a share of the {BARE}", MARK))
    print_table(rows)
    write_csv("layer_extractor", rows)
    plot("layer_extractor", panels)


if __name__ == "__main__":
    main()
