"""The vocabulary of a GGUF file: of a tokenizer.json (byte-level BPE), or made up for random weights."""

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
QWEN_START = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"


def write_tokenizer(gguf, tokenizer, config, pre=None):
    """`tokenizer`: the content of tokenizer.json. `pre`: ggml's name of the pre-tokenizer, else by its form."""
    model = tokenizer["model"]
    if model["type"] != "BPE":
        raise ValueError(f"tokenizer.json: model type {model['type']}; only byte-level BPE can be written")
    size = config["vocab_size"]
    tokens = [f"[unused {i}]" for i in range(size)]
    kinds = [UNUSED] * size
    for token, identity in model["vocab"].items():
        tokens[identity], kinds[identity] = token, NORMAL
    for entry in tokenizer.get("added_tokens", []):
        tokens[entry["id"]] = entry["content"]
        kinds[entry["id"]] = CONTROL if entry.get("special") else USER
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    gguf.string("tokenizer.ggml.model", "gpt2")
    gguf.string("tokenizer.ggml.pre", pre or _pre_tokenizer(tokenizer.get("pre_tokenizer")))
    gguf.strings("tokenizer.ggml.tokens", tokens)
    gguf.int32s("tokenizer.ggml.token_type", kinds)
    gguf.strings("tokenizer.ggml.merges", merges)
    gguf.boolean("tokenizer.ggml.add_bos_token", False)
    end = config.get("eos_token_id")
    end = end[0] if isinstance(end, list) else end
    if end is not None:
        gguf.uint32("tokenizer.ggml.eos_token_id", end)


def write_made_up(gguf, config):
    """As many tokens as the model has: three marks, the 256 bytes, then words w0, w1, ..."""
    size = config["vocab_size"]
    words = size - 259
    gguf.string("tokenizer.ggml.model", "llama")
    gguf.strings("tokenizer.ggml.tokens", ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)] +
                 [f"\u2581w{i}" for i in range(words)])
    gguf.float32s("tokenizer.ggml.scores", [0.0] * 259 + [-float(i) for i in range(words)])
    gguf.int32s("tokenizer.ggml.token_type", [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * words)
    for name, identity in {"unknown": 0, "bos": 1, "eos": 2}.items():
        gguf.uint32(f"tokenizer.ggml.{name}_token_id", identity)


def _pre_tokenizer(form):
    parts = form["pretokenizers"] if form and form["type"] == "Sequence" else [form]
    for part in filter(None, parts):
        if part["type"] == "Split" and part["pattern"].get("Regex", "").startswith(QWEN_START):
            return "qwen2"
        if part["type"] == "ByteLevel" and part.get("use_regex", True):
            return "gpt-2"
    raise ValueError("tokenizer.json: a pre-tokenizer that is neither GPT-2's nor Qwen's: name it with --pre")
