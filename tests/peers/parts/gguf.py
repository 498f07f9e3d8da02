"""Writes GGUF version 3, the file format of ggml's engines: metadata, a table of tensors, their data."""
import struct

ALIGNMENT = 32
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9  # types of metadata
TENSOR_TYPES = {"f32": (0, 4), "bf16": (30, 2)}  # name -> id in the file, bytes of a number


def _text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _padding(size):
    return b"\0" * (-size % ALIGNMENT)


class GgufFile:
    """Collects what the file shall hold; `write` then asks for one tensor's data after the other."""

    def __init__(self):
        self._metadata = []
        self._tensors = []

    def uint32(self, key, value):
        self._add(key, UINT32, struct.pack("<I", value))

    def float32(self, key, value):
        self._add(key, FLOAT32, struct.pack("<f", value))

    def boolean(self, key, value):
        self._add(key, BOOL, struct.pack("<?", value))

    def string(self, key, value):
        self._add(key, STRING, _text(value))

    def strings(self, key, values):
        self._array(key, STRING, values, b"".join(map(_text, values)))

    def int32s(self, key, values):
        self._array(key, INT32, values, struct.pack(f"<{len(values)}i", *values))

    def float32s(self, key, values):
        self._array(key, FLOAT32, values, struct.pack(f"<{len(values)}f", *values))

    def tensor(self, name, shape, kind, pieces):
        """`shape` as NumPy has it (last index fastest); `pieces()` yields the data in order, as bytes."""
        self._tensors.append((name, shape, kind, pieces))

    def write(self, path):
        """Returns the size of the file in bytes."""
        table, sizes, offset = [], [], 0
        for name, shape, kind, _ in self._tensors:
            identity, width = TENSOR_TYPES[kind]
            size = width
            for extent in shape:
                size *= extent
            table.append(_text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape),
                                                   identity, offset))
            sizes.append(size)
            offset += size + len(_padding(size))
        head = struct.pack("<4sIQQ", b"GGUF", 3, len(self._tensors), len(self._metadata))
        head += b"".join(self._metadata) + b"".join(table)
        head += _padding(len(head))
        with open(path, "wb") as file:
            file.write(head)
            for (name, _, _, pieces), size in zip(self._tensors, sizes):
                written = 0
                for piece in pieces():
                    written += file.write(piece)
                if written != size:
                    raise ValueError(f"{name}: {written} bytes instead of {size}")
                file.write(_padding(size))
        return len(head) + offset

    def _add(self, key, kind, payload):
        self._metadata.append(_text(key) + struct.pack("<I", kind) + payload)

    def _array(self, key, kind, values, payload):
        self._add(key, ARRAY, struct.pack("<IQ", kind, len(values)) + payload)
