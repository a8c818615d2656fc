"""Listening: what a server's port takes: TLS and whose certificates, how many connections, how large a head.

Everything is checked before a worker starts, so that a wrong file is one clear message. The private key never leaves
the process that reads it, and neither its path's contents nor a secret are ever part of a message.
"""

from __future__ import annotations

import socket
import ssl
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headrace.access import Tokens
from headrace.errors import InvalidInput
from headrace.serving._supervisor import LOOPBACK
from headrace.settings import Settings

__all__ = ["HEAD_BYTES", "allow_connections", "check_listening", "connect", "granian_options"]

# The head of a request, its headers and line, may be so large; beyond that Granian answers with status 431.
HEAD_BYTES = 64 * 1024
# What a process has open beside its clients: the store, logs, models, pipes.
_OWN_FILES = 256


def check_listening(settings: Settings, *, has_secret: bool) -> None:
    """Raise InvalidInput for a server that everybody could ask, and for TLS files that do not do.

    Parameters
    ----------
    settings : Settings
        host, home and tls_* are read.
    has_secret : bool
        Whether HEADRACE_TOKEN is set.
    """
    _check_files(settings)
    is_closed = has_secret or bool(settings.tls_client_ca) or bool(Tokens(settings.home).asking())
    if settings.host not in LOOPBACK and not is_closed:
        raise InvalidInput(
            f"host {settings.host} can be reached from other machines and no token is set",
            fix="set HEADRACE_TOKEN to a secret that clients send, or give out tokens (headrace tokens add NAME --role "
            "client --ask ENDPOINT), or serve on 127.0.0.1",
        )


def _check_files(settings: Settings) -> None:
    cert, key, client_ca = settings.tls_cert, settings.tls_key, settings.tls_client_ca
    if not cert and not key and not client_ca:
        return
    for name, value in (("tls_cert", cert), ("tls_key", key)):
        if not value:
            raise InvalidInput(f"setting {name} is missing", expected="tls_cert and tls_key, both of them")
    for name, value in (("tls_cert", cert), ("tls_key", key), ("tls_client_ca", client_ca)):
        if value and not Path(value).is_file():
            raise InvalidInput(f"setting {name}: there is no such file", where=value)
    others = stat.S_IMODE(Path(key).stat().st_mode) & 0o077
    if others:
        raise InvalidInput(
            "the private key can be read by other users of this machine", where=key, fix=f"chmod 600 {key}"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def no_password() -> str:
        raise InvalidInput("the private key is encrypted", where=key, expected="one without a passphrase, mode 600")

    try:
        context.load_cert_chain(cert, key, no_password)
        if client_ca:
            context.load_verify_locations(client_ca)
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or "not PEM, or not of one pair"
        raise InvalidInput(
            f"the TLS files cannot be used: {reason}", where=f"{cert}, {key}", expected="a certificate and its key, PEM"
        ) from None


def granian_options(tls: list[str] | None) -> dict[str, Any]:
    """What Granian is told of TLS, 1.3 or newer; nothing without it."""
    if tls is None:
        return {}
    cert, key, client_ca = tls
    return {
        "ssl_cert": Path(cert),
        "ssl_key": Path(key),
        "ssl_ca": Path(client_ca) if client_ca else None,
        "ssl_client_verify": bool(client_ca),
    }


def allow_connections(number: int) -> int:
    """How many connections this process can hold, at most `number`; the limit on open files is raised where it may."""
    try:
        import resource
    except ImportError:  # not on every platform
        return number
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number + _OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return number if soft == resource.RLIM_INFINITY else max(1, min(number, soft - _OWN_FILES))


@contextmanager
def connect(settings: Settings, address: str, port: int) -> Iterator[socket.socket | None]:
    """A connection of our own to the server, to see whether it answers; None where it wants a certificate of ours."""
    with socket.create_connection((address, port), timeout=1.0) as client:
        if not settings.tls_cert:
            yield client
        elif settings.tls_client_ca:
            yield None
        else:
            # Whose certificate it is does not matter: the port is ours, and nothing is told.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(client) as wrapped:
                yield wrapped
