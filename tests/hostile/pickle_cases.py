"""pytorch_model.bin: what the pickle says, in both forms of the file. Instructions, globals, storages, shapes, and bombs of all kinds."""
import dataclasses
import struct

from bin_cases import case, put
from case import BAD_ROWS, CONTROLS, CORRUPT, UNSUPPORTED, repeated
from torch_file import (ORDERED_DICT, REBUILD, Tensor, archive_of, call, counts, dict_of, integer, legacy_of, list_of, long, made, named, state_dict, text, tuple_of,
                        weights_of, whole)  # fmt: skip

EITHER = (CORRUPT, UNSUPPORTED)
NAME = "classifier.weight"  # [3, 48] of 41 tensors
EMPTY = whole(b"}")


def put_in(form, model, held, storages):
    put(model, (archive_of if form == "zip" else legacy_of)(held, storages).written())


def spoiled(change):
    """`change` gets the tensors, and gives the pickle's value where that is not simply theirs."""

    def build(form):
        def make(model):
            tensors, storages = weights_of(model)
            held = change(tensors)
            put_in(form, model, whole(state_dict(tensors) if held is None else held), storages)

        return make

    return build


def tensor(**fields):
    """Fields of one tensor changed."""
    return spoiled(lambda tensors: tensors.update({NAME: dataclasses.replace(tensors[NAME], **fields)}))


def arguments(*items):
    """The arguments of the call that makes one tensor."""
    return spoiled(lambda tensors: dict_of({NAME: call(REBUILD, *items)}))


def identity(*items):
    return tensor(identity=tuple_of(*items))


def member(value, name="extra"):
    """A member of the dict behind the good ones."""
    return spoiled(lambda tensors: dict_of([*((n, t.pickled()) for n, t in tensors.items()), (name, value() if callable(value) else value)]))


def code(value):
    """A whole pickle of anything at all."""
    return lambda form: lambda model: put_in(form, model, value() if callable(value) else value, weights_of(model)[1])


STORAGE = [text("storage"), named("torch", "FloatStorage"), text("0"), text("cpu"), integer(144)]


def instructions():
    for name, data in {"protocol_3": b"\x80\x03}.", "protocol_5": b"\x80\x05}.", "no_protocol": b"}.", "protocol_twice": b"\x80\x02\x80\x02}.", "no_stop": b"\x80\x02}", "empty": b"\x80\x02.", "behind_stop": EMPTY + b"N",
                       "two_values": b"\x80\x02N}.", "open_mark": b"\x80\x02(}."}.items():  # fmt: skip
        yield f"pickle_{name}", code(data), EITHER
    for byte in b"0123IFLSVbBCdDegijlmopPRa\x82\x83\x84\x8b\x8c\x8d\x8e\x90\x91\x92\x93\x94\x95\x96\x97\x98\x00\xff":
        yield f"opcode_{byte:02x}", code(b"\x80\x02" + bytes([byte]) + bytes(300) + b"."), EITHER
    for name, data in {"tuple1": b"\x85", "tuple3": b"NN\x87", "tuple_no_mark": b"Nt", "tuple_over_mark": b"N(\x85", "append_to_dict": b"}Na", "append_to_nothing": b"Na", "setitem_on_list": b"]NNs", "setitems_odd": b"}(Nu",
                       "setitem_of_list": b"}]Ns", "appends_no_mark": b"]e", "build_on_dict": b"}}b", "build_of_none": call(named("collections", "OrderedDict")) + b"Nb", "build_on_tensor": b"N}b", "reduce_of_none": b"N)R",
                       "reduce_of_list": REBUILD + b"]R", "newobj_of_text": text("x") + b")\x81", "newobj_of_storage": named("torch", "FloatStorage") + b")\x81", "get_unknown": b"h\x05", "get_4_billion": b"j\xff\xff\xff\xff", "put_4_billion": b"Nr\xff\xff\xff\xff",
                       "put_nothing": b"q\0", "put_far": b"Nq\xff", "persistent_none": b"NQ", "persistent_text": text("0") + b"Q"}.items():  # fmt: skip
        yield f"stack_{name}", code(whole(data)), (CORRUPT,)


