"""PyTorch: a module of the user's own, fitted on one process or several."""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from headrace.adapters.torch.tensors import from_bytes, to_bytes
from headrace.calls import an
from headrace.canonical import digest
from headrace.errors import InvalidInput
from headrace.model.signature import Task
from headrace.training import Features, Float, Group, Int, Journal, Predictor, Space, Trainer
from headrace.training.project_code import find_code, name_of
from headrace.training.refusals import refuse_infinite, refuse_missing, task_of

__all__ = ["Torch"]

if importlib.util.find_spec("torch") is None:
    # Said when the name is looked up; the import itself takes two seconds and waits for `fit`.
    raise ModuleNotFoundError("No module named 'torch'", name="torch")

_LOSSES: dict[str, Task] = {"binary_cross_entropy": "binary", "squared_error": "regression"}
_OPTIMIZERS = ("adam", "adamw", "sgd")
_DEVICES = ("cpu", "cuda")


@dataclass(frozen=True)
class Torch(Trainer):
    """A PyTorch module of your own, fitted in a fixed order of rows and written into the model's graph.

    The module's class, or a function that makes one, stands at the top level of the pipeline's file or of a module
    beside it, and is called with the number of features. Its `forward` takes `float32[num_rows, num_features]` and
    answers one number a row: the value, or for labels of 0 and 1 the log-odds.

    Equal rows, module and parameters give equal bytes, on one process or on as many as divide `shards`: each batch is
    cut into the same shards whoever works them out, and their gradients are added exactly.

    Parameters
    ----------
    module : class, function or str
        As above; text is "module:Name" or "file.py:Name". Its code counts in the step key.
    module_params : dict
        Plain data, given to it by name.
    loss : "binary_cross_entropy", "squared_error", function, str or None
        A function of the project, (answer[num_rows], label[num_rows]) -> loss[num_rows]. None = the first where every
        label is 0 or 1, else the second.
    task : "binary", "regression" or None
        With a loss of your own, what the answer is; None = by the labels.
    optimizer : "adamw", "adam" or "sgd"
        With PyTorch's own defaults but for the next three.
    learning_rate, weight_decay, momentum : float
        momentum: of "sgd".
    batch_rows : int
        Rows of a step, or a few more: an epoch's rows are cut evenly.
    epochs : int
        How often each row is seen, at most.
    early_stopping_epochs : int
        With a validation split: stop after so many epochs without gain, and keep the best; 0 = never.
    fill : float or None
        What a missing feature is read as. None = rows with one are refused in fitting, and get no prediction.
    seed : int
        Of the first weights, the order of rows, and dropout.
    shards : int
        Pieces of a batch: workers must divide it.
    num_threads : int
        Threads of each process; a parameter, because sums inside PyTorch's kernels may show it.
    parallel : "fsdp", dict or None
        How several workers hold the module. None = each has it whole (DDP). "fsdp" = each parameter spread over all
        (FSDP2). {"layer": "colwise" | "rowwise"} = those Linear layers spread over all (tensor parallel).
    device : "cpu" or "cuda"
        cuda: one GPU a worker.
    checkpoint_s : float
        Seconds between checkpoints, from which a fit that was cut off goes on to the same bytes.

    Raises InvalidInput for a value outside its limits, a layer that cannot be written into a model, and a run that
    diverges. Predictions differ from PyTorch's own by float32 rounding: the graph, which is the model, has float64.
    Cost: about 3 s to read the module; then a step is PyTorch's, `shards` passes of its rows. Source: Li et al., VLDB
    2020 (DDP); Zhao et al., VLDB 2023 (FSDP); Shoeybi et al., arXiv 1909.08053 (tensor parallel).

    Examples
    --------
    >>> Torch("networks:Net", module_params={"hidden": 32}, epochs=5).module
    'networks:Net'
    """

    module: Any
    module_params: Mapping[str, Any] = field(default_factory=dict)
    loss: Any = None
    task: str | None = None
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.0
    batch_rows: int = 256
    epochs: int = 20
    early_stopping_epochs: int = 5
    fill: float | None = None
    seed: int = 0
    shards: int = 4
    num_threads: int = 1
    parallel: Any = None
    device: str = "cpu"
    checkpoint_s: float = 10.0

    limits: ClassVar[Sequence[tuple[str, float, float]]] = (
        ("epochs", 1, 1_000_000),
        ("batch_rows", 1, 100_000_000),
        ("learning_rate", 1e-12, 1e6),
        ("weight_decay", 0.0, 1e6),
        ("momentum", 0.0, 1.0),
        ("early_stopping_epochs", 0, 1_000_000),
        ("seed", 0, (1 << 31) - 1),
        ("shards", 1, 1024),
        ("num_threads", 1, 256),
        ("checkpoint_s", 0.0, 1e9),
    )
    space: ClassVar[Space] = {
        "learning_rate": Float(1e-4, 0.1, log=True),
        "batch_rows": Int(64, 2048, log=True),
    }
    references: ClassVar[Sequence[str]] = ("module", "loss")
    is_parallel: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "module", name_of(self.module, "module of Torch"))
        object.__setattr__(self, "module_params", dict(self.module_params))
        if self.loss is not None and self.loss not in _LOSSES:
            object.__setattr__(self, "loss", name_of(self.loss, "loss of Torch"))
        if self.loss in _LOSSES and self.task not in (None, _LOSSES[self.loss]):
            raise InvalidInput(f"task = {self.task!r} with loss = {self.loss!r}", where="Torch", expected="one of them")
        for name, known in (("task", ("binary", "regression", None)), ("optimizer", _OPTIMIZERS), ("device", _DEVICES)):
            if getattr(self, name) not in known:
                expected = " or ".join(str(item) for item in known)
                raise InvalidInput(f"{name} = {getattr(self, name)!r}", where="Torch", expected=expected)
        fill: Any = self.fill
        if fill is not None and not (isinstance(fill, (int, float)) and math.isfinite(fill)):
            raise InvalidInput(f"fill = {self.fill!r}", where="Torch", expected="a finite number, or None")
        if isinstance(self.parallel, Mapping):
            object.__setattr__(self, "parallel", dict(self.parallel))
        plan = list(self.parallel.values()) if isinstance(self.parallel, dict) else None
        is_known = (
            self.parallel in (None, "fsdp") if plan is None else len(plan) > 0 and set(plan) <= {"colwise", "rowwise"}
        )
        if not is_known:
            raise InvalidInput(
                f"parallel = {self.parallel!r}",
                where="Torch",
                expected='None, "fsdp" or {"layer name": "colwise" or "rowwise"}',
            )

    @property
    def shows_ranks(self) -> bool:
        """Only where the module is spread: replicas fit the bytes that one process fits."""
        return self.parallel is not None

    def fit(
        self,
        train: Features,
        validation: Features | None,
        *,
        params: Mapping[str, Any],
        group: Group,
        journal: Journal,
    ) -> Predictor:
        """Fit on the training rows; see the class. Reports the mean losses to the journal after each epoch."""
        return self.replace(params)._fit(train, validation, group, journal)

    def reviver(self, num_features: int) -> Callable[[Mapping[str, bytes]], Predictor]:
        """The network of this module with given weights; the module is read once, here, for all ranks."""
        import torch

        from headrace.adapters.torch.network import NATIVE_FILE, Network, read_graph

        with torch.random.fork_rng():
            graph = read_graph(self._make(num_features), self.module, num_features)

        def revive(files: Mapping[str, bytes]) -> Predictor:
            arrays, about = from_bytes(files[NATIVE_FILE], NATIVE_FILE)
            return Network(graph, arrays, about["task"], self.fill, files[NATIVE_FILE])

        return revive

    def _make(self, num_features: int) -> Any:
        import torch

        from headrace.adapters.torch.parallel import check_plan

        make = find_code(self.module, "module of Torch")
        if isinstance(make, type) and not issubclass(make, torch.nn.Module):
            raise InvalidInput(f"{self.module!r} is no torch.nn.Module", where="Torch", expected="a class of modules")
        try:
            made = make(num_features, **self.module_params)
        except Exception as error:  # the user's own code
            raise InvalidInput(
                f"{self.module!r} raised {type(error).__name__}: {error}"[:400],
                where=f"called with {num_features} features and {self.module_params}",
                expected="a module for so many features",
            ) from error
        if not isinstance(made, torch.nn.Module):
            raise InvalidInput(
                f"{self.module!r} made {an(type(made).__name__)}", where="Torch", expected="a torch.nn.Module"
            )
        if not any(item.requires_grad for item in made.parameters()):
            raise InvalidInput(
                f"{self.module!r} has no parameter to fit", where="Torch", expected="a layer with weights"
            )
        check_plan(made, self.parallel, self.module)
        return made

    def _fit(self, train: Features, validation: Features | None, group: Group, journal: Journal) -> Predictor:
        import torch

        from headrace.adapters.torch.fitting import exact_kernels, fit_module
        from headrace.adapters.torch.network import Network, read_graph
        from headrace.adapters.torch.parallel import spread_module

        wanted = _LOSSES.get(self.loss, self.task) if isinstance(self.loss, str) else self.task
        if train.classes:
            raise InvalidInput(
                f"the label has {len(train.classes)} classes, and Torch learns one number a row",
                where="Torch",
                expected="a label of numbers, or of two values",
                fix="take XGBoost, LightGBM or a classifier of scikit-learn, or name a positive value",
            )
        task = task_of(train, wanted, "Torch")  # type: ignore[arg-type]  # checked when the trainer was made
        for features in (train, validation):
            if features is not None:
                refuse_infinite(features)
                if self.fill is None:
                    refuse_missing(features, "Torch without fill=")
        if self.device == "cuda":
            _find_gpu(group)
        num_features = train.matrix.shape[1]
        with exact_kernels(self.num_threads), spread_module(self, group, num_features) as spread:
            torch.manual_seed(self.seed)
            module = self._make(num_features)
            # Of ranks only weights come back; who launched them has read the module.
            graph = read_graph(module, self.module, num_features) if group.num_ranks == 1 else None
            settings = self._settings(task, group)
            ranks = spread(module.to(settings.device))
            tensors = fit_module(ranks, settings, train, validation, journal)
        arrays = {name: value.numpy() for name, value in tensors.items()}
        native = to_bytes(arrays, {"module": self.module, "params": self.module_params, "task": task})
        return Network(graph, arrays, task, self.fill, native)  # type: ignore[arg-type]

    def _settings(self, task: Task, group: Group) -> Any:
        from torch import optim
        from torch.nn import functional

        from headrace.adapters.torch.fitting import Settings

        rate = {"lr": self.learning_rate, "weight_decay": self.weight_decay}
        makers = {
            "adam": lambda items: optim.Adam(items, **rate),
            "adamw": lambda items: optim.AdamW(items, **rate),
            "sgd": lambda items: optim.SGD(items, momentum=self.momentum, **rate),
        }
        if self.loss is None or self.loss in _LOSSES:
            own = functional.binary_cross_entropy_with_logits if task == "binary" else functional.mse_loss

            def loss(answer: Any, label: Any) -> Any:
                return own(answer, label, reduction="none")
        else:
            loss = find_code(self.loss, "loss of Torch")
        plain = self.to_plain()
        plain.pop("checkpoint_s")
        return Settings(
            name=self.module,
            loss=loss,
            optimizer=makers[self.optimizer],
            identity=digest(plain),
            batch_rows=self.batch_rows,
            epochs=self.epochs,
            early_stopping_epochs=self.early_stopping_epochs,
            fill=self.fill,
            seed=self.seed,
            shards=self.shards,
            device=self.device if self.device == "cpu" else group.device if "cuda" in group.device else "cuda:0",
            checkpoint_s=self.checkpoint_s,
        )


def _find_gpu(group: Group) -> None:
    """Raise InvalidInput where a rank has no GPU; have cuBLAS give the same bytes each time."""
    import torch

    # https://docs.nvidia.com/cuda/cublas/#results-reproducibility
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if found <= group.rank:
        raise InvalidInput(
            f"{found} GPUs for {group.num_ranks} workers", where="Torch", expected="one each", fix='set device="cpu"'
        )
