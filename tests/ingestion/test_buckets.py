"""Sources of files on buckets: the laws of sources on a real server of Cloud Storage, and what services answer."""

from __future__ import annotations

import http.server
import io
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import headrace as hr
from headrace.errors import InvalidInput
from headrace.ingestion import Source, choose_source, resolve_spans, write_span
from headrace.ingestion.sources.csv import Csv
from headrace.ingestion.sources.jsonl import Jsonl
from headrace.ingestion.sources.parquet import Parquet
from headrace.places import Bucket, find_objects, look_at_object, open_to_read
from headrace.testing.engine_cases import make_rows
from tests.ingestion.sources import test_csv, test_jsonl, test_parquet
from tests.servers import gcs as servers
from tests.servers.gcs import gcs as gcs
from tests.servers.gcs import gcs_server as gcs_server


class OnBucket:
    """Whatever a suite delivers into a folder lies in a bucket instead."""

    bucket: servers.Bucket

    @pytest.fixture(autouse=True)
    def _use(self, gcs: servers.Bucket) -> None:
        self.bucket = gcs

    def deliver(self, folder: Path, spans: Mapping[str, pa.Table]) -> None:
        """Written as for files, then uploaded."""
        super().deliver(folder, spans)  # type: ignore[misc]
        self.bucket.upload(folder, "in/")

    def damage(self, folder: Path, span: str) -> None:
        """Damaged as for files, then uploaded again."""
        super().damage(folder, span)  # type: ignore[misc]
        self.bucket.upload(folder, "in/")


class TestParquet(OnBucket, test_parquet.TestOneFileASpan):
    """The laws of sources, on Parquet in a bucket."""

    def source(self, folder: Path) -> Source:
        """By URL; a base is for paths."""
        return Parquet(f"{self.bucket.url}/in/{{span}}.parquet", base="/nowhere")


class TestCsv(OnBucket, test_csv.TestOneFolderASpan):
    """The laws of sources, on packed CSV in a bucket, two files a span."""

    def source(self, folder: Path) -> Source:
        """By URL, with a wildcard."""
        return Csv(f"{self.bucket.url}/in/{{span}}/*.csv.gz")


class TestJsonl(OnBucket, test_jsonl.TestTypesGiven):
    """The laws of sources, on JSON lines in a bucket."""

    def source(self, folder: Path) -> Source:
        """By URL."""
        return Jsonl(f"{self.bucket.url}/in/{{span}}.jsonl", types=test_jsonl.TYPES)


def parquet_bytes(table: pa.Table, **options: object) -> bytes:
    """A table as Parquet."""
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def test_the_first_line_of_a_pipeline_is_all_that_changes(gcs: servers.Bucket, tmp_path: Path) -> None:
    """Eagerly, by URL and by path: the same data set, to the digest, for roles and splits too."""
    months = {f"2013-0{month}": make_rows(4000, seed=month) for month in (1, 2)}
    for name, table in months.items():
        pq.write_table(table, tmp_path / f"{name}.parquet", row_group_size=1000)
    gcs.upload(tmp_path, "flights/")
    found = [
        hr.ingest(pattern, key=["id"], split={"train": 8, "eval": 2}).digest
        for pattern in (f"{tmp_path}/{{span}}.parquet", f"{gcs.url}/flights/{{span}}.parquet")
    ]
    assert found[0] == found[1]


def test_a_span_in_a_pipeline_is_that_of_its_files(gcs: servers.Bucket, tmp_path: Path) -> None:
    """Written as an artifact, objects and files of the same content have one digest."""
    pq.write_table(make_rows(3000), tmp_path / "2013-01.parquet")
    gcs.upload(tmp_path, "flights/")
    digests = []
    for number, pattern in enumerate((f"{tmp_path}/{{span}}.parquet", f"{gcs.url}/flights/{{span}}.parquet")):
        (tmp_path / str(number)).mkdir()
        (span,) = resolve_spans(pattern)
        digests.append(write_span(span, tmp_path / str(number), source=choose_source(pattern)).digest)
    assert digests[0] == digests[1]


def test_what_the_service_hashed_is_not_read(gcs: servers.Bucket) -> None:
    """The identity is the object's own md5: equal content, equal identity, wherever and whenever it was written."""
    gcs.put("a.parquet", b"content")
    gcs.put("b.parquet", b"content")
    pieces = [Parquet(f"{gcs.url}/{name}.parquet").plan().fragments[0].fragment for name in "ab"]
    looks = [Parquet("").look(fragment, {}) for fragment in pieces]
    assert looks[0].identity == looks[1].identity == "md5:9a0364b9e99bb480dd25e1f0284c8555"
    assert looks[0].mark != looks[1].mark
    gcs.put("a.parquet", b"other")
    assert Parquet("").look(pieces[0], {}).identity != looks[0].identity


def test_other_file_systems_are_read_too(tmp_path: Path) -> None:
    """`memory://` and `file://`: whatever fsspec reads; what keeps no hash is read for it."""
    import fsspec

    data = parquet_bytes(make_rows(500))
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/headrace/2013-01.parquet", data)
    (tmp_path / "2013-01.parquet").write_bytes(data)
    expected = hr.ingest(str(tmp_path / "{span}.parquet"))
    for root in ("memory://headrace", f"file://{tmp_path}"):
        assert hr.ingest(f"{root}/{{span}}.parquet").digest == expected.digest
        (local,) = resolve_spans(str(tmp_path / "{span}.parquet"))
        (remote,) = resolve_spans(f"{root}/{{span}}.parquet")
        assert remote.digest == local.digest
    memory.rm("/headrace", recursive=True)