def globals_():
    for module, name in (("os", "system"), ("posix", "system"), ("builtins", "eval"), ("__builtin__", "eval"), ("builtins", "getattr"), ("subprocess", "Popen"), ("torch", "load"), ("torch", "_C._jit_init"), ("torch.serialization", "load"),
                         ("torch._utils", "_rebuild_sparse_tensor"), ("torch._utils", "_rebuild_device_tensor_from_numpy"), ("torch.storage", "_load_from_bytes"), ("torch.hub", "load"), ("numpy.core.multiarray", "_reconstruct"),
                         ("collections", "OrderedDict.__init__"), ("collections", "defaultdict"), ("Collections", "OrderedDict"), ("collections ", "OrderedDict"), ("torch", "FloatStorage "), ("torch", "FloatTensor"), ("", ""),
                         ("torch..", "Size"), ("functools", "partial"), ("\x1b[31m", "\x07\u202e"), ("m" * 200, "n" * 200), ("m" * 300, "n")):  # fmt: skip
        shown = f"{module}.{name}".encode("unicode_escape").decode()
        shown = shown if len(shown) < 60 else f"of_{len(shown)}_bytes"
        yield f"global_{shown}", code(whole(call(named(module, name), text("touch /tmp/owned")))), EITHER
    yield "global_cut_off", code(b"\x80\x02ctorch\nFloatSto"), (CORRUPT,)
    yield "global_as_value", member(named("torch", "Size")), (0,)
    for name, callee in {"dtype": named("torch", "float32"), "storage": named("torch", "FloatStorage"), "dict": b"}"}.items():
        yield f"callee_{name}", tensor(callee=callee), (CORRUPT,)


def storages():
    for name, items in {"none": [], "four": STORAGE[:4], "seven": [*STORAGE, b"N", b"N"], "module": [text("module"), *STORAGE[1:]], "number": [integer(0), *STORAGE[1:]], "class_text": [*STORAGE[:1], text("FloatStorage"), *STORAGE[2:]],
                        "class_dtype": [*STORAGE[:1], named("torch", "float32"), *STORAGE[2:]], "key_number": [*STORAGE[:2], integer(0), *STORAGE[3:]], "key_none": [*STORAGE[:2], b"N", *STORAGE[3:]],
                        "location_none": [*STORAGE[:3], b"N", STORAGE[4]], "size_none": [*STORAGE[:4], b"N"], "size_true": [*STORAGE[:4], b"\x88"], "size_text": [*STORAGE[:4], text("144")], "size_real": [*STORAGE[:4], b"G" + struct.pack(">d", 144.0)]}.items():  # fmt: skip
        yield f"identity_{name}", identity(*items), (CORRUPT,)
    yield "identity_list", tensor(identity=list_of(*STORAGE)), (CORRUPT,)
    for name, view in {"none_text": text("x"), "two": tuple_of(text("v"), integer(0)), "beyond": tuple_of(text("v"), integer(0), integer(145)), "offset_beyond": tuple_of(text("v"), integer(145), integer(0)),
                       "negative": tuple_of(text("v"), integer(-1), integer(1)), "wraps": tuple_of(text("v"), integer(1 << 62), integer(1 << 62)), "smaller": tuple_of(text("v"), integer(0), integer(100))}.items():  # fmt: skip
        yield f"view_{name}", spoiled(lambda tensors, v=view: tensors.update({NAME: dataclasses.replace(tensors[NAME], identity=tuple_of(
            text("storage"), named("torch", "FloatStorage"), text(tensors[NAME].key), text("cpu"), integer(144), v))})), (CORRUPT,)  # fmt: skip
    for name, key in {"absent": "99", "up": "../data.pkl", "absolute": "/etc/passwd", "empty": "", "controls": CONTROLS, "long": "k" * 256, "negative": "-1", "spaced": " 0", "padded": "00", "nul": "0\0"}.items():
        yield f"key_{name}", tensor(key=key), (CORRUPT,)
    for name, kind in {"double": "DoubleStorage", "half": "HalfStorage", "byte": "ByteStorage", "of_quantized": "QInt8Storage", "complex_double": "ComplexDoubleStorage"}.items():
        yield f"kind_{name}", tensor(kind=kind), EITHER
    yield "kind_of_integers", tensor(kind="IntStorage"), EITHER
    for name, elements in {"0": 0, "1": 1, "one_less": 143, "one_more": 145, "negative": -1, "2^31": 1 << 31, "2^61": 1 << 61, "2^62": 1 << 62, "2^63": 1 << 63, "2^64": 1 << 64, "2^2000": 1 << 2000, "none": b"N"}.items():
        yield f"elements_{name}", tensor(elements=elements), (CORRUPT,)
    shared = lambda tensors: tensors.update({NAME: dataclasses.replace(tensors[NAME], key="0", elements=4)})  # fmt: skip
    yield "storage_in_two_sizes", spoiled(shared), (CORRUPT,)
    yield "storage_in_two_types", spoiled(lambda tensors: tensors.update({NAME: dataclasses.replace(tensors[NAME], key="0", kind="IntStorage")})), (CORRUPT,)


