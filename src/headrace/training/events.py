"""TensorBoard's event files, written without TensorFlow: a few fields of two protocol buffers, framed as TFRecords.

    record = length (uint64), masked crc32c of it, data, masked crc32c of that; all little-endian
    Event  = 1: wall_time (double), 2: step (int64), 3: file_version (string), 5: summary
    Summary.Value, field 1 of a summary = 1: tag (string), 2: simple_value (float)

Source: tensorboard/compat/proto/event.proto and summary.proto,
https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path

from headrace import disk
from headrace.checksum import masked_crc32c

__all__ = ["EventFile"]

_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5  # wire types


class EventFile:
    """A file of scalars that TensorBoard shows while it grows; a new one for each process that writes.

    Parameters
    ----------
    folder : Path
        Made if need be; TensorBoard calls the curves by its name. `tensorboard --logdir FOLDER` shows it.

    Raises StoreError when the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        now = time.time()
        disk.make_folder(folder, mode=0o700)
        self.path = folder / f"events.out.tfevents.{int(now)}.{socket.gethostname()}.{os.getpid()}"
        self._append(_field(1, _DOUBLE, struct.pack("<d", now)) + _field(3, _BYTES, b"brain.Event:2"))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add one point to each of some curves; float32, as TensorBoard keeps them. Cost: about 20 us a value."""
        if not values:
            return
        summary = b"".join(
            _field(1, _BYTES, _field(1, _BYTES, name.encode()) + _field(2, _FLOAT, struct.pack("<f", value)))
            for name, value in values.items()
        )
        event = _field(1, _DOUBLE, struct.pack("<d", time.time())) + _field(2, _VARINT, _varint(step))
        self._append(event + _field(5, _BYTES, summary))

    def _append(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        checks = (struct.pack("<I", masked_crc32c(data)) for data in (length, event))
        disk.append(self.path, length + next(checks) + event + next(checks))


def _field(number: int, wire_type: int, data: bytes) -> bytes:
    size = _varint(len(data)) if wire_type == _BYTES else b""
    return _varint(number << 3 | wire_type) + size + data


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; negative numbers as 64 bits."""
    value &= (1 << 64) - 1
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
