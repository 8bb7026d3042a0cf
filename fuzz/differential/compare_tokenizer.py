#!/usr/bin/env python3
"""Random tokenizer.json files, good and damaged, and hostile texts: where ours opens a file, the package `tokenizers` opens it, too, and
both encode and decode every text alike.

Ours may refuse what is not built (`unsupported`), and what STRICTER lists.
"""
import copy
import json
import pathlib
import re
import unicodedata

from tokenizers import Tokenizer

from server import Comparison

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures"
# What ours refuses on purpose though the package opens it, by its message.
STRICTER = {
    ".type): correct the file": "a type that is no text: the package guesses the part by its keys",
    "an integer from 0 to 2147483647": "numbers of 32 bits: the package takes them without a sign",
    "1e+19 where an integer": "likewise, of 64 bits",
    "names a second": "a template of one text that names a second: the package leaves it out",
    "is out of range": "likewise, of added tokens",
    'the key "processors" is missing': "a sequence of processors without any: the package takes it for a template",
    "occurs twice": "a token that the vocabulary gives twice: the package keeps one of them",
    "appears twice in one object": "a key that is given twice: the package keeps the last, or refuses as well",
    "ids and tokens differ in number": "a special token of the template with fewer ids than tokens: the package takes as many as there are of both",
    "post_processor.special_tokens): correct": "a piece of the template that is no special token: the package panics at the first text",
}

# What the package refuses to open though ours does, by its message.
WEAKER_FILES = {
    "did not match any variant of untagged enum": "a part without a type whose keys tell which it is",
    "invalid type: null, expected a string at line 1 column 16": "a version that is null",
}
# What the package refuses, or dies of, though ours has an answer, by its message.
WEAKER_TEXTS = {
    "Missing [UNK] token": "an unknown word behind what truncation leaves: ours does not read so far",
    "char boundary": "added tokens that take white space from each other: the package panics",
    "out of range": "likewise",
    "bad split": "likewise, and refuses every text",
}

ALL = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
POOLS = [(8, range(0x20, 0x7F)), (3, [0x9, 0xA, 0xD, 0x20, 0x85, 0xA0, 0x1680, 0x2000, 0x2028, 0x202F, 0x3000, 0x180E, 0x200B]),
         (3, [c for c in ALL if unicodedata.combining(chr(c))]), (2, [c for c in ALL if unicodedata.decomposition(chr(c))]),
         (2, [c for c in ALL if unicodedata.category(chr(c))[0] in "PS"]), (1, [c for c in ALL if unicodedata.category(chr(c)) in ("Cc", "Cf")]),
         (2, [c for c in ALL if chr(c).lower() != chr(c)]), (1, ALL), (2, range(0xA0, 0x300)), (1, range(0xAC00, 0xD7A4)), (1, range(0x1100, 0x1200)),
         (1, range(0x4E00, 0x4F00)), (1, [0xFFFD, 0, 0xFEFF, 0x200D, 0x10FFFF, 0xE000, 0x1F600, 0x302E, 0x1D165, 0x130, 0x3A3, 0xFDFA])]
WORDS = ["hello", "world", "the", "film", "Don't", "naïve", "Straße", "İstanbul", "ΣΑΣ", "[MASK]", "[CLS]", "[mask]", "##ing", "##", "[UNK]", "tok tok",
         "<x>", "été", "x" * 19, "x" * 20, "x" * 21, "한국어", "你好", "हिन्दी", "👩‍👩‍👧‍👦", "ﬁ", "ǅ", "Å", "New York"]


def text(rng):
    out = []
    for _ in range(rng.choice([0, 1, 2, 3, 5, 8, 13, 40])):
        if rng.random() < 0.35:
            out += [rng.choice(WORDS), rng.choice(["", " ", "  ", "\t", "."])]
        else:
            out.append(chr(rng.choice(rng.choices([p for _, p in POOLS], [w for w, _ in POOLS])[0])))
    return "".join(out)


