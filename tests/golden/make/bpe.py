"""BPE in plain Python, byte-level and SentencePiece's: an encoder for tokenizer.json files and a
small trainer.

Independent of the runtime's tokenizer: python3-regex cuts, unicodedata normalises, and the merges
are done the slow way (look at all pairs, merge the leftmost of lowest rank, repeat).
"""
import json
import os
import unicodedata
from collections import Counter

import regex

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3 = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")


def byte_symbols():
    """byte -> the printable character that stands for it, in GPT-2's id order"""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [byte for byte in range(256) if byte not in keep]
    symbols = {byte: chr(byte) for byte in keep}
    symbols.update({byte: chr(256 + i) for i, byte in enumerate(moved)})
    return symbols


MARK = "\u2581"  # SentencePiece's space
SYMBOLS = byte_symbols()
BYTES = {symbol: byte for byte, symbol in SYMBOLS.items()}


def to_symbols(piece):
    return "".join(SYMBOLS[byte] for byte in piece.encode())


def with_marks(text):
    return text.replace(" ", MARK)


def merge_once(symbols, pair):
    out, i = [], 0
    while i < len(symbols):
        if tuple(symbols[i:i + 2]) == pair:
            out.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out


def train(text, pattern, count, spell=to_symbols):
    """-> `count` merges, the most frequent pair first (of equals the smallest)"""
    words = {word: list(spell(word)) for word in Counter(regex.findall(pattern, text))}
    frequency = Counter(regex.findall(pattern, text))
    merges = []
    while len(merges) < count:
        pairs = Counter()
        for word, symbols in words.items():
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] += frequency[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = {word: merge_once(symbols, best) for word, symbols in words.items()}
    return merges


class Tokenizer:
    def __init__(self, directory):
        with open(os.path.join(directory, "tokenizer.json"), encoding="utf-8") as file:
            document = json.load(file)
        model = document["model"]
        self.vocab, self.whole = model["vocab"], model.get("ignore_merges", False)
        self.rank = {}
        for rank, merge in enumerate(model["merges"]):
            self.rank[tuple(merge.split(" ") if isinstance(merge, str) else merge)] = rank
        self.nfc = (document["normalizer"] or {}).get("type") == "NFC"
        added = document["added_tokens"]
        self.added = {token["content"]: token["id"] for token in added}
        self.special = {token["id"] for token in added if token["special"]}
        self.raw = self.finder([t["content"] for t in added if not t["normalized"]])
        self.normalized = self.finder([t["content"] for t in added if t["normalized"]])
        self.prefix = self.read_template(document["post_processor"])
        self.fallback = model.get("byte_fallback", False)
        if self.fallback:
            self.prepends = "normalizers" in (document["normalizer"] or {})
            self.scheme = (document["pre_tokenizer"] or {}).get("prepend_scheme", "never")
        else:
            self.patterns, self.prefix_space = self.read_pre_tokenizer(document["pre_tokenizer"])
        self.text = {i: self.bytes_of(token) for token, i in self.vocab.items()
                     if token not in self.added}
        self.text.update({i: content.encode() for content, i in self.added.items()})
        self.seen = {}

    @staticmethod
    def finder(contents):
        """The longest content first, so that alternation prefers it."""
        contents = sorted(contents, key=len, reverse=True)
        return regex.compile("(" + "|".join(map(regex.escape, contents)) + ")") if contents else None

    def bytes_of(self, token):
        if not self.fallback:
            return bytes(BYTES[c] for c in token)
        byte = regex.fullmatch("<0x([0-9A-F]{2})>", token)
        return bytes([int(byte[1], 16)]) if byte else token.replace(MARK, " ").encode()

    @staticmethod
    def read_pre_tokenizer(node):
        steps = node.get("pretokenizers", [node])
        patterns = [step["pattern"]["Regex"] for step in steps if step["type"] == "Split"]
        if steps[-1].get("use_regex", True):
            patterns.append(GPT2)
        return [regex.compile(pattern) for pattern in patterns], steps[-1]["add_prefix_space"]

    @staticmethod
    def read_template(node):
        for step in (node or {}).get("processors", [node] if node else []):
            if step["type"] == "TemplateProcessing":
                names = [item["SpecialToken"]["id"] for item in step["single"] if "SpecialToken" in item]
                return [i for name in names for i in step["special_tokens"][name]["ids"]]
        return []

    def merge(self, piece):
        symbols = to_symbols(piece)
        if self.whole and symbols in self.vocab:
            return [self.vocab[symbols]]
        return self.merge_symbols(list(symbols))

    def merge_characters(self, piece):
        return self.merge_symbols([symbol for c in piece for symbol in (
            [c] if c in self.vocab else [f"<0x{byte:02X}>" for byte in c.encode()])])

    def merge_symbols(self, symbols):
        while len(symbols) > 1:
            ranks = [self.rank.get(pair, 1 << 30) for pair in zip(symbols, symbols[1:])]
            best = min(ranks)
            if best == 1 << 30:
                break
            i = ranks.index(best)
            symbols[i:i + 2] = [symbols[i] + symbols[i + 1]]
        return [self.vocab[symbol] for symbol in symbols]

    def cut(self, text):
        if self.prefix_space and text and not text.startswith(" "):
            text = " " + text
        pieces = [text]
        for pattern in self.patterns:
            pieces = [part for piece in pieces for part in self.isolate(pattern, piece)]
        return pieces

    @staticmethod
    def isolate(pattern, text):
        end = 0
        for match in pattern.finditer(text):
            if match.start() > end:
                yield text[end:match.start()]
            if match.end() > match.start():
                yield match.group()
            end = match.end()
        if end < len(text):
            yield text[end:]

    def encode_part(self, text):
        out = []
        for piece in self.cut(text):
            if piece not in self.seen:
                self.seen[piece] = self.merge(piece)
            out += self.seen[piece]
        return out

    def around(self, finder, text, encode):
        """The ids of the added tokens that `finder` finds, and of what `encode` makes of the rest."""
        out = []
        for i, part in enumerate(finder.split(text) if finder else [text]):
            out += [self.added[part]] if i % 2 else encode(part)
        return out

    def encode_marked(self, text):
        """SentencePiece's way: a part is one piece, spaces are marks, one may come in front."""
        out, at = [], 0
        for i, part in enumerate(self.raw.split(text)):
            if i % 2:
                out += [self.added[part]]
            elif part:
                marked = with_marks(part)
                first = self.scheme == "first" and at == 0
                if self.prepends or ((first or self.scheme == "always") and marked[0] != MARK):
                    marked = MARK + marked
                out += self.merge_characters(marked)
            at += len(part)
        return out

    def encode_normalized(self, text):
        text = unicodedata.normalize("NFC", text) if self.nfc else text
        return self.around(self.normalized, text, self.encode_part)

    def encode(self, text):
        if self.fallback:
            return list(self.prefix) + self.encode_marked(text)
        return list(self.prefix) + self.around(self.raw, text, self.encode_normalized)

    def decode(self, ids, keep_special=True):
        """-> bytes"""
        return b"".join(self.text[i] for i in ids if keep_special or i not in self.special)
