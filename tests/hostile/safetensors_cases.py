"""model.safetensors: lengths, headers, offsets, shapes, types, and values that are no numbers."""
import json
import math
import os
import struct

from case import BAD_ROWS, CONTROLS, CORRUPT, DOES_NOT_FIT, UNSUPPORTED, WEIGHTS, Case, nested, repeated, times

FILE = "model.safetensors"
NAME = "classifier.bias"
TRUNCATED = (0, 1, 7, 8, 9, 100, 0.01, 0.5, 0.999, -1)


def truncated(at):
    def build(model):
        raw = model.read(FILE)
        size = int(len(raw) * at) if isinstance(at, float) else at if at >= 0 else len(raw) + at
        model.write(FILE, raw[:size])

    return build


def lying_length(length):
    def build(model):
        header, data = model.tensors()
        model.write_tensors(header, data, length=length)

    return build


def entry(**fields):
    """Fields of one tensor changed."""
    return lambda model: model.edit_header(lambda header: header[NAME].update(fields))


def raw_field(field, text):
    """A field's value as JSON text that is not what Python would write."""

    def build(model):
        header, _ = model.tensors()
        old = json.dumps({field: header[NAME][field]})[1:-1]
        tail = json.dumps(header)
        at = tail.index(old, tail.index(json.dumps(NAME)))
        _, data = model.tensors()
        model.write_tensors((tail[:at] + f'"{field}": {text}' + tail[at + len(old) :]).encode(), data)

    return build


def header_text(text, data=b""):
    def build(model):
        made = text() if callable(text) else text
        model.write_tensors(made if isinstance(made, bytes) else made.encode(), data)

    return build


def renamed(new):
    def change(header):
        header[new] = header.pop(NAME)

    return lambda model: model.edit_header(change)


def doubled(model):
    header, data = model.tensors()
    text = json.dumps(header)
    model.write_tensors((text[:-1] + ", " + json.dumps({NAME: header[NAME]})[1:]).encode(), data)


def doubled_field(model):
    model.edit_text(b'"dtype":', b'"dtype": "F32", "dtype":')


def overlapping(model):
    def change(header):
        tensors = sorted((t for n, t in header.items() if n != "__metadata__"), key=lambda t: t["data_offsets"])
        tensors[1]["data_offsets"] = tensors[0]["data_offsets"]
        tensors[1]["shape"], tensors[1]["dtype"] = tensors[0]["shape"], tensors[0]["dtype"]

    model.edit_header(change)


def hole(model):
    header, data = model.tensors()
    last = max((t for n, t in header.items() if n != "__metadata__"), key=lambda t: t["data_offsets"])
    last["data_offsets"] = [offset + 64 for offset in last["data_offsets"]]
    model.write_tensors(header, data + bytes(64))


def transposed(model):
    def change(header):
        tensor = header["bert.encoder.layer.0.intermediate.dense.weight"]
        tensor["shape"] = tensor["shape"][::-1]

    model.edit_header(change)


def missing(model):
    header, data = model.tensors()
    del header["bert.encoder.layer.1.output.dense.weight"]
    start = 0
    kept = b""
    for tensor in header.values():
        first, last = tensor.get("data_offsets", (0, 0))
        kept += data[first:last]
        if "data_offsets" in tensor:
            tensor["data_offsets"] = [start, start + last - first]
        start += last - first
    model.write_tensors(header, kept)


def surplus(name):
    def build(model):
        header, data = model.tensors()
        header[name] = {"dtype": "F32", "shape": [2], "data_offsets": [len(data), len(data) + 8]}
        model.write_tensors(header, data + bytes(8))

    return build


def sized_header(pieces, size):
    """A header too large to hold: its text comes in pieces of `size` bytes in all."""
    return lambda model: model.write(FILE, (piece for part in ([struct.pack("<Q", size)], pieces()) for piece in part))


def spaces():
    yield b"{}"
    yield from repeated(b" ", 100_000_000 - 2)


