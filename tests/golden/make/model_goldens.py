"""Writes what a checkpoint answers: prompts.json, logits.safetensors, trace.safetensors."""
import json
import os

import numpy as np

import safetensors
from reference import Reference, softmax
from rules import Rule


def stored(array):
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int32)


def router_gap(layers):
    """The least gap between the last chosen and the first rejected probability: an engine in less
    precise arithmetic may choose the other expert near it."""
    gap = np.inf
    for layer in layers:
        falling = -np.sort(-softmax(layer["router_logits"]), axis=1)
        rows = np.flatnonzero(layer["k"] < falling.shape[1])
        k = layer["k"][rows]
        gap = min(gap, float((falling[rows, k - 1] - falling[rows, k]).min()))
    return gap


def write(model_directory, out_directory, prompts, rules, new, tokenizer=None, trace_rules=()):
    """prompts: [{"text", "ids"} or {"ids"}]; rules: {name: spec}; the first prompt is traced."""
    os.makedirs(out_directory, exist_ok=True)
    reference = Reference(model_directory)
    entries, logits, trace = [], {}, {}
    for i, prompt in enumerate(prompts):
        entry = {**prompt, "greedy": {}}
        for name, spec in rules.items():
            rule, layers = Rule(spec), []
            z = reference.forward(prompt["ids"], rule, trace=layers)
            logits[f"prompt{i}.{name}.last"] = stored(z[-1])
            ids, margins = reference.greedy(prompt["ids"], new, rule)
            answer = {"ids": ids}
            all_layers = []
            reference.forward(prompt["ids"] + ids[:-1], rule, trace=all_layers)
            if tokenizer:
                answer["text"] = tokenizer.decode(ids).decode(errors="replace")
            answer["smallest_margin"] = round(min(margins), 5)
            answer["smallest_router_gap"] = round(router_gap(all_layers), 7)
            if np.isfinite(rule.margin):
                answer["smallest_rule_margin"] = round(rule.margin, 7)
            answer["average_k_of_prompt"] = round(float(np.mean([t["k"].mean() for t in layers])), 3)
            entry["greedy"][name] = answer
            if i == 0 and name in trace_rules:
                trace[f"{name}.logits"] = stored(z)
                trace.update({f"{name}.layer{l}.{key}": stored(value)
                              for l, layer in enumerate(layers) for key, value in layer.items()})
        entries.append(entry)
    with open(os.path.join(out_directory, "prompts.json"), "w", encoding="utf-8") as file:
        json.dump({"rules": rules, "arithmetic": "NumPy float64 on the bf16 weights, stored as fp32",
                   "trace_prompt": 0, "prompts": entries}, file, ensure_ascii=False, indent=1)
        file.write("\n")
    safetensors.write(os.path.join(out_directory, "logits.safetensors"), logits)
    safetensors.write(os.path.join(out_directory, "trace.safetensors"), trace)
    return entries
