"""tokenizer.json and vocab.txt."""
import json

from case import ALL, BAD_ROWS, CONTROLS, CORRUPT, UNSUPPORTED, Case, nested, repeated, times

FILE = "tokenizer.json"
EITHER = (CORRUPT, UNSUPPORTED)


def changed(change):
    return lambda model: model.edit(FILE, change)


def text(data):
    return lambda model: model.write(FILE, data)


def section(name, value):
    return changed(lambda tokenizer: tokenizer.update({name: value}))


def in_model(**fields):
    return changed(lambda tokenizer: tokenizer["model"].update(fields))


def raw(key, literal):
    """A value of the file given as JSON text."""

    def build(model):
        tokenizer = model.json(FILE)
        place = tokenizer
        *path, last = key
        for part in path:
            place = place[part]
        place[last] = "HOSTILE"
        model.write(FILE, json.dumps(tokenizer).replace('"HOSTILE"', literal))

    return build


def word_id(literal):
    return raw(("model", "vocab", "[MASK]"), literal)


FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}


def added(**fields):
    return changed(lambda tokenizer: tokenizer["added_tokens"].append({"id": 900, "content": "new", **FLAGS, **fields}))


def added_without(key):
    return changed(lambda tokenizer: tokenizer["added_tokens"].append({k: v for k, v in {"id": 900, "content": "new", **FLAGS}.items() if k != key}))


def added_twice(key):
    """A key of the last added token a second time."""

    def build(model):
        tokenizer = model.json(FILE)
        tokenizer["added_tokens"][-1]["HOSTILE"] = tokenizer["added_tokens"][-1][key]
        model.write_json(FILE, tokenizer)
        model.replace(FILE, "HOSTILE", key)

    return build


def many_added(count, distinct):
    def build(model):
        tokenizer = model.json(FILE)
        tokenizer["added_tokens"] = "HOSTILE"
        head, tail = json.dumps(tokenizer).encode().split(b'"HOSTILE"')

        one = json.dumps({"id": 2, "content": "HOSTILE", **FLAGS}, separators=(",", ":")).encode()

        def pieces():
            yield head + b"[" + one.replace(b"HOSTILE", b"[CLS]")
            if distinct:
                for i in range(count):
                    yield b"," + one.replace(b"HOSTILE", b"%d" % i)
            else:
                yield from repeated(b"," + one.replace(b"HOSTILE", b"x"), count)
            yield b"]" + tail

        model.write(FILE, pieces())

    return build


def many_words(count):
    def build(model):
        tokenizer = model.json(FILE)
        tokenizer["model"]["vocab"]["HOSTILE"] = 900
        head, tail = json.dumps(tokenizer).encode().split(b'"HOSTILE": 900')
        model.write(FILE, (piece for part in ([head], (b'"w%d":7,' % i for i in range(count)), [b'"last": 900', tail]) for piece in part))

    return build


def normalizers(depth):
    value = {"type": "Lowercase"}
    for _ in range(depth):
        value = {"type": "Sequence", "normalizers": [value]}
    return value


def deep_normalizer(depth):
    """Deeper than `json` writes."""
    head, tail = '{"type":"Sequence","normalizers":[', "]}"
    return raw(("normalizer",), head * depth + '{"type":"Lowercase"}' + tail * depth)


def template(**fields):
    return changed(lambda tokenizer: tokenizer["post_processor"].update(fields))


def special_id(value):
    return changed(lambda tokenizer: tokenizer["post_processor"]["special_tokens"]["[CLS]"].update(ids=[value]))


def split(pattern):
    return section("pre_tokenizer", {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False})


def controls_for_unknown(model):
    tokenizer = model.json(FILE)
    tokenizer["model"]["vocab"][CONTROLS] = tokenizer["model"]["vocab"].pop("[UNK]")
    tokenizer["model"]["unk_token"] = CONTROLS
    tokenizer["added_tokens"] = [token for token in tokenizer["added_tokens"] if token["content"] != "[UNK]"]
    model.write_json(FILE, tokenizer)


def slow_words(model):
    """Every character of a long word asks for one token that is nearly as long."""
    tokenizer = model.json(FILE)
    tokenizer["model"]["max_input_chars_per_word"] = 65536
    tokenizer["model"]["vocab"].update({"##" + "a" * 60000 + "b": 900, "##a": 901})
    tokenizer["model"]["vocab"].setdefault("a", 902)
    model.write_json(FILE, tokenizer)


