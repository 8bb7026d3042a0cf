#!/usr/bin/env python3
"""Write the tokenizer fixtures: hard texts and the answers of the Python packages `tokenizers` and `transformers`.

    make_cases.py FIXTURES_DIR [--seed N]

Reads FIXTURES_DIR/tokenizers/bert-{uncased,cased}/tokenizer.json and writes next to them hard-cases-{uncased,cased}.jsonl,
parts.json (other parts over a small vocabulary), truncation.json, vocab-txt.json, ill-formed-utf8.json and ill-formed-texts.json.
"""
import argparse
import json
import os
import random
import tempfile
import unicodedata
from tokenizers import Tokenizer

arguments = argparse.ArgumentParser()
arguments.add_argument("fixtures")
arguments.add_argument("--seed", type=int, default=7)
arguments = arguments.parse_args()
HERE = os.path.join(arguments.fixtures, "tokenizers")
rng = random.Random(arguments.seed)

ALL = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
MARKS = [c for c in ALL if unicodedata.combining(chr(c))]
CANONICAL = [c for c in ALL if unicodedata.decomposition(chr(c)) and unicodedata.decomposition(chr(c))[0] != "<"]
COMPATIBLE = [c for c in ALL if unicodedata.decomposition(chr(c)).startswith("<")]
PUNCTUATION = [c for c in ALL if unicodedata.category(chr(c))[0] in "PS"]
CONTROL = [c for c in ALL if unicodedata.category(chr(c)) in ("Cc", "Cf")]
SPACE = [0x9, 0xA, 0xB, 0xC, 0xD, 0x20, 0x85, 0xA0, 0x1680, 0x2000, 0x2007, 0x2028, 0x202F, 0x205F, 0x3000, 0x180E, 0x200B]
UPPER = [c for c in ALL if chr(c).lower() != chr(c)]
ODD = [0xFFFD, 0, 0xFEFF, 0x200D, 0x10FFFF, 0xE000, 0x1F600, 0x302E, 0x1D165, 0x16FF0, 0x344, 0xF73, 0x130, 0xFDFA, 0x3A3]
WORDS = ["hello", "world", "the", "film", "warranty", "Don't", "naïve", "Straße", "İstanbul", "ΣΑΣ", "[MASK]", "[CLS]", "[SEP]", "[UNK]",
         "[mask]", "##ing", "##", "Yesterday", "NEW YORK", "new york", "tok tok", "<x>", "été", "x" * 99, "x" * 100, "x" * 101, "é" * 100,
         "한국어", "你好", "日本語テスト", "हिन्दी", "ไทย", "👩‍👩‍👧‍👦", "🇩🇪", "ﬁ", "ŀ", "ǅ", "K", "Å", "ſ"]
POOLS = [(8, range(0x20, 0x7F)), (3, SPACE), (3, MARKS), (2, CANONICAL), (1, COMPATIBLE), (2, PUNCTUATION), (1, CONTROL), (2, UPPER),
         (1, ALL), (2, range(0xA0, 0x300)), (1, range(0xAC00, 0xD7A4)), (1, range(0x1100, 0x1200)), (1, range(0x4E00, 0x4F00)),
         (1, range(0x900, 0x1200)), (2, ODD)]


def text():
    count = rng.choice([1, 2, 3, 5, 8, 13, 30])
    mode = rng.random()
    if mode < 0.2:
        pool = rng.choice(POOLS)[1]
        return "".join(chr(rng.choice(pool)) for _ in range(count))
    if mode < 0.35:
        return "a" + "".join(chr(rng.choice(MARKS)) for _ in range(count)) + "b"
    out = []
    for _ in range(count):
        if rng.random() < 0.3:
            out += [rng.choice(WORDS), rng.choice(["", " ", "  ", "\t", "."])]
        else:
            out.append(chr(rng.choice(rng.choices([p for _, p in POOLS], [w for w, _ in POOLS])[0])))
    return "".join(out)


def row(tokenizer, a, b=None, **more):
    out = {"text": a, **({"text_pair": b} if b is not None else {}), **more}
    try:
        e = tokenizer.encode(a, b)
    except BaseException as error:
        return {**out, "error": str(error)[:60]}
    return {**out, "ids": e.ids, "tokens": e.tokens, "offsets": e.offsets, "type_ids": e.type_ids, "special": e.special_tokens_mask,
            "attention": e.attention_mask, "decoded": tokenizer.decode(e.ids)}


def rows(tokenizer, count, pairs=0.1):
    return [row(tokenizer, text(), text() if rng.random() < pairs else None) for _ in range(count)]


def dump(name, value):
    with open(os.path.join(HERE, name), "w") as f:
        if name.endswith("l"):
            f.writelines(json.dumps(line) + "\n" for line in value)
        else:
            json.dump(value, f, separators=(",", ":"))


BASE = {n: json.load(open(os.path.join(HERE, "bert-" + n, "tokenizer.json"))) for n in ("uncased", "cased")}
for name, base in BASE.items():
    dump(f"hard-cases-{name}.jsonl", rows(Tokenizer.from_str(json.dumps(base)), 150))

