"""Makes sentences from the word lists and templates beside this file."""

import pathlib
import re
import zlib

FOLDER = pathlib.Path(__file__).parent
TEMPLATE_FILES = ("opinions.txt", "praise.txt", "complaints.txt", "facts.txt", "neutral.txt")
SLOT = re.compile(r"\{([@!]?)(\w+)([+-]?)\}")
OPPOSITE = {"+": "-", "-": "+", "": ""}
KEPT_ASIDE = 24  # one template, and one word without an opinion, in so many is kept aside


def read_lines(path):
    """The lines of a file without comments and blank ones."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.rstrip() for line in lines if line.strip() and not line.startswith("# ")]


def read_words(path):
    """The lists of words.txt, as {name: [alternative, ...]}."""
    rules, name = {}, None
    for line in read_lines(path):
        if not line.startswith(" "):
            name, line = line.split(": ", 1)
        words = [word.strip() for word in line.split(",")]
        rules.setdefault(name, []).extend(word for word in words if word)
    return rules


def read_templates(path):
    """The [rules] of a template file, as {name: [alternative, ...]}; "3 * x" stands for three times x."""
    rules, name = {}, None
    for line in read_lines(path):
        if line.startswith("["):
            name = line.strip("[]")
            continue
        weight, star, rest = line.partition(" * ")
        times, text = (int(weight), rest) if star else (1, line)
        rules.setdefault(name, []).extend([text] * times)
    return rules


def is_kept_aside(rule, text, size):
    """Whether an alternative of a rule with `size` alternatives never occurs in training.

    Words and set phrases with an opinion are not kept aside here: what a word means cannot be
    known before it was seen. lexicon.py keeps some aside whose relatives stay in training.
    """
    if rule.endswith("?"):
        return True
    has_slot = "{" in text
    has_opinion = rule[-1] in "+-@"
    if size < 20 or (has_opinion and not has_slot) or rule == "opinion@" or rule == "neutral":
        return False
    return zlib.crc32(text.encode()) % KEPT_ASIDE == 0


def split_slots(text):
    """Cuts "a {x} b" into its plain pieces and its (mark, name, sign) slots, in order."""
    pieces, end = [], 0
    for slot in SLOT.finditer(text):
        pieces += [text[end:slot.start()], slot.groups()]
        end = slot.end()
    return pieces + [text[end:]]


class Grammar:
    """Rules that are expanded at random.

    A rule "x@" belongs to both "x+" and "x-". While a rule with a sign is expanded, {@y} stands
    for y of the same sign and {!y} for y of the other one.
    """

    def __init__(self, extra_rules):
        rules = read_words(FOLDER / "words.txt")
        for name in TEMPLATE_FILES:
            for rule, texts in read_templates(FOLDER / name).items():
                rules.setdefault(rule, []).extend(texts)
        rules.update(extra_rules)
        self.alternatives = {}
        for rule, texts in rules.items():
            entries = [(split_slots(text), is_kept_aside(rule, text, len(texts)), text) for text in texts]
            for target in self.targets(rule):
                self.alternatives.setdefault(target, []).extend(entries)
        self.training = {rule: [entry for entry in entries if not entry[1]]
                         for rule, entries in self.alternatives.items()}

    @staticmethod
    def targets(rule):
        """The names under which a rule's alternatives can be asked for."""
        name = rule.rstrip("?")
        return [name[:-1] + "+", name[:-1] + "-"] if name.endswith("@") else [name]

    def expand(self, rng, rule, aside=None):
        """A random sentence of a rule.

        With a list for `aside`, alternatives that are kept aside may be used, and what was used
        is added to it as ("template" or "word", text); without one they never are.
        """
        entries = (self.training if aside is None else self.alternatives)[rule]
        pieces, kept, text = entries[int(rng.random() * len(entries))]
        if kept and aside is not None:
            aside.append(("template" if "{" in text else "word", text))
        sign = rule[-1] if rule[-1] in "+-" else ""
        words = []
        for piece in pieces:
            if isinstance(piece, str):
                words.append(piece)
            else:
                mark, name, own = piece
                own = {"": own, "@": sign, "!": OPPOSITE[sign]}[mark]
                words.append(self.expand(rng, name + own, aside))
        return "".join(words)