def long_key():
    yield b'{"'
    yield from repeated(b"k", 100_000_000 - 5)
    yield b'":1'


def million(count=1_000_000):
    """A million tensors without data."""
    def build(model):
        def pieces():
            yield b"{"
            for i in range(count):
                yield b'%s"t%07d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % (b"," if i else b"", i)
            yield b"}"

        sized_header(pieces, sum(map(len, pieces())))(model)

    return build


def metadata(count):
    def pieces():
        yield b'{"__metadata__":{'
        for i in range(count):
            yield b'%s"k%08d":""' % (b"," if i else b"", i)
        yield b"}}"

    return lambda model: sized_header(pieces, sum(map(len, pieces())))(model)


def sparse(model):
    with open(model.file(FILE), "r+b") as out:
        out.truncate(1 << 40)


def sparse_zeros(model):
    model.write(FILE, b"")
    sparse(model)


def sparse_tensor(model):
    size = (1 << 40) - 4096
    text = json.dumps({"t": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    model.write_tensors(text, b"")
    with open(model.file(FILE), "r+b") as out:
        out.truncate(8 + len(text) + size)


def small_vocabulary(model):
    """Weights and config.json agree on 10 words; the tokenizer has more."""
    header, data = model.tensors()
    words = header["bert.embeddings.word_embeddings.weight"]
    first, last = words["data_offsets"]
    size = 10 * words["shape"][1] * 4
    for tensor in header.values():
        if tensor.get("data_offsets", [0])[0] > first:
            tensor["data_offsets"] = [offset - (last - first - size) for offset in tensor["data_offsets"]]
    words["shape"][0], words["data_offsets"] = 10, [first, first + size]
    model.write_tensors(header, data[: first + size] + data[last:])
    model.edit("config.json", lambda config: config.update(vocab_size=10))


def of_sizes(hidden=1, layers=1, intermediate=1, words=900, positions=160, arguments=()):
    """A sound model of zeros, of sizes that nobody has; what it holds is not on the disk."""

    def build(model):
        names = [("embeddings.word_embeddings", words), ("embeddings.position_embeddings", positions), ("embeddings.token_type_embeddings", 2)]
        shapes = {f"bert.{name}.weight": [rows, hidden] for name, rows in names}
        products = {"bert.pooler.dense": [hidden, hidden], "classifier": [3, hidden]}
        norms = ["bert.embeddings"]
        for layer in range(layers):
            place = f"bert.encoder.layer.{layer}."
            products |= {f"{place}attention.self.{part}": [hidden, hidden] for part in ("query", "key", "value")}
            products |= {place + "attention.output.dense": [hidden, hidden], place + "intermediate.dense": [intermediate, hidden], place + "output.dense": [hidden, intermediate]}
            norms += [place + "attention.output", place + "output"]
        for name, shape in products.items():
            shapes |= {name + ".weight": shape, name + ".bias": shape[:1]}
        for name in norms:
            shapes |= {f"{name}.LayerNorm.{part}": [hidden] for part in ("weight", "bias")}
        header, end = {}, 0
        for name, shape in shapes.items():
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end := end + 4 * math.prod(shape)]}
        model.write_tensors(header, b"")
        os.truncate(model.file(FILE), model.file(FILE).stat().st_size + end)
        sizes = {"hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": 1, "intermediate_size": intermediate, "vocab_size": words}
        model.edit("config.json", lambda config: config.update(sizes, max_position_embeddings=positions))
        model.write("tokenizer_config.json", "{}")
        model.arguments += arguments

    return build


def doubled_by_escape(model):
    """The same name written in two ways."""
    header, data = model.tensors()
    model.write_tensors((json.dumps(header)[:-1] + ', "\\u0063lassifier.bias": ' + json.dumps(header[NAME]) + "}").encode(), data)


