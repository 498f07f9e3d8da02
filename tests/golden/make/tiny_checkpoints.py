"""Writes the random checkpoints tiny-mixtral (two shards) and tiny-olmoe (one file).

Scales are chosen so that all parts matter: gates and attention are decided but not saturated, and
logits spread over several units, so that a greedy continuation has no near ties.
"""
import json
import os

import numpy as np

import safetensors

D, HEADS, KV_HEADS, HEAD_SIZE, EXPERTS, INNER, VOCAB = 64, 4, 2, 16, 8, 32, 320

COMMON = {
    "attention_bias": False, "attention_dropout": 0.0, "hidden_act": "silu", "hidden_size": D,
    "initializer_range": 0.02, "intermediate_size": INNER, "max_position_embeddings": 256,
    "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "output_router_logits": False,
    "rms_norm_eps": 1e-05, "router_aux_loss_coef": 0.01, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16", "use_cache": True, "vocab_size": VOCAB,
}
MIXTRAL = {**COMMON, "architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "bos_token_id": 318,
           "eos_token_id": 319, "num_hidden_layers": 2, "num_local_experts": EXPERTS, "num_experts_per_tok": 2,
           "rope_theta": 1000000.0, "router_jitter_noise": 0.0, "sliding_window": None}
OLMOE = {**COMMON, "architectures": ["OlmoeForCausalLM"], "model_type": "olmoe", "bos_token_id": None,
         "eos_token_id": 319, "pad_token_id": 318, "clip_qkv": None, "norm_topk_prob": False,
         "num_hidden_layers": 3, "num_experts": EXPERTS, "num_experts_per_tok": 3, "rope_scaling": None,
         "rope_theta": 10000.0}


class Weights:
    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.tensors = {}

    def matrix(self, name, out, inner, gain=1.0):
        """[out, inner]; with a gain of 1 unit inputs give unit outputs."""
        values = self.random.standard_normal((out, inner)) * gain / np.sqrt(inner)
        self.tensors[name + ".weight"] = values.astype(np.float32)

    def norm(self, name, size):
        self.tensors[name + ".weight"] = (1 + 0.2 * self.random.standard_normal(size)).astype(np.float32)

    def attention(self, prefix, qk_norm):
        for name, heads, gain in (("q", HEADS, 1.5), ("k", KV_HEADS, 1.5), ("v", KV_HEADS, 1.0)):
            self.matrix(f"{prefix}{name}_proj", heads * HEAD_SIZE, D, gain)
        self.matrix(prefix + "o_proj", D, HEADS * HEAD_SIZE)
        if qk_norm:
            self.norm(prefix + "q_norm", HEADS * HEAD_SIZE)
            self.norm(prefix + "k_norm", KV_HEADS * HEAD_SIZE)

    def experts(self, prefix, names):
        gate, up, down = names
        self.matrix(prefix + "gate", EXPERTS, D, 2.0)
        for e in range(EXPERTS):
            self.matrix(f"{prefix}experts.{e}.{gate}", INNER, D, 1.5)
            self.matrix(f"{prefix}experts.{e}.{up}", INNER, D, 1.5)
            self.matrix(f"{prefix}experts.{e}.{down}", D, INNER, 1.5)

    def model(self, layers, moe, names, qk_norm):
        self.matrix("model.embed_tokens", VOCAB, D, np.sqrt(D))
        for i in range(layers):
            prefix = f"model.layers.{i}."
            self.norm(prefix + "input_layernorm", D)
            self.attention(prefix + "self_attn.", qk_norm)
            self.norm(prefix + "post_attention_layernorm", D)
            self.experts(prefix + moe, names)
        self.norm("model.norm", D)
        self.matrix("lm_head", VOCAB, D, 4.0)
        return self.tensors


def write_json(directory, name, content):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, sort_keys=True)
        file.write("\n")


def write_configs(directory, config):
    os.makedirs(directory, exist_ok=True)
    write_json(directory, "config.json", config)
    ids = {key: config[key] for key in ("bos_token_id", "eos_token_id")}
    write_json(directory, "generation_config.json", {"_from_model_config": True, **ids})


def write_mixtral(directory, seed):
    write_configs(directory, MIXTRAL)
    tensors = Weights(seed).model(2, "block_sparse_moe.", ("w1", "w3", "w2"), qk_norm=False)
    # The cut runs through layer 1, as it does in real checkpoints.
    second = [n for n in tensors if n in ("lm_head.weight", "model.norm.weight")
              or (n.startswith("model.layers.1.") and ".experts." in n)]
    shards = [{n: t for n, t in tensors.items() if n not in second}, {n: tensors[n] for n in second}]
    safetensors.write_shards(directory, shards)


def write_olmoe(directory, seed):
    write_configs(directory, OLMOE)
    tensors = Weights(seed).model(3, "mlp.", ("gate_proj", "up_proj", "down_proj"), qk_norm=True)
    safetensors.write(os.path.join(directory, "model.safetensors"), tensors, bf16=True)