PARTS = json.loads((FIXTURES / "tokenizers" / "parts.json").read_text())
SIDES = json.loads((FIXTURES / "tokenizers" / "truncation.json").read_text())
VALUES = [None, True, False, 0, 1, -1, 3, 12, 255, 0.5, "", "a", "##", "[UNK]", "[CLS]", "Left", "OnlyFirst", "BatchLongest", "NFC", "Sequence", "A", "B",
          [], {}, ["[SEP]", 3], {"type": "NFD"}, {"type": "Lowercase"}, {"type": "Whitespace"}, {"type": "StripAccents"}, 4294967295, 4294967296, 10**19]


def vocabulary(rng):
    tokens = rng.sample(PARTS["vocabulary"][5:], rng.choice([0, 5, 60, 400]))
    if rng.random() < 0.9:
        tokens = PARTS["vocabulary"][:5] + tokens
    if rng.random() < 0.3:
        tokens += [rng.choice(["", "##", " ", "a b", "hello", "\0", text(rng)]) for _ in range(3)]
    tokens = list(dict.fromkeys(tokens))
    ids = list(range(len(tokens)))
    if rng.random() < 0.2:
        rng.shuffle(ids)
    if rng.random() < 0.1 and ids:
        ids[rng.randrange(len(ids))] = 70000  # of two tokens of one id, vocabulary and added ones, the package looks for the last alone
    return dict(zip(tokens, ids))


def added(rng):
    content = rng.choice([*WORDS, "a", "e", " ", "a ", " a", "A", "é", "tok", text(rng)[:6]])
    token = {"id": rng.choice([0, 5, 900, 70001]), "content": content}
    for flag in ("single_word", "lstrip", "rstrip", "normalized", "special"):
        token[flag] = rng.random() < 0.4
    return token


def part_blanks(rng, tokens):
    """Tokens that begin or end with white space, or those that take it from their neighbours: the package lets the two overlap."""
    blanks = rng.random() < 0.3
    for token in tokens:
        if blanks:
            token["lstrip"] = token["rstrip"] = False
        else:
            token["content"] = token["content"].strip() or "x"


def base(rng):
    sections = copy.deepcopy(rng.choice(PARTS["cases"])["sections"])
    for key in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        if rng.random() < 0.2:
            sections[key] = copy.deepcopy(rng.choice(PARTS["cases"])["sections"][key])
    if rng.random() < 0.3:
        sections["added_tokens"] = sections["added_tokens"] + [added(rng) for _ in range(rng.choice([1, 1, 2, 5]))]
        part_blanks(rng, sections["added_tokens"])
    sides = rng.choice(SIDES) if rng.random() < 0.3 else {"truncation": None, "padding": None}
    whole = {"version": "1.0", "truncation": sides["truncation"], "padding": copy.deepcopy(sides["padding"]), **sections}
    whole["model"]["vocab"] = vocabulary(rng)
    return whole


