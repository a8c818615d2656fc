"""How the work of a batch is shared: by one process, or by several that hold the module whole.

A batch is cut into shards, the same ones for any number of ranks; each rank takes every `num_ranks`-th. A shard's
gradient is worked out alone, from the same rows by the same kernels, and shards are added in float64, where sums of so
few float32 values are exact but for odds of about 2^-28: one, two and four ranks fit the same bytes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from headrace.errors import Misuse
from headrace.training import Group

__all__ = ["Alone", "Replicas", "meet"]


@contextmanager
def meet(group: Group) -> Iterator[None]:
    """The process group of all ranks, over the launcher's rendezvous: gloo on processors, NCCL on GPUs."""
    import torch
    from torch import distributed

    is_gpu = group.device.startswith("cuda")
    if is_gpu:
        torch.cuda.set_device(group.device)
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if is_gpu else "gloo",
        init_method=f"file://{group.rendezvous}/torch",
        rank=group.rank,
        world_size=group.num_ranks,
    )
    try:
        yield
    finally:
        distributed.destroy_process_group()


def _has_unused(module: Any, num_features: int) -> bool:
    """Whether a parameter has no part in the answer: DDP waits for its gradient for ever unless told."""
    import torch

    module.eval()
    device = next(module.parameters()).device
    with torch.random.fork_rng():
        module(torch.zeros(2, num_features, device=device)).sum().backward()
    found = any(item.grad is None for item in module.parameters() if item.requires_grad)
    module.zero_grad(set_to_none=True)
    module.train()
    return found


class Alone:
    """One process: all shards, one after another.

    Subclasses say what other ranks add. `module` is what is called, `whole` gives its tensors as one process has them.
    """

    def __init__(self, module: Any, group: Group) -> None:
        self.group, self.module, self.inner = group, module, module
        self.parameters = [item for item in module.parameters() if item.requires_grad]
        self._sums: list[Any] = [None] * len(self.parameters)

    def shards(self, num_shards: int) -> list[int]:
        """The numbers of the shards that this rank works out."""
        return list(range(num_shards))

    def backward(self, loss: Any, *, is_last: bool) -> None:
        """Add a shard's gradient; after the last, `grad` of each parameter is that of the whole batch."""
        loss.backward()
        self._gather()
        if is_last:
            for index, item in enumerate(self.parameters):
                total = self._sums[index]
                item.grad = None if total is None else total.to(item.dtype)
            self._sums = [None] * len(self.parameters)

    def waiting(self, *, is_last: bool) -> Any:
        """The context in which a shard's forward pass is made."""
        return nullcontext()

    def judges(self, index: int) -> bool:
        """Whether this rank works out that block of the validation rows; `total` adds what each found."""
        return True

    def judged(self, losses: Any) -> Any:
        """The losses of all blocks, from those this rank worked out."""
        return losses

    @property
    def judge(self) -> Any:
        """The module as it is called without gradients."""
        return self.inner

    def _gather(self) -> None:
        for index, item in enumerate(self.parameters):
            if item.grad is not None:
                found, before = item.grad.double(), self._sums[index]
                self._sums[index] = found if before is None else before + found
                item.grad = None

    def total(self, values: Any) -> Any:
        """The sum over ranks of what each worked out alone: float64, changed in place."""
        return values

    def agree(self, values: Any) -> Any:
        """What the first rank says; changed in place."""
        return values

    def whole(self, tensor: Any) -> Any:
        """A tensor that may be spread over ranks, as one process has it."""
        return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor

    def spread(self, tensor: Any, like: Any) -> None:
        """Write a whole tensor into one that may be spread over ranks."""
        from torch.distributed.tensor import distribute_tensor

        if hasattr(like, "full_tensor"):
            tensor = distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
        like.copy_(tensor)


class Replicas(Alone):
    """Data parallel by DistributedDataParallel: each rank holds the module whole and works out its own shards.

    Its own reduction adds float32 values in an order that depends on the number of ranks; a communication hook takes
    its place, which adds the shards' float64 sums while the backward pass still goes on.
    """

    def __init__(self, module: Any, group: Group, num_features: int) -> None:
        super().__init__(module, group)
        from torch.nn.parallel import DistributedDataParallel

        self._place = {id(item): index for index, item in enumerate(self.parameters)}
        with warnings.catch_warnings():
            # Buffers are summed over shards by `fitting`, not copied from the first rank; PyTorch 2.13 renames the
            # argument, but what takes its place does not cover the start yet.
            warnings.simplefilter("ignore", FutureWarning)
            self.module = DistributedDataParallel(
                module, broadcast_buffers=False, find_unused_parameters=_has_unused(module, num_features)
            )
        self.module.register_comm_hook(None, lambda _, bucket: self._add(bucket))

    def shards(self, num_shards: int) -> list[int]:
        """Every `num_ranks`-th."""
        if num_shards % self.group.num_ranks:
            raise Misuse(
                f"{self.group.num_ranks} workers cannot share {num_shards} shards evenly",
                where="Torch",
                expected="a number of workers that divides `shards`, and batches of as many rows at least",
            )
        return list(range(self.group.rank, num_shards, self.group.num_ranks))

    def backward(self, loss: Any, *, is_last: bool) -> None:
        """As alone; the last one starts the exchange."""
        if not is_last:
            with self.module.no_sync():
                loss.backward()
            self._gather()
            return
        loss.backward()
        self._sums = [None] * len(self.parameters)

    def waiting(self, *, is_last: bool) -> Any:
        """DDP asks to be told before the pass that no exchange follows it."""
        return nullcontext() if is_last else self.module.no_sync()

    def judges(self, index: int) -> bool:
        """Every `num_ranks`-th block."""
        return index % self.group.num_ranks == self.group.rank

    def judged(self, losses: Any) -> Any:
        """The sum over ranks: one found each block's, the others nothing."""
        return self.total(losses)

    def _add(self, bucket: Any) -> Any:
        import torch
        from torch import distributed

        total = bucket.buffer().double()
        offset = 0
        for item in bucket.parameters():
            before = self._sums[self._place[id(item)]]
            if before is not None:
                total[offset : offset + item.numel()] += before.reshape(-1)
            offset += item.numel()
        work = distributed.all_reduce(total, async_op=True).get_future()
        return work.then(lambda done: done.value()[0].to(torch.float32))

    def total(self, values: Any) -> Any:
        """All ranks' together."""
        from torch import distributed

        distributed.all_reduce(values)
        return values

    def agree(self, values: Any) -> Any:
        """The first rank's."""
        from torch import distributed

        distributed.broadcast(values, 0)
        return values
