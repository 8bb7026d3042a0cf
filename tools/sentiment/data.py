"""Sentences with labels: for training, and to be kept aside."""

import json
import pathlib
import random
import re
import string

from . import grammar as grammars
from . import lexicon

LABELS = ("negative", "neutral", "positive")
RULES = {"negative": "opinion-", "neutral": "neutral", "positive": "opinion+"}
NEUTRAL_LISTS = (
    "noun0", "noun1", "nouns0", "nouns1", "adj0", "adj1", "place0", "did0", "do0", "does0", "doing0", "job", "when0",
    "goes0", "unit")
FOLDER = pathlib.Path(__file__).parent


def make_grammar():
    """The grammar with the words of the lexicon in it."""
    return grammars.Grammar(lexicon.read_rules())


def read_jsonl(path):
    """The rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_jsonl(path, rows):
    """Writes rows as JSON lines."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def plain(text):
    """A text without case, punctuation and double spaces, to compare texts by."""
    return " ".join(re.findall(r"\w+", text.lower()))


def join_sentences(rng, sentences, exclaims):
    """Ends each sentence and joins them."""
    ended = []
    for sentence in sentences:
        sentence = re.sub(r"\ba (?=[aeio])", "an ", sentence.strip())
        sentence = re.sub(r"\bi\b", "I", sentence[:1].upper() + sentence[1:])
        end = rng.choices([".", "!", "...", "!!!"], [80, exclaims, 2, exclaims / 4])[0]
        ended.append(sentence if sentence.endswith("?") else sentence + end)
    return " ".join(ended)


def neutral_words(grammar):
    """The longer words of the lists without an opinion, in a fixed order."""
    phrases = [text for rule in NEUTRAL_LISTS for _, kept, text in grammar.alternatives[rule] if not kept]
    return sorted({phrase for phrase in phrases if re.fullmatch(r"[a-z]{4,}", phrase)})


def replace_words(rng, text, words, share):
    """Replaces some neutral words by others, or by the front of one and the end of another.

    Otherwise a word that training lacks, or has in other places only, would look like an opinion.
    """
    known = set(words)

    def replace(match):
        if match.group() not in known or rng.random() >= share:
            return match.group()
        front, end = rng.choice(words), rng.choice(words)
        if rng.random() < 0.5:
            return front
        return front[:rng.randint(2, 4)] + end[-rng.randint(2, 5):]

    return re.sub(r"[a-z]{4,}", replace, text)


def add_noise(rng, text, grammar, label):
    """Leaves out or changes what people leave out or change when they type."""
    if rng.random() < 0.35:
        text = text.rstrip(".!")
    if rng.random() < 0.04:
        text = re.sub(r"[,.!]", "", text)
    if rng.random() < 0.04:
        text = text.replace("'", "")
    elif rng.random() < 0.04:
        text = text.replace("'", "’")
    if rng.random() < 0.05 and label != "neutral":
        text += " " + grammar.expand(rng, "smile" + RULES[label][-1])
    return text


def make_text(rng, grammar, label, aside=None):
    """A text of one or a few sentences with the label."""
    rule = RULES[label]
    sentences = [grammar.expand(rng, rule, aside)]
    choice = rng.random()
    if choice < 0.12:
        sentences.append(grammar.expand(rng, rule, aside))
    elif choice < 0.27:
        sentences.insert(rng.randrange(2), grammar.expand(rng, "fact", aside))
    elif choice < 0.29:
        sentences += [grammar.expand(rng, rng.choice([rule, "fact"]), aside) for _ in range(rng.randrange(3, 9))]
    return join_sentences(rng, sentences, 3 if label == "neutral" else 15)


def clean_texts(grammar, seed, count):
    """Texts to learn word pieces from: `count` without noise, the words with an opinion, smileys, punctuation."""
    rng = random.Random(seed)
    texts = [make_text(rng, grammar, LABELS[number % 3]) for number in range(count)]
    opinions = [text for rule, entries in sorted(grammar.training.items()) if rule[-1] in "+-" and not rule.startswith("lex")
                for _, _, text in entries if re.fullmatch(r"[a-z]+", text)]
    smileys = [text for rule in ("smile+", "smile-") for _, _, text in grammar.training[rule]]
    return texts + sorted(set(opinions)) * 30 + smileys * 3 + [string.ascii_lowercase + string.digits + string.punctuation + "’€£"]


def training_texts(grammar, seed, count, banned):
    """Yields `count` texts with labels as (text, label index), none of them among the banned."""
    rng = random.Random(seed)
    words = neutral_words(grammar)
    for number in range(count):
        label = LABELS[number % 3]
        text = make_text(rng, grammar, label)
        while plain(text) in banned:
            text = make_text(rng, grammar, label)
        if rng.random() < 0.5:
            text = replace_words(rng, text, words, 0.3)
        yield add_noise(rng, text, grammar, label), LABELS.index(label)


def make_heldout(grammar, seed, count, seen_words):
    """Sentences with a template or a word in them that training never uses.

    A word counts only if it is not among the seen words, in any place.
    """
    rng = random.Random(seed)
    rows, texts = [], set()
    wanted = [(label, kind) for label in LABELS for kind in ("template", "word")]
    while len(rows) < count:
        label, kind = wanted[len(rows) % len(wanted)]
        aside = []
        text = make_text(rng, grammar, label, aside)
        aside = [what for what, phrase in aside if what == "template" or not seen_words.issuperset(plain(phrase).split())]
        if kind in aside and plain(text) not in texts and len(text) < 160:
            texts.add(plain(text))
            rows.append({"text": text, "label": label, "aside": kind})
    return rows
