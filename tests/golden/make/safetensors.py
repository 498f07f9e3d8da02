"""Reads and writes safetensors files with NumPy; bf16 is read as float32, exactly."""
import json
import os

import numpy as np

DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32,
          "I16": np.int16, "U16": np.uint16, "U8": np.uint8}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def read(path):
    """path -> {tensor name: array}"""
    with open(path, "rb") as file:
        raw = file.read()
    data = 8 + int.from_bytes(raw[:8], "little")
    tensors = {}
    for name, entry in json.loads(raw[8:data]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        blob = raw[data + begin:data + end]
        if entry["dtype"] == "BF16":
            array = (np.frombuffer(blob, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            array = np.frombuffer(blob, DTYPES[entry["dtype"]])
        tensors[name] = array.reshape(entry["shape"])
    return tensors


def read_checkpoint(directory):
    """One model.safetensors, or the shards that model.safetensors.index.json names."""
    index = os.path.join(directory, "model.safetensors.index.json")
    if not os.path.exists(index):
        return read(os.path.join(directory, "model.safetensors"))
    with open(index, encoding="utf-8") as file:
        shards = sorted(set(json.load(file)["weight_map"].values()))
    tensors = {}
    for shard in shards:
        tensors.update(read(os.path.join(directory, shard)))
    return tensors


def bf16_bits(values):
    """float32 -> bf16 bit patterns, rounded to nearest, ties to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def write(path, tensors, bf16=False):
    """{name: array} -> file, in order of name; with `bf16` floats are stored as BF16."""
    header, blobs, offset = {}, [], 0
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        if bf16 and array.dtype.kind == "f":
            blob, dtype = bf16_bits(array).tobytes(), "BF16"
        else:
            blob, dtype = array.tobytes(), NAMES[array.dtype.type]
        header[name] = {"dtype": dtype, "shape": list(array.shape),
                        "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(blobs))
    return offset


def write_shards(directory, shards):
    """A list of {name: array} -> model-0000i-of-0000n.safetensors (bf16) and their index."""
    total, weight_map = 0, {}
    for i, tensors in enumerate(shards):
        name = f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors"
        total += write(os.path.join(directory, name), tensors, bf16=True)
        weight_map.update({tensor: name for tensor in tensors})
    with open(os.path.join(directory, "model.safetensors.index.json"), "w", encoding="utf-8") as file:
        json.dump({"metadata": {"total_size": total}, "weight_map": weight_map}, file, indent=1,
                  sort_keys=True)
        file.write("\n")
