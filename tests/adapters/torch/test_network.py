"""A module as a graph: equal to PyTorch's own answers within float32 rounding, and a row never sees its batch."""

import numpy as np
import pytest
import torch

from headrace.adapters.torch.network import Network, read_graph
from headrace.adapters.torch.tensors import from_bytes, to_bytes
from headrace.errors import InvalidInput
from headrace.testing.trainer_cases import NumberGraph, numbers_table
from headrace.training import assemble
from tests.adapters.torch import networks

pytestmark = pytest.mark.torch

MODULES = ["Small", "Rich", "Activations", "Arithmetic"]


def shaken(name, num_features=5):
    """A module whose weights, and whose running means, are not those it starts with."""
    torch.manual_seed(7)
    module = getattr(networks, name)(num_features)
    module.train()
    with torch.no_grad():
        for _ in range(3):
            module(torch.randn(64, num_features) * 2 + 1)
        for item in module.parameters():
            item += torch.randn_like(item) * 0.1
    return module.eval()


def model_of(module, num_features=5):
    """It, as a model."""
    graph = read_graph(module, "module", num_features)
    weights = {name: value.numpy().copy() for name, value in module.state_dict().items()}
    return assemble(NumberGraph(num_features), Network(graph, weights, "regression", 0.0, b""))


@pytest.mark.parametrize("name", MODULES)
def test_answers_are_those_of_the_module(name):
    """Within 1e-5 of what PyTorch answers in float64, relative to the largest answer; 3e-5 of its float32."""
    module = shaken(name)
    rows = np.random.default_rng(0).normal(scale=2, size=(2000, 5)).astype(np.float32)
    found = np.array(model_of(module).predict(numbers_table(rows))["prediction"], np.float64)
    with torch.no_grad():
        single = module(torch.from_numpy(rows)).reshape(-1).double().numpy()
        double = module.double()(torch.from_numpy(rows).double()).reshape(-1).numpy()
    scale = np.abs(double).max()
    assert np.abs(found - double).max() <= 1e-5 * scale
    assert np.abs(found - single).max() <= 3e-5 * scale


@pytest.mark.parametrize("name", MODULES)
def test_a_row_does_not_see_its_batch(name):
    """The same bytes in batches of 1, 2, 3, 7, 31, 100 and all: every operator that is written, not only Linear."""
    model = model_of(shaken(name))
    rows = numbers_table(np.random.default_rng(1).normal(scale=2, size=(300, 5)).astype(np.float32))
    whole = np.array(model.predict(rows)["prediction"])
    for size in (1, 2, 3, 7, 31, 100):
        pieces = [np.array(model.predict(rows.slice(first, size))["prediction"]) for first in range(0, 300, size)]
        assert np.concatenate(pieces).tobytes() == whole.tobytes(), size


def test_an_index_beyond_a_table_is_the_nearest():
    """One strange row must not fail its batch; infinities and nulls are indices too."""
    model = model_of(shaken("Rich"))
    rows = np.zeros((5, 5), np.float32)
    rows[:, 1] = [np.nan, 1e30, -1e30, 99, 3]
    found = np.array(model.predict(numbers_table(rows))["prediction"])
    assert np.isfinite(found).all() and found[1] == found[3] == found[4]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Sorting", r"sort.*cannot be written.*layer 'order', an Order"),
        ("crossing", r"mean.dim: it works across the rows of a batch.*its forward"),
        ("Wide", r"answers shape \(3, 3\) for 3 rows.*expected floating-point numbers of shape"),
        ("Branching", r"torch.export cannot read the module.*without branches on values"),
    ],
)
def test_what_cannot_be_written_is_named(name, message):
    """One error, before anything is fitted, that names the layer."""
    with pytest.raises(InvalidInput, match=message):
        read_graph(getattr(networks, name)(5), "module", 5)


def test_tensors_are_kept_as_bytes():
    """Every dtype and shape comes back; equal tensors are equal bytes; anything else is refused."""
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.array(3, np.int64),
        "c": np.array([], np.float64),
        "d": np.array([True, False]),
    }
    data = to_bytes(arrays, {"position": 5, "name": "x"})
    found, about = from_bytes(data)
    assert about == {"position": 5, "name": "x"}
    assert data == to_bytes(dict(reversed(arrays.items())), {"name": "x", "position": 5})
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and np.array_equal(found[name], array)
    for damaged in (b"", b"junk", data[:20], data[:-3], b"\xff" * 100):
        with pytest.raises(InvalidInput, match="safetensors"):
            from_bytes(damaged)
    with pytest.raises(InvalidInput, match="complex"):
        to_bytes({"z": np.zeros(2, np.complex64)}, {})
