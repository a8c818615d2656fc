"""Flips: all workers move to a version together, or none does."""

import itertools
from collections import defaultdict

import pytest

from headrace.serving._flips import Fact, Flips, Member

V1, V2, V3 = (Fact("late", version, f"digest{version}") for version in (1, 2, 3))


class World:
    """Flips over workers that remember what they were sent, and a clock that is set by hand."""

    def __init__(self, num_workers=2):
        self.sent = defaultdict(list)
        self.said = []
        self.now = 0.0
        self.members = []
        self.flips = Flips(lambda: self.members, self.said.append, lambda: self.now)
        for _ in range(num_workers):
            self.add()

    def add(self, *serving):
        """One more worker, ready, that serves these (or what is good)."""
        number = len(self.members)
        member = Member(lambda message: self.sent[number].append(message))
        self.members.append(member)
        self.flips.ready(member, serving or (V1,))
        return member

    def took(self):
        """What each worker was told since the last look, as (verb, version)."""
        found = [
            [(verb, fact["version"]) for message in self.sent[number] for verb, fact in list(message.items())[:1]]
            for number in range(len(self.members))
        ]
        self.sent.clear()
        return found


def test_all_flip_once_all_have_loaded():
    """The last worker to load a version is what all the others wait for."""
    world = World()
    world.flips.want({"late": V2})
    assert world.took() == [[("prepare", 2)], [("prepare", 2)]]
    world.flips.loaded(world.members[0], V2)
    assert world.took() == [[], []]
    world.flips.want({"late": V2})  # asked once, not at every look into the store
    assert world.took() == [[], []]
    world.flips.loaded(world.members[1], V2)
    assert world.took() == [[("flip", 2)], [("flip", 2)]]
    assert world.flips.good == {"late": V2}
    assert world.said == ["endpoint late: serves version 2 now, it was 1"]
    world.flips.want({"late": V2})
    assert world.took() == [[], []]


def test_one_refusal_is_everyones():
    """A version that one worker cannot serve is forgotten by all, said once, and not asked for again."""
    world = World()
    world.flips.want({"late": V2})
    world.flips.loaded(world.members[0], V2)
    world.took()
    world.flips.refuse(V2, "golden row 3 differs", "golden row 3 differs (a path)", is_final=True)
    assert world.took() == [[("forget", 2), ("note", 2)], [("forget", 2), ("note", 2)]]
    assert world.said == ["endpoint late: version 2 is not served: golden row 3 differs (a path)"]
    world.flips.want({"late": V2})
    assert world.took() == [[], []]
    assert world.flips.good == {"late": V1}
    # A later version, or going back, is another matter; who goes back is told of no refusal any more.
    world.flips.want({"late": V1})
    assert world.took() == [[("note", 2)], [("note", 2)]]
    world.flips.want({"late": V3})
    assert world.took() == [[("prepare", 3)], [("prepare", 3)]]


def test_what_only_this_moment_refuses_is_tried_again_later_each_time():
    """A disk that cannot be read now is asked again after one second, then two, then four; said once."""
    world = World(1)
    times = []
    for _ in range(3):
        while not world.took()[0]:
            world.now += 0.5
            world.flips.want({"late": V2})
        times.append(world.now)
        world.flips.refuse(V2, "cannot read", is_final=False)
        world.took()
    assert [later - sooner for sooner, later in itertools.pairwise(times)] == [1.0, 2.0]
    assert len(world.said) == 1


def test_a_worker_that_starts_late_catches_up_alone():
    """A worker started with what was good then is brought to what is good now, and nobody else moves."""
    world = World()
    world.flips.want({"late": V2})
    for member in list(world.members):
        world.flips.loaded(member, V2)
    world.took()
    late = world.add(V1)
    assert world.took() == [[], [], [("prepare", 2)]]
    world.flips.loaded(late, V2)
    assert world.took() == [[], [], [("flip", 2)]]


def test_a_flip_waits_for_a_worker_that_became_ready_meanwhile():
    """A worker that joins while others load is part of the move."""
    world = World(1)
    world.flips.want({"late": V2})
    late = world.add(V1)
    world.flips.loaded(world.members[0], V2)
    assert ("flip", 2) not in world.took()[0]
    world.flips.loaded(late, V2)
    assert [("flip", 2) in told for told in world.took()] == [True, True]


def test_a_rollback_before_the_flip_frees_what_was_loaded():
    """The store went back before all were ready: nothing moves, what was prepared is freed."""
    world = World()
    world.flips.want({"late": V2})
    world.took()
    world.flips.want({"late": V1})
    assert world.took() == [[("forget", 2)], [("forget", 2)]]
    world.flips.loaded(world.members[0], V2)  # its answer was on its way
    assert world.took() == [[], []]


def test_a_dead_worker_holds_up_nobody():
    """Who dies while others wait is no longer waited for; its version is tried again only later."""
    world = World()
    world.flips.want({"late": V2})
    world.flips.loaded(world.members[0], V2)
    dead = world.members.pop()
    world.flips.died(dead)
    world.took()
    world.flips.want({"late": V2})
    assert world.took() == [[]]
    world.now = 1.0
    world.flips.want({"late": V2})
    assert world.took() == [[("prepare", 2)]]
    world.flips.loaded(world.members[0], V2)
    assert world.took() == [[("flip", 2)]]


def test_a_served_version_one_worker_cannot_load_stays_served_by_the_others():
    """A worker that fails at what the others serve tries again; it makes nobody forget it."""
    world = World()
    world.flips.refuse(V1, "cannot read", is_final=True)
    assert world.flips.refused == {}
    assert world.took() == [[], []]


@pytest.mark.parametrize("num_workers", [1, 3])
def test_an_endpoint_that_is_new_is_served_by_all(num_workers):
    """The first push of an endpoint reaches a server that runs."""
    world = World(num_workers)
    other = Fact("price", 1, "d")
    world.flips.want({"late": V1, "price": other})
    for member in world.members:
        world.flips.loaded(member, other)
    assert world.flips.good == {"late": V1, "price": other}
