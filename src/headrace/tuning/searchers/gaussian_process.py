"""A Gaussian process over what was tried, and the point of largest expected improvement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.training.space import Choice, Int, Space
from headrace.tuning._contract import Past, Searcher, draw, generator

__all__ = ["GaussianProcess"]

Floats = npt.NDArray[np.float64]

_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71)
_MOST_POINTS = 200
_LEAST_NOISE = 1e-6
_erfc = np.frompyfunc(math.erfc, 1, 1)


@dataclass(frozen=True)
class GaussianProcess(Searcher):
    """Gaussian-process search: the default, for up to some hundred trials of a dozen parameters.

    The first trials are spread evenly (Halton's sequence, shifted by the seed). After that a Matern 5/2 process with
    a length for each parameter is fitted to what ended, and the point of largest expected improvement is tried. A trial
    that failed counts as the worst; one that runs counts as what the process expects of it, so that workers at one time
    try different things. NumPy is all it needs.

    Parameters
    ----------
    num_spread : int
        Trials spread before the process is trusted; 0 = twice the parameters and one, at least 5.
    num_candidates : int
        Points that the search for the next one starts from.

    Choices count as equal or different. Raises InvalidInput for negative counts. Cost: about 60 ms a suggestion at 50
    trials, 0.5 s at 200; of more, the 100 best and the 100 newest are looked at. Source: Jones, Schonlau and Welch,
    "Efficient global optimization", 1998; the logarithm of the improvement as in Ament et al., NeurIPS 2023.

    >>> from headrace.training.space import Float
    >>> GaussianProcess().suggest({"x": Float(0.0, 1.0)}, [], seed=0, number=1)["x"] <= 1.0
    True
    """

    num_spread: int = 0
    num_candidates: int = 512

    def __post_init__(self) -> None:
        for name, low in (("num_spread", 0), ("num_candidates", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise InvalidInput(
                    f"{name} = {value!r}", where="GaussianProcess", expected=f"a whole number from {low}"
                )

    def suggest(self, space: Space, history: Sequence[Past], *, seed: int, number: int) -> dict[str, Any]:
        """See Searcher."""
        ended = [past for past in history if past.state != "running"]
        known = [past for past in ended if past.loss is not None]
        if len(ended) < (self.num_spread or max(5, 2 * len(space) + 1)) or not known:
            return _spread(space, seed, number)
        points = _Points(space)
        ended = _chosen(ended)
        places = points.places([past.params for past in ended])
        process = _Process(points, places, _warped(ended))
        running = [past.params for past in history if past.state == "running"]
        if running:
            process = process.believing(points.places(running))
        tried = {tuple(place) for place in points.places([past.params for past in history]).tolist()}
        found = self._improve(points, process, generator(seed, number), tried)
        return draw(space, seed, number) if found is None else points.params(found)

    def _improve(
        self, points: _Points, process: _Process, random: np.random.Generator, tried: set[tuple[float, ...]]
    ) -> Floats | None:
        """The point of largest expected improvement found; None where all that was looked at was tried before."""
        best = process.places[np.argsort(process.values, kind="stable")[:5]]
        starts = [random.random((self.num_candidates, points.width))]
        starts += [points.near(np.repeat(best, 16, axis=0), scale, random) for scale in (0.2, 0.05, 0.01)]
        pool = points.snapped(np.concatenate(starts))
        gains = process.log_improvement(pool)
        wide, wide_gains = pool, gains
        for round_ in range(30):
            top = np.argsort(-gains, kind="stable")[:6]
            fresh = points.snapped(points.near(np.repeat(pool[top], 16, axis=0), 0.15 * 0.82**round_, random))
            pool = np.concatenate([pool[top], fresh])
            gains = np.concatenate([gains[top], process.log_improvement(fresh)])
        # Where all that is near was tried before, as happens with few whole numbers, the rest has its turn.
        pool, gains = np.concatenate([pool, wide]), np.concatenate([gains, wide_gains])
        for index in np.argsort(-gains, kind="stable"):
            if tuple(pool[index].tolist()) not in tried:
                return np.asarray(pool[index])
        return None


def _spread(space: Space, seed: int, number: int) -> dict[str, Any]:
    """Halton's sequence, shifted by the seed; independent draws beyond twenty parameters."""
    if len(space) > len(_PRIMES):
        return draw(space, seed, number)
    shifts = generator(seed, -1).random(len(space))
    shares = [
        (_radical_inverse(number + 1, prime) + shift) % 1.0 for prime, shift in zip(_PRIMES, shifts, strict=False)
    ]
    return {name: domain.at(float(share)) for (name, domain), share in zip(space.items(), shares, strict=True)}


def _radical_inverse(number: int, base: int) -> float:
    """The digits of a number in some base, mirrored behind the point.

    >>> _radical_inverse(6, 2)
    0.375
    """
    found, scale = 0.0, 1.0
    while number:
        number, digit = divmod(number, base)
        scale /= base
        found += digit * scale
    return found


def _chosen(ended: list[Past]) -> list[Past]:
    """At most 200: the best half and the newest half."""
    if len(ended) <= _MOST_POINTS:
        return ended
    by_loss = sorted(ended, key=lambda past: (past.loss is None, past.loss or 0.0, past.number))
    kept = {past.number for past in [*by_loss[: _MOST_POINTS // 2], *ended[-_MOST_POINTS // 2 :]]}
    return [past for past in ended if past.number in kept]


def _warped(ended: list[Past]) -> Floats:
    """Losses on a scale where the good half is linear and the bad half logarithmic, mean 0 and deviation 1."""
    losses = np.array([math.nan if past.loss is None else past.loss for past in ended])
    losses[np.isnan(losses)] = np.nanmax(losses)
    middle = float(np.median(losses))
    width = max(middle - float(losses.min()), 1e-12 * max(1.0, abs(middle)))
    warped = np.arcsinh((losses - middle) / width)
    deviation = float(warped.std())
    return np.asarray((warped - warped.mean()) / (deviation if deviation > 0.0 else 1.0))


class _Points:
    """Parameters as points of the unit cube: whole numbers snap to their places, choices to the middle of theirs."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self.width = len(space)
        self.is_choice = np.array([isinstance(domain, Choice) for domain in space.values()])
        self._grids: list[Floats | None] = []
        for domain in space.values():
            values: Sequence[Any] | None = None
            if isinstance(domain, Choice):
                values = domain.options
            elif isinstance(domain, Int) and domain.high - domain.low < 1000:
                values = range(domain.low, domain.high + 1)
            self._grids.append(None if values is None else np.array([domain.place(value) for value in values]))

    def places(self, params: Sequence[Any]) -> Floats:
        return np.array([[domain.place(item[name]) for name, domain in self._space.items()] for item in params])

    def params(self, place: Floats) -> dict[str, Any]:
        return {name: domain.at(float(at)) for (name, domain), at in zip(self._space.items(), place, strict=True)}

    def snapped(self, places: Floats) -> Floats:
        found = np.clip(places, 0.0, 1.0)
        for index, grid in enumerate(self._grids):
            if grid is not None:
                edges = (grid[1:] + grid[:-1]) / 2.0
                found[:, index] = grid[np.searchsorted(edges, found[:, index], side="right")]
        return np.asarray(found)

    def near(self, places: Floats, scale: float, random: np.random.Generator) -> Floats:
        """Points around others: one to all parameters moved; a choice is drawn anew where it is."""
        moved = random.random(places.shape) < random.choice([0.3, 1.0], size=(len(places), 1))
        steps = places + scale * random.standard_normal(places.shape)
        steps = np.abs(steps)
        steps = 1.0 - np.abs(1.0 - steps)  # reflected at both ends
        steps = np.where(self.is_choice, random.random(places.shape), steps)
        moved &= ~self.is_choice | (random.random(places.shape) < 0.3)
        return np.asarray(np.where(moved, steps, places))

    def distances(self, left: Floats, right: Floats) -> Floats:
        """Squared, by parameter: [width, num_left, num_right]; of a choice 0 or 1."""
        apart = (left.T[:, :, None] - right.T[:, None, :]) ** 2
        apart[self.is_choice] = (apart[self.is_choice] > 0.0).astype(np.float64)
        return np.asarray(apart)


class _Process:
    """A Gaussian process with a Matern 5/2 kernel, fitted by the likelihood and a prior on its lengths."""

    def __init__(
        self, points: _Points, places: Floats, values: Floats, fitted: tuple[Floats, float] | None = None
    ) -> None:
        self._points, self.places, self.values = points, places, values
        self._mean = float(values.mean())
        apart = points.distances(places, places)
        self._logs, self._log_noise = fitted or self._fit(apart)
        kernel = _matern(apart, self._logs)
        kernel[np.diag_indices_from(kernel)] += math.exp(self._log_noise) + _LEAST_NOISE
        self._lower = np.linalg.cholesky(kernel)
        self._weights = _solve(self._lower, values - self._mean)
        self._scale = math.sqrt(max(float((values - self._mean) @ self._weights) / len(values), 1e-12))

    def believing(self, places: Floats) -> _Process:
        """The same process after it was told of these points what it expects of them."""
        mean, _ = self.predict(places)
        fitted = (self._logs, self._log_noise)
        return _Process(
            self._points, np.concatenate([self.places, places]), np.concatenate([self.values, mean]), fitted
        )

    def predict(self, places: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation at points, float64[num_points] each."""
        cross = _matern(self._points.distances(places, self.places), self._logs)
        mean = self._mean + cross @ self._weights
        half = np.linalg.solve(self._lower, cross.T)
        variance = np.maximum(1.0 - (half**2).sum(0), 1e-12)
        return mean, self._scale * np.sqrt(variance)

    def log_improvement(self, places: Floats) -> Floats:
        """The logarithm of the expected improvement over the best value there is."""
        mean, deviation = self.predict(places)
        ahead = (float(self.values.min()) - mean) / deviation
        return np.asarray(np.log(deviation) + _log_h(ahead))

    def _fit(self, apart: Floats) -> tuple[Floats, float]:
        width = len(apart)
        best = (-math.inf, np.zeros(width), 0.0)
        for length in (0.15, 0.3, 0.6, 1.2):
            for noise in (1e-5, 1e-2):
                logs = np.full(width, math.log(length))
                found = self._likelihood(apart, logs, math.log(noise))
                if found > best[0]:
                    best = (found, logs, math.log(noise))
        for step in (1.0, 0.6, 0.35, 0.2):
            for index in range(width + 1):
                for sign in (1.0, -1.0):
                    logs, log_noise = best[1].copy(), best[2]
                    if index < width:
                        logs[index] += sign * step
                    else:
                        log_noise += 2.0 * sign * step
                    found = self._likelihood(apart, logs, log_noise)
                    if found > best[0]:
                        best = (found, logs, log_noise)
                        break
        return best[1], best[2]

    def _likelihood(self, apart: Floats, logs: Floats, log_noise: float) -> float:
        """Log likelihood, the scale at its best, and a log-normal prior: lengths about a half, noise small."""
        kernel = _matern(apart, logs)
        kernel[np.diag_indices_from(kernel)] += math.exp(log_noise) + _LEAST_NOISE
        try:
            lower = np.linalg.cholesky(kernel)
        except np.linalg.LinAlgError:
            return -math.inf
        centred = self.values - self._mean
        scale = max(float(centred @ _solve(lower, centred)) / len(centred), 1e-12)
        prior = float((((logs - math.log(0.5)) / 0.9) ** 2).sum()) + ((log_noise - math.log(1e-4)) / 3.0) ** 2
        return -0.5 * len(centred) * math.log(scale) - float(np.log(np.diag(lower)).sum()) - 0.5 * prior


def _matern(apart: Floats, logs: Floats) -> Floats:
    squared = np.tensordot(np.exp(-2.0 * logs), apart, axes=1)
    distance = np.sqrt(5.0 * squared)
    return np.asarray((1.0 + distance + (5.0 / 3.0) * squared) * np.exp(-distance), np.float64)


def _solve(lower: Any, right: Floats) -> Floats:
    return np.asarray(np.linalg.solve(lower.T, np.linalg.solve(lower, right)))


def _log_h(ahead: Floats) -> Floats:
    """log(density(z) + z * cumulative(z)), which loses no digits where the improvement is tiny."""
    density = np.exp(-0.5 * ahead**2) / math.sqrt(2.0 * math.pi)
    cumulative = 0.5 * np.asarray(_erfc(-ahead / math.sqrt(2.0)), np.float64)
    near = np.log(np.maximum(density + ahead * cumulative, 1e-300))
    far = np.minimum(ahead, -20.0)
    tail = -0.5 * far**2 - 0.5 * math.log(2.0 * math.pi) - 2.0 * np.log(-far) + np.log1p(-3.0 / far**2 + 15.0 / far**4)
    return np.asarray(np.where(ahead > -20.0, near, tail))