def places(value, path=()):
    """Every place below `value` but those of the vocabulary, which are too many."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        if key != "vocab":
            yield from places(child, (*path, key))


def damage(rng, whole):
    every = list(places(whole))
    path = rng.choice(every)
    parent = whole
    for key in path[:-1]:
        parent = parent[key]
    kind = rng.randrange(5)
    if kind == 0:
        del parent[path[-1]]
    elif kind == 1:
        parent[path[-1]] = copy.deepcopy(rng.choice(VALUES))
    elif kind == 2:
        other = whole
        for key in rng.choice(every):
            other = other[key]
        parent[path[-1]] = copy.deepcopy(other)
    elif kind == 3 and isinstance(parent, dict):
        parent[rng.choice(["type", "x", "id", "ids", "stride", "direction"])] = copy.deepcopy(rng.choice(VALUES))
    elif isinstance(parent[path[-1]], bool):
        parent[path[-1]] = not parent[path[-1]]
    elif isinstance(parent[path[-1]], int):
        parent[path[-1]] += rng.choice([-1, 1, 7])
    elif isinstance(parent[path[-1]], str):
        parent[path[-1]] += rng.choice(["x", " ", "é"])


def twice(rng, text):
    """A key a second time, with the same value."""
    pair = rng.choice(list(re.finditer(r'"[^"\\\\]*": (?:true|false|null|\d+|"\w*")', text)))
    return text[: pair.start()] + pair.group() + ", " + text[pair.start() :]


def theirs_of(tokenizer, a, b):
    try:
        e = tokenizer.encode(a, b)
        found = {"ids": e.ids, "type_ids": e.type_ids, "special": e.special_tokens_mask, "attention": e.attention_mask, "tokens": e.tokens,
                 "offsets": [list(o) for o in e.offsets]}
        # Newer packages decode the normalized form of an added token, older ones the token.
        if all(tokenizer.id_to_token(id) == token.content for id, token in tokenizer.get_added_tokens_decoder().items()):
            found["decoded"] = tokenizer.decode(e.ids)
        return found
    except KeyboardInterrupt:
        raise
    except BaseException as refusal:  # a panic of Rust is none of Exception's
        return {"error": str(refusal)}


def agree(ours, theirs):
    return "error" not in theirs and all(ours.get(key) == value for key, value in theirs.items())


def compare_texts(comparison, seed, rng, tokenizer, whole, file):
    for _ in range(12):
        request = {"text": text(rng)}
        if rng.random() < 0.2:
            request["text_pair"] = text(rng)
        ours = comparison.server.ask(request)
        theirs = theirs_of(tokenizer, request["text"], request.get("text_pair"))
        # Where tokens overlap, the package goes by the order of a hash table, which is another in each one that it opens.
        again = 0
        while "error" not in ours and not agree(ours, theirs) and again < 8:
            theirs, again = theirs_of(Tokenizer.from_str(file), request["text"], request.get("text_pair")), again + 1
        if "error" in ours or "error" in theirs:
            both = "error" in ours and "error" in theirs
            weaker = "error" not in ours and next((reason for reason in WEAKER_TEXTS if reason in theirs["error"]), None)
            comparison.outcome("texts that " + ("both refuse" if both else f"only the package refuses: {weaker}" if weaker else "one refuses"))
            if not both and not weaker:
                comparison.finding(seed, "one refuses a text", request=request, ours=ours, theirs=theirs, file=whole)
                return
            continue
        comparison.outcome("texts encoded")
        differ = [key for key in theirs if ours[key] != theirs[key]]
        if differ:
            comparison.finding(seed, f"{', '.join(differ)} differ", request=request, ours={k: ours[k] for k in differ},
                               theirs={k: theirs[k] for k in differ}, file={k: v for k, v in whole.items() if k != "model"}, model=whole["model"])
            return


def main():
    comparison = Comparison("tokenizer")
    for seed, rng in comparison.seeds():
        whole = base(rng)
        for _ in range(rng.choice([0, 0, 1, 1, 2])):
            damage(rng, whole)
        file = json.dumps(whole, ensure_ascii=rng.random() < 0.5)
        if rng.random() < 0.1:
            file = twice(rng, file)
        ours = comparison.server.ask({"tokenizer": file})
        try:
            tokenizer = Tokenizer.from_str(file)
        except KeyboardInterrupt:
            raise
        except BaseException as refusal:
            tokenizer = None
            why = str(refusal)
        if "error" in ours:
            reason = "not built" if ours["code"] == "unsupported" else next((r for r in STRICTER if r in ours["error"]), None)
            comparison.outcome("files that " + ("both refuse" if tokenizer is None else f"only ours refuses: {reason}"))
            if tokenizer is not None and reason is None:
                comparison.finding(seed, "only ours refuses", ours=ours, file=whole)
        elif tokenizer is None:
            weaker = next((reason for reason in WEAKER_FILES if reason in why), None)
            comparison.outcome(f"files that only the package refuses: {weaker}")
            if weaker is None:
                comparison.finding(seed, "only the package refuses", theirs=why, file=whole)
        else:
            comparison.outcome("files opened")
            compare_texts(comparison, seed, rng, tokenizer, whole, file)
    comparison.end()


main()