def shapes():
    for name, shape in {"negative": [-3, -48], "2^63": [1 << 63], "2^62_squared": [1 << 62, 1 << 62], "wraps_to_0": [1 << 32, 1 << 32], "wraps_to_144": [144, (1 << 62) + 1, 4], "larger": [3, 49], "one_more_row": [4, 48],
                        "true": tuple_of(b"\x88", integer(48)), "real": tuple_of(b"G" + struct.pack(">d", 3.0), integer(48)), "text": text("3"), "none": b"N", "list": list_of(integer(3), integer(48)), "nested": tuple_of(counts([3]), counts([48])),
                        "huge_number": tuple_of(long(b"\xff" * 255), integer(1)), "transposed": [48, 3], "flat": [144], "scalar": [], "empty_rows": [0, 48]}.items():  # fmt: skip
        yield f"shape_{name}", tensor(shape=shape, **({} if isinstance(shape, list) else {"strides": [48, 1]})), EITHER
    yield "shape_65_dimensions", tensor(shape=[1] * 64 + [3]), EITHER
    yield "shape_million_dimensions", tensor(shape=[1] * 100_000), EITHER
    for name, strides in {"negative": [-48, 1], "one": [1], "three": [1, 1, 1], "2^63": [1 << 63, 1], "2^62": [1 << 62, 1], "wraps": [1 << 61, 1 << 61], "beyond": [49, 1], "beyond_twice": [48, 2], "none": b"N", "text": text("x"), "real": tuple_of(b"G" + bytes(8), integer(1))}.items():  # fmt: skip
        yield f"strides_{name}", tensor(strides=strides), (CORRUPT,)
    for name, strides in {"overlap": [1, 1], "zero": [0, 0], "transposed": [1, 3], "zero_rows": [0, 1]}.items():
        yield f"strides_{name}", tensor(strides=strides), (0,)
    yield "repeats_1TiB", tensor(shape=[1 << 19, 1 << 19], strides=[0, 0]), (UNSUPPORTED,)
    for name, offset in {"1": 1, "144": 144, "145": 145, "negative": -1, "2^62": 1 << 62, "2^63-1": (1 << 63) - 1, "2^64": 1 << 64, "none": b"N", "true": b"\x88"}.items():
        yield f"offset_{name}", tensor(offset=offset), (CORRUPT,)
    for name, more in {"none": (), "one": (b"\x89",), "four": (b"\x89", b"N", b"N", b"N"), "hooks_text": (b"\x89", text("x")), "gradient_number": (integer(1), b"N")}.items():
        yield f"arguments_{name}", tensor(more=more), (CORRUPT,)
    yield "made_of_nothing", arguments(), (CORRUPT,)
    yield "made_of_text", tensor(storage=text("storage")), (CORRUPT,)
    yield "made_of_tensor", spoiled(lambda tensors: tensors.update({NAME: dataclasses.replace(tensors[NAME], storage=tensors[NAME].pickled())})), (CORRUPT,)
    for name, dtype in {"wider": named("torch", "float64"), "text": text("float32"), "none": b"N", "class": named("torch", "FloatStorage")}.items():
        yield f"dtype_{name}", tensor(callee=named("torch._utils", "_rebuild_tensor_v3"), more=(b"\x89", b"}", dtype)), (CORRUPT,)
    parameter = named("torch._utils", "_rebuild_parameter")
    for name, value in {"none": tuple_of(), "text": tuple_of(text("x"), b"\x88", b"}"), "hook": tuple_of(b"N", b"\x88", text("x"))}.items():
        yield f"parameter_{name}", spoiled(lambda tensors, v=value: dict_of({NAME: parameter + v + b"R"})), (CORRUPT,)


