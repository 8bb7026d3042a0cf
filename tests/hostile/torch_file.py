"""Files of torch.save in both forms, written piece by piece, so that each piece can lie. Nothing here needs torch."""
import dataclasses
import json
import struct
import zlib

FILE = "pytorch_model.bin"
STORAGES = {"F32": "FloatStorage", "F16": "HalfStorage", "BF16": "BFloat16Storage", "F64": "DoubleStorage"}
LEGACY_MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
LOCAL, CENTRAL, END, END64, LOCATOR, DESCRIPTOR = (b"PK" + code for code in (b"\x03\x04", b"\x01\x02", b"\x05\x06", b"\x06\x06", b"\x06\x07", b"\x07\x08"))

# Pieces of pickles of protocol 2, each of which leaves one value on the stack.


def whole(value):
    return b"\x80\x02" + value + b"."


def text(value):
    data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def integer(value):
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    return long(value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))


def long(digits):
    return b"\x8a" + bytes([len(digits)]) + digits


def named(module, name):
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def tuple_of(*items):
    return b"(" + b"".join(items) + b"t"


def list_of(*items):
    return b"](" + b"".join(items) + b"e"


def call(callee, *arguments):
    return callee + tuple_of(*arguments) + b"R"


def dict_of(members):
    """Keys are texts; a list of pairs may have one twice."""
    pairs = members.items() if isinstance(members, dict) else members
    return b"}(" + b"".join(text(key) + value for key, value in pairs) + b"u"


def counts(numbers):
    return tuple_of(*map(integer, numbers))


REBUILD = named("torch._utils", "_rebuild_tensor_v2")
ORDERED_DICT = call(named("collections", "OrderedDict"))


@dataclasses.dataclass
class Tensor:
    """What a pickle says of one tensor. A field that is bytes is the pickle of anything at all in its place."""

    kind: str
    key: str
    elements: int  # of the storage
    shape: list
    strides: list = None
    offset: int = 0
    location: str = "cpu"
    identity: bytes = None  # the persistent id
    storage: bytes = None
    callee: bytes = REBUILD
    more: tuple = (b"\x89", ORDERED_DICT)

    def pickled(self):
        strides = self.strides
        if strides is None:
            strides = [1] * len(self.shape)
            for i in range(len(self.shape) - 1, 0, -1):
                strides[i - 1] = strides[i] * self.shape[i]
        kind = self.kind if isinstance(self.kind, bytes) else named("torch", self.kind)
        identity = self.identity or tuple_of(text("storage"), kind, made(self.key, text), text(self.location), made(self.elements, integer))
        return call(self.callee, self.storage or identity + b"Q", made(self.offset, integer), made(self.shape, counts), made(strides, counts), *self.more)


def made(value, make):
    return value if isinstance(value, bytes) else make(value)


