"""The loader: an order computed from a position, the same for any number of processes, exact after any stop."""

import numpy as np
import pytest

from headrace.errors import InvalidInput
from headrace.training.loader import Loader, permuted


@pytest.mark.parametrize("num_rows", [1, 2, 3, 4, 5, 7, 8, 9, 31, 64, 65, 1000, 4097, 100_003])
def test_an_epoch_has_every_row_once(num_rows):
    """For any number of rows, seed and epoch the order is a permutation."""
    for seed, epoch in ((0, 0), (0, 1), (1, 0), (2**63 + 5, 10**9)):
        found = permuted(np.arange(num_rows), num_rows, seed=seed, epoch=epoch)
        assert np.array_equal(np.sort(found), np.arange(num_rows))


def test_any_place_is_found_alone():
    """A row's place does not depend on what else is asked for."""
    whole = permuted(np.arange(1000), 1000, seed=3, epoch=4)
    chosen = np.array([999, 0, 500, 500])
    assert np.array_equal(permuted(chosen, 1000, seed=3, epoch=4), whole[chosen])


def test_orders_look_random():
    """Neighbours are not kept, orders of two epochs or seeds share no more than chance, every place gets every row."""
    num_rows = 10_000
    orders = [permuted(np.arange(num_rows), num_rows, seed=s, epoch=e) for s, e in ((0, 0), (0, 1), (1, 0), (1, 1))]
    for first, order in enumerate(orders):
        assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.05
        assert abs(np.corrcoef(np.arange(num_rows), order)[0, 1]) < 0.05
        for other in orders[first + 1 :]:
            assert (order == other).sum() < 12  # 1 expected
    counts = np.zeros((16, 16))
    for seed in range(4000):
        counts[np.arange(16), permuted(np.arange(16), 16, seed=seed, epoch=0)] += 1
    chi_square = ((counts - 250) ** 2 / 250).sum()
    assert chi_square < 225 + 6 * np.sqrt(2 * 225)  # 15 x 15 degrees of freedom


def test_batches_cut_an_epoch_evenly():
    """No batch is smaller than asked for where there are rows enough, and none is twice as large."""
    for num_rows, batch_rows in ((1000, 100), (1001, 100), (1099, 100), (50, 100), (100, 100), (199, 100), (7, 1)):
        sizes = [len(batch.rows) for batch in Loader(num_rows, batch_rows).batches(0, num_epochs=1)]
        assert sum(sizes) == num_rows
        assert max(sizes) - min(sizes) <= 1
        assert min(sizes) >= min(batch_rows, num_rows) and max(sizes) < 2 * batch_rows


def test_resume_is_as_if_nothing_had_happened():
    """From the position after any batch the rest comes as it would have: batches, epochs, marks of the last."""
    loader = Loader(1003, 100, seed=9)
    whole = list(loader.batches(0, num_epochs=3))
    assert [batch.is_last for batch in whole[:10]] == [False] * 9 + [True]
    for number, batch in enumerate(whole):
        assert batch.position == (whole[number - 1].next_position if number else 0)
        rest = list(loader.batches(batch.next_position, num_epochs=3))
        assert len(rest) == len(whole) - number - 1
        for found, expected in zip(rest, whole[number + 1 :], strict=True):
            assert (found.epoch, found.index, found.position) == (expected.epoch, expected.index, expected.position)
            assert np.array_equal(found.rows, expected.rows)


def test_ranks_share_a_batch_by_stride():
    """1, 2 or 4 processes: the same batches, each row with one of them, and the same shards for the same number."""
    for batch in Loader(1000, 96, seed=1).batches(0, num_epochs=2):
        shards = [batch.shard(number, 4) for number in range(4)]
        assert np.array_equal(np.sort(np.concatenate(shards)), np.sort(batch.rows))
        for num_ranks in (1, 2, 4):
            taken = [shards[number] for rank in range(num_ranks) for number in range(rank, 4, num_ranks)]
            assert np.array_equal(np.sort(np.concatenate(taken)), np.sort(batch.rows))


def test_a_position_of_other_batches_is_refused():
    """A checkpoint of other rows or another batch size does not go on somewhere."""
    loader = Loader(1000, 100)
    with pytest.raises(InvalidInput, match="no batch begins at position 150"):
        next(loader.batches(150, num_epochs=1))
    with pytest.raises(InvalidInput, match="at least one row"):
        Loader(0, 10)
