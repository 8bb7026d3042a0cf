"""config.json: every number that counts something, given every value that it cannot have."""
import json
import os

from case import ABSENT, ALL, CONTROLS, CORRUPT, UNSUPPORTED, WEIGHTS, Case, nested, times

FILE = "config.json"
EITHER = (CORRUPT, UNSUPPORTED)
SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings")
NO_SIZES = {"nan": "NaN", "infinite": "Infinity", "1e999": "1e999", "text": '"12"', "minus_1": "-1", "0": "0", "2^31": "2147483648",
            "2^63": "9223372036854775808", "2^64": "18446744073709551616", "fraction": "1.5", "true": "true", "list": "[12]",
            "object": "{}", "1": "1", "2^24": "16777216"}  # fmt: skip
MAGNITUDES = ("layer_norm_eps", "initializer_range")
NO_MAGNITUDES = {"nan": "NaN", "1e999": "1e999", "-1e999": "-1e999", "negative": "-1e-12", "text": '"1e-12"', "true": "true", "list": "[]",
                 "1e39": "1e39"}  # fmt: skip


def value(key, literal):
    """`literal` is JSON text, also such as `json` would not write."""

    def build(model):
        config = model.json(FILE)
        config[key] = "HOSTILE"
        model.write(FILE, json.dumps(config).replace('"HOSTILE"', literal))

    return build


def text(data):
    return lambda model: model.write(FILE, data)


def lists_of_numbers(model):
    """Where names belong, so many that an error for each, each looking for its place in the list, would take seconds."""
    config = model.json(FILE)
    config["architectures"] = [0] * 65_300
    model.write(FILE, json.dumps(config, separators=(",", ":")))
    model.write("tokenizer_config.json", json.dumps({"extra_special_tokens": [0] * 65_450}, separators=(",", ":")))


def case(name, build, codes=(CORRUPT,), affected=WEIGHTS, where=FILE, **more):
    return Case("config/" + name, build, codes, affected, where, **more)


