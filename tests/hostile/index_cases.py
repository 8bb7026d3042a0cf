"""model.safetensors.index.json and the shards that it names."""
import json
import struct

from case import ABSENT, CONTROLS, CORRUPT, WEIGHTS, Case, nested, repeated
from safetensors_cases import spaces

FILE = "model.safetensors.index.json"
SHARD = "model-00004-of-00004.safetensors"


def changed(change):
    return lambda model: model.edit(FILE, change)


def first_shard(name):
    def change(index):
        index["weight_map"][next(iter(index["weight_map"]))] = name

    return changed(change)


def text(data):
    return lambda model: model.write(FILE, data)


def truncated(part):
    def build(model):
        raw = model.read(FILE)
        model.write(FILE, raw[: int(len(raw) * part)])

    return build


def tensor_twice(model):
    index = model.json(FILE)
    name, shard = next(iter(index["weight_map"].items()))
    body = json.dumps(index["weight_map"])[:-1]
    model.write(FILE, '{"weight_map":' + body + f', "{name}": "{shard}"}}}}')


def two_shards_with_one_tensor(model):
    header, data = model.tensors(name=SHARD)
    other, more = model.tensors(name="model-00003-of-00004.safetensors")
    name = next(n for n in other if n != "__metadata__")
    first, last = other[name]["data_offsets"]
    header[name] = dict(other[name], data_offsets=[len(data), len(data) + last - first])
    model.write_tensors(header, data + more[first:last], name=SHARD)


def unlisted(index):
    del index["weight_map"]["classifier.bias"]


def renamed(index):
    index["weight_map"]["elsewhere"] = index["weight_map"].pop("classifier.bias")


def total_size(literal):
    """A number that nobody needs."""
    return lambda model: model.replace(FILE, '"weight_map"', f'"metadata": {{"total_size": {literal}}}, "weight_map"') if "metadata" not in model.json(FILE) else model.write(
        FILE, json.dumps({**model.json(FILE), "metadata": {"total_size": "HOSTILE"}}).replace('"HOSTILE"', literal))


def many_names(count):
    return changed(lambda index: index["weight_map"].update({f"t{i}": SHARD for i in range(count)}))


def many(count):
    def pieces():
        yield b'{"weight_map":{'
        for i in range(count):
            yield b'%s"t%d":"s%d.safetensors"' % (b"," if i else b"", i, i)
        yield b"}}"

    return lambda model: model.write(FILE, pieces())


def many_spaces(model):
    """A thousand shards that are all one file, whose header is as large as the format allows."""
    model.write("spaces.safetensors", (piece for part in ([struct.pack("<Q", 100_000_000)], spaces()) for piece in part))
    for i in range(1000):
        model.file(f"s{i}.safetensors").symlink_to("spaces.safetensors")
    many(1000)(model)


def case(name, build, codes=(CORRUPT,), where=FILE, **more):
    return Case("index/" + name, build, codes, WEIGHTS, where, good="variants/sharded", **more)


def cases():
    for part in (0.0, 0.01, 0.3, 0.9, 0.999):
        yield case(f"truncated_at_{part}", truncated(part))
    for name, data in {"list": "[]", "null": "null", "no_map": '{"metadata":{}}', "map_is_list": '{"weight_map":[]}',
                       "map_is_null": '{"weight_map":null}', "map_is_empty": '{"weight_map":{}}', "map_twice": '{"weight_map":{"a":"a.safetensors"},"weight_map":{}}',
                       "shard_is_number": '{"weight_map":{"a":1}}', "shard_is_null": '{"weight_map":{"a":null}}', "shard_is_object": '{"weight_map":{"a":{}}}',
                       "deep": nested('{"a":'), "not_utf8": b'{"weight_map":{"\xff":"a.safetensors"}}', "surrogate": '{"weight_map":{"a":"\\ud800.safetensors"}}',
                       "nul_bytes": bytes(1000)}.items():  # fmt: skip
        yield case(name, text(data))
    for name, shard in {"up": "../model.safetensors", "absolute": "/etc/x.safetensors", "below": "sub/x.safetensors", "empty": "",
                        "other_kind": "config.json", "dots": "...safetensors", "backslash": "..\\x.safetensors", "nul": "a\0.safetensors",
                        "controls": CONTROLS + ".safetensors", "long": "n" * 300 + ".safetensors"}.items():  # fmt: skip
        yield case(f"shard_{name}", first_shard(shard))
    for name, literal in {"negative": "-1", "1e999": "1e999", "text": '"1"', "deep": "[" * 10**6 + "]" * 10**6, "null": "null", "nan": "NaN"}.items():
        yield case(f"total_size_{name}", total_size(literal), (0,) if name in ("negative", "text", "null") else (CORRUPT,), "" if name in ("negative", "text", "null") else FILE)
    for name, shard in {"here": "./" + SHARD, "upper_case": SHARD.upper(), "dot_behind": SHARD + ".", "space_behind": SHARD + " ", "space_before": " " + SHARD, "index": FILE, "folder": SHARD + "/"}.items():
        yield case(f"shard_{name}", first_shard(shard), (CORRUPT, ABSENT))
    yield case("200k_names_of_one_shard", many_names(200_000), where="")
    yield case("shard_missing", first_shard("absent.safetensors"), (ABSENT,), "absent.safetensors")
    yield case("shard_deleted", lambda model: model.file(SHARD).unlink(), (ABSENT,), SHARD)
    yield case("shards_exchanged", first_shard(SHARD))
    yield case("shard_truncated", lambda model: model.write(SHARD, model.read(SHARD)[:-1]), where=SHARD)
    yield case("tensor_twice", tensor_twice)
    yield case("tensor_in_two_shards", two_shards_with_one_tensor, where=SHARD)
    yield case("tensor_unlisted", changed(unlisted), where="classifier.bias")
    yield case("tensor_renamed", changed(renamed), where="elsewhere")
    yield case("100k_shards", many(100_000))
    yield case("1000_shards_of_spaces", many_spaces, where="s0.safetensors")
    yield case("101MB", lambda model: model.write(FILE, lambda: repeated(b" ", 101_000_000)))
