"""Recreates every golden file; called by ../regenerate, which checks what it needs.

usage: regenerate.py REPOSITORY TINY_QWEN3MOE [OUT_DIRECTORY]
"""
import json
import os
import sys
import time

import numpy as np

import bpe
import model_goldens
import tiny_checkpoints
import tokenizer_cases
import tokenizer_files
from reference import Reference, perplexity
from rules import Rule

# The weights seeds are the best of some hundreds: no answer hangs on a near tie (prompts.json, smallest_*).
MIXTRAL_SEED, OLMOE_SEED, PROMPT_SEED = 534, 1, 13
QWEN_RULES = {"k4": "topk:k=4", "k1": "topk:k=1", "dynamic": "top-p:theta=0.7,k_min=1,k_max=6"}
MIXTRAL_RULES = {"static": "topk:k=2", "dynamic": "top-p:theta=0.6,k_min=1,k_max=4"}
OLMOE_RULES = {"static": "topk:k=3", "dynamic": "relative:t=0.25,k_min=1,k_max=4"}


def say(begin, text):
    print(f"[{time.monotonic() - begin:6.1f} s] {text}", file=sys.stderr, flush=True)


def random_prompts(seed):
    """Four prompts of ids below 318 (no special tokens); one is a single id, one passes a KV page."""
    source = np.random.default_rng(seed)
    return [{"ids": source.integers(0, 313, length).tolist()} for length in (12, 1, 33, 80)]


def write_tiny_qwen3moe(model, out, here, text):
    tokenizer = bpe.Tokenizer(model)
    with open(os.path.join(here, "prompts.json"), encoding="utf-8") as file:
        prompts = [{"text": prompt, "ids": tokenizer.encode(prompt)} for prompt in json.load(file)]
    model_goldens.write(model, out, prompts, QWEN_RULES, 64, tokenizer, ("k4", "dynamic"))
    tokenizer_cases.write(model, out, text)


def write_perplexity(model, out, text):
    tokenizer, reference = bpe.Tokenizer(model), Reference(model)
    ids, results = tokenizer.encode(text), []
    # All of the text takes a minute a rule; its first eight windows suit a quick test.
    for tokens in (8 * 512, len(ids) - 1):
        scored = ids[:tokens + 1]
        size = len(tokenizer.decode(scored[1:]))
        for spec in (QWEN_RULES["k4"], QWEN_RULES["dynamic"]):
            result = {"rule": spec, "bytes": size, **perplexity(reference, scored, Rule(spec))}
            result["bits_per_byte"] = result["nll"] / np.log(2) / size
            results.append(result)
    with open(os.path.join(out, "perplexity.json"), "w", encoding="utf-8") as file:
        json.dump({"text": "configs/texts/dev.txt", "window": 512, "arithmetic": "NumPy float64",
                   "results": results}, file, indent=1)
        file.write("\n")


def write_tiny_perplexity(directory, text, rules):
    """Of the whole text: a dynamic rule in bf16 takes some decisions the other way, and in random
    weights each costs or gains at random: 0.5 % of 3,000 tokens, below 0.1 % of 125,802."""
    window = 128
    ids, reference = bpe.Tokenizer(directory).encode(text), Reference(directory)
    results = [{"rule": spec, **perplexity(reference, ids, Rule(spec), window)}
               for spec in rules.values()]
    with open(os.path.join(directory, "perplexity.json"), "w", encoding="utf-8") as file:
        json.dump({"text": "configs/texts/dev.txt", "text_bytes": len(text.encode()),
                   "window": window, "arithmetic": "NumPy float64", "results": results}, file,
                  indent=1)
        file.write("\n")


def main():
    repository, qwen = sys.argv[1:3]
    out = sys.argv[3] if len(sys.argv) > 3 else os.path.join(repository, "tests/golden")
    here, begin = os.path.dirname(os.path.abspath(__file__)), time.monotonic()
    with open(os.path.join(repository, "configs/texts/dev.txt"), encoding="utf-8", newline="") as file:
        text = file.read()
    sample = text[:60000] + "日本語と日本。Привет, мир! naïve café 🙂🙂 " * 20
    for name, write in (("qwen-pattern", tokenizer_files.write_qwen_pattern),
                        ("vocab-first", tokenizer_files.write_vocab_first),
                        ("prefix-space", tokenizer_files.write_prefix_space),
                        ("marks-normalizer", tokenizer_files.write_marks_normalizer),
                        ("marks-metaspace", tokenizer_files.write_marks_metaspace)):
        directory = os.path.join(out, "tokenizers", name)
        write(directory, sample)
        tokenizer_cases.write(directory, directory, text)
        say(begin, f"tokenizers/{name}")
    tiny = (("tiny-mixtral", tokenizer_files.write_tiny_mixtral, tiny_checkpoints.write_mixtral,
             MIXTRAL_SEED, MIXTRAL_RULES),
            ("tiny-olmoe", tokenizer_files.write_tiny_olmoe, tiny_checkpoints.write_olmoe,
             OLMOE_SEED, OLMOE_RULES))
    for name, write_tokenizer, write_checkpoint, seed, rules in tiny:
        directory = os.path.join(out, name)
        write_checkpoint(directory, seed)
        write_tokenizer(directory, sample)
        tokenizer_cases.write(directory, directory, text)
        model_goldens.write(directory, directory, random_prompts(PROMPT_SEED), rules, 16,
                            trace_rules=tuple(rules))
        write_tiny_perplexity(directory, text, rules)
        say(begin, name)
    directory = os.path.join(out, "tiny-qwen3moe")
    os.makedirs(directory, exist_ok=True)
    write_tiny_qwen3moe(qwen, directory, here, text)
    say(begin, "tiny-qwen3moe")
    write_perplexity(qwen, directory, text)
    say(begin, "tiny-qwen3moe/perplexity.json")


if __name__ == "__main__":
    main()
