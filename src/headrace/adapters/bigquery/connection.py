"""BigQuery's clients, where they are told to connect, and what goes wrong with them as our errors.

Credentials are Google's Application Default Credentials, taken when reading begins. For an emulator
`BIGQUERY_EMULATOR_HOST` (Google's own variable, http://127.0.0.1:9050) says where REST is, and
`BIGQUERY_STORAGE_EMULATOR_HOST` (ours: Google has none, 127.0.0.1:9060) where the Storage Read API is. With the first
set there are no credentials, and only then is a channel without TLS opened.
"""

from __future__ import annotations

import concurrent.futures
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import google.auth
import requests.exceptions
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError, TransportError
from google.cloud import bigquery

from headrace.errors import InvalidInput

__all__ = ["emulator", "named", "open_client", "run", "stalled", "storage_client"]

_AGAIN = (exceptions.ServerError, exceptions.TooManyRequests, requests.exceptions.ConnectionError)
_LOGIN = "gcloud auth application-default login, or name a key file in GOOGLE_APPLICATION_CREDENTIALS"


def emulator() -> str | None:
    """Where an emulator's REST is, None for BigQuery itself."""
    return os.environ.get("BIGQUERY_EMULATOR_HOST") or None


def stalled(timeout_s: float, where: str) -> InvalidInput:
    """The error for a service that says nothing."""
    return InvalidInput(
        f"the service said nothing for {timeout_s:g} s",
        where=where,
        expected="an answer within timeout_s",
        fix="look at the network and at status.cloud.google.com, or raise timeout_s",
    )


@contextmanager
def named(where: str, timeout_s: float) -> Iterator[None]:
    """Whatever the clients raise, as one error that says where."""
    try:
        yield
    except (exceptions.RetryError, exceptions.DeadlineExceeded, TimeoutError, requests.exceptions.Timeout) as error:
        if _is_refused(error):
            raise _no_connection(where) from error
        raise stalled(timeout_s, where) from error
    except concurrent.futures.TimeoutError as error:
        raise stalled(timeout_s, where) from error
    except DefaultCredentialsError as error:
        raise InvalidInput("there are no credentials for Google Cloud", where=where, fix=_LOGIN) from error
    except (RefreshError, exceptions.Unauthorized) as error:
        raise InvalidInput(f"the credentials are not valid: {_short(error)}", where=where, fix=_LOGIN) from error
    except exceptions.Forbidden as error:
        raise InvalidInput(
            f"permission denied: {_short(error)}",
            where=where,
            expected="the roles BigQuery Data Viewer, BigQuery Job User and BigQuery Read Session User",
            fix="have them granted to this account",
        ) from error
    except (TransportError, requests.exceptions.ConnectionError, exceptions.ServiceUnavailable) as error:
        raise _no_connection(where) from error
    except (exceptions.GoogleAPICallError, GoogleAuthError) as error:
        raise InvalidInput(_short(error), where=where, fix="mend the query or the table") from error


def _is_refused(error: BaseException) -> bool:
    cause = getattr(error, "cause", None) or error.__cause__
    return isinstance(cause, requests.exceptions.ConnectionError) and not isinstance(cause, requests.exceptions.Timeout)


def _no_connection(where: str) -> InvalidInput:
    host = emulator()
    return InvalidInput(
        "no connection to " + (f"the emulator at {host}" if host else "BigQuery"),
        where=where,
        fix="start it, or unset BIGQUERY_EMULATOR_HOST" if host else "look at the network",
    )


def _short(error: Exception) -> str:
    """The service's sentence, without the request it answers and without the query."""
    text = getattr(error, "message", None) or str(error)
    text = " ".join(text.split(" Location: ")[0].split("\n\n")[0].split())
    _, mark, after = text.partition("prettyPrint=false: ")
    return (after if mark else text)[:300]


def open_client(project: str | None, timeout_s: float) -> bigquery.Client:
    """The REST client; `project` pays for queries, None = that of the credentials."""
    host = emulator()
    if host:
        options = {"api_endpoint": host if "://" in host else f"http://{host}"}
        nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
        return bigquery.Client(project or "emulator", nobody, client_options=options)
    credentials, own = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    return bigquery.Client(project or own, credentials)


@contextmanager
def storage_client() -> Iterator[Any]:
    """The Storage Read API's client, the one that does not resume by itself."""
    from google.cloud.bigquery_storage_v1.services.big_query_read import BigQueryReadClient
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

    if not emulator():
        client = BigQueryReadClient()
        try:
            yield client
        finally:
            client.transport.close()  # type: ignore[no-untyped-call]
        return
    import grpc

    host = os.environ.get("BIGQUERY_STORAGE_EMULATOR_HOST")
    if not host:
        raise InvalidInput(
            "BIGQUERY_EMULATOR_HOST is set, and BIGQUERY_STORAGE_EMULATOR_HOST is not",
            expected="where the emulator's Storage Read API is, such as 127.0.0.1:9060",
            fix="set both, or none",
        )
    with grpc.insecure_channel(host, options=[("grpc.max_receive_message_length", -1)]) as channel:
        yield BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))


def retry(timeout_s: float) -> Retry:
    """Again after what passes, for at most so long."""
    return Retry(predicate=if_exception_type(*_AGAIN), initial=0.2, maximum=5.0, timeout=timeout_s)


def run(client: bigquery.Client, sql: str, timeout_s: float, *, is_dry: bool = False) -> bigquery.QueryJob:
    """A query, done: it may take as long as it takes, while the service answers within `timeout_s` that it runs."""
    config = bigquery.QueryJobConfig(dry_run=is_dry, use_query_cache=not is_dry)
    again = retry(timeout_s)
    job = client.query(sql, job_config=config, retry=again, job_retry=None, timeout=timeout_s)
    wait_s = 0.05
    while not is_dry and not job.done(retry=again, timeout=timeout_s):
        time.sleep(wait_s)
        wait_s = min(2.0, 1.5 * wait_s)
    if job.error_result:
        raise job.exception()  # type: ignore[no-untyped-call]
    return job
