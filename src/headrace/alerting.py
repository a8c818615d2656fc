"""Alert rules as a record: the same in headrace.toml (`[[alerts]]`), in Python, and as `headrace monitor`'s options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from headrace.errors import InvalidInput, UnknownName

__all__ = ["ROLLBACK", "AlertRules", "check_channels"]

ROLLBACK = "rollback"
_SHORTEST_S, _LONGEST_S = 1.0, 86400.0


@dataclass(frozen=True)
class AlertRules:
    """Which endpoints are followed by which rules, who is told when one does not hold, and what is done then.

    Parameters
    ----------
    endpoints : tuple of str
        Their names, or patterns of names as a shell has them; "*" is every one, those that come later too.
    rules : tuple of str
        What must hold of the window, as a gate's rules: "failed_share <= 0.01 with 20 rows". Empty: the three that
        stand without any (`headrace.monitoring.RULES`).
    window_s : float
        How far back rules look, in seconds.
    slices : tuple of str
        Raw columns by whose values drift is looked at too.
    webhooks : tuple of str
        http:// or https:// addresses that each alert is POSTed to as JSON; "$NAME" is the environment variable's, so
        that an address that holds a secret need not stand in a file.
    emails : tuple of str
        Addresses that each alert is mailed to.
    smtp : str
        The mail relay, HOST:PORT.
    then : str
        What is done when an alert begins: "rollback", or a pipeline's file, which is run; "" is nothing.

    Raises InvalidInput for what cannot be. Rules themselves are read where endpoints are followed.

    >>> AlertRules(rules=("p99_ms <= 50",)).matches("late")
    True
    """

    endpoints: tuple[str, ...] = ("*",)
    rules: tuple[str, ...] = ()
    window_s: float = 60.0
    slices: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    smtp: str = "127.0.0.1:25"
    then: str = ""

    def __post_init__(self) -> None:
        if not _SHORTEST_S <= self.window_s <= _LONGEST_S:
            raise InvalidInput(f"window_s = {self.window_s}", expected=f"{_SHORTEST_S:g} to {_LONGEST_S:,.0f} seconds")
        if not self.endpoints:
            raise InvalidInput("endpoints = []", expected='names, or ["*"] for every one')
        if self.then not in ("", ROLLBACK) and not self.then.partition(":")[0].endswith(".py"):
            raise InvalidInput(f"then = {self.then!r}", expected=f"{ROLLBACK!r}, or a pipeline's file: 'flights.py'")
        check_channels([one for one in self.webhooks if not one.startswith("$")], self.emails, self.smtp)

    def matches(self, endpoint: str) -> bool:
        """Whether an endpoint is among these."""
        return any(fnmatchcase(endpoint, pattern) for pattern in self.endpoints)

    def shown(self) -> dict[str, Any]:
        """As plain data for people to look at: of a webhook the host alone, since the rest may be a secret."""
        hosts = [one if one.startswith("$") else str(urlsplit(one).hostname) for one in self.webhooks]
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}
        return {**plain, "webhooks": hosts}

    @classmethod
    def from_plain(cls, plain: Any, where: str) -> AlertRules:
        """Read a table of `[[alerts]]`; a single text will do where several may stand. Raises as the record does."""
        if not isinstance(plain, Mapping):
            raise InvalidInput(f"alerts: {plain!r} is no table", where=where, expected="tables [[alerts]]")
        known = {item.name: item.type for item in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in plain.items():
            if name not in known:
                raise UnknownName("setting of [[alerts]]", name, list(known), where=where)
            values[name] = _read(name, str(known[name]), value, where)
        try:
            return cls(**values)
        except InvalidInput as error:
            raise InvalidInput(f"[[alerts]]: {error.what}", where=where, expected=error.expected) from None


def _read(name: str, kind: str, value: Any, where: str) -> Any:
    if kind == "float":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidInput(f"[[alerts]] {name} = {value!r}", where=where, expected="a number")
        return float(value)
    if kind == "str":
        if not isinstance(value, str):
            raise InvalidInput(f"[[alerts]] {name} = {value!r}", where=where, expected="a text")
        return value
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, list) or not all(isinstance(one, str) and one for one in several):
        raise InvalidInput(f"[[alerts]] {name} = {value!r}", where=where, expected="texts in brackets")
    return tuple(several)


def check_channels(webhooks: Sequence[str], emails: Sequence[str], smtp: str) -> None:
    """Raise InvalidInput for an address that is none."""
    for url in webhooks:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise InvalidInput(f"{url[:60]!r} is no webhook", expected="http:// or https:// and a host")
    for address in emails:
        if "@" not in address or any(one in address for one in "\r\n, "):
            raise InvalidInput(f"{address[:60]!r} is no e-mail address", expected="name@host")
    host, _, port = smtp.rpartition(":")
    if not host or not port.isdigit():
        raise InvalidInput(f"{smtp!r} is no mail relay", expected="HOST:PORT")