def slow_words_within(model):
    """The same within what is allowed."""
    tokenizer = model.json(FILE)
    tokenizer["model"]["max_input_chars_per_word"] = 8192
    tokenizer["model"]["vocab"].update({"##" + "a" * n + "b": 1000 + n for n in range(1, 97)} | {"##a": 901})
    tokenizer["model"]["vocab"].setdefault("a", 902)
    model.write_json(FILE, tokenizer)


def slow_added(lengths, **more):
    """Tokens that nearly match from every place in a text."""
    return changed(lambda t: t["added_tokens"].extend({"id": 900, "content": "a" * n + "b", **FLAGS, "special": True, **more} for n in lengths))


def model_of(kind, **fields):
    """Another kind of model. Where it is built, it must refuse what is wrong here or be quick about it."""
    return changed(lambda tokenizer: tokenizer.update(model={"type": kind, **fields}))


def case(name, build, codes=(CORRUPT,), affected=ALL, where=FILE, **more):
    return Case("tokenizer/" + name, build, codes, affected, where, **more)


def vocab_txt(name, data, codes=(CORRUPT,), where="vocab.txt", affected=ALL, **more):
    return Case("vocab.txt/" + name, lambda model: model.write("vocab.txt", data), codes, affected, where,
                good="variants/vocab-txt", **more)  # fmt: skip


def settings(name, value, codes=(CORRUPT,), where="tokenizer_config.json"):
    return Case("vocab.txt/settings_" + name, lambda model: model.write("tokenizer_config.json", value), codes, ALL, where, good="variants/vocab-txt")


def whole_file():
    for part in (0.0, 0.001, 0.1, 0.5, 0.9, 0.9999):
        yield case(f"truncated_at_{part}", lambda model, p=part: model.write(FILE, model.read(FILE)[: int(11714 * p)]))
    for name, data in {"list": "[]", "null": "null", "text": '"x"', "number": "1", "empty_object": "{}", "nul_bytes": bytes(1000), "deep": nested('{"decoder":'),
                       "deep_objects": times('{"decoder":', 10**6), "deep_in_model": nested('{"model":{"vocab":'), "deep_in_added": nested('{"added_tokens":'),
                       "not_utf8": b'{"version":"\xff"}', "surrogate": '{"version":"\\ud800"}', "control": '{"version":"\x01"}', "bom": b"\xef\xbb\xbf{}",
                       "key_twice": '{"version":"1.0","version":"1.0","model":{}}', "model_twice": '{"model":{"vocab":{}},"model":{"vocab":{}}}',
                       "long_text": times("1", 20 << 20, '{"version":"', '"}'), "many_values": times("0,", 500_000, '{"normalizer":[', "0]}")}.items():  # fmt: skip
        yield case(name, text(data))
    yield case("section_unknown", section("later", {}), (UNSUPPORTED,), where="later")
    yield case("section_of_controls", section(CONTROLS, None), (UNSUPPORTED,))
    yield case("version_2", section("version", "2.0"), (UNSUPPORTED,))
    yield case("version_number", section("version", 1), EITHER)


