"""Torch: the laws of trainers, and the network against PyTorch's own."""

import dataclasses

import numpy as np
import pytest

from headrace.adapters.torch.tensors import from_bytes
from headrace.adapters.torch.trainer import Torch
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.testing.trainer_cases import NumberGraph, TrainerCases, numbers_table, random_features
from headrace.training import Group, Journal, assemble
from headrace.training.history import History
from tests.adapters.torch import networks

pytestmark = pytest.mark.torch


class TestTorchKeepsTheContract(TrainerCases):
    """The suite every trainer passes."""

    trainer = Torch("tests.adapters.torch.networks:Small", epochs=12, learning_rate=0.05, batch_rows=64, fill=0.0)


class TestTorchWithoutFill(TrainerCases):
    """A network that takes no missing values, with an embedding, norms, dropout and residuals."""

    takes_missing = False
    trainer = Torch("tests.adapters.torch.networks:Rich", epochs=12, learning_rate=0.05, batch_rows=64)


NETWORKS = "tests.adapters.torch.networks"


def fit(trainer, train=None, validation=None, *, journal=None):
    """The trainer's predictor."""
    train = random_features(400) if train is None else train
    return trainer.fit(train, validation, params={}, group=Group(), journal=journal or Journal())


def test_code_goes_by_name():
    """A class, a function and their texts are the same trainer, which is plain data; objects are refused."""
    assert Torch(networks.Small) == Torch(f"{NETWORKS}:Small")
    assert Torch(networks.Small, loss=networks.huber).to_plain()["loss"] == f"{NETWORKS}:huber"
    assert Torch("nets.py:Net").module == "nets:Net"
    for wrong in (lambda width: None, networks.Small(3), networks.crossing(3).__class__, 5):
        with pytest.raises(Misuse, match="module of Torch"):
            Torch(wrong)
    for wrong in ("nets.Net", "os:system()", "a b:c", ""):
        with pytest.raises(InvalidInput, match="module:Name"):
            Torch(wrong)


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        (Torch("no_such_module:Net"), "there is no module 'no_such_module'"),
        (Torch(f"{NETWORKS}:Smal"), "did you mean 'Small'"),
        (Torch("subprocess:run"), "of the standard library"),
        (Torch(f"{NETWORKS}:not_a_module"), "made an int"),
        (Torch(f"{NETWORKS}:huber"), "raised TypeError"),
        (Torch(f"{NETWORKS}:Small", module_params={"hiden": 3}), "raised TypeError.*hiden"),
        (Torch(f"{NETWORKS}:Empty"), "no parameter to fit"),
        (Torch(f"{NETWORKS}:Sorting", fill=0.0), "sort.*cannot be written"),
        (Torch(f"{NETWORKS}:Wide", fill=0.0), r"answers shape \(3, 3\)"),
        (Torch(f"{NETWORKS}:Raising", fill=0.0), "the module raised RuntimeError: out of luck"),
        (Torch(f"{NETWORKS}:Small", loss=f"{NETWORKS}:mean_loss", fill=0.0), r"the loss has shape \(\)"),
        (Torch(f"{NETWORKS}:Small", fill=0.0, parallel={"iner": "colwise"}), "no layer named 'iner'.*'inner'"),
        (Torch(f"{NETWORKS}:Rich", fill=0.0, parallel={"table": "colwise"}), "'table' is an Embedding"),
        (Torch(f"{NETWORKS}:Small", fill=0.0, device="cuda"), "0 GPUs for 1 workers"),
        (Torch(f"{NETWORKS}:Small"), "missing.*'x.'.*fill"),
    ],
)
def test_what_cannot_be_fitted_is_one_clear_error(trainer, message):
    """Each names what is wrong and what was expected."""
    train = random_features(400, has_missing="missing" in message)
    with pytest.raises((InvalidInput, UnknownName), match=message):
        fit(trainer, train)


def test_wrong_parameters_are_refused_where_they_are_written():
    """Before anything is read."""
    for wrong in (
        {"optimizer": "lion"},
        {"task": "rank"},
        {"device": "tpu"},
        {"fill": float("nan")},
        {"fill": "mean"},
        {"parallel": "ddp"},
        {"parallel": {}},
        {"parallel": {"inner": "diagonal"}},
        {"loss": "binary_cross_entropy", "task": "regression"},
    ):
        with pytest.raises(InvalidInput, match="Torch"):
            Torch(f"{NETWORKS}:Small", **wrong)