# ---------------------------------------------------------------- parts
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def vocabulary():
    points = set()
    for c in [*range(0x21, 0x180), *rng.sample(MARKS, 120), *(ord(x) for w in WORDS for x in w), *rng.sample(CANONICAL, 60), 0x4E00]:
        for form in ("NFC", "NFKD"):
            for x in unicodedata.normalize(form, chr(c)):
                points.update(x, x.lower())
    return SPECIALS + [k for x in sorted(points) for k in (x, "##" + x)] + ["hello", "world", "##st"]


def bert(clean=True, chinese=True, strip=None, lower=True):
    return {"type": "BertNormalizer", "clean_text": clean, "handle_chinese_chars": chinese, "strip_accents": strip, "lowercase": lower}


def sequence(*parts):
    return {"type": "Sequence", "normalizers": [p if isinstance(p, dict) else {"type": p} for p in parts]}


def splits(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


def punctuation(behavior):
    return {"type": "Punctuation", "behavior": behavior}


def added(content, **flags):
    return {"id": 0, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False, **flags}


ADDED = [added("Yesterday", normalized=True), added("New York", normalized=True, lstrip=True), added("été", normalized=True),
         added("tok", normalized=True, single_word=True, rstrip=True), added("<x>", lstrip=True, rstrip=True, special=True),
         added("warranty", single_word=True), added("[MASK]", lstrip=True, special=True), added("x", normalized=True, single_word=True)]
BERT, SPACES, STRIP = {"type": "BertPreTokenizer"}, {"type": "WhitespaceSplit"}, {"type": "Strip", "strip_left": True, "strip_right": True}
TEMPLATE = BASE["cased"]["post_processor"]
BERT_PROCESSING = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
DECODER = {"type": "WordPiece", "prefix": "##", "cleanup": True}
PARTS = {
    "uncased": (bert(), BERT), "cased": (bert(lower=False), BERT), "accents kept": (bert(strip=False), BERT),
    "accents stripped": (bert(strip=True, lower=False), BERT), "nothing cleaned": (bert(clean=False, chinese=False), BERT),
    "nfc": ({"type": "NFC"}, BERT), "nfd": ({"type": "NFD"}, BERT), "nfkc": ({"type": "NFKC"}, SPACES),
    "nfkd": (sequence("NFKD", "StripAccents", "Lowercase"), BERT), "nested": (sequence(sequence("NFD", sequence("Lowercase")), "NFC"), BERT),
    "strip": (STRIP, None), "whitespace": (sequence(STRIP, "NFC"), {"type": "Whitespace"}),
    "removed": (None, splits(SPACES, punctuation("Removed"))), "previous": (None, splits(punctuation("MergedWithPrevious"), SPACES)),
    "next": ("Lowercase", punctuation("MergedWithNext")), "contiguous": (None, splits(punctuation("Contiguous"), {"type": "Whitespace"})),
    "added": (bert(), BERT, ADDED), "added cased": (bert(lower=False), BERT, ADDED), "added raw": (None, None, ADDED),
    "added strip": (sequence(STRIP, "NFC"), {"type": "Whitespace"}, ADDED, BERT_PROCESSING), "no post": (bert(), BERT, [], None),
    "word level": (bert(), {"type": "Whitespace"}, [], None, "WordLevel"),
}
TOUCHING = ["Yesterdaytok Yesterday tok", "toktok tok", "x Yesterdayx étéx x", "warranty<x>warranty  <x>  x", "NEW YORK  New York[MASK]tok"]
VOCABULARY = vocabulary()


def model(kind="WordPiece"):
    if kind == "WordLevel":
        return {"type": kind, "unk_token": "[UNK]"}
    return {"type": kind, "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 20}


cases = []
for name, (normalizer, splitter, *rest) in PARTS.items():
    tokens, post, kind = (rest + [[], TEMPLATE, "WordPiece"][len(rest):])
    special = [added(t, id=i, special=True) for i, t in enumerate(SPECIALS)]
    sections = {"added_tokens": special + tokens, "normalizer": {"type": normalizer} if isinstance(normalizer, str) else normalizer,
                "pre_tokenizer": splitter, "post_processor": post, "decoder": None if name == "strip" else DECODER, "model": model(kind)}
    whole = json.loads(json.dumps({"version": "1.0", "truncation": None, "padding": None, **sections}))
    whole["model"]["vocab"] = {t: i for i, t in enumerate(VOCABULARY)}
    t = Tokenizer.from_str(json.dumps(whole))
    touching = [row(t, x) for x in TOUCHING] if tokens else []
    cases.append({"name": name, "sections": sections, "rows": rows(t, 18) + touching})
dump("parts.json", {"vocabulary": VOCABULARY, "cases": cases})

# ---------------------------------------------------------------- truncation and padding
LONG = ["The plot was thin and the acting worse.", "a b c d e f g", "", "Zork! [MASK] warranty", "x" * 150 + " " + "copyright notice " * 6]
cases = []
for left in (False, True):
    for strategy in ("LongestFirst", "OnlyFirst", "OnlySecond"):
        for length in (0, 1, 2, 3, 4, 5, 8, 9, 13, 40):
            side = "Left" if left else "Right"
            pad = {"strategy": rng.choice(["BatchLongest", {"Fixed": 12}]), "direction": rng.choice(["Left", "Right"]),
                   "pad_to_multiple_of": rng.choice([None, 8]), "pad_id": 0, "pad_type_id": 1, "pad_token": "[PAD]"}
            whole = dict(BASE["uncased"], truncation={"direction": side, "max_length": length, "strategy": strategy, "stride": 0},
                         padding=rng.choice([None, pad]))
            t = Tokenizer.from_str(json.dumps(whole))
            some = [row(t, a) for a in LONG] + [row(t, rng.choice(LONG), rng.choice(LONG)) for _ in range(5)]
            some += [row(t, "a " * 40, "the film. " * 9), row(t, "the film. " * 9, "a " * 40)]
            for r in some:
                for key in ("tokens", "offsets", "decoded"):
                    r.pop(key, None)
            cases.append({"truncation": whole["truncation"], "padding": whole["padding"], "rows": some})
dump("truncation.json", cases)

# ---------------------------------------------------------------- vocab.txt
from transformers import BertTokenizer  # noqa: E402

LINES = SPECIALS + ["hello", "world", "w", "##o", "##r", "ö", "##ld", "z", "zz", "##z", "E", "e", "##t", "é", "q", "\u4f60", "\u4f60\u597d", "<s>"]
CONFIG = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 128}
MASK = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}
DECODED = {"4": added("[MASK]", lstrip=True, special=True), "23": added("Zork", normalized=True)}
VARIANTS = [
    (LINES, "\n", CONFIG), (LINES, "\r\n", dict(CONFIG, do_lower_case=False)),
    (LINES, "\n", dict(CONFIG, strip_accents=False, tokenize_chinese_chars=False)),
    (LINES + ["zzz", "zz ", "\u3000", "", "zzz", "q\u00a0"], "\n", CONFIG),
    (LINES, "\n", dict(CONFIG, cls_token="<s>", mask_token=MASK)),
    (LINES, "\n", dict(CONFIG, added_tokens_decoder={k: {f: x for f, x in v.items() if f != "id"} for k, v in DECODED.items()})),
]
cases = []
for lines, eol, config in VARIANTS:
    with tempfile.TemporaryDirectory() as d:
        with open(d + "/vocab.txt", "w", newline="", encoding="utf-8") as f:
            f.write(eol.join(lines) + eol)
        json.dump(config, open(d + "/tokenizer_config.json", "w"))
        t = BertTokenizer.from_pretrained(d)._tokenizer
        texts = ["Hello Zork [MASK] wörld 你好 zzz zz q", "a<s>b [SEP] <mask> x", "Été é", " zork\u3000zz"]
        cases.append({"vocab_txt": eol.join(lines) + eol, "config": config, "rows": [row(t, x) for x in texts] + [row(t, "hello", "w")]})