def words():
    for name, literal in {"negative": "-1", "2^31": "2147483648", "2^63": "9223372036854775808", "2^64": "18446744073709551616", "fraction": "1.5",
                          "1e999": "1e999", "nan": "NaN", "text": '"4"', "null": "null", "list": "[4]", "true": "true"}.items():  # fmt: skip
        yield case(f"id_{name}", word_id(literal))
    yield case("id_of_another", word_id("5"), (0,), where="")
    yield case("id_beyond", changed(lambda t: t["model"]["vocab"].update(film=1_000_000)), (0, BAD_ROWS), ("run",), "", text="film")
    yield case("word_twice", word_id('4, "[MASK]": 5'))
    yield case("no_words", in_model(vocab={}), (0, CORRUPT, BAD_ROWS), where="")
    yield case("words_are_list", in_model(vocab=[["a", 0]]))
    yield case("words_are_null", in_model(vocab=None))
    yield case("word_controls", changed(lambda t: t["model"]["vocab"].update({CONTROLS: -1})))
    yield case("unknown_controls", controls_for_unknown, (0,), where="", text="\u2603")
    yield case("word_of_10MB", changed(lambda t: t["model"]["vocab"].update({"w" * (10 << 20): 900})), (0, CORRUPT, UNSUPPORTED), where="")
    yield case("unknown_missing", in_model(unk_token="[NONE]"), (0, CORRUPT, BAD_ROWS), where="", text="\u4e00 \u2603 zzz")
    yield case("unknown_number", in_model(unk_token=1))
    yield case("prefix_of_1MB", changed(lambda t: t["model"].update(continuing_subword_prefix="#" * (1 << 20))), (0, CORRUPT, UNSUPPORTED), where="")
    yield case("prefix_empty", in_model(continuing_subword_prefix=""), (0,), where="")
    for name, literal in {"0": "0", "2^40": str(1 << 40), "2^63": str(1 << 63), "minus_1": "-1", "1e999": "1e999", "text": '"100"'}.items():
        codes = (0,) if name == "0" else EITHER
        yield case(f"word_length_{name}", raw(("model", "max_input_chars_per_word"), literal), codes, where="" if name == "0" else FILE)
    yield case("slow_words", slow_words, (0, UNSUPPORTED), where="", text=times("a" * 65_000 + " ", 16))
    yield case("slow_words_within", slow_words_within, (0, BAD_ROWS), where="", text=times("a" * 8_000 + " ", 128))
    yield case("2M_words", many_words(2_000_000), (0, CORRUPT, UNSUPPORTED), ("tokenize",), "", large=True)
    yield case("300k_words", many_words(300_000), (0,), ("tokenize",), "")
    yield case("30M_words", many_words(30_000_000), EITHER, large=True)
    for name, kind in {"bpe_cycle": ("BPE", {"vocab": {"a": 0, "b": 1}, "merges": ["a b", "b a"]}), "bpe_absent": ("BPE", {"vocab": {"a": 0}, "merges": ["x y"]}),
                       "bpe_not_pairs": ("BPE", {"vocab": {"a": 0}, "merges": ["a", "", " ", 1, ["a"], ["a", "a", "a"]]}),
                       "bpe_doubling": ("BPE", {"vocab": {"a" * 2**i: i for i in range(12)}, "merges": [f"{'a' * 2**i} {'a' * 2**i}" for i in range(11)]}),
                       "unigram_nan": ("Unigram", {"vocab": [["a", None]], "unk_id": 0}), "unigram_ids": ("Unigram", {"vocab": [["a", 0.0]], "unk_id": 1 << 40}),
                       "unigram_scores": ("Unigram", {"vocab": [["a", 1e308], ["aa", 1e308], ["<unk>", -1e308]], "unk_id": 2}),
                       "of_no_kind": ("\x1b[31m", {"vocab": {}})}.items():  # fmt: skip
        yield case(f"model_{name}", model_of(kind[0], **kind[1]), (0, BAD_ROWS, *EITHER), where="", text="ab" * 1000)
    yield case("model_unigram_1e999", raw(("model",), '{"type":"Unigram","unk_id":0,"vocab":[["a",-1e999],["b",NaN]]}'), EITHER)


def added_tokens():
    for name, fields in {"content_missing": {"content": None}, "content_number": {"content": 1}, "flag_text": {"lstrip": "true"}, "flag_number": {"special": 1},
                         "content_5000": {"content": "c" * 5000}, "id_negative": {"id": -1}, "id_text": {"id": "900"}, "id_2^31": {"id": 1 << 31}}.items():  # fmt: skip
        yield case(f"added_{name}", added(**fields))
    for name, fields in {"empty": {"content": ""}, "space": {"content": " ", "lstrip": True}, "id_beyond": {"id": 1 << 30},
                         "letter": {"content": "a", "normalized": True}, "controls": {"content": CONTROLS}, "mark": {"content": "\u0301", "normalized": True}}.items():  # fmt: skip
        yield case(f"added_{name}", added(**fields), (0, BAD_ROWS), where="")
    yield case("added_space_that_takes_more", added(content=" ", rstrip=True), (UNSUPPORTED,), where="added_tokens")
    yield case("added_list", section("added_tokens", {}))
    yield case("added_of_numbers", section("added_tokens", [1, 2]))
    yield case("added_of_lists", section("added_tokens", [[]]))
    yield case("added_null", section("added_tokens", None), where="added_tokens")
    for key in ("id", "content", *FLAGS):
        yield case(f"added_without_{key}", added_without(key), where="added_tokens." + key)
        yield case(f"added_{key}_twice", added_twice(key), where="added_tokens." + key)
    yield case("added_twice", added(content="[SEP]"), (0,), where="")
    yield case("added_300k", many_added(300_000, False))
    yield case("added_200k", many_added(200_000, True), (0, CORRUPT), ("tokenize",), "")
    yield case("added_1M", many_added(1_000_000, True), large=True)
    for name, lengths in {"long": range(1000, 4001, 1000), "many": range(1, 95)}.items():
        codes = (CORRUPT,) if name == "long" else (0, BAD_ROWS)
        for normalized in (False, True):
            kind = "normalized" if normalized else "raw"
            yield case(f"slow_added_{name}_{kind}", slow_added(lengths, normalized=normalized), codes, where="", text=times("a", 1 << 19))
    yield case("added_grows_normalized", lambda model: (section("normalizer", {"type": "NFKD"})(model), added(content="\ufdfa" * 80, normalized=True)(model)))


