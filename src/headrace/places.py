"""Where bytes lie: files, and objects by URL (`gs://bucket/flights/2013-01.parquet`), through one narrow door.

What names a file is a path, what holds `://` is a URL, read through fsspec: `gs://` by gcsfs, others by whatever
package fsspec knows for them. Nothing is imported for paths. An object is read range by range, a block ahead, so that
memory holds a block and no disk is needed; whoever reads one to the end is told when it was replaced meanwhile.

Every failure is an InvalidInput that names the URL, or a MissingExtra with the line that installs what is missing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from headrace.errors import HeadraceError, InvalidInput, MissingExtra
from headrace.settings import load_settings

__all__ = ["Bucket", "Object", "find_objects", "hash_object", "is_url", "look_at_object", "open_to_read"]

_BLOCK_BYTES = 1 << 22
_SLOWEST_BYTES_PER_S = 1e6
_EXTRAS = {"gs": ("gcsfs", "gcs"), "gcs": ("gcsfs", "gcs")}
# What tells that an object was replaced, the best first, under the names that fsspec's file systems give it.
_MARKS = ("generation", "etag", "ETag", "mtime", "LastModified", "last_modified", "created")


def is_url(place: str | os.PathLike[str]) -> bool:
    """Whether a place is a URL, not a path.

    >>> is_url("gs://bucket/{span}.parquet"), is_url("data/{span}.parquet")
    (True, False)
    """
    return "://" in os.fspath(place)


@dataclass(frozen=True, order=True)
class Object:
    """What a service says of an object.

    Parameters
    ----------
    size_bytes : int
        Its size.
    mark : str
        Size and generation (or entity tag, or time): another one after every change; "" where nothing tells.
    identity : str or None
        Of its content, where the service keeps one: "md5:..." or "crc32c:...:size"; None where it keeps none.
    """

    size_bytes: int
    mark: str
    identity: str | None


class Bucket:
    """The file system of a URL, and its calls with a time limit and with errors that name the URL.

    Parameters
    ----------
    url : str
        Any URL of that file system.

    `timeout_s` is the setting `bucket_timeout_s`: what one call may take, retries included.
    """

    def __init__(self, url: str) -> None:
        self.protocol = url.partition("://")[0]
        self.timeout_s = load_settings().bucket_timeout_s
        options: dict[str, Any] = {"use_listings_cache": False}  # others write there too
        if self.protocol in _EXTRAS:
            # gcsfs 2026 asks Google's control API over gRPC for the kind of each bucket, which an emulator lets hang
            # for a minute and more (iceberg-python#3580), and which plain buckets have no need of. It looks at this
            # variable when it is imported; whoever has zonal buckets sets it to "true".
            os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
            if os.environ.get("STORAGE_EMULATOR_HOST"):
                options["token"] = "anon"  # noqa: S105  # nobody's
        for name in ("fsspec", "gcsfs"):  # what they log is raised too: once is enough
            logging.getLogger(name).addHandler(logging.NullHandler())
        import fsspec

        with _named(url):
            try:
                self._fs, _ = fsspec.core.url_to_fs(url, **options)
            except ImportError as error:
                if self.protocol in _EXTRAS:
                    raise MissingExtra(f"reading {self.protocol}://", *_EXTRAS[self.protocol]) from error
                raise InvalidInput(f"{self.protocol}:// cannot be read here: {error}", where=url) from error
            except ValueError as error:
                raise InvalidInput(
                    f"{self.protocol}:// is no place that is known", where=url, expected="gs://, or another of fsspec's"
                ) from error

    def call(self, name: str, url: str, /, *arguments: Any, **options: Any) -> Any:
        """A method of the file system on a URL, within the time limit.

        Raises InvalidInput that names the URL; FileExistsError where an object was to be new and is not.
        """
        if getattr(self._fs, "async_impl", False):
            options["timeout"] = self.timeout_s
        with _named(url, self.timeout_s):
            return getattr(self._fs, name)(self._fs._strip_protocol(url), *arguments, **options)

    def path(self, url: str) -> str:
        """A URL as the file system names it: without its protocol."""
        return str(self._fs._strip_protocol(url))

    def put_new(self, source: Path | bytes, url: str) -> bool:
        """Write a new object, whole or not at all; False, with nothing written, where there is one already."""
        options: dict[str, Any] = {"mode": "create"}
        try:
            if isinstance(source, bytes):
                self.call("pipe_file", url, source, **options)
                return True
            if getattr(self._fs, "async_impl", False):  # a large file may take longer than a request
                options["timeout"] = self.timeout_s + source.stat().st_size / _SLOWEST_BYTES_PER_S
            with _named(url, options.get("timeout", 0.0)):
                self._fs.put_file(str(source), self._fs._strip_protocol(url), **options)
        except FileExistsError:
            return False
        return True

    def find(self, pattern: str) -> list[tuple[str, Object]]:
        """What a pattern with fsspec's wildcards finds, in order of URL; [] where there is none."""
        try:
            found: Mapping[str, Mapping[str, Any]] = self.call("glob", pattern, detail=True)
        except InvalidInput as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return []
            raise
        return sorted(
            (self._fs.unstrip_protocol(name), _object(item)) for name, item in found.items() if item["type"] == "file"
        )

    def has_bucket(self, url: str) -> bool:
        """Whether the bucket of a URL, its first part, can be seen."""
        try:
            self.call("info", f"{self.protocol}://{self.path(url).partition('/')[0]}")
        except InvalidInput as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return False
            raise
        return True