def test_a_run_that_diverges_names_the_batch():
    """A step too large makes the loss infinite: told with epoch and batch, and nothing comes back."""
    trainer = Torch(f"{NETWORKS}:Small", optimizer="sgd", learning_rate=1e6, fill=0.0, batch_rows=50)
    message = r"the loss became (inf|nan): the run diverges.*epoch 1, batch \d.*learning_rate"
    with pytest.raises(InvalidInput, match=message):
        fit(trainer, random_features(400, is_binary=False))


def test_it_stops_early_and_keeps_the_best():
    """Noise cannot be learnt: the epoch with the least validation loss is what comes back."""
    random = np.random.default_rng(0)
    train = dataclasses.replace(random_features(300), label=random.integers(0, 2, 300).astype(np.float64))
    judged = dataclasses.replace(random_features(300, seed=5), label=random.integers(0, 2, 300).astype(np.float64))
    trainer = Torch(f"{NETWORKS}:Small", module_params={"hidden": 64}, learning_rate=0.05, epochs=60, fill=0.0)
    history = History()
    stopped = fit(trainer.replace({"early_stopping_epochs": 3}), train, judged, journal=history)
    losses = [loss for _, loss in history.curves["validation"]]
    best = int(np.argmin(losses))
    assert len(losses) == best + 4
    shorter = trainer.replace({"early_stopping_epochs": 0, "epochs": best + 1})
    expected, _ = from_bytes(fit(shorter, train, judged).native)
    found, _ = from_bytes(stopped.native)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_weights_count():
    """A row of weight zero might as well not be there."""
    train = random_features(400)
    flipped = dataclasses.replace(train, label=np.where(np.arange(400) < 200, train.label, 1 - train.label))
    weighted = dataclasses.replace(flipped, weight=(np.arange(400) < 200).astype(np.float64))
    trainer = Torch(f"{NETWORKS}:Small", learning_rate=0.05, batch_rows=64, fill=0.0)
    scores = []
    for rows in (flipped, weighted):
        model = assemble(NumberGraph(5), fit(trainer, rows))
        found = np.array(model.predict(numbers_table(train.matrix))["prediction"])
        scores.append(np.corrcoef(found, train.label)[0, 1])
    assert scores[1] > scores[0] + 0.2


def test_a_loss_and_an_optimizer_of_ones_choice():
    """A loss of the project is found by name; each optimizer learns; `task` says what an own loss's answer is."""
    train = random_features(400, is_binary=False)
    scaled = dataclasses.replace(train, label=train.label / 100.0)
    for options in (
        {"loss": f"{NETWORKS}:huber"},
        {"optimizer": "adam"},
        {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.02},
    ):
        trainer = Torch(f"{NETWORKS}:Small", **{"learning_rate": 0.05, "batch_rows": 64, "fill": 0.0, **options})
        model = assemble(NumberGraph(5), fit(trainer, scaled))
        found = np.array(model.predict(numbers_table(train.matrix))["prediction"])
        assert np.corrcoef(found, train.label)[0, 1] > 0.7
    own = Torch(f"{NETWORKS}:Small", loss=f"{NETWORKS}:huber", task="regression", epochs=1, fill=0.0)
    assert fit(own, random_features(100)).task == "regression"


def test_the_native_file_makes_the_predictor_again():
    """What a rank hands back is enough: the same graph, byte for byte."""
    trainer = Torch(f"{NETWORKS}:Rich", epochs=1, fill=0.0)
    first = fit(trainer)
    again = trainer.reviver(5)(first.native_files())
    models = [assemble(NumberGraph(5), item) for item in (first, again)]
    assert models[0].onnx == models[1].onnx


def test_the_process_is_left_as_it_was():
    """Threads, deterministic mode and the user's own draws are not touched by a fit."""
    import torch

    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    threads = torch.get_num_threads()
    fit(Torch(f"{NETWORKS}:Rich", epochs=1, fill=0.0))
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads and not torch.are_deterministic_algorithms_enabled()


def test_several_classes_are_refused():
    """Its modules answer one number a row; the error says which trainers learn classes."""
    trainer = Torch("tests.adapters.torch.networks:Small", epochs=1)
    with pytest.raises(InvalidInput, match=r"4 classes, and Torch learns one number a row.*XGBoost"):
        trainer.fit(
            random_features(50, classes=("a", "b", "c", "d")), None, params={}, group=Group(), journal=Journal()
        )