def parts():
    for name, value in {"unknown": {"type": "Evil"}, "no_type": {}, "controls": {"type": CONTROLS}, "regex": {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": "b"},
                        "precompiled": {"type": "Precompiled", "precompiled_charsmap": "////"}, "sequence_500": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}] * 500},
                        "sequence_5000": {"type": "Sequence", "normalizers": [{"type": "NFD"}] * 5000}, "sequence_of_numbers": {"type": "Sequence", "normalizers": [1]},
                        "sequence_without": {"type": "Sequence"}, "number": 1, "list": [], "nested_200": normalizers(200)}.items():  # fmt: skip
        yield case(f"normalizer_{name}", section("normalizer", value), EITHER)
    yield case("normalizer_nested_20", section("normalizer", normalizers(20)), (0,), where="")
    yield case("normalizer_nested_10k", deep_normalizer(10_000), EITHER)
    yield case("normalizer_nested_300k", deep_normalizer(300_000), EITHER)
    yield case("normalizer_8_forms", section("normalizer", {"type": "Sequence", "normalizers": [{"type": "NFKD"}, {"type": "NFC"}] * 4}), (0, BAD_ROWS), where="", text=times("\ufdfa", 40_000))
    for name, pattern in {"nested_plus": {"Regex": "(a+)+$"}, "alternation": {"Regex": "(a|a)*b"}, "counted": {"Regex": "(a{1,1000}){1,1000}"}, "back": {"Regex": "(a*)*\\1"},
                          "broken": {"Regex": "("}, "deep": {"Regex": "(" * 5_000 + ")" * 5_000}, "long": {"Regex": "a" * (1 << 15)}, "both": {"Regex": "a", "String": "a"},
                          "empty": {"String": ""}, "none": {}, "number": {"String": 1}}.items():  # fmt: skip
        yield case(f"regex_{name}", split(pattern), (0, BAD_ROWS, *EITHER), where="", text=times("a", 1 << 18, tail="!"))
    yield case("pre_tokenizer_sequence_500", section("pre_tokenizer", {"type": "Sequence", "pretokenizers": [{"type": "Whitespace"}] * 500}), EITHER)
    yield case("decoder_unknown", section("decoder", {"type": CONTROLS}), EITHER)


