"""The forward pass of Qwen3-MoE, Mixtral and OLMoE checkpoints: NumPy, float64, and nothing else.

Written from the published architectures and independent of the runtime: it shares no code, no
order of summation and no precision with it. Equal router probabilities rank by lower expert index.
"""
import json
import math
import os

import numpy as np

import safetensors


class Config:
    """config.json with the families' differences resolved."""

    def __init__(self, directory):
        with open(os.path.join(directory, "config.json"), encoding="utf-8") as file:
            c = json.load(file)
        family = c["model_type"]
        if family not in ("qwen3_moe", "mixtral", "olmoe"):
            raise ValueError(f"{directory}: model_type {family}")
        mixtral = family == "mixtral"
        self.layers, self.eps, self.theta = c["num_hidden_layers"], c["rms_norm_eps"], c["rope_theta"]
        self.heads, self.kv_heads = c["num_attention_heads"], c["num_key_value_heads"]
        self.head_size = c.get("head_dim") or c["hidden_size"] // self.heads
        self.experts = c["num_local_experts" if mixtral else "num_experts"]
        self.k = c["num_experts_per_tok"]
        self.renormalise = mixtral or c.get("norm_topk_prob", False)
        self.qk_norm = {"qwen3_moe": "head", "mixtral": "none", "olmoe": "row"}[family]
        self.clip = c.get("clip_qkv")
        self.moe = "block_sparse_moe." if mixtral else "mlp."
        self.gate, self.up, self.down = (("w1", "w3", "w2") if mixtral
                                         else ("gate_proj", "up_proj", "down_proj"))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def rms_norm(x, gain, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * gain


class Reference:
    def __init__(self, directory, dtype=np.float64):
        self.config, self.dtype = Config(directory), dtype
        self.w = {name: tensor.astype(dtype)
                  for name, tensor in safetensors.read_checkpoint(directory).items()}
        self.head = self.w.get("lm_head.weight", self.w["model.embed_tokens.weight"])
        half = np.arange(0, self.config.head_size, 2)
        self.inv_freq = self.config.theta ** (-half / self.config.head_size)

    def rope(self, x, position):
        """x [T, heads, h]: element i turns together with element i + h/2."""
        angle = (position[:, None] * self.inv_freq[None, :])[:, None, :]
        cos, sin = np.cos(angle).astype(self.dtype), np.sin(angle).astype(self.dtype)
        a, b = np.split(x, 2, axis=-1)
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    def project(self, prefix, x, heads, norm):
        """x [T, d] -> [T, heads, h], normed and clipped as the family does it."""
        c = self.config
        y = x @ self.w[prefix + "_proj.weight"].T
        gain = self.w[prefix + "_norm.weight"] if norm and c.qk_norm != "none" else None
        if gain is not None and c.qk_norm == "row":
            y = rms_norm(y, gain, c.eps)
        if c.clip:
            y = np.clip(y, -c.clip, c.clip)
        y = y.reshape(len(x), heads, c.head_size)
        return rms_norm(y, gain, c.eps) if gain is not None and c.qk_norm == "head" else y

    def attention(self, prefix, x, position, cache):
        c = self.config
        q = self.rope(self.project(prefix + "q", x, c.heads, True), position)
        k = self.rope(self.project(prefix + "k", x, c.kv_heads, True), position)
        v = self.project(prefix + "v", x, c.kv_heads, False)
        if prefix in cache:
            k, v = np.concatenate([cache[prefix][0], k]), np.concatenate([cache[prefix][1], v])
        cache[prefix] = (k, v)
        future = np.arange(len(k))[None, :] > position[:, None]
        out = np.empty((len(x), c.heads, c.head_size), self.dtype)
        for h in range(c.heads):
            g = h // (c.heads // c.kv_heads)
            scores = q[:, h] @ k[:, g].T / self.dtype(math.sqrt(c.head_size))
            scores[future] = -np.inf
            out[:, h] = softmax(scores) @ v[:, g]
        return out.reshape(len(x), -1) @ self.w[prefix + "o_proj.weight"].T

    def expert(self, prefix, x):
        c = self.config
        gate = x @ self.w[f"{prefix}{c.gate}.weight"].T
        up = x @ self.w[f"{prefix}{c.up}.weight"].T
        return (gate / (1 + np.exp(-gate)) * up) @ self.w[f"{prefix}{c.down}.weight"].T

    def moe(self, prefix, x, rule, trace):
        logits = x @ self.w[prefix + "gate.weight"].T
        probs = softmax(logits)
        k = rule.count(probs)
        order = np.argsort(-probs, axis=1, kind="stable")[:, :k.max()]
        keep = np.arange(k.max())[None, :] < k[:, None]
        weights = np.take_along_axis(probs, order, 1) * keep
        if self.config.renormalise:
            weights /= weights.sum(1, keepdims=True)
        out = np.zeros_like(x)
        for e in range(self.config.experts):
            token, slot = np.nonzero((order == e) & keep)
            if len(token):
                y = self.expert(f"{prefix}experts.{e}.", x[token])
                out[token] += weights[token, slot][:, None] * y
        if trace is not None:
            trace.update(moe_in=x, router_logits=logits, moe_out=out, k=k.astype(np.int32),
                         topk_ids=np.where(keep, order, -1).astype(np.int32), topk_weights=weights)
        return out

    def forward(self, ids, rule, cache=None, trace=None):
        """ids [T] -> logits [T, vocab]. cache: a dict that is kept between calls. trace: a list
        that receives one dict of arrays a layer."""
        cache = {} if cache is None else cache
        begin = cache.get("length", 0)
        cache["length"] = begin + len(ids)
        position = np.arange(begin, begin + len(ids))
        eps, w = self.config.eps, self.w
        x = w["model.embed_tokens.weight"][np.asarray(ids)]
        for layer in range(self.config.layers):
            prefix = f"model.layers.{layer}."
            seen = None if trace is None else {"layer_in": x}
            h = rms_norm(x, w[prefix + "input_layernorm.weight"], eps)
            x = x + self.attention(prefix + "self_attn.", h, position, cache)
            h = rms_norm(x, w[prefix + "post_attention_layernorm.weight"], eps)
            x = x + self.moe(prefix + self.config.moe, h, rule, seen)
            if trace is not None:
                seen["layer_out"] = x
                trace.append(seen)
        return rms_norm(x, w["model.norm.weight"], eps) @ self.head.T

    def greedy(self, ids, count, rule):
        """-> (`count` new ids, the gap between best and second-best logit at each step)"""
        cache, new, margins, step = {}, [], [], list(ids)
        for _ in range(count):
            logits = self.forward(step, rule, cache)[-1]
            second, best = np.sort(logits)[-2:]
            margins.append(float(best - second))
            step = [int(logits.argmax())]
            new += step
        return new, margins


def perplexity(reference, ids, rule, window=512):
    """Windows of `window` inputs, nothing carried over: each predicts the ids one place on, so
    every id but the first is scored once. -> dict of totals"""
    ids, nll, experts = np.asarray(ids), 0.0, 0
    for begin in range(0, len(ids) - 1, window):
        targets = ids[begin + 1:begin + window + 1]
        trace = []
        logits = reference.forward(ids[begin:begin + len(targets)], rule, trace=trace)
        logits = logits.astype(np.float64)
        top = logits.max(1)
        log_sum = top + np.log(np.exp(logits - top[:, None]).sum(1))
        nll += float((log_sum - logits[np.arange(len(targets)), targets]).sum())
        experts += sum(int(layer["k"].sum()) for layer in trace)
    tokens = len(ids) - 1
    return {"tokens": tokens, "nll": nll, "perplexity": math.exp(nll / tokens),
            "mean_experts": experts / (tokens * reference.config.layers)}