def weights_of(model, source="model.safetensors"):
    """({name: Tensor}, {key: bytes}) of a good model, a storage a tensor."""
    header, data = model.tensors(source)
    header.pop("__metadata__", None)
    tensors, storages = {}, {}
    for number, (name, entry) in enumerate(header.items()):
        first, last = entry["data_offsets"]
        size = {"F64": 8, "F32": 4}.get(entry["dtype"], 2)
        tensors[name] = Tensor(STORAGES[entry["dtype"]], str(number), (last - first) // size, entry["shape"])
        storages[str(number)] = data[first:last]
    return tensors, storages


def state_dict(tensors):
    return dict_of({name: tensor.pickled() for name, tensor in tensors.items()})


@dataclasses.dataclass
class Entry:
    """A file in an archive. What is None is what it should be."""

    name: str
    data: bytes
    crc: int = None
    method: int = 0
    flags: int = 0x808
    size: int = None
    stored: int = None
    offset: int = None
    local_name: str = None
    extra: bytes = b""
    comment: bytes = b""
    disk: int = 0
    signature: bytes = CENTRAL
    local_signature: bytes = LOCAL
    hidden: bool = False  # not in the directory


def encoded(name):
    return name if isinstance(name, bytes) else name.encode("utf-8", "surrogatepass")


@dataclasses.dataclass
class Archive:
    """A zip archive. `end` and `end64` change fields of the records at its end; `tail` follows them."""

    entries: list
    zip64: bool = True
    end: dict = dataclasses.field(default_factory=dict)
    end64: dict = dataclasses.field(default_factory=dict)
    locator: dict = dataclasses.field(default_factory=dict)
    head: bytes = b""
    tail: bytes = b""

    def entry(self, name):
        return next(entry for entry in self.entries if entry.name == "archive/" + name)

    def written(self):
        out, directory, listed = bytearray(self.head), bytearray(), 0
        for entry in self.entries:
            at = len(out)
            local_name = encoded(entry.name if entry.local_name is None else entry.local_name)
            padding = -(at + 30 + len(local_name) + 4) % 64
            out += entry.local_signature + struct.pack("<HHHHHIIIHH", 0, entry.flags, entry.method, 0, 0, 0, 0, 0, len(local_name), 4 + padding)
            out += local_name + b"FB" + struct.pack("<H", padding) + b"Z" * padding + entry.data
            crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
            size = len(entry.data) if entry.size is None else entry.size
            stored = len(entry.data) if entry.stored is None else entry.stored
            out += DESCRIPTOR + struct.pack("<III", crc, stored, size)
            if entry.hidden:
                continue
            listed += 1
            name = encoded(entry.name)
            offset = at if entry.offset is None else entry.offset
            directory += entry.signature + struct.pack("<HHHHHHIIIHHHHHII", 0, 0, entry.flags, entry.method, 0, 0, crc, stored, size, len(name), len(entry.extra),
                                                       len(entry.comment), entry.disk, 0, 0, offset) + name + entry.extra + entry.comment  # fmt: skip
        return bytes(out) + self.ends(listed, directory, len(out))

    def ends(self, listed, directory, first):
        figures = {"disk": 0, "start": 0, "here": listed, "entries": listed, "size": len(directory), "offset": first}
        records = b""
        if self.zip64:
            f = {"bytes": 44, **figures, **self.end64}
            records = END64 + struct.pack("<QHHIIQQQQ", f["bytes"], 0, 0, f["disk"], f["start"], f["here"], f["entries"], f["size"], f["offset"])
            at = {"disk": 0, "offset": first + len(directory), "disks": 1, **self.locator}
            records += LOCATOR + struct.pack("<IQI", at["disk"], at["offset"], at["disks"])
        f = {**figures, "comment": 0, **self.end}
        end = END + struct.pack("<HHHHIIH", f["disk"], f["start"], f["here"], f["entries"], f["size"], f["offset"], f["comment"])
        return bytes(directory) + records + end + self.tail


def archive_of(held, storages):
    """`held`: the whole pickle."""
    entries = [Entry("archive/data.pkl", held), Entry("archive/byteorder", b"little")]
    entries += [Entry("archive/data/" + key, data) for key, data in storages.items()]
    return Archive([*entries, Entry("archive/version", b"3\n")])


@dataclasses.dataclass
class Legacy:
    """The form before PyTorch 1.6: pickles, then the storages. `sizes` are elements of each storage."""

    held: bytes
    storages: dict
    sizes: dict
    magic: bytes = LEGACY_MAGIC
    protocol: bytes = whole(integer(1001))
    facts: bytes = whole(dict_of({"protocol_version": integer(1001), "little_endian": b"\x88"}))
    keys: bytes = None
    tail: bytes = b""

    def written(self):
        keys = self.keys or whole(list_of(*map(text, self.storages)))
        data = b"".join(struct.pack("<Q", self.sizes[key] % (1 << 64)) + data for key, data in self.storages.items())
        return self.magic + self.protocol + self.facts + self.held + keys + data + self.tail


def legacy_of(held, storages, kind=4):
    """`kind`: bytes of an element."""
    return Legacy(held, dict(storages), {key: len(data) // kind for key, data in storages.items()})


def write_index(model, shards, name="pytorch_model.bin.index.json"):
    """`shards`: {file: names of tensors}."""
    model.write(name, json.dumps({"metadata": {}, "weight_map": {tensor: file for file, names in shards.items() for tensor in names}}))