def lengths():
    for name, value in {"negative": -1, "2^31": 1 << 31, "1e999": 1e999, "text": "2"}.items():
        yield case(f"special_id_{name}", special_id(value))
    yield case("special_id_beyond", special_id(1_000_000), (0, BAD_ROWS), where="")
    yield case("template_type_beyond", template(single=[{"Sequence": {"id": "A", "type_id": 7}}]), (0, BAD_ROWS), where="")
    yield case("template_A_twice", template(single=[{"Sequence": {"id": "A", "type_id": 0}}] * 2), (UNSUPPORTED,))
    yield case("template_B_twice", template(pair=[{"Sequence": {"id": x, "type_id": 0}} for x in "ABB"]), (UNSUPPORTED,))
    yield case("template_C", template(single=[{"Sequence": {"id": "C", "type_id": 0}}]))
    yield case("template_B_alone", template(single=[{"Sequence": {"id": "B", "type_id": 0}}]))
    yield case("template_unknown_token", template(single=[{"SpecialToken": {"id": "[NONE]", "type_id": 0}}]))
    yield case("template_long", template(single=[{"SpecialToken": {"id": "[CLS]", "type_id": 0}}] * 1000))
    yield case("template_many_ids", changed(lambda t: t["post_processor"]["special_tokens"]["[CLS]"].update(ids=[2] * 1000, tokens=["[CLS]"] * 1000)))
    yield case("template_ids_and_tokens", changed(lambda t: t["post_processor"]["special_tokens"]["[CLS]"].update(ids=[2, 2])))
    yield case("template_without_text", template(single=[]), (0, BAD_ROWS), where="")
    cut = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
    for name, fields in {"negative": {"max_length": -1}, "2^63": {"max_length": 1 << 63}, "text": {"max_length": "8"}, "stride_negative": {"stride": -1},
                         "strategy": {"strategy": CONTROLS}, "direction": {"direction": "Up"}}.items():  # fmt: skip
        yield case(f"truncation_{name}", section("truncation", {**cut, **fields}), EITHER)
    for name, fields in {"0": {"max_length": 0}, "1": {"max_length": 1}, "1e30": {"max_length": 1e30}, "stride_above": {"stride": 100}}.items():
        yield case(f"truncation_{name}", section("truncation", {**cut, **fields}), (0, BAD_ROWS, *EITHER), where="")
    pad = {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
    for name, fields in {"most_of_all": {"strategy": {"Fixed": 65_536}, "pad_to_multiple_of": 65_535, "pad_token": "\x01" * 95}, "fixed_2^20": {"strategy": {"Fixed": 1 << 20}}, "fixed_2^24": {"strategy": {"Fixed": 1 << 24}}, "fixed_2^40": {"strategy": {"Fixed": 1 << 40}}, "fixed_2^31": {"strategy": {"Fixed": 1 << 31}}, "fixed_10^9": {"strategy": {"Fixed": 10**9}}, "multiple_2^40": {"pad_to_multiple_of": 1 << 40},
                         "multiple_2^62": {"pad_to_multiple_of": 1 << 62}, "id_2^31": {"pad_id": 1 << 31}, "id_negative": {"pad_id": -1}, "strategy": {"strategy": "Sometimes"},
                         "multiple_0": {"pad_to_multiple_of": 0}, "fixed_negative": {"strategy": {"Fixed": -1}}, "token_of_100kB": {"pad_token": "p" * 100_000}}.items():  # fmt: skip
        yield case(f"padding_{name}", section("padding", {**pad, **fields}), (0, BAD_ROWS, *EITHER), where="")


def vocabularies():
    yield vocab_txt("empty", b"", (0, CORRUPT, BAD_ROWS), "")
    yield vocab_txt("not_utf8", b"[UNK]\n[CLS]\n[SEP]\n\xff\xfe\n")
    yield vocab_txt("line_of_100k", b"[UNK]\n" + b"w" * 100_000)
    yield vocab_txt("nul_bytes", bytes(1000), (0, CORRUPT, BAD_ROWS), "")
    yield vocab_txt("empty_lines", b"\n" * 1000, (0, CORRUPT, BAD_ROWS), "")
    yield vocab_txt("2M_empty_lines", lambda: repeated(b"\n", 2_000_000), (0, CORRUPT, BAD_ROWS), "")
    yield vocab_txt("100M_empty_lines", lambda: repeated(b"\n", 100_000_000), (CORRUPT, UNSUPPORTED), "vocab")
    good = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"
    for name, data in {"bom": b"\xef\xbb\xbf" + good, "carriage_returns": good.replace(b"\n", b"\r"), "line_separators": good + "a\u2028b\u0085c\n".encode(), "no_unknown": good.replace(b"[UNK]", b"x"), "no_first": good.replace(b"[CLS]", b"x"),
                       "unknown_twice": good + good, "one_line": b"[UNK]", "controls": good + CONTROLS.encode(), "utf16": good.decode().encode("utf-16")}.items():  # fmt: skip
        yield vocab_txt(name, data, (0, CORRUPT, BAD_ROWS), "")
    for name, data in {"surrogates": good + b"\xed\xa0\x80\n", "overlong": good + b"\xc0\x80\n", "cut_off": good + b"\xe4\xb8"}.items():
        yield vocab_txt(name, data)
    yield vocab_txt("crlf", b"[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\nfilm\r\n", (0, BAD_ROWS), "")
    yield settings("class_number", '{"tokenizer_class":1}')
    yield settings("class_unknown", '{"tokenizer_class":"EvilTokenizer"}', (UNSUPPORTED,))
    yield settings("lower_case_text", '{"do_lower_case":"yes"}')
    yield settings("token_number", '{"unk_token":1}')
    yield settings("token_without_content", '{"cls_token":{}}')
    yield settings("added_id_text", '{"added_tokens_decoder":{"x":{"content":"a"}}}')
    yield settings("added_id_negative", '{"added_tokens_decoder":{"-1":{"content":"a"}}}')
    yield settings("added_list", '{"added_tokens_decoder":[]}')
    for count, codes in ((20_000, (0, BAD_ROWS)), (80_000, (UNSUPPORTED,))):
        yield settings(f"added_{count}", lambda n=count: json.dumps({"added_tokens_decoder": {str(i): {"content": str(i)} for i in range(n)}}), codes, "")


def cases():
    for group in (whole_file, words, added_tokens, parts, lengths, vocabularies):
        yield from group()
