"""The strings of the tokenizer goldens: hand-picked ones, and seeded random ones from odd alphabets."""
import json
import os
import random
import unicodedata

import bpe

SEED = 20240229

SIMPLE = [
    "", " ", "  ", "   ", "\n", "\r\n", "\t", "a", "Hello, world!", "Hello,world", "  leading and   inner   spaces  ",
    "It's 1984; they've said we'll see 12345 things.", "tabs\tand\nnew\n\nlines \n \n", "\r\nCRLF\r\n",
    "I'M 'QUOTED' don't", "DON'T I'LL we'Ve you'RE he'D it'S 'tis 's 'S '' 'x", "don’t", "x=3.14*(y+2)/{z}",
    "<|endoftext|>A tale.<|endoftext|>", "<|endoftext|><|endoftext|>", "<|endoftext|", "a<|endoftext|>b",
    " <|endoftext|> ", "<|im_start|>user\nHi<|im_end|>\n", "<tool_call>x<tool_call>y<tool_call>", "<s>", "</s>a<s>",
    "<|begin|>x<|end|>", "||||EMAIL|||", "the wonderful captain", " wonderful123", "1234567890", "1 22 333 4444",
    "!!! !!!!!! ?!", "\n\n\n", "\n\n\n\n\n", "  \n  \n", " \n", "\n ", "a \n b", "a\n\n\nb", "a  b   c    d     e", "日本語",
    "日本語 と emoji 🙂", "naïve café — déjà vu… €5", "e\u0301a\u0300o\u0302 n\u0303", "\u0301", "a\u0301\u0323", "a\u0323\u0301",
    "\u1e9b\u0323", "가각힣", "\u1100\u1161\u11a8", "Å Å Å", "Ω Ω", "ﬁ ﬀ", "½ ² Ⅷ ৩ 七", "٣٤٥ ۱۲۳", "नमस्ते दुनिया",
    "สวัสดีชาวโลก", "Здравствуй, мир!", "שלום עולם", "مرحبا بالعالم", "Ελληνικά", "ĲĳŸŒœ", "'ſ 'ſa ſ", "K'K",
    "👩‍👩‍👧‍👦 👍🏽 🇫🇷🇩🇪 🏳️‍🌈", "❤️ ☃ ☃️", "\u200b\u200c\u200d\u2060\ufeff", "\ufeffBOM", "a\u00a0b", "\u00a0\u00a0a",
    "\u3000全角\u3000", "a\u2028b\u2029c", "\u0085\u0085a", "x\u180ey", "\u180e \u180e", "\x00\x01\x1b[0m\x7f", "\x1c\x1d\x1e\x1f a",
    "\x0b\x0c\x0b", "𝒜𝓁𝓅𝒽𝒶 𐍈 𠜎", "\U0010ffff\ue000\ufffd", "http://a.b/c?d=e&f=%20#g", "snake_case camelCase kebab-case",
    "if (x) {\n    return y;\n}\n", "\tfor i in range(10):\n\t\tprint(i)\n", "a" * 500, " " * 300, "ab" * 400, "\n" * 100,
    "the" * 200, "!" * 200, "1" * 100, "é" * 150, "🙂" * 60, " \n" * 60, "aaab" * 100, "= " * 80, "ĠĊĀ", "Ġ Ġthe", "\\n\\u0041",
    '"She said, \'No!\'"', "Mr. Kurtz--he--was... dead.", "CHAPTER II.\n\nThe next morning", "ABCdefGHI", "ﷺ", "\u0958", "\u212b",
]
SPACES = "".join(map(chr, [*range(9, 14), 32, 32, 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F,
                           0x205F, 0x3000, 0x180E, 0x200B, 0x1C, 0x1F]))
ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz     ''",
    "the andingofro   \n",
    "ABab  \t\r\n.,;!?'\"-0123456789",
    "'sStTrReEvVmMlLdD ",
    SPACES + "ab.1",
    "aàáâãéèêñüçøßÆŒ \u0301\u0300\u0323\u0327",
    "日本語漢字かなカナ 。、「」ab",
    "🙂👍🏽❤️‍\u200d🇫🇷 a1",
    "абвгд эюя ΑΒΓαβγ שלום مرحبا",
    "\x00\x01\x02\x7f\u0080\u009f\u00ad\u0600\u200e a",
    "0123456789٣४²½Ⅷ,. ",
    "<|>/sendoftxim_ar ",
]


def any_code_point(source):
    while True:
        point = source.choice((source.randrange(0x80), source.randrange(0x800), source.randrange(0x3000, 0xA000),
                               source.randrange(0x10000), source.randrange(0x1F000, 0x1FA00)))
        # Characters of Unicode 3.2 that kept their category: the age of a library's tables is no matter.
        character = chr(point)
        category = unicodedata.ucd_3_2_0.category(character)
        if category not in ("Cn", "Cs") and category == unicodedata.category(character):
            return character


def strings(text):
    """All inputs; `text`: English for some longer ones."""
    source = random.Random(SEED)
    cases = list(SIMPLE)
    for alphabet in ALPHABETS:
        for _ in range(18):
            cases.append("".join(source.choice(alphabet) for _ in range(source.randrange(1, 40))))
    for _ in range(40):
        cases.append("".join(any_code_point(source) for _ in range(source.randrange(1, 16))))
    for _ in range(12):
        begin = source.randrange(len(text) - 400)
        cases.append(text[begin:begin + source.randrange(50, 400)])
    return cases


def write(tokenizer_directory, out_directory, text):
    """tokenizer_cases.json: [{"text", "ids"}], and "decoded" where the bytes of the ids are not the
    text (normalised, or something was put in front)."""
    tokenizer = bpe.Tokenizer(tokenizer_directory)
    lines = []
    for case in strings(text):
        entry = {"text": case, "ids": tokenizer.encode(case)}
        decoded = tokenizer.decode(entry["ids"]).decode()
        if decoded != case:
            entry["decoded"] = decoded
        lines.append(json.dumps(entry, separators=(",", ":")))
    with open(os.path.join(out_directory, "tokenizer_cases.json"), "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(lines) + "\n]\n")
    return len(lines)