def dicts():
    yield "root_list", spoiled(lambda tensors: list_of(*(t.pickled() for t in tensors.values()))), (CORRUPT,)
    yield "root_tensor", spoiled(lambda tensors: tensors[NAME].pickled()), (CORRUPT,)
    yield "root_of_training", spoiled(lambda tensors: dict_of({"epoch": integer(3), CONTROLS: state_dict(tensors)})), (UNSUPPORTED,)
    # A legacy file lists its storages all the same, and that nothing uses them is noticed first.
    yield "no_tensors", spoiled(lambda tensors: dict_of({"a": b"N"})), (UNSUPPORTED, CORRUPT)
    yield "name_number", spoiled(lambda tensors: b"}" + integer(1) + tensors[NAME].pickled() + b"s"), (CORRUPT,)
    yield "name_tuple", spoiled(lambda tensors: b"}" + tuple_of() + tensors[NAME].pickled() + b"s"), (CORRUPT,)
    yield "name_twice", spoiled(lambda tensors: dict_of([(n, t.pickled()) for n, t in tensors.items()] + [(NAME, tensors[NAME].pickled())])), (CORRUPT,)
    yield "name_twice_transposed", spoiled(lambda tensors: dict_of([(n, t.pickled()) for n, t in tensors.items()] + [(NAME, dataclasses.replace(tensors[NAME], strides=[1, 3]).pickled())])), (CORRUPT,)
    for name, key in {"controls": "bert." + CONTROLS, "escapes": "bert.../../etc/passwd", "not_utf8": b"bert.\xff\xfe", "surrogate": "bert.\ud800", "nul": "bert.a\0b", "long": "bert." + "n" * (1 << 20), "unexplained": "bert.encoder.layer.2.output.dense.bias"}.items():
        yield f"name_{name}", spoiled(lambda tensors, k=key: dict_of([*((n, t.pickled()) for n, t in tensors.items()), (k, tensors[NAME].pickled())])), EITHER
    missing = "bert.encoder.layer.1.output.dense.weight"
    yield "tensor_missing", spoiled(lambda tensors: dict_of({n: t.pickled() for n, t in tensors.items() if n != missing})), (CORRUPT,)
    yield "member_none", member(b"N"), (0,)
    yield "member_huge_number", member(long(b"\x7f" * 255)), (0,)
    yield "member_controls", member(text(CONTROLS), CONTROLS), (0,)