def under_two_names(old, new):
    """What stands for one tensor to some readers and for another to others: the same size, other values."""

    def build(model):
        header, data = model.tensors()
        first, last = header[old]["data_offsets"]
        header[new] = dict(header[old], data_offsets=[len(data), len(data) + last - first])
        model.write_tensors(header, data + bytes(last - first))

    return build


def padded(count):
    """Data that begins at any byte."""

    def build(model):
        header, data = model.tensors()
        model.write_tensors(json.dumps(header).encode() + b" " * count, data)

    return build


def beside(name, data):
    """A hostile file that nobody should open."""
    return lambda model: model.write(name, data) if data is not None else os.mkfifo(model.file(name))


# One element that any text uses, of each kind of tensor; the word table's is in the row of [CLS].
VALUES = ("bert.embeddings.position_embeddings.weight", "bert.embeddings.token_type_embeddings.weight", "bert.embeddings.LayerNorm.weight",
          "bert.embeddings.LayerNorm.bias", "bert.encoder.layer.0.attention.self.query.weight",
          "bert.encoder.layer.0.attention.self.query.bias", "bert.encoder.layer.0.attention.self.key.weight",
          "bert.encoder.layer.0.attention.self.value.weight", "bert.encoder.layer.0.attention.output.dense.weight",
          "bert.encoder.layer.0.attention.output.LayerNorm.weight", "bert.encoder.layer.0.intermediate.dense.weight",
          "bert.encoder.layer.0.intermediate.dense.bias", "bert.encoder.layer.1.output.dense.weight",
          "bert.encoder.layer.1.output.LayerNorm.bias", "bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight",
          "classifier.bias")  # fmt: skip


def case(name, build, codes=(CORRUPT,), affected=WEIGHTS, where=FILE, **more):
    return Case("safetensors/" + name, build, codes, affected, where, **more)


