"""A copy of a good model directory, to be spoiled file by file."""
import json
import pathlib
import shutil
import struct

PACK = {"F16": "<e", "F32": "<f", "F64": "<d"}


class Model:
    """The folder of one case. `path` is what the command is given; `arguments`, `environment` and `input` go with it."""

    def __init__(self, good, folder):
        self.folder = pathlib.Path(folder)
        self.path = str(self.folder / "model")
        self.arguments = []
        self.environment = {}
        self.input = None
        shutil.copytree(good, self.path)

    def file(self, name):
        return pathlib.Path(self.path, name)

    def write(self, name, data):
        """Bytes, text, a function that makes it, or a generator of bytes for what is too large to hold."""
        if callable(data):
            data = data()
        path = self.file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if isinstance(data, str):
            data = data.encode()
        with open(path, "wb") as out:
            for piece in [data] if isinstance(data, bytes) else data:
                out.write(piece)

    def read(self, name):
        return self.file(name).read_bytes()

    def json(self, name):
        return json.loads(self.read(name))

    def write_json(self, name, value):
        self.write(name, json.dumps(value))

    def edit(self, name, change):
        """Changes a JSON file's value in place."""
        value = self.json(name)
        change(value)
        self.write_json(name, value)

    def replace(self, name, old, new):
        """Changes a file's text where the `json` module could not write such a thing."""
        text = self.read(name)
        assert old.encode() in text, f"{name} has no {old}"
        self.write(name, text.replace(old.encode(), new if isinstance(new, bytes) else new.encode(), 1))

    # A safetensors file as (header, data).

    def tensors(self, name="model.safetensors"):
        raw = self.read(name)
        (length,) = struct.unpack("<Q", raw[:8])
        return json.loads(raw[8 : 8 + length]), raw[8 + length :]

    def write_tensors(self, header, data, length=None, name="model.safetensors"):
        """`header` may be text that is no JSON, and `length` a lie."""
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        self.write(name, struct.pack("<Q", len(text) if length is None else length) + text + data)

    def edit_header(self, change, name="model.safetensors"):
        header, data = self.tensors(name)
        change(header)
        self.write_tensors(header, data, name=name)

    def edit_text(self, old, new, name="model.safetensors"):
        """Changes the header's text."""
        raw = self.read(name)
        (length,) = struct.unpack("<Q", raw[:8])
        text = raw[8 : 8 + length]
        assert old in text, f"the header has no {old}"
        self.write_tensors(text.replace(old, new, 1), raw[8 + length :], name=name)

    def set_values(self, tensor, value, count=1, name="model.safetensors"):
        """The first `count` elements of a tensor of floats (all of them: None) become `value`."""
        header, data = self.tensors(name)
        first, last = header[tensor]["data_offsets"]
        dtype = header[tensor]["dtype"]
        one = struct.pack("<f", value)[2:] if dtype == "BF16" else struct.pack(PACK[dtype], value)
        end = last if count is None else first + len(one) * count
        self.write_tensors(header, data[:first] + one * ((end - first) // len(one)) + data[end:], name=name)

    # What is no regular file.

    def instead(self, name, make):
        self.file(name).unlink(missing_ok=True)
        make(self.file(name))
