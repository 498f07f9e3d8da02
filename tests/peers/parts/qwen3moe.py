"""What ggml's engines call the parts of a Qwen3-MoE model: its settings and its tensors."""

ARCHITECTURE = "qwen3moe"
LAYER = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
         "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
         "attn_k_norm": "self_attn.k_norm", "ffn_norm": "post_attention_layernorm", "ffn_gate_inp": "mlp.gate"}
EXPERTS = {"ffn_gate_exps": "gate_proj", "ffn_up_exps": "up_proj", "ffn_down_exps": "down_proj"}


def check(config):
    """Raises ValueError where the engines would compute something else than the checkpoint says."""
    wanted = {"model_type": "qwen3_moe", "norm_topk_prob": True}
    absent = {"rope_scaling": None, "attention_bias": False, "use_sliding_window": False,
              "mlp_only_layers": [], "decoder_sparse_step": 1, "hidden_act": "silu"}
    for key, value in wanted.items():
        if config.get(key) != value:
            raise ValueError(f"config.json: {key} is {config.get(key)!r}, not {value!r}")
    for key, value in absent.items():
        if config.get(key, value) not in (value, None):
            raise ValueError(f"config.json: {key} is {config[key]!r}; only {value!r} can be written")


def write_settings(gguf, config):
    head = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    gguf.string("general.architecture", ARCHITECTURE)
    for key, value in {
            "block_count": config["num_hidden_layers"], "context_length": config["max_position_embeddings"],
            "embedding_length": config["hidden_size"], "feed_forward_length": config["intermediate_size"],
            "expert_count": config["num_experts"], "expert_used_count": config["num_experts_per_tok"],
            "expert_feed_forward_length": config["moe_intermediate_size"], "vocab_size": config["vocab_size"],
            "attention.head_count": config["num_attention_heads"],
            "attention.head_count_kv": config["num_key_value_heads"],
            "attention.key_length": head, "attention.value_length": head}.items():
        gguf.uint32(f"{ARCHITECTURE}.{key}", value)
    gguf.float32(f"{ARCHITECTURE}.rope.freq_base", config["rope_theta"])
    gguf.float32(f"{ARCHITECTURE}.attention.layer_norm_rms_epsilon", config["rms_norm_eps"])


def write_tensors(gguf, source, kind):
    """Matrices as `kind`; norms and gates as f32, which the engines require. `source`: a checkpoint."""
    def one(name, theirs):
        shape = source.shape(theirs)
        exact = "f32" if len(shape) == 1 or name.endswith("ffn_gate_inp.weight") else kind
        gguf.tensor(name, shape, exact, lambda: iter([source.data(theirs, exact)]))

    def stacked(name, theirs):
        shape = (len(theirs),) + source.shape(theirs[0])
        gguf.tensor(name, shape, kind, lambda: (source.data(expert, kind) for expert in theirs))

    one("token_embd.weight", "model.embed_tokens.weight")
    one("output_norm.weight", "model.norm.weight")
    if not source.config.get("tie_word_embeddings", False):
        one("output.weight", "lm_head.weight")
    for i in range(source.config["num_hidden_layers"]):
        for name, theirs in LAYER.items():
            one(f"blk.{i}.{name}.weight", f"model.layers.{i}.{theirs}.weight")
        for name, theirs in EXPERTS.items():
            stacked(f"blk.{i}.{name}.weight", [f"model.layers.{i}.mlp.experts.{e}.{theirs}.weight"
                                               for e in range(source.config["num_experts"])])