def cases():
    for at in TRUNCATED:
        yield case(f"truncated_at_{at}", truncated(at))
    for name, length in {"0": 0, "1": 1, "2": 2, "past_the_end": 1 << 30, "of_the_file": 370_348, "2^31": 1 << 31, "2^63": 1 << 63,
                         "2^64-1": (1 << 64) - 1, "above_the_limit": 100_000_001, "one_less": 100}.items():  # fmt: skip
        yield case(f"length_{name}", lying_length(length))
    for name, text in {"empty_object": "{}", "list": "[]", "number": "{1}", "text": '"x"', "nul": b"{\0}", "bom": b"\xef\xbb\xbf{}",
                       "not_utf8": b'{"\xff\xfe":1}', "surrogate": '{"\\ud800":1}', "surrogates_swapped": '{"\\udc00\\ud800":1}',
                       "trailing": "{}x", "two_values": "{}{}", "deep": nested('{"a":'), "deep_objects": times('{"a":', 10**6),
                       "open_text": '{"' + "a" * 1000, "comment": "{/**/}", "control": '{"\x01":1}'}.items():  # fmt: skip
        yield case(f"header_{name}", header_text(text, b"" if name == "empty_object" else bytes(8)))
    for name, offsets in {"reversed": [12, 0], "2^63": [1 << 63, (1 << 63) + 12], "2^64-1": [0, (1 << 64) - 1], "negative": [-12, 0],
                          "one": [0], "three": [0, 12, 24], "none": [], "past_the_end": [0, 1 << 30], "null": None, "object": {},
                          "text": ["0", "12"], "lists": [[0], [12]]}.items():  # fmt: skip
        yield case(f"offsets_{name}", entry(data_offsets=offsets))
    for name, text in {"fraction": "[0.0, 12.0]", "2^64": "[0, 18446744073709551616]", "1e999": "[0, 1e999]"}.items():
        yield case(f"offsets_{name}", raw_field("data_offsets", text))
    for name, shape in {"2^63": [1 << 63], "wraps_to_0": [1 << 32, 1 << 32], "wraps_to_3": [3, (1 << 62) + 1, 4], "negative": [-3],
                        "zero": [0], "another": [4], "null": None, "true": [True], "text": ["3"], "nested": [[3]]}.items():  # fmt: skip
        yield case(f"shape_{name}", entry(shape=shape))
    yield case("shape_65_dimensions", entry(shape=[1] * 64 + [3]), (CORRUPT, UNSUPPORTED))
    yield case("shape_scalar", entry(shape=[], dtype="F32"))
    yield case("shape_1e999", raw_field("shape", "[1e999]"))
    for name, dtype in {"unknown": "F33", "lower_case": "f32", "empty": "", "controls": CONTROLS, "long": "F" * 100_000}.items():
        yield case(f"dtype_{name}", entry(dtype=dtype), (UNSUPPORTED,))
    yield case("dtype_number", entry(dtype=32))
    yield case("dtype_wider", entry(dtype="F64"))
    yield case("dtype_half_bytes", entry(dtype="F4", shape=[23]))
    yield case("dtype_integers", entry(dtype="I32"), (UNSUPPORTED,))
    yield case("dtype_of_six_bits", entry(dtype="F6_E2M3", shape=[16]))
    yield case("unknown_field", entry(checksum="x"))
    yield case("name_twice_escaped", doubled_by_escape)
    yield case("metadata_escaped", header_text('{"\\u005f_metadata__":{"a":1}}'))
    yield case("metadata_deep", header_text(nested('{"__metadata__":{"a":')))
    yield case("long_number", header_text(times("1", 20 << 20, '{"a":{"dtype":"F32","shape":[', "]}}")))
    yield case("long_escapes", header_text(times("\\u0061", 3 << 20, '{"', '":1}')))
    yield case("name_empty", surplus(""), (0, CORRUPT), where="")
    yield case("name_nul", surplus("bert.a\0b"))
    yield case("zero_and_huge", entry(shape=[0, 1 << 62, 1 << 62], data_offsets=[0, 0]), (CORRUPT, UNSUPPORTED))
    yield case("two_names_of_norm", under_two_names("bert.embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.gamma"))
    yield case("two_names_of_base", under_two_names("bert.embeddings.LayerNorm.weight", "embeddings.LayerNorm.weight"))
    for count in (1, 2, 3):
        yield case(f"data_unaligned_{count}", padded(count), (0,), where="")
    for name, data in {"pytorch_model.bin": b"PK\x03\x04", "pytorch_model.bin.index.json": b"[", "model.safetensors.index.json": b"[",
                       "generation_config.json": None, "vocab.txt": b"\xff", "merges.txt": None, "modeling_evil.py": b"import os; os.abort()"}.items():  # fmt: skip
        yield case(f"beside_{name}", beside(name, data), (0,), where="")
    yield case("no_fields", lambda model: model.edit_header(lambda header: header.update({NAME: {}})))
    yield case("entry_is_null", lambda model: model.edit_header(lambda header: header.update({NAME: None})))
    yield case("name_twice", doubled)
    yield case("field_twice", doubled_field)
    yield case("overlap", overlapping)
    yield case("hole", hole)
    yield case("tail", lambda model: model.write(FILE, model.read(FILE) + b"tail"))
    yield case("metadata_of_numbers", header_text('{"__metadata__":{"a":1}}'))
    yield case("metadata_nested", header_text('{"__metadata__":{"a":{}}}'))
    yield case("metadata_twice", header_text('{"__metadata__":{},"__metadata__":{}}'))
    yield case("metadata_key_twice", header_text('{"__metadata__":{"a":"","a":""}}'))
    yield case("name_controls", surplus("bert." + CONTROLS))
    yield case("name_escapes", surplus("bert.../../../etc/passwd"))
    yield case("name_long", lambda model: surplus("bert." + "n" * (1 << 20))(model))
    yield case("name_missing", renamed("elsewhere"), (0,), where="")  # an untrained head: a warning
    yield case("tensor_missing", missing)
    yield case("tensor_transposed", transposed)
    yield case("tensor_unexplained", surplus("bert.encoder.layer.2.output.dense.bias"))
    for name, data in {"lfs_pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "web_page": b"<!DOCTYPE html><html>",
                       "zip": b"PK\x03\x04" + bytes(100), "gzip": b"\x1f\x8b\x08" + bytes(100), "nul_bytes": bytes(1000),
                       "ones": b"\xff" * 1000}.items():  # fmt: skip
        yield case(f"not_one_but_{name}", lambda model, data=data: model.write(FILE, data))
    yield case("sparse_1TiB_behind", sparse)
    yield case("sparse_1TiB_of_zeros", sparse_zeros)
    yield case("sparse_1TiB_tensor", sparse_tensor)
    yield case("100MB_of_spaces", sized_header(spaces, 100_000_000))
    yield case("100MB_of_one_key", sized_header(long_key, 100_000_000))
    yield case("300k_tensors", million(300_000))
    yield case("million_tensors", million(), large=True)
    yield case("metadata_7M_keys", metadata(7_000_000), (CORRUPT, UNSUPPORTED), large=True)
    yield case("metadata_500k_keys", metadata(500_000))
    yield case("small_vocabulary", small_vocabulary, (BAD_ROWS,), ("run",), "vocabulary of 10")
    yield case("sizes_of_1", of_sizes(), (0,), where="")
    yield case("sizes_512_layers", of_sizes(layers=512), (0,), where="")
    three = ("--sim", "memory=4MiB", "--sim", "memory=5MiB", "--max-memory", "cpu=6MiB")
    yield case("sizes_512_layers_on_three", of_sizes(layers=512, arguments=three), (0, DOES_NOT_FIT), where="", commands=("plan",))
    yield case("sizes_4096_layers", of_sizes(layers=4096), (UNSUPPORTED,), WEIGHTS)
    yield case("sizes_16M_positions", of_sizes(positions=1 << 24), (0, DOES_NOT_FIT), where="", text="the film was good")
    yield case("sizes_16M_positions_planned", of_sizes(positions=1 << 24), (0, DOES_NOT_FIT), where="", commands=("plan",), text=None)
    yield case("sizes_16M_words", of_sizes(words=1 << 24), (0,), where="")
    yield case("sizes_256GiB_a_layer", of_sizes(hidden=1 << 15, intermediate=1 << 20, layers=4), (0, DOES_NOT_FIT), where="", commands=("plan",))
    yield case("nan_behind_relu", lambda model: model.set_values("bert.encoder.layer.0.intermediate.dense.bias", float("nan")), (CORRUPT,),
               ("run",), "intermediate.dense.bias", good="models/bert-relu-multilabel")  # fmt: skip
    for tensor in VALUES:
        short = tensor.removeprefix("bert.").removesuffix(".weight") if tensor.endswith(".weight") else tensor.removeprefix("bert.")
        yield case(f"nan_in_{short}", lambda model, t=tensor: model.set_values(t, float("nan")), (CORRUPT,), ("run",), tensor)
    yield case("nan_in_words", lambda model: model.set_values("bert.embeddings.word_embeddings.weight", float("nan"), None), (CORRUPT,),
               ("run",), "bert.embeddings.word_embeddings.weight")  # fmt: skip
    for name, value in {"infinity": float("inf"), "minus_infinity": float("-inf")}.items():
        yield case(f"{name}_in_classifier", lambda model, v=value: model.set_values("classifier.bias", v), (CORRUPT,), ("run",), NAME)
        yield case(f"{name}_in_query", lambda model, v=value: model.set_values("bert.encoder.layer.0.attention.self.query.weight", v, None),
                   (CORRUPT,), ("run",), "query.weight")  # fmt: skip
    yield case("huge_values", lambda model: model.set_values("classifier.weight", 3e38, None), (CORRUPT,), ("run",), "")
