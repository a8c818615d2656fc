"""TFDV's files: schemas as text, statistics as text, bytes or TFRecord."""

from __future__ import annotations

import struct
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from headrace.adapters.tfx.schema_proto import schema_from_proto, schema_to_proto
from headrace.adapters.tfx.statistics_proto import statistics_from_proto, statistics_to_proto
from headrace.checksum import masked_crc32c
from headrace.errors import InvalidInput
from headrace.schema import Schema
from headrace.statistics import Statistics
from headrace.validation.exchanging import Exchange, Summary

__all__ = ["Tfx"]


class Tfx(Exchange):
    """Schemas and statistics as TensorFlow Data Validation and TFX keep them.

    A schema is the text of a `Schema` message (`schema.pbtxt`, read there by `load_schema_text`); statistics are a
    `DatasetFeatureStatisticsList`: written as a TFRecord file of one record (read there by `load_statistics`), or as
    text (`load_stats_text`); read from text, from bytes and from a TFRecord.

    >>> from headrace.schema import Feature
    >>> data, notes = Tfx().write_schema(Schema((Feature("carrier", "text", domain=("AA", "UA")),)))
    >>> Tfx().read_schema(data, "schema.pbtxt")[0]["carrier"].domain
    ('AA', 'UA')

    Source: https://github.com/tensorflow/metadata/tree/v1.21.0/tensorflow_metadata/proto/v0
    """

    def read_schema(self, data: bytes, where: str) -> tuple[Schema, list[str]]:
        """A schema from its text; what has no meaning here is noted.

        Raises InvalidInput, with the line, for a text that is no `Schema`.
        """
        return schema_from_proto(_parsed(schema_pb2.Schema(), data, where))

    def write_schema(self, schema: Schema) -> tuple[bytes, list[str]]:
        """The schema's text; what TFDV does not judge stands in comments of annotations, and is noted."""
        proto, notes = schema_to_proto(schema)
        return _text(proto), notes

    def read_statistics(self, data: bytes, where: str) -> list[Summary]:
        """Statistics from text, from a message's bytes, or from a TFRecord of such.

        Raises InvalidInput for anything else, and for a record whose checksum is wrong.
        """
        records = _records(data, where)
        if records is None:
            is_text = data.lstrip()[:8] == b"datasets"
            message = statistics_pb2.DatasetFeatureStatisticsList()
            return statistics_from_proto(_parsed(message, data, where) if is_text else _decoded(message, data, where))
        found: list[Summary] = []
        for record in records:
            found += statistics_from_proto(_decoded(statistics_pb2.DatasetFeatureStatisticsList(), record, where))
        return found

    def write_statistics(self, statistics: Statistics, *, text: bool = False) -> bytes:
        """Statistics as a TFRecord file of one record, or as text."""
        proto = statistics_to_proto(statistics)
        if text:
            return _text(proto)
        record: bytes = proto.SerializeToString(deterministic=True)
        length = struct.pack("<Q", len(record))
        sums = [struct.pack("<I", masked_crc32c(piece)) for piece in (length, record)]
        return length + sums[0] + record + sums[1]


def _text(message: Any) -> bytes:
    text: str = text_format.MessageToString(message, as_utf8=True)
    return text.encode("utf-8")


def _parsed(message: Any, data: bytes, where: str) -> Any:
    name = message.DESCRIPTOR.name
    try:
        return text_format.Parse(data.decode("utf-8"), message)
    except text_format.ParseError as error:
        raise InvalidInput(f"not the text of a {name}: {error}", where=where, fix="export it again") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"not the text of a {name}: not UTF-8", where=where, expected="a .pbtxt file") from error


def _decoded(message: Any, data: bytes, where: str) -> Any:
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise InvalidInput(f"not a {message.DESCRIPTOR.name}: {error}", where=where) from error
    return message


def _records(data: bytes, where: str) -> list[bytes] | None:
    """The records of a TFRecord file; None where the bytes do not begin like one."""
    found, place = list[bytes](), 0
    while place < len(data):
        head = data[place : place + 12]
        if len(head) < 12 or struct.unpack("<I", head[8:])[0] != masked_crc32c(head[:8]):
            if not found:
                return None
            raise InvalidInput(f"record {len(found)} is damaged", where=where, fix="write the file again")
        end = place + 12 + int(struct.unpack("<Q", head[:8])[0])
        record, check = data[place + 12 : end], data[end : end + 4]
        if len(check) < 4 or struct.unpack("<I", check)[0] != masked_crc32c(record):
            raise InvalidInput(f"record {len(found)} is damaged or cut off", where=where, fix="write the file again")
        found.append(record)
        place = end + 4
    return found or None
