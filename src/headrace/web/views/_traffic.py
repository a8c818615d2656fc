"""Traffic: an endpoint's requests, and its bandit, as sections of its page: sentences, tables, drawings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from headrace.report import Cell, Column, Content, Curve, Dot, Html, curves, dot, legend, meter, name, table, tag
from headrace.report.figures import count, figure, plural
from headrace.report.figures import share as share_text
from headrace.routing.posterior import densities
from headrace.web.watching import Seen

__all__ = ["bandit_part", "said_of", "traffic_part"]

_SHAPES = ("accent", "second", "third", "pale", "accent dashed", "second dashed", "third dashed", "pale dashed")
_WIDE = 440
_MOST_POINTS = 240
_WORDS = {"repeated": "told twice", "unmatched": "whose request is not in the log, or not yet"}
# What is left of a density that is drawn: below this share of the highest it is nothing to see.
_LOW = 0.002


def traffic_part(seen: Seen) -> dict[str, Any]:
    """What it is asked now, by whom it is answered, and the last half hour."""
    shapes = _shapes(seen)
    rows: list[list[Content | Cell]] = [
        [
            f"version {one['version']}",
            meter(f"Version {one['version']}: {share_text(one['share'])}", one["share"], shape=_fill(shapes, one)),
            Cell(share_text(one["share"]), one["share"]),
            Cell(figure(one["requests_per_s"], 3), one["requests_per_s"]),
            Cell(figure(one["rows_per_s"], 3), one["rows_per_s"]),
            Cell(_errors(one["num_failed"], one["num_requests"]), one["num_failed"]),
            Cell(_errors(one["num_refused"], one["num_requests"]), one["num_refused"]),
            Cell(_ms(one["p50_ms"]), one["p50_ms"]),
            Cell(_ms(one["p99_ms"]), one["p99_ms"]),
        ]
        for one in seen.versions
    ]
    body: list[Content] = []
    if rows:
        columns = [
            Column("Version"),
            Column("Share", "chart"),
            Column("of requests", "num"),
            Column("Requests/s", "num"),
            Column("Rows/s", "num"),
            Column("Failed", "num", "answered with 5xx"),
            Column("Refused", "num", "answered with 4xx: what breaks the schema"),
            Column("Half within", "num", "the median latency"),
            Column("99 % within", "num", "the latency that one request of a hundred exceeds"),
        ]
        body.append(table("The last minute", columns, rows))
    else:
        body.append(tag("p", "It was asked nothing in the last minute."))
    body.append(tag("div", _rates(seen, shapes), _latency(seen), class_="grid pairs"))
    note = "From the request log. Shadows, whose answers nobody gets, are not counted; latencies are within 5 %."
    return {"title": "Traffic", "note": note, "body": tag("div", body)}


def bandit_part(seen: Seen) -> dict[str, Any] | None:
    """Which version wins, how sure that is, and what learning has cost; None where nothing divides the traffic."""
    traffic = seen.traffic
    if not traffic["segments"]:
        return None
    policy, shapes = traffic["policy"], _shapes(seen)
    told = ", ".join(f"{key} {value}" for key, value in policy["parameters"].items())
    num_decided = sum(row["num_decided"] for row in traffic["segments"])
    num_rewarded = sum(row["num_rewarded"] for row in traffic["segments"])
    is_alone = _is_alone(traffic)
    facts = {
        "Policy": policy["policy"] + (f" ({told})" if told else ""),
        **({"Takes part alone": f"version {traffic['best']}"} if is_alone else {"Best": f"version {traffic['best']}"}),
        **({} if is_alone else {"With a probability of": share_text(traffic["best_probability"])}),
        "Learning has cost": f"about {figure(traffic['regret'], 3)} of reward",
        "Decisions with a reward": f"{count(num_rewarded)} of {count(num_decided)}",
        "Rewards still awaited": count(traffic["counts"].get("pending", 0)),
    }
    counts = {word: number for word, number in traffic["counts"].items() if word != "pending" and number}
    if counts:
        facts["Rewards not counted"] = ", ".join(f"{count(n)} {_WORDS.get(word, word)}" for word, n in counts.items())
    body: list[Content] = [
        tag("dl", [tag("div", tag("dt", key), tag("dd", value)) for key, value in facts.items()], class_="facts small"),
        _versions(traffic, shapes),
        tag("div", _shares(seen, shapes), _posterior(seen, shapes), class_="grid pairs"),
    ]
    if traffic["withdrawn"]:
        items = [
            tag("li", f"Version {version} was taken out: ", name(reason or "no reason was given", longest=500))
            for version, reason in traffic["withdrawn"].items()
        ]
        body.append(tag("ul", items, class_="list"))
    note = "What is known of each version's mean reward since the policy began to learn; missing rewards are "
    note += "left out." if policy["missing"] is None else f"worth {figure(policy['missing'])} when their time is over."
    return {"title": "Which version wins", "note": note, "body": tag("div", body)}


def _versions(traffic: dict[str, Any], shapes: dict[int, str]) -> Html:
    low, high = traffic["policy"]["reward_low"], traffic["policy"]["reward_high"]
    across = _narrowed([(row["lower"], row["upper"]) for row in traffic["segments"]], low, high)
    has_segments = len({row["segment"] for row in traffic["segments"]}) > 1
    rows: list[list[Content | Cell]] = []
    for row in traffic["segments"]:
        version, mean = row["version"], row["mean"]
        word = (
            "champion"
            if version == traffic["champion"]
            else "taken out"
            if str(version) in traffic["withdrawn"]
            else ""
        )
        told = "none yet"
        if mean is not None:
            told = f"{figure(mean, 3)} ({figure(row['lower'], 3)} to {figure(row['upper'], 3)})"
        mark = Dot(mean, row["lower"], row["upper"])
        cells: list[Content | Cell] = [
            [f"version {version} ", tag("span", word, class_="tone plain") if word else None],
            meter(f"Version {version}: {share_text(row['share'])}", row["share"], shape=_fill(shapes, row)),
            Cell(share_text(row["share"]), row["share"]),
            Cell(count(row["num_decided"]), row["num_decided"]),
            Cell(count(row["num_rewarded"]), row["num_rewarded"]),
            dot(f"Version {version}: mean reward {told}", mark, across),
            Cell(told, mean),
            Cell(share_text(row["best_probability"]), row["best_probability"]),
            Cell(_loss(row["expected_loss"]), row["expected_loss"]),
        ]
        rows.append([name(row["segment"]), *cells] if has_segments else cells)
    columns = [
        Column("Version"),
        Column("Share", "chart"),
        Column("published", "num"),
        Column("Decisions", "num"),
        Column("Rewards", "num"),
        Column("Mean reward", "chart"),
        Column("with its 95 % interval", "num"),
        Column("Is best", "num", "the probability that its mean reward is the highest"),
        Column("Loses", "num", "reward that a request is expected to lose beside the best"),
    ]
    caption = f"Mean reward from {figure(across[0], 3)} to {figure(across[1], 3)}"
    return table(caption, [Column("Segment"), *columns] if has_segments else columns, rows)


def _rates(seen: Seen, shapes: dict[int, str]) -> Html:
    series = seen.series
    lines = [
        (f"version {version}", shapes[version], list(zip(series["ends_s"], one["requests_per_s"], strict=True)))
        for version, one in series["versions"].items()
    ]
    failed = [sum(values) for values in zip(*(one["failed_per_s"] for one in series["versions"].values()), strict=True)]
    if any(failed):
        lines.append(("failed", "is-bad-line", list(zip(series["ends_s"], failed, strict=True))))
    return _over_time("Requests a second, by version", lines, "a second", series["ends_s"])


def _latency(seen: Seen) -> Html:
    series = seen.series
    lines = [
        (words, shape, [(x, y) for x, y in zip(series["ends_s"], series[key], strict=True) if y is not None])
        for key, words, shape in (("p99_ms", "99 % within", "second"), ("p50_ms", "half within", "accent"))
    ]
    return _over_time("Latency, all versions", lines, "ms", series["ends_s"])


def _shares(seen: Seen, shapes: dict[int, str]) -> Html:
    """The share that was published of each version; of the first segment where there are several."""
    segment = seen.traffic["segments"][0]["segment"]
    lines = []
    for version in sorted({version for _, published in seen.shares for version in published.get(segment, {})}):
        points: list[tuple[float, float]] = []
        for at, published in [*seen.shares, (0.0, seen.shares[-1][1])]:
            value = published.get(segment, {}).get(version, 0.0)
            points += [(at, points[-1][1]), (at, value)] if points else [(at, value)]
        lines.append((f"version {version}", shapes.get(version, "pale"), points))
    words = "Share of each version" + (f", segment {segment}" if segment != "all" else "")
    return _over_time(words, lines, "share", [at for at, _ in seen.shares], top=1.0)


def _over_time(
    title: str,
    lines: Iterable[tuple[str, str, list[tuple[float, float]]]],
    unit: str,
    ends: Sequence[float],
    top: float = 0.0,
) -> Html:
    """Lines over the minutes before now, with a legend; nothing where there are none."""
    drawn = [line for line in lines if line[2]]
    if not drawn:
        return Html("")
    highest = top or max(y for _, _, points in drawn for _, y in points) * 1.05 or 1.0
    first = min([*ends, -60.0])
    across = (first / 60, 0.0)
    made = [Curve(words, shape, [(x / 60, y) for x, y in _thinned(points)]) for words, shape, points in drawn]
    last = ", ".join(f"{words} {figure(points[-1][1], 3)}" for words, _, points in drawn)
    picture = curves(
        title,
        made,
        across=across,
        up=(0.0, highest),
        labels=("minutes from now", unit),
        width=_WIDE,
        height=220,
        description=f"At the end: {last}.",
    )
    return tag("figure", tag("figcaption", title), legend([(shape, words) for words, shape, _ in drawn]), picture)


def _posterior(seen: Seen, shapes: dict[int, str]) -> Html:
    """What is believed of each version's mean reward, as densities."""
    policy = seen.traffic["policy"]
    known = {version: tally for version, tally in seen.tallies.items() if tally.num_rewarded}
    if not known:
        return Html("")
    points, found = densities(known)
    low, span = policy["reward_low"], policy["reward_high"] - policy["reward_low"]
    highest = {version: float(density.max()) for version, density in found.items()}
    seen_at = [points[density > _LOW * highest[version]] for version, density in found.items()]
    first, last = min(float(at[0]) for at in seen_at), max(float(at[-1]) for at in seen_at)
    lines = []
    for version, density in found.items():
        inside = [
            (low + float(x) * span, float(y) / highest[version])
            for x, y in zip(points, density, strict=True)
            if first <= x <= last
        ]
        lines.append(Curve(f"version {version}", shapes.get(version, "pale"), _thinned(inside)))
    title = "What is believed of each version's mean reward"
    drawn = curves(
        title,
        lines,
        across=(low + first * span, low + last * span),
        up=(0.0, 1.05),
        labels=("mean reward", "as likely as the likeliest"),
        width=_WIDE,
        height=220,
        description="The narrower a curve, the more is known; the less two overlap, the surer it is which is better.",
    )
    marks = legend([(one.shape, one.name) for one in lines])
    return tag("figure", tag("figcaption", title), marks, drawn)


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    step = len(points) // _MOST_POINTS + 1
    return [*points[:-1:step], *points[-1:]]


