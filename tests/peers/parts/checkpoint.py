"""Tensors of a Hugging Face checkpoint directory: mapped, not loaded, one file or shards."""
import json
import os

import numpy as np

DTYPES = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}


class Checkpoint:
    def __init__(self, directory):
        self.directory = directory
        self.config = read_json(os.path.join(directory, "config.json"))
        self._entries = {}  # name -> (mapped file, first byte of its data, header entry)
        for name in self._files():
            self._map(os.path.join(directory, name))

    def __contains__(self, name):
        return name in self._entries

    def shape(self, name):
        return tuple(self._entry(name)[2]["shape"])

    def data(self, name, kind):
        """The tensor's bytes as `kind`, "f32" or "bf16" (rounded to nearest even where it must be)."""
        mapped, start, entry = self._entry(name)
        begin, end = entry["data_offsets"]
        stored = mapped[start + begin:start + end].view(DTYPES[entry["dtype"]])
        if entry["dtype"] == "BF16":
            return (stored if kind == "bf16" else stored.astype("<u4") << 16).tobytes()
        values = stored.astype("<f4")
        return (bf16_bits(values) if kind == "bf16" else values).tobytes()

    def _entry(self, name):
        if name not in self._entries:
            raise ValueError(f"{self.directory}: no tensor {name}")
        return self._entries[name]

    def _files(self):
        index = os.path.join(self.directory, "model.safetensors.index.json")
        if not os.path.exists(index):
            return ["model.safetensors"]
        return sorted(set(read_json(index)["weight_map"].values()))

    def _map(self, path):
        mapped = np.memmap(path, np.uint8, "r")
        start = 8 + int.from_bytes(mapped[:8].tobytes(), "little")
        for name, entry in json.loads(mapped[8:start].tobytes()).items():
            if name == "__metadata__":
                continue
            if entry["dtype"] not in DTYPES:
                raise ValueError(f"{path}: {name}: dtype {entry['dtype']}")
            self._entries[name] = (mapped, start, entry)


def bf16_bits(values):
    """float32 -> bf16 bit patterns, rounded to nearest, ties to even. NaN may become infinity."""
    bits = values.view("<u4")
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)
