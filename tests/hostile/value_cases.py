"""Weights that are no numbers: of each type, in each form of file, resident and streamed. Only `run` reads weights, and must name the tensor."""
import struct

from bin_cases import put
from case import CORRUPT, Case
from torch_file import archive_of, legacy_of, state_dict, weights_of, whole

GOOD = {"f32": "models/bert", "f16": "variants/f16", "bf16": "variants/bf16", "f64": "variants/f64"}
WORDS = "bert.embeddings.word_embeddings.weight"
PRODUCT = "bert.encoder.layer.1.attention.self.value.weight"
TENSORS = (WORDS, PRODUCT, "bert.encoder.layer.0.attention.output.LayerNorm.weight", "classifier.bias")
NAN, INFINITY = float("nan"), float("inf")
SIZES = {"BFloat16Storage": 2, "HalfStorage": 2, "FloatStorage": 4, "DoubleStorage": 8}
LETTERS = {2: "H", 4: "I", 8: "Q"}


def streamed(model):
    (model.folder / "map.json").write_text('{"": "disk"}')
    model.arguments += ["--device-map", str(model.folder / "map.json")]


def spoil(model, tensor, value):
    model.set_values(tensor, value, None if tensor == WORDS else 1)


def column_major(tensors, storages):
    """Every matrix as a view of its transposed one, as checkpoints that came from TensorFlow have it."""
    for tensor in tensors.values():
        if len(tensor.shape) == 2:
            rows, columns = tensor.shape
            elements = memoryview(storages[tensor.key]).cast(LETTERS[SIZES[tensor.kind]])
            storages[tensor.key] = b"".join(elements[c::columns].tobytes() for c in range(columns))
            tensor.strides = [1, rows]


def in_form(form, model):
    if form == "safetensors":
        return
    tensors, storages = weights_of(model)
    if form == "transposed":
        column_major(tensors, storages)
    held = whole(state_dict(tensors))
    if form == "legacy":
        put(model, legacy_of(held, storages, SIZES[next(iter(tensors.values())).kind]).written())
    else:
        put(model, archive_of(held, storages).written())


def case(name, form, value=None, tensor="", way=(), codes=(CORRUPT,), **more):
    def build(model):
        if value is not None:
            spoil(model, tensor, value)
        in_form(form, model)
        if "streamed" in way:
            streamed(model)
        model.arguments += [argument for argument in way if argument != "streamed"]

    return Case(f"value/{name}", build, codes, ("run",), tensor, commands=("run",), **more)


def cases():
    for kind, good in GOOD.items():
        for way in ("resident", "streamed"):
            for form in ("safetensors", "zip", "legacy", "transposed"):
                yield case(f"good_{kind}_{form}_{way}", form, way=(way,) if way == "streamed" else (), codes=(0,), good=good)
                for tensor in TENSORS if form == "safetensors" else (WORDS, PRODUCT):
                    for name, value in {"nan": NAN, "infinity": INFINITY}.items():
                        if name == "nan" or form == "safetensors" and tensor == PRODUCT:
                            yield case(f"{name}_{kind}_{form}_{way}_{tensor.removeprefix('bert.')}", form, value, tensor, (way,) if way == "streamed" else (), good=good)
    # Numbers in the file, but none in the type that is computed in.
    yield case("1e300_f64", "safetensors", 1e300, PRODUCT, good=GOOD["f64"])
    yield case("1e300_f64_words", "safetensors", 1e300, WORDS, good=GOOD["f64"])
    yield case("1e300_f64_streamed", "safetensors", 1e300, PRODUCT, ("streamed",), good=GOOD["f64"])
    yield case("1e30_as_f16", "safetensors", 1e30, PRODUCT, ("--dtype", "float16"))
    yield case("1e30_as_f16_streamed", "safetensors", 1e30, PRODUCT, ("--dtype", "float16", "streamed"))
    yield case("3.4e38_as_bf16", "safetensors", struct.unpack("<f", struct.pack("<I", 0x7F7FFFFF))[0], PRODUCT, ("--dtype", "bfloat16"))