def _narrowed(intervals: Iterable[tuple[float | None, float | None]], low: float, high: float) -> tuple[float, float]:
    """The range that all intervals lie in, with a margin; the whole where there is none."""
    ends = [end for pair in intervals for end in pair if end is not None]
    if not ends:
        return low, high
    margin = 0.08 * (max(ends) - min(ends)) or 0.05 * (high - low)
    return max(low, min(ends) - margin), min(high, max(ends) + margin)


def _shapes(seen: Seen) -> dict[int, str]:
    """The line of each version: the same in every drawing of the page."""
    named = {row["version"] for row in (*seen.traffic["segments"], *seen.versions)} | set(seen.series["versions"])
    named |= {version for _, published in seen.shares for one in published.values() for version in one}
    return {version: _SHAPES[index % len(_SHAPES)] for index, version in enumerate(sorted(named))}


def _fill(shapes: dict[int, str], row: dict[str, Any]) -> str:
    colour = shapes.get(row["version"], "pale").split()[0]
    return ("axis" if colour == "pale" else colour) + "-fill"


def _is_alone(traffic: dict[str, Any]) -> bool:
    """Whether one version alone is asked: it is no better than others by that."""
    return len({row["version"] for row in traffic["segments"]} - set(map(int, traffic["withdrawn"]))) < 2


def _loss(value: float) -> str:
    return "under 0.001" if 0 < value < 0.001 else figure(value, 2)


def _errors(number: int, num_requests: int) -> str:
    return "none" if not number else f"{count(number)} ({share_text(number / max(1, num_requests))})"


def _ms(value: float | None) -> str:
    return figure(value, 3) + (" ms" if value is not None else "")


def said_of(seen: Seen) -> str:
    """The page's one sentence."""
    traffic = seen.traffic
    rate = sum(one["requests_per_s"] for one in seen.versions)
    told = f"It answers {figure(rate, 3)} requests a second" if rate else "It was asked nothing in the last minute"
    if traffic["segments"]:
        probability = share_text(traffic["best_probability"])
        if _is_alone(traffic):
            told += f"; version {traffic['best']} alone takes part"
        elif any(row["num_rewarded"] for row in traffic["segments"]):
            told += f"; version {traffic['best']} is the best with a probability of {probability}"
        else:
            told += "; no reward has told which version is better"
    failed = sum(one["num_failed"] for one in seen.versions)
    return told + (f"; {plural(failed, 'request')} failed." if failed else ".")
