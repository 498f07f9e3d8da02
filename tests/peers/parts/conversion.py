"""A GGUF file of a checkpoint, or of a shape with random weights."""
import os

from . import qwen3moe, vocabulary
from .checkpoint import Checkpoint, read_json
from .gguf import GgufFile
from .random_weights import RandomWeights


def write_checkpoint(directory, out, kind, pre=None):
    """Matrices as `kind` ("f32" or "bf16"). Returns bytes written; ValueError where the file would lie."""
    tokenizer = read_json(os.path.join(directory, "tokenizer.json"))
    return _write(Checkpoint(directory), out, kind,
                  lambda gguf, config: vocabulary.write_tokenizer(gguf, tokenizer, config, pre))


def write_shape(shape_file, out, kind):
    """The same with the random weights of a shape file."""
    return _write(RandomWeights(shape_file), out, kind, vocabulary.write_made_up)


def _write(source, out, kind, write_vocabulary):
    qwen3moe.check(source.config)
    gguf = GgufFile()
    qwen3moe.write_settings(gguf, source.config)
    write_vocabulary(gguf, source.config)
    qwen3moe.write_tensors(gguf, source, kind)
    size = gguf.write(out + ".part")
    os.replace(out + ".part", out)
    return size
