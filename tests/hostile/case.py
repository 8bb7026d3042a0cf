"""What a case is, and the pieces of text that many of them need."""
import dataclasses
import typing

ALL = ("run", "plan", "tokenize")
WEIGHTS = ("run", "plan")  # tokenize reads neither weights nor config.json

DOES_NOT_FIT, CORRUPT, UNSUPPORTED, ABSENT, USAGE, BAD_ROWS = 6, 5, 4, 3, 2, 1


@dataclasses.dataclass
class Case:
    """One way to spoil a model. Those of `commands` that are `affected` end with one of `codes`, the others with 0."""

    name: str
    build: typing.Callable
    codes: tuple = (CORRUPT,)
    affected: tuple = ALL
    where: str = ""  # what the error must name
    large: bool = False  # takes long to make or to read: not in every run
    good: str = "models/bert"
    text: typing.Any = "the film was good"  # what the commands are given; None: what the case itself gives them
    commands: tuple = ALL


def nested(head, tail="", depth=10**6):
    """Lists in lists behind `head`, made when they are needed: 800 cases at once would weigh more than the command may."""
    return lambda: head + "[" * depth + "1" + "]" * depth + tail


def times(piece, count, head="", tail=""):
    return lambda: head + piece * count + tail


CONTROLS = "\x1b[31mred\x07\x7f\u009b0m\u202ereversed\u2028line\nplimsoll: error: second line\r"


def repeated(piece, times, block=1 << 16):
    """`piece` so often, a block at a time."""
    per_block = max(1, block // len(piece))
    for _ in range(times // per_block):
        yield piece * per_block
    yield piece * (times % per_block)
