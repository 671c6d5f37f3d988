import torch

from skvae import networks
from skvae.networks import densenet121


def shapes(network):
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def test_the_names_and_shapes_are_those_of_published_weights():
    with torch.device("meta"):
        found = shapes(densenet121())
    assert len(found) == 727
    assert sum(name.endswith("num_batches_tracked") for name in found) == 121
    # The published number of weights: Huang et al. (2017) and torchvision.
    with torch.device("meta"):
        assert sum(p.numel() for p in densenet121().parameters()) == 7_978_856
    some = {
        "features.conv0.weight": (64, 3, 7, 7),
        "features.norm0.running_var": (64,),
        "features.denseblock1.denselayer1.norm1.weight": (64,),
        "features.denseblock3.denselayer24.conv1.weight": (128, 992, 1, 1),
        "features.denseblock4.denselayer16.conv2.weight": (32, 128, 3, 3),
        "features.transition3.conv.weight": (512, 1024, 1, 1),
        "features.norm5.num_batches_tracked": (),
        "classifier.weight": (1000, 1024),
    }
    assert {name: found[name] for name in some} == some


def test_channels_and_classes_change_the_first_and_the_last_layer_alone():
    with torch.device("meta"):
        usual, other = shapes(densenet121()), shapes(densenet121(1, 5))
    changed = [name for name in usual if usual[name] != other[name]]
    assert changed == ["features.conv0.weight", "classifier.weight", "classifier.bias"]


def test_a_block_puts_its_input_before_what_its_layers_add():
    block = densenet121().eval().features.denseblock1
    x = torch.randn(2, 64, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        maps = block(x.clone())
        first = block.denselayer1(x.clone())
        second = block.denselayer2(torch.cat([x, first], dim=1))
    assert maps.shape == (2, 64 + 6 * 32, 8, 8)
    assert torch.equal(maps[:, :64], x)
    assert torch.equal(maps[:, 64:96], first)
    assert torch.equal(maps[:, 96:128], second)


def test_the_maps_are_a_thirty_second_of_the_image():
    network = densenet121(in_channels=1, n_classes=2).eval()
    with torch.inference_mode():
        assert network.features(torch.zeros(1, 1, 64, 96)).shape == (1, 1024, 2, 3)
        assert network(torch.zeros(3, 1, 64, 64)).shape == (3, 2)


def test_the_networks_are_listed():
    assert set(networks.__all__) <= set(dir(networks))