dump("vocab-txt.json", cases)

# ---------------------------------------------------------------- ill-formed UTF-8
BYTES = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF]
samples = [bytes(rng.choice(BYTES) for _ in range(rng.randint(1, 8))) for _ in range(400)] + ["aé€😀".encode()[:i] for i in range(11)]
dump("ill-formed-utf8.json", [{"hex": s.hex(), "replaced": s.decode(errors="replace")} for s in samples])

# ---------------------------------------------------------------- added tokens in texts that are no UTF-8
PIECES = [b"a", b"b", b" ", "é".encode(), "中".encode(), b"\x80", b"\xbf\x80", b"\xc3", b"\xe4\xb8", b"\xf0\x9f", b"\xff", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
          "\u00a0".encode(), "\u3000".encode(), b"<x>", b"<y>", b"[M]"]
FLAGS = ("single_word", "lstrip", "rstrip", "normalized")
cases = []
for _ in range(20):
    tokens = [added(c, **{f: rng.random() < 0.4 for f in FLAGS}) for c in rng.sample(["<x>", "<y>", "[M]", "a", "é", "\ufffd"], 4)]
    whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "normalizer": rng.choice([None, {"type": "NFC"}]),
             "pre_tokenizer": rng.choice([None, BERT, {"type": "Whitespace"}]), "post_processor": None, "decoder": None, "model": model()}
    whole["model"]["vocab"] = {t: i for i, t in enumerate(["[UNK]", "a", "b", "##a", "é", "<", "x", ">", "\ufffd", "##\ufffd"])}
    t = Tokenizer.from_str(json.dumps(whole))
    answers = []
    for prefix in [b""] * 14 + [b"b" * 4090]:  # the last is longer than what is looked at in one go
        s = prefix + b"".join(rng.choice(PIECES) for _ in range(rng.randint(1, 24)))
        e = t.encode(s.decode(errors="replace"))
        answers.append({"hex": s.hex(), "ids": e.ids, "offsets": e.offsets})
    cases.append({"file": whole, "rows": answers})
dump("ill-formed-texts.json", cases)
