"""Random weights of a shape (configs/shapes/*.yaml), with the interface of a checkpoint. For speed only:
what they compute means nothing."""
import hashlib

import numpy as np

KEYS = {"hidden": "hidden_size", "layers": "num_hidden_layers", "heads": "num_attention_heads",
        "kv_heads": "num_key_value_heads", "head_size": "head_dim", "vocab": "vocab_size",
        "experts": "num_experts", "experts_per_token": "num_experts_per_tok",
        "expert_inner": "moe_intermediate_size", "context_max": "max_position_embeddings"}


class RandomWeights:
    def __init__(self, shape_file):
        shape = _read_shape(shape_file)
        if shape.get("family") != "qwen3_moe":
            raise ValueError(f"{shape_file}: family {shape.get('family')}; only qwen3_moe can be written")
        missing = sorted(set(KEYS) - set(shape))
        if missing:
            raise ValueError(f"{shape_file}: no {', '.join(missing)}")
        self.seed = int(shape.get("seed", 1))
        self.config = {theirs: int(shape[ours]) for ours, theirs in KEYS.items()}
        self.config.update(model_type="qwen3_moe", norm_topk_prob=True, rope_theta=1e6, rms_norm_eps=1e-6,
                           intermediate_size=self.config["moe_intermediate_size"])
        self._shapes = _tensor_shapes(self.config)

    def __contains__(self, name):
        return name in self._shapes

    def shape(self, name):
        return self._shapes[name]

    def data(self, name, kind):
        """Norms are ones; other weights are +-[0.0078, 0.0312), seeded by the tensor's name. As bytes."""
        shape = self._shapes[name]
        if len(shape) == 1:
            bits = np.full(shape, 0x3F80, "<u2")
        else:
            seed = hashlib.sha256(f"{self.seed} {name}".encode()).digest()
            generator = np.random.Generator(np.random.SFC64(int.from_bytes(seed, "little")))
            raw = generator.integers(0, 1 << 16, shape, np.uint16)
            bits = ((raw & 0x80FF) | 0x3C00).astype("<u2")
        return (bits if kind == "bf16" else bits.astype("<u4") << 16).tobytes()


def _read_shape(path):
    """The keys below `model:`; shape files are flat, so that this needs no YAML library."""
    shape, inside = {}, False
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.split("#")[0].rstrip()
            if line and not line.startswith(" "):
                inside = line == "model:"
            elif inside and ":" in line:
                key, value = line.split(":", 1)
                shape[key.strip()] = value.strip()
    return shape


def _tensor_shapes(config):
    hidden, head = config["hidden_size"], config["head_dim"]
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    experts, inner = config["num_experts"], config["moe_intermediate_size"]
    shapes = {"model.embed_tokens.weight": (config["vocab_size"], hidden), "model.norm.weight": (hidden,),
              "lm_head.weight": (config["vocab_size"], hidden)}
    layer = {"input_layernorm": (hidden,), "post_attention_layernorm": (hidden,),
             "self_attn.q_proj": (queries, hidden), "self_attn.k_proj": (keys, hidden),
             "self_attn.v_proj": (keys, hidden), "self_attn.o_proj": (hidden, queries),
             "self_attn.q_norm": (head,), "self_attn.k_norm": (head,), "mlp.gate": (experts, hidden)}
    for e in range(experts):
        layer.update({f"mlp.experts.{e}.gate_proj": (inner, hidden), f"mlp.experts.{e}.up_proj": (inner, hidden),
                      f"mlp.experts.{e}.down_proj": (hidden, inner)})
    for i in range(config["num_hidden_layers"]):
        shapes.update({f"model.layers.{i}.{name}.weight": shape for name, shape in layer.items()})
    return shapes