def bombs():
    yield "deep_lists", member(lambda: b"]" * 10**6 + b"a" * (10**6 - 1)), (0, *EITHER)
    yield "deep_tuples", member(b")" + b"\x85" * 10**6), (0, *EITHER)
    yield "deep_marks", member(b"(" * 10**6 + b"t" * 10**6), EITHER
    yield "laughs", member(b"(Nt" + b"".join(b"r" + struct.pack("<I", i) + b"j" + struct.pack("<I", i) + b"\x86" for i in range(200))), (0, *EITHER)
    yield "own_member", member(b"]q\0h\0a"), (0,)
    yield "own_member_of_dict", member(b"}q\0" + text("x") + b"h\0s"), (0,)
    yield "memo_million", member(lambda: b"N" + b"".join(b"r" + struct.pack("<I", i) for i in range(10**6))), (0, *EITHER)
    yield "puts_16MB", member(lambda: b"Nq\0" + b"q\0" * (8 << 20)), (0, *EITHER)
    yield "marks_16MB", member(lambda: b"}" + b"(u" * (8 << 20)), (0, *EITHER)
    yield "stack_2M", code(lambda: b"\x80\x02" + b"N" * (2 << 20) + b"."), (UNSUPPORTED,)
    yield "items_20MB", member(lambda: b"](" + b"N" * (1 << 20 - 1) + b"te" + (b"((" + b"N" * 500_000 + b"t") * 20), EITHER
    yield "text_8MB", member(lambda: text(b"x" * (8 << 20))), (0, *EITHER)
    yield "text_claims_4GiB", member(b"X\xff\xff\xff\xff"), (CORRUPT,)
    yield "pairs_million", member(lambda: call(named("collections", "OrderedDict"), b"](" + b"NN\x86" * 100_000 + b"e")), (0, *EITHER)
    yield "pairs_often", member(lambda: b"](" + b"NN\x86" * 20_000 + b"eq\0" + b"0" * 0 + tuple_of(*(call(named("collections", "OrderedDict"), b"h\0") for _ in range(5000)))), EITHER
    yield "tensors_200k", spoiled(lambda tensors: many_tensors(200_000)), EITHER


def many_tensors(count):
    """So many tensors of one storage."""
    one = Tensor("FloatStorage", "0", 4, [1])
    return b"}(" + text("first") + one.pickled() + b"q\0" + b"".join(text(f"t{i}") + b"h\0" for i in range(count)) + b"u"


def every_table(scale):
    """A member that fills the lists that a pickle's values are kept in, as far as a pickle's 8 MiB allow where `scale` is 1."""
    storage, arguments_ = tuple_of(*STORAGE[:4], integer(48)), tuple_of(b"h\x01Q", integer(0), counts([1]), counts([1]), b"\x89", b"}")
    made = [ORDERED_DICT + b"q\x00" + b"}b" * 900_000 * scale, storage + b"q\x01", arguments_ + b"q\x02", REBUILD + b"q\x03"]
    made += [b"(" + one * 10_000 + b"t" for one, times in ((b"h\x01Q", 22), (b"h\x03h\x02R", 28)) for _ in range(times * scale)]
    made += [b"(" + b"N" * 100_000 + b"t"] * (14 * scale) + [b"](" + b"N" * 100_000 + b"e"] * (4 * scale)
    return tuple_of(*made, b"N" + b"".join(b"r" + struct.pack("<I", i) for i in range(4, 500_000 * scale)))


def large():
    yield "tables_full", member(lambda: every_table(1)), (0,), True
    yield "tables_over", member(lambda: every_table(2)), (UNSUPPORTED,), True
    yield "puts_99MB", member(lambda: b"Nq\0" + b"q\0" * 49_000_000), (UNSUPPORTED,), True
    yield "puts_31MB", member(lambda: b"Nq\0" + b"q\0" * (31 << 19)), (0, *EITHER), True
    yield "globals_31MB", member(lambda: (b"(" + b"ctorch\nSize\n" * 200_000 + b"t") * 12), (0, *EITHER), True
    yield "tensors_1M", spoiled(lambda tensors: many_tensors(1_000_000)), EITHER, True


def cases():
    for group in (instructions, globals_, storages, shapes, dicts, bombs, large):
        for name, build, codes, *size in group():
            for form in ("zip", "legacy"):
                yield case(f"{form}/{name}", build(form), codes, large=bool(size and size[0]))
