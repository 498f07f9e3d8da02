"""Writes the tokenizer.json files of the tests: small ones that differ in what they ask for."""
import json
import os
from collections import Counter

import bpe


def added(token_id, content, special=True, normalized=False):
    return {"id": token_id, "content": content, "single_word": False, "lstrip": False,
            "rstrip": False, "normalized": normalized, "special": special}


def byte_level(use_regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
            "use_regex": use_regex}


def split_then_bytes(pattern):
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [split, byte_level(False)]}


def template(content, token_id):
    return {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": content, "type_id": 0}},
                       {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {content: {"id": content, "ids": [token_id], "tokens": [content]}}}


def vocabulary(merges):
    """256 bytes, then one id a merge."""
    vocab = {symbol: i for i, symbol in enumerate(bpe.SYMBOLS.values())}
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    return vocab


def document(vocab, merges, added_tokens, pre_tokenizer, normalizer=None, post_processor=None,
             ignore_merges=False):
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
             "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False,
             "ignore_merges": ignore_merges, "vocab": vocab, "merges": merges}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added_tokens,
            "normalizer": normalizer, "pre_tokenizer": pre_tokenizer,
            "post_processor": post_processor or byte_level(True), "decoder": byte_level(True),
            "model": model}


def write(directory, content):
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "tokenizer.json"), "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=0)
        file.write("\n")


def joined(merges):
    return [f"{left} {right}" for left, right in merges]


def write_qwen_pattern(directory, text):
    """As Qwen2 and Qwen3 ship it: NFC, the Qwen expression; ids with a hole before the added ones."""
    merges = bpe.train(text, bpe.QWEN, 600)
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokens = [added(1000 + i, name) for i, name in enumerate(names)]
    tokens += [added(1003, "<tool_call>", special=False), added(1010, "<tool_call>x", special=False)]
    write(directory, document(vocabulary(merges), merges, tokens, split_then_bytes(bpe.QWEN),
                              normalizer={"type": "NFC"}))


def write_vocab_first(directory, text):
    """As Llama-3 ships it: pieces that are tokens need no merges; a token before every text."""
    merges = bpe.train(text, bpe.LLAMA3, 300)
    vocab = vocabulary(merges)
    for whole in (" wonderful", "123", "日本", "!!!", "\n\n\n", " the captain"):
        vocab.setdefault(bpe.to_symbols(whole), len(vocab))
    bos = len(vocab)
    post = {"type": "Sequence", "processors": [byte_level(True), template("<|begin|>", bos)]}
    tokens = [added(bos, "<|begin|>"), added(bos + 1, "<|end|>")]
    write(directory, document(vocab, joined(merges), tokens, split_then_bytes(bpe.LLAMA3),
                              post_processor=post, ignore_merges=True))


def write_prefix_space(directory, text):
    """ByteLevel with add_prefix_space: a space is put before each part that has none."""
    merges = bpe.train(text, bpe.GPT2, 200)
    vocab = vocabulary(merges)
    vocab["<|endoftext|>"] = len(vocab)
    pre = {**byte_level(True), "add_prefix_space": True}
    write(directory, document(vocab, joined(merges), [added(len(vocab) - 1, "<|endoftext|>")], pre))


def marked_vocabulary(text, merges_count):
    """As SentencePiece orders it: control tokens, bytes, merged tokens, characters. Some characters
    of `text` are left to the bytes, and the merges go over the ends of words."""
    marked = bpe.with_marks(text).replace("\n", "")
    frequency = Counter(marked)
    characters = sorted(c for c in frequency if frequency[c] > 25)
    kept = "".join(c for c in marked if frequency[c] > 25)
    merges = bpe.train(kept, r".{1,9}", merges_count, spell=list)
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokens += [left + right for left, right in merges] + characters
    return {token: i for i, token in enumerate(dict.fromkeys(tokens))}, merges


def marked_document(vocab, merges, normalizer, pre_tokenizer, decoders):
    tokens = [added(i, name) for i, name in enumerate(["<unk>", "<s>", "</s>"])]
    content = document(vocab, merges, tokens, pre_tokenizer, normalizer=normalizer,
                       post_processor=template("<s>", 1))
    content["model"].update({"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True,
                             "continuing_subword_prefix": None, "end_of_word_suffix": None})
    content["decoder"] = {"type": "Sequence", "decoders": decoders}
    return content


def replace(old, new):
    return {"type": "Replace", "pattern": {"String": old}, "content": new}


DECODERS = [replace(bpe.MARK, " "), {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]


def write_marks_normalizer(directory, text):
    """As Mixtral-8x7B and Llama-2 shipped it at first: a space before every part between tokens."""
    vocab, merges = marked_vocabulary(text, 500)
    normalizer = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": bpe.MARK},
                                                      replace(" ", bpe.MARK)]}
    write(directory, marked_document(vocab, joined(merges), normalizer, None, DECODERS))


def write_marks_metaspace(directory, text):
    """As they ship it since 2024: a space before the text unless it has one."""
    vocab, merges = marked_vocabulary(text, 200)
    pre = {"type": "Metaspace", "replacement": bpe.MARK, "prepend_scheme": "first", "split": False}
    write(directory, marked_document(vocab, merges, None, pre, DECODERS))


def write_tiny_mixtral(directory, text):
    """GPT-2's scheme with <s> before every text; 320 ids."""
    merges = bpe.train(text, bpe.GPT2, 62)
    write(directory, document(vocabulary(merges), joined(merges),
                              [added(318, "<s>"), added(319, "</s>")], byte_level(True),
                              post_processor=template("<s>", 318)))


def write_tiny_olmoe(directory, text):
    """As GPT-NeoX has it: NFC, runs of spaces as normalized added tokens, the 13 bytes that never
    occur in UTF-8 left out; 320 ids, 316 a hole."""
    merges = bpe.train(text, bpe.GPT2, 70)
    never = {bpe.SYMBOLS[byte] for byte in (0xC0, 0xC1, *range(0xF5, 0x100))}
    kept = [token for token in vocabulary(merges) if token not in never]
    vocab = {token: i for i, token in enumerate(kept)}
    assert len(vocab) == 313
    tokens = [added(313 + i, " " * (4 - i), special=False, normalized=True) for i in range(3)]
    tokens += [added(317, "|||EMAIL|||", special=False), added(318, "<|padding|>"),
               added(319, "<|endoftext|>")]
    write(directory, document(vocab, merges, tokens, byte_level(True), normalizer={"type": "NFC"}))