def find_objects(pattern: str) -> list[tuple[str, Object]]:
    """What a pattern with the wildcards `*`, `**`, `?` and `[...]`, and `{span}`, finds, in order of URL.

    Raises InvalidInput, with what was looked for, when there is none. Cost: a listing of what begins like the pattern.
    """
    bucket = Bucket(pattern)
    found = bucket.find(pattern.replace("{span}", "*"))
    if not found:
        is_there = bucket.protocol in ("file", "local", "memory", "http", "https") or bucket.has_bucket(pattern)
        raise InvalidInput(
            "no file found",
            where=pattern,
            expected="at least one file",
            fix="" if is_there else f"there is no bucket {bucket.path(pattern).partition('/')[0]!r}",
        )
    return found


def look_at_object(url: str) -> Object:
    """What the service says of an object now; InvalidInput when it is not there. Cost: one request."""
    found = Bucket(url).call("info", url)
    if found.get("type") != "file":
        raise InvalidInput("it is a folder", where=url, expected="a file")
    return _object(found)


def _object(found: Mapping[str, Any]) -> Object:
    size = int(found.get("size") or 0)
    mark = next((str(found[name]) for name in _MARKS if found.get(name) is not None), "")
    return Object(size, f"{size} {mark}" if mark else "", _identity(found, size))


def _identity(found: Mapping[str, Any], size: int) -> str | None:
    """The hash that Cloud Storage keeps of an object: md5, and crc32c alone of those it composed of others."""
    for name, kind in (("md5Hash", "md5"), ("crc32c", "crc32c")):
        try:
            value = base64.b64decode(found.get(name) or "", validate=True).hex()
        except (binascii.Error, TypeError, ValueError):
            continue
        if value:
            return f"{kind}:{value}" if kind == "md5" else f"{kind}:{value}:{size}"
    return None


def hash_object(url: str) -> str:
    """Sha256 of an object's bytes. Cost: one reading."""
    found = hashlib.sha256()
    with open_to_read(url) as file:
        while block := file.read(_BLOCK_BYTES):
            found.update(block)
    return found.hexdigest()


@contextmanager
def open_to_read(place: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file, or an object, as something to read and seek in.

    Raises OSError for a file, InvalidInput for an object: when it cannot be read, and on leaving when it was replaced
    while it was read. Memory: for an object a block of 4 MiB, or the largest piece that is asked for.
    """
    if not is_url(place):
        with Path(place).open("rb") as local:
            yield local
        return
    url = os.fspath(place)
    before = look_at_object(url)
    yield cast("BinaryIO", _ObjectFile(url, before.size_bytes))
    if look_at_object(url).mark != before.mark:
        raise InvalidInput("it was replaced while it was read", where=url, fix="run again")


class _ObjectFile(io.RawIOBase):
    """An object as a file: ranges are asked for as they are needed, a block at least."""

    def __init__(self, url: str, size_bytes: int) -> None:
        self._url, self._size, self._bucket = url, size_bytes, Bucket(url)
        self._place, self._start, self._held = 0, 0, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._place = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence])
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._size - self._place)
        size = left if size is None or size < 0 else min(size, left)
        found = self._held[max(0, self._place - self._start) :][:size] if self._place >= self._start else b""
        if len(found) < size:
            start = self._place + len(found)
            self._held = self._fetch(start, min(self._size, start + max(size - len(found), _BLOCK_BYTES)))
            self._start = start
            found += self._held[: size - len(found)]
        self._place += len(found)
        return found

    def _fetch(self, start: int, end: int) -> bytes:
        data = bytes(self._bucket.call("cat_file", self._url, start=start, end=end))
        if len(data) != end - start:
            raise InvalidInput(
                f"{len(data)} bytes where {end - start} were asked for, from byte {start}",
                where=self._url,
                fix="it may have been replaced while it was read: run again",
            )
        return data


@contextmanager
def _named(url: str, timeout_s: float = 0.0) -> Iterator[None]:
    """Whatever a service answers, as one error that names the URL; FileExistsError passes: it is an answer."""
    try:
        yield
    except (HeadraceError, FileExistsError):
        raise
    except FileNotFoundError as error:
        raise InvalidInput("it is not there", where=url, fix="bring it back, or plan a new run") from error
    except TimeoutError as error:
        raise InvalidInput(
            f"no answer within {timeout_s:g} s", where=url, fix="try again later, or raise the setting bucket_timeout_s"
        ) from error
    except Exception as error:  # each service has errors of its own
        raise _explained(error, url) from error


def _explained(error: Exception, url: str) -> InvalidInput:
    code, reason = getattr(error, "code", None), " ".join(str(error).split())[:300] or type(error).__name__
    names = {kind.__module__.partition(".exceptions")[0] for kind in type(error).__mro__}
    if "google.auth" in names or code in (401, "401") or type(error).__name__ == "NoCredentialsError":
        return InvalidInput(
            f"the credentials are missing, expired or not taken: {reason}",
            where=url,
            fix="gcloud auth application-default login" if url.startswith(("gs:", "gcs:")) else "sign in again",
        )
    if isinstance(error, PermissionError) or code in (403, "403") or "Forbidden" in reason:
        return InvalidInput(f"no permission: {reason}", where=url, fix="ask for the right to read and list it")
    return InvalidInput(f"it cannot be reached: {reason}", where=url)