def cases():
    for key in SIZES:
        for name, literal in NO_SIZES.items():
            harmless = key == "num_attention_heads" and name == "1"
            yield case(f"{key}_{name}", value(key, literal), (0,) if harmless else (CORRUPT,), where="" if harmless else FILE)
        yield case(f"{key}_null", value(key, "null"))
    for key in MAGNITUDES:
        for name, literal in NO_MAGNITUDES.items():
            yield case(f"{key}_{name}", value(key, literal), where=key if name != "1e999" else FILE)
        yield case(f"{key}_0", value(key, "0"), (0,), where="")
        yield case(f"{key}_2", value(key, "2.0"), (0,), where="")
        yield case(f"{key}_1e-999", value(key, "1e-999"), (0,), where="")
    yield case("lists_of_65000_numbers", lists_of_numbers, affected=ALL, where="tokenizer_config.json")
    for name, literal in {"minus_1": "-1", "0": "0", "2^63": "9223372036854775808", "3": "3", "text": '"2"'}.items():
        yield case(f"type_vocab_size_{name}", value("type_vocab_size", literal))
    for name, literal in {"unknown": '"gelo"', "empty": '""', "controls": json.dumps(CONTROLS), "long": '"' + "g" * 100_000 + '"'}.items():
        yield case(f"hidden_act_{name}", value("hidden_act", literal), EITHER)
    yield case("hidden_act_number", value("hidden_act", "1"))
    for name, literal in {"unknown": '"bort"', "controls": json.dumps(CONTROLS), "long": '"' + "b" * 100_000 + '"'}.items():
        yield case(f"model_type_{name}", value("model_type", literal), EITHER)
    yield case("model_type_null", value("model_type", "null"))
    yield case("problem_type_unknown", value("problem_type", json.dumps(CONTROLS)), (UNSUPPORTED,))
    yield case("relative_positions", value("position_embedding_type", '"relative_key"'), (UNSUPPORTED,))
    yield case("is_decoder", value("is_decoder", "true"), (UNSUPPORTED,))
    yield case("auto_map", value("auto_map", '{"AutoModel": "evil.Model"}'), (0,), where="")
    labels = {"hole": '{"0":"a","2":"b"}', "negative": '{"-1":"a"}', "twice": '{"0":"a","0":"b"}', "number": '{"0":1}', "not_ids": '{"a":"0"}',
              "list": '["a"]', "spaced": '{" 0":"a"}', "huge_id": '{"18446744073709551616":"a"}', "too_few": '{"0":"a"}'}  # fmt: skip
    for name, literal in labels.items():
        yield case(f"labels_{name}", value("id2label", literal))
    yield case("labels_controls", value("id2label", json.dumps({"0": CONTROLS, "1": "\x1b]0;title\x07", "2": "\u202e"})), (0,), where="")
    yield case("labels_same", value("id2label", '{"0":"a","1":"a","2":"a#0"}'), (0,), where="")
    yield case("labels_100k", lambda model: value("id2label", json.dumps({str(i): "l" for i in range(100_000)}))(model), (UNSUPPORTED,))
    yield case("labels_long", lambda model: value("id2label", json.dumps({"0": "l" * (2 << 20), "1": "", "2": ""}))(model), EITHER)
    yield case("num_labels_2^31", lambda model: model.edit(FILE, lambda c: (c.pop("id2label"), c.update(num_labels=1 << 31))), (UNSUPPORTED,))
    for name, literal in {"5": "5", "13": "13", "48": "48", "96": "96"}.items():  # of 48
        yield case(f"heads_{name}", value("num_attention_heads", literal), (0,) if name == "48" else (CORRUPT,), where="" if name == "48" else "num_attention_heads")
    for name, literal in {"text": '"Bert"', "numbers": "[1]", "empty": "[]", "null": "null", "objects": "[{}]", "deep": "[" * 1000 + "]" * 1000, "controls": json.dumps([CONTROLS]), "100k": json.dumps(["A"] * 100_000)}.items():
        yield case(f"architectures_{name}", value("architectures", literal), (0, *EITHER), where="")
    for key in ("pad_token_id", "label2id", "torch_dtype", "dtype", "hidden_dropout_prob", "classifier_dropout", "problem_type", "tie_word_embeddings", "quantization_config", "num_labels"):
        for name, literal in {"negative": "-1", "2^63": "9223372036854775808", "text": json.dumps(CONTROLS), "list": "[[]]", "object": '{"a":{}}', "true": "true"}.items():
            yield case(f"{key}_{name}", value(key, literal), (0, *EITHER), where="")
    for name, literal in {"3e38": "3e38", "1e-45": "1e-45"}.items():
        yield case(f"layer_norm_eps_{name}", value("layer_norm_eps", literal), (0, CORRUPT), where="")
    yield case("model_type_nul", value("model_type", '"bert\\u0000"'), EITHER)
    for name, data in {"empty": b"", "null": "null", "list": "[]", "text": '"bert"', "nul_bytes": bytes(100), "bom": b"\xef\xbb\xbf{}", "utf16": "{}".encode("utf-16"),
                       "deep": nested('{"a":'), "deep_objects": times('{"a":', 10**6), "not_utf8": b'{"a":"\xff"}', "surrogate": '{"a":"\\ud800"}',
                       "key_twice": '{"model_type":"bert","model_type":"bert"}', "trailing": "{}{}", "control": '{"a":"\x01"}',
                       "long_number": times("9", 1 << 20, '{"a":', "}"), "long_key": times("k", 7 << 20, '{"', '":1}'), "9MB": times(" ", 9 << 20)}.items():  # fmt: skip
        yield case(name, text(data))
    yield case("half_a_million_values", text(times("0,", 500_000, "[", "0]")), (UNSUPPORTED,))
    for part in (0.1, 0.5, 0.99):
        yield case(f"truncated_at_{part}", lambda model, p=part: model.write(FILE, model.read(FILE)[: int(841 * p)]))
    for name, literal in {"controls": json.dumps(CONTROLS), "number": "1", "long": '"' + "T" * (1 << 20) + '"'}.items():
        yield case(f"tokenizer_class_{name}", lambda model, v=literal: model.write("tokenizer_config.json", f'{{"tokenizer_class":{v}}}'), (0, *EITHER), ALL, "")
    for name, literal in {"true": "true", "-2^63": str(-1 << 63), "2^64": str(1 << 64), "list": "[512]"}.items():
        yield case(f"tokenizer_length_{name}", lambda model, v=literal: model.write("tokenizer_config.json", f'{{"model_max_length":{v}}}'), (0, CORRUPT), ALL, "")
    yield case("tokenizer_template_7MB", lambda model: model.write_json("tokenizer_config.json", {"chat_template": "{{ x }}" * (1 << 20)}), (0, CORRUPT), ALL, where="")
    settings = {"empty": "", "list": "[]", "deep": nested(""), "side": '{"truncation_side":"up"}', "side_number": '{"truncation_side":1}',
                "length_text": '{"model_max_length":"12"}', "length_nan": '{"model_max_length":NaN}', "length_1e999": '{"model_max_length":1e999}',
                "key_twice": '{"a":1,"a":2}', "surrogate": '{"a":"\\ud800"}'}  # fmt: skip
    for name, data in settings.items():
        codes = (0, CORRUPT) if name == "list" else (CORRUPT,)
        yield case(f"tokenizer_{name}", lambda model, d=data: model.write("tokenizer_config.json", d), codes, ALL, "" if name == "list" else "tokenizer_config.json")
    for file, wrong in {"special_tokens_map.json": '{"sep_token":1}', "added_tokens.json": '{"[NEW]":"9"}'}.items():
        for name, data in {"half": "[", "deep": nested(""), "value": wrong, "key_twice": '{"a":1,"a":2}'}.items():
            yield case(f"{file}_{name}", lambda model, f=file, d=data: model.write(f, d), (CORRUPT,), ALL, file)
        yield case(f"{file}_fifo", lambda model, f=file: os.mkfifo(model.file(f)), (ABSENT,), ALL, file)
    for name, literal in {"0": "0", "minus_1": "-1", "1e30": "1e30", "fraction": "12.5"}.items():
        yield case(f"tokenizer_length_{name}", lambda model, v=literal: model.write("tokenizer_config.json", f'{{"model_max_length":{v}}}'), (0,), where="")
