"""Fitting a module: batches in a fixed order, shards added exactly, checkpoints that lead to the same bytes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headrace import progress
from headrace.adapters.torch.network import call_module, check_answer
from headrace.adapters.torch.ranks import Alone
from headrace.adapters.torch.tensors import Arrays, from_bytes, to_bytes
from headrace.canonical import digest
from headrace.errors import InvalidInput
from headrace.training import Features, Journal
from headrace.training.loader import Batch, Loader

__all__ = ["Course", "Settings", "exact_kernels", "fit_module"]

_JUDGED_ROWS = 4096  # of the validation rows at a time
Loss = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Settings:
    """What a fit is given beside the module and the rows; the trainer's fields of the same names.

    Parameters
    ----------
    name : str
        The module's, for messages.
    loss : function
        (answer[N], label[N]) -> loss[N].
    optimizer : function
        Parameters -> torch.optim.Optimizer.
    identity : str
        Digest of the trainer: a checkpoint of another one is refused.
    """

    name: str
    loss: Loss
    optimizer: Callable[[Any], Any]
    identity: str
    batch_rows: int
    epochs: int
    early_stopping_epochs: int
    fill: float | None
    seed: int
    shards: int
    device: str
    checkpoint_s: float


@dataclass
class Course:
    """How far a fit is: what a checkpoint holds beside tensors.

    Parameters
    ----------
    position : int
        Rows learnt from so far; the loader goes on from here.
    losses : float64[num_batches, num_shards]
        Of the epoch that is going on.
    best_loss, best_epoch : float and int
        Of the validation rows.
    is_stopped : bool
        The journal said so, or nothing was gained for long enough.
    told : list of (epoch, {name: value})
        What the journal was told; told again to that of the process that goes on, so that its curve is whole.
    """

    position: int = 0
    losses: Any = None
    best_loss: float = float("inf")
    best_epoch: int = -1
    is_stopped: bool = False
    told: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)


class _Rows:
    """Features as tensors, a few rows at a time: missing ones filled, on the device."""

    def __init__(self, features: Features, settings: Settings) -> None:
        self.features, self.settings = features, settings

    def take(self, rows: Any) -> tuple[Any, Any, Any]:
        """Matrix, labels and weights of some rows."""
        import torch

        matrix = self.features.matrix[rows]  # a copy, also of rows in order
        if self.settings.fill is not None:
            matrix[np.isnan(matrix)] = self.settings.fill
        label = self.features.label[rows].astype(np.float32)
        weight = np.ones(len(label)) if self.features.weight is None else self.features.weight[rows]
        device = self.settings.device
        return tuple(torch.from_numpy(np.ascontiguousarray(item)).to(device) for item in (matrix, label, weight))

    def weight(self, rows: Any) -> float:
        """What some rows count together."""
        return float(len(rows)) if self.features.weight is None else float(self.features.weight[rows].sum())


class _Fit:
    """One fit, from the first batch or a checkpoint to the last."""

    def __init__(self, ranks: Alone, settings: Settings, train: Features, journal: Journal) -> None:
        self.ranks, self.settings, self.journal = ranks, settings, journal
        self.rows = _Rows(train, settings)
        self.loader = Loader(train.num_rows, settings.batch_rows, settings.seed)
        smallest = train.num_rows // self.loader.num_batches
        self.num_shards = min(settings.shards, smallest)
        self.mine = ranks.shards(self.num_shards)
        self.optimizer = settings.optimizer(ranks.parameters)
        names = [name for name, _ in ranks.inner.named_buffers()]
        kept = ranks.inner.state_dict(keep_vars=True)
        self.buffers = [kept[name] for name in names if name in kept]
        self.course = Course(losses=np.zeros((self.loader.num_batches, self.num_shards)))
        self.identity = digest([settings.identity, train.num_rows, hashlib.sha256(train.label.tobytes()).hexdigest()])
        self.wants_saving = False
        self._saved_at = time.monotonic()

    # --- one batch

    def learn(self, batch: Batch) -> None:
        """Take one step."""
        import torch

        total = self.rows.weight(batch.rows)
        losses = torch.zeros(self.num_shards, dtype=torch.float64)
        before = [item.detach().clone() for item in self.buffers]
        changes = [torch.zeros_like(item, dtype=torch.float64) for item in self.buffers]
        self.ranks.inner.train()
        for place, number in enumerate(self.mine):
            _draw_from(_seed(self.settings.seed, batch.position, number), self.settings.device)
            matrix, label, weight = self.rows.take(batch.shard(number, self.num_shards))
            is_last = place + 1 == len(self.mine)
            with self.ranks.waiting(is_last=is_last):
                answer = call_module(self.ranks.module, matrix, self.settings.name)
            check_answer(answer, len(matrix), self.settings.name)
            each = self._loss(answer.reshape(-1), label)
            loss = (each * weight.to(each.dtype)).sum() / total
            losses[number] = float(loss.detach())
            self.ranks.backward(loss, is_last=is_last)
            with torch.no_grad():
                for item, start, change in zip(self.buffers, before, changes, strict=True):
                    change += item.double() - start.double()
                    item.copy_(start)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for item, start, change in zip(self.buffers, before, changes, strict=True):
                mean = self.ranks.total(change) / self.num_shards
                item.copy_((start.double() + mean).to(item.dtype))
        found = self.ranks.total(losses).numpy()
        wants = torch.tensor([float(time.monotonic() - self._saved_at >= self.settings.checkpoint_s)])
        self.wants_saving = bool(self.ranks.agree(wants)[0])
        self._check(batch, float(found.sum()))
        self.course.losses[batch.index] = found
        self.course.position = batch.next_position

    def _loss(self, answer: Any, label: Any) -> Any:
        each = self.settings.loss(answer, label)
        shape = tuple(getattr(each, "shape", ()))
        if shape != tuple(label.shape):
            raise InvalidInput(
                f"the loss has shape {shape} for {len(label)} rows",
                where=self.settings.name,
                expected="one loss a row, as with reduction='none'",
            )
        return each

    def _check(self, batch: Batch, loss: float) -> None:
        if not np.isfinite(loss):
            raise InvalidInput(
                f"the loss became {loss}: the run diverges",
                where=f"{self.settings.name}, epoch {batch.epoch + 1}, batch {batch.index + 1}",
                fix="lower learning_rate, or scale features and labels (ops.z_score)",
            )

    # --- one epoch

    def end_epoch(self, epoch: int, judged: _Rows | None) -> None:
        """Judge, tell, and decide whether to go on."""
        import torch

        sizes = np.diff([self.loader.start(index) for index in range(self.loader.num_batches + 1)])
        values = {"train": float((self.course.losses.sum(axis=1) * sizes).sum() / sizes.sum())}
        if judged is not None:
            values["validation"] = self._judge(judged)
            if values["validation"] < self.course.best_loss:
                self.course.best_loss, self.course.best_epoch = values["validation"], epoch
                self.course.best = self.module_tensors()
        self.course.losses[:] = 0.0
        self.course.told.append((epoch, values))
        goes_on = torch.ones(1)
        if self.ranks.group.rank == 0:
            goes_on[0] = float(self.journal.report(epoch, values))
        patience = self.settings.early_stopping_epochs
        is_over = judged is not None and 0 < patience <= epoch - self.course.best_epoch
        self.course.is_stopped = is_over or not bool(self.ranks.agree(goes_on)[0])

    def _judge(self, judged: _Rows) -> float:
        import torch

        count = judged.features.num_rows
        starts = range(0, count, _JUDGED_ROWS)
        losses = torch.zeros(len(starts), dtype=torch.float64)
        self.ranks.inner.eval()
        with torch.no_grad():
            for index, start in enumerate(starts):
                if self.ranks.judges(index):
                    matrix, label, weight = judged.take(np.arange(start, min(start + _JUDGED_ROWS, count)))
                    answer = call_module(self.ranks.judge, matrix, self.settings.name)
                    losses[index] = float((self._loss(answer.reshape(-1), label).double() * weight).sum())
        found = float(self.ranks.judged(losses).sum()) / judged.weight(np.arange(count))
        if not np.isfinite(found):
            raise InvalidInput(
                f"the validation loss became {found}: the run diverges",
                where=self.settings.name,
                fix="lower learning_rate, or scale features and labels (ops.z_score)",
            )
        return found

    # --- checkpoints

    def module_tensors(self) -> dict[str, Any]:
        """Parameters and buffers as one process has them: copies, on the CPU."""
        return {
            name: self.ranks.whole(value.detach()).cpu().clone()
            for name, value in self.ranks.inner.state_dict(keep_vars=True).items()
        }

    def save(self) -> None:
        """Keep what it takes to go on; all ranks take part in gathering it, the first keeps it."""
        arrays: Arrays = {f"module.{name}": value.numpy() for name, value in self.module_tensors().items()}
        arrays |= {f"best.{name}": value.numpy() for name, value in self.course.best.items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            for key, value in state.items():
                if value is not None:
                    arrays[f"optimizer.{index}.{key}"] = self.ranks.whole(value).cpu().numpy()
        arrays["losses"] = self.course.losses
        arrays["best_loss"] = np.array(self.course.best_loss)
        about = {
            "fit": self.identity,
            "position": self.course.position,
            "best_epoch": self.course.best_epoch,
            "is_stopped": self.course.is_stopped,
            "told": [[epoch, values] for epoch, values in self.course.told],
        }
        if self.ranks.group.rank == 0:
            self.journal.save(to_bytes(arrays, about))
        self._saved_at = time.monotonic()

    def resume(self, data: bytes) -> None:
        """Go on from what `save` kept. Raises InvalidInput for a checkpoint of another trainer or other rows."""
        import torch

        arrays, about = from_bytes(data, "checkpoint")
        if about.get("fit") != self.identity:
            raise InvalidInput(
                "the checkpoint is of another trainer, or of other rows",
                where=self.settings.name,
                fix="start without it: an equal fit goes on, any other begins anew",
            )
        state: dict[int, dict[str, Any]] = {}
        with torch.no_grad():
            for name, value in self.ranks.inner.state_dict(keep_vars=True).items():
                self.ranks.spread(torch.from_numpy(arrays[f"module.{name}"]), value)
        for name, array in arrays.items():
            kind, _, rest = name.partition(".")
            if kind == "optimizer":
                index, _, key = rest.partition(".")
                value, like = torch.from_numpy(array), self.ranks.parameters[int(index)]
                if key != "step" and value.shape == like.shape:
                    place = torch.zeros_like(like)
                    self.ranks.spread(value, place)
                    value = place
                state.setdefault(int(index), {})[key] = value
            elif kind == "best":
                self.course.best[rest] = torch.from_numpy(array)
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        self.course.losses = arrays["losses"]
        self.course.best_loss = float(arrays["best_loss"])
        self.course.position, self.course.best_epoch = about["position"], about["best_epoch"]
        self.course.is_stopped = about["is_stopped"]
        self.course.told = [(int(epoch), dict(values)) for epoch, values in about["told"]]
        for epoch, values in self.course.told if self.ranks.group.rank == 0 else ():
            self.journal.report(epoch, values)

    def run(self, judged: _Rows | None, checkpoint: bytes | None) -> dict[str, Any]:
        """All epochs; returns the tensors of the module as it ends, or as it was best."""
        if checkpoint is not None:
            self.resume(checkpoint)
        epochs = self.settings.epochs
        total = epochs * self.loader.num_batches
        done = 0 if self.course.is_stopped else self.course.position * total // max(1, epochs * self.loader.num_rows)
        batches = self.loader.batches(self.course.position, num_epochs=0 if self.course.is_stopped else epochs)
        for batch in progress.track(batches, "batches", total=total - done, unit="batches"):
            self.learn(batch)
            if batch.is_last:
                self.end_epoch(batch.epoch, judged)
            if self.wants_saving:
                self.save()
            if self.course.is_stopped:
                break
        return self.course.best if self.course.best and self.settings.early_stopping_epochs else self.module_tensors()


def _seed(seed: int, position: int, shard: int) -> int:
    """A shard's own draws: dropout is the same for any number of ranks, and after any stop."""
    data = b"".join(value.to_bytes(8, "little") for value in (seed, position, shard))
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "little") >> 1


def _draw_from(seed: int, device: str) -> None:
    """Seed the draws; `torch.manual_seed` also keeps a traceback for each kind of GPU that there might be."""
    import torch

    torch.default_generator.manual_seed(seed)
    if device != "cpu":
        torch.cuda.manual_seed(seed)


@contextmanager
def exact_kernels(num_threads: int) -> Iterator[None]:
    """PyTorch with so many threads, deterministic kernels alone, and its random state as it was afterwards."""
    import torch

    threads, is_strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    fills = torch.utils.deterministic.fill_uninitialized_memory
    torch.set_num_threads(num_threads)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(is_strict)
        torch.utils.deterministic.fill_uninitialized_memory = fills


def fit_module(
    ranks: Alone, settings: Settings, train: Features, validation: Features | None, journal: Journal
) -> Mapping[str, Any]:
    """Fit a module, and return its tensors by name; see `Torch`."""
    fit = _Fit(ranks, settings, train, journal)
    judged = None if validation is None else _Rows(validation, settings)
    return fit.run(judged, journal.resume())
