"""Which way a module is held by the ranks of a group, by the trainer's plan.

| plan | a rank holds | a rank works out | sums |
|---|---|---|---|
| None (DDP) | the module whole | its own shards of a batch | gradients, in float64: the bytes of one process |
| "fsdp" (FSDP2) | a piece of each parameter | its own shards of a batch | gradients, in float32: within a tolerance |
| {"layer": ...} (tensor parallel) | a piece of those layers | every row, in part | products: within a tolerance |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from headrace.adapters.torch.ranks import Alone, Replicas, meet
from headrace.calls import an
from headrace.errors import InvalidInput, UnknownName
from headrace.training import Group

__all__ = ["check_plan", "spread_module"]


@contextmanager
def spread_module(trainer: Any, group: Group, num_features: int) -> Iterator[Callable[[Any], Alone]]:
    """What makes of a module one that this group's ranks fit together, while they are met."""
    if group.num_ranks == 1:
        yield lambda module: Alone(module, group)
        return
    with meet(group):
        if trainer.parallel is None:
            yield lambda module: Replicas(module, group, num_features)
        elif trainer.parallel == "fsdp":
            yield lambda module: Pieces(module, group)
        else:
            yield lambda module: Layers(module, group, trainer.parallel)


def check_plan(module: Any, plan: Any, name: str) -> None:
    """Raise UnknownName for a layer that a plan names and the module lacks, InvalidInput for one that is no Linear."""
    from torch import nn

    if not isinstance(plan, Mapping):
        return
    layers = dict(module.named_modules())
    for layer in plan:
        if layer not in layers:
            raise UnknownName("layer", layer, [key for key in layers if key], where=f"parallel of {name}")
        if not isinstance(layers[layer], nn.Linear):
            raise InvalidInput(
                f"layer {layer!r} is {an(type(layers[layer]).__name__)}",
                where=f"parallel of {name}",
                expected="Linear layers: a colwise one, then, after what works value by value, a rowwise one",
            )


def _mesh(group: Group) -> Any:
    from torch.distributed.device_mesh import init_device_mesh

    return init_device_mesh(group.device.partition(":")[0], (group.num_ranks,))


class Pieces(Replicas):
    """FSDP2: each parameter lies in pieces on all ranks, and is gathered where a layer needs it.

    Shards of rows are those of `Replicas`. A shard's gradients are spread back in float32, so that the number of ranks
    shows in the last digits.
    """

    def __init__(self, module: Any, group: Group) -> None:
        from torch.distributed.fsdp import fully_shard

        mesh = _mesh(group)
        for child in module.children():
            if any(True for _ in child.parameters()):
                fully_shard(child, mesh=mesh)
        fully_shard(module, mesh=mesh)
        Alone.__init__(self, module, group)

    def backward(self, loss: Any, *, is_last: bool) -> None:
        """As PyTorch does it: the mean over ranks, hence the factor."""
        (loss * self.group.num_ranks).backward()

    def waiting(self, *, is_last: bool) -> Any:
        """Nothing waits: each shard's gradients are spread at once."""
        return Alone.waiting(self, is_last=is_last)

    def judges(self, index: int) -> bool:
        """All, since each forward pass takes all ranks; `total` of what one found is that of the first."""
        return True

    def judged(self, losses: Any) -> Any:
        """All ranks found the same."""
        return losses


class Layers(Alone):
    """Tensor parallel: named Linear layers lie in pieces on all ranks, and every rank works out every row."""

    def __init__(self, module: Any, group: Group, plan: Mapping[str, str]) -> None:
        from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

        styles = {"colwise": ColwiseParallel, "rowwise": RowwiseParallel}
        mesh = _mesh(group)
        parallelize_module(module, mesh, {layer: styles[style]() for layer, style in plan.items()})
        super().__init__(module, group)

    def backward(self, loss: Any, *, is_last: bool) -> None:
        """As PyTorch does it."""
        loss.backward()

    def agree(self, values: Any) -> Any:
        """The first rank's."""
        return Replicas.agree(self, values)  # type: ignore[arg-type]