@pytest.mark.parametrize("size", [0, 1, 100, (1 << 22) - 1, 1 << 22, (1 << 22) + 1, 9_000_000])
def test_an_object_reads_as_a_file(size: int, gcs: servers.Bucket) -> None:
    """Any seek and any read give what the bytes give, over the bounds of blocks and at the end."""
    import random

    data = random.Random(size).randbytes(size)
    gcs.put("x", data)
    choose = random.Random(1)
    with open_to_read(f"{gcs.url}/x") as file:
        assert file.seek(0, io.SEEK_END) == size
        for _ in range(20):
            place, length = choose.randrange(size + 1), choose.choice([0, 1, 1000, 5_000_000])
            file.seek(place)
            assert file.read(length) == data[place : place + length]
        file.seek(0)
        assert file.read() == data
        assert file.read(10) == b""


def test_a_replaced_object_is_no_data(gcs: servers.Bucket) -> None:
    """Whoever reads an object to the end is told when it was replaced meanwhile."""
    gcs.put("x", b"one")
    with pytest.raises(InvalidInput, match=r"replaced while it was read \(gs://.*/x\)"), open_to_read(f"{gcs.url}/x"):
        gcs.put("x", b"two")


@pytest.mark.parametrize("change", ["gone", "replaced", "bucket"])
def test_what_was_planned_and_is_no_more(change: str, gcs: servers.Bucket, tmp_path: Path) -> None:
    """An object that vanishes or changes after the plan, or its whole bucket: one error that names it, no artifact."""
    gcs.put("2013-01.parquet", parquet_bytes(make_rows(100)))
    (span,) = resolve_spans(f"{gcs.url}/{{span}}.parquet")
    if change == "gone":
        gcs.delete("2013-01.parquet")
    elif change == "replaced":
        gcs.put("2013-01.parquet", parquet_bytes(make_rows(101)))
    else:
        gcs.vanish()
    with pytest.raises(InvalidInput, match=r"(not there|changed after the run was planned) \(gs://.*2013-01.parquet\)"):
        write_span(span, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_found_in_a_bucket_says_so(gcs: servers.Bucket) -> None:
    """A pattern that finds nothing and a bucket that is not there are told apart."""
    with pytest.raises(InvalidInput, match=r"no file found \(gs://.*/none/\{span\}.csv\); expected at least one file$"):
        hr.ingest(f"{gcs.url}/none/{{span}}.csv")
    with pytest.raises(InvalidInput, match=r"there is no bucket 'no-such-bucket'"):
        hr.ingest("gs://no-such-bucket/{span}.csv")
    gcs.put("a b.csv", b"x\n1\n")
    with pytest.raises(InvalidInput, match="holds no span"):
        hr.ingest(f"{gcs.url}/{{span}}.csv")
    with pytest.raises(InvalidInput, match="it is a folder"):
        gcs.put("folder/x", b"")
        look_at_object(f"{gcs.url}/folder")


def test_protocols_that_are_not_known() -> None:
    """No such protocol, one whose package is missing, and gcsfs missing: each says what to do."""
    with pytest.raises(InvalidInput, match="zzz:// is no place that is known"):
        find_objects("zzz://bucket/*.csv")
    with pytest.raises(InvalidInput, match=r"s3:// cannot be read here: .*s3fs"):
        find_objects("s3://bucket/*.csv")
    code = "import sys; sys.modules['gcsfs'] = None; import headrace as hr; hr.ingest('gs://bucket/*.csv')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingExtra: reading gs:// needs gcsfs: pip install 'headrace[gcs]'" in done.stderr


@contextmanager
def answering(status: int, message: str) -> Iterator[None]:
    """A service on loopback that answers every request in one way."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"error": {"code": status, "message": message}}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with pointed_at(server.server_port):
            yield
        server.shutdown()
        thread.join()


@contextmanager
def pointed_at(port: int) -> Iterator[None]:
    """Clients of Cloud Storage go to that port of loopback; a request may take a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        patch.setenv("HEADRACE_BUCKET_TIMEOUT_S", "1")
        yield


@pytest.mark.parametrize(
    ("status", "message", "told"),
    [
        (403, "reader@x does not have storage.objects.list access", "no permission: .*storage.objects.list"),
        (401, "Anonymous caller", "credentials are missing, expired or not taken.*gcloud auth"),
        (400, "a bad request", "cannot be reached: .*a bad request"),
        (503, "try later", "no answer within 1 s"),  # tried again until the time is over
    ],
)
def test_a_service_that_refuses(status: int, message: str, told: str) -> None:
    """No permission, no credentials, no sense, no service: one error that names the URL."""
    with answering(status, message), pytest.raises(InvalidInput, match=told) as caught:
        hr.ingest("gs://bucket/{span}.parquet")
    assert "gs://bucket" in str(caught.value)


def test_a_stalled_service() -> None:
    """One that takes the request and never answers is given up after the setting's time."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        with pointed_at(silent.getsockname()[1]), pytest.raises(InvalidInput, match="no answer within 1 s"):
            Bucket("gs://bucket").call("info", "gs://bucket/x")


def test_expired_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's own client refuses the file of credentials: told in one line, with what to type."""
    file = tmp_path / "credentials.json"
    known = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "secret-of-mine"}
    file.write_text(json.dumps(known))
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setenv("HEADRACE_BUCKET_TIMEOUT_S", "2")
    # Where Google can be asked it refuses the token, again and again; where it cannot, that is the reason.
    with pytest.raises(
        InvalidInput, match=r"(credentials are missing, expired|no answer within 2 s).*gs://b"
    ) as caught:
        find_objects("gs://bucket/*.parquet")
    assert "secret-of-mine" not in str(caught.value)
