"""Trains the bundled sentiment model and writes models/sentiment.

    pip install -r tools/train-requirements.txt
    python tools/train_sentiment.py              # train, then the next two
    python tools/train_sentiment.py --evaluate   # accuracy on the sentences kept aside and the everyday ones
    python tools/train_sentiment.py --expected   # write transformers' answers for the tests

The sentences are made from the templates and word lists in tools/sentiment; nothing is downloaded.
Everything random comes from one seed, and one thread is used.
"""

import argparse
import collections
import itertools
import json
import os
import pathlib
import random

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import tokenizers  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402

from sentiment import data  # noqa: E402

MODEL_DIR = pathlib.Path(__file__).resolve().parent.parent / "models" / "sentiment"
DEV_FILE = data.FOLDER / "dev.jsonl"
SEED = 20
VOCAB_SIZE = 4000
VOCAB_TEXTS = 60000
MAX_LENGTH = 128
TRAINING_TEXTS = 480000
HELDOUT_TEXTS = 480
BATCH_SIZE = 64
LEARNING_RATE = 1e-3
WARMUP_STEPS = 300
SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def make_tokenizer(vocab):
    """A tokenizer of the kind that BERT has, with the given word pieces."""
    tokenizer = tokenizers.Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.add_special_tokens([token for token in SPECIAL_TOKENS if token in vocab])
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def train_tokenizer(texts):
    """A tokenizer with word pieces learnt from texts.

    The trainer breaks ties by token id and numbers the characters as it meets them in a hash map.
    Naming them all as special tokens fixes their ids, so that every run learns the same pieces.
    """
    learner = make_tokenizer({})
    characters = sorted({character for text in texts for character in learner.normalizer.normalize_str(text)} - {" "})
    first = SPECIAL_TOKENS + characters + ["##" + character for character in characters]
    learner.train_from_iterator(texts, trainers.WordPieceTrainer(
        vocab_size=VOCAB_SIZE, special_tokens=first, show_progress=False, min_frequency=2))
    tokenizer = make_tokenizer(learner.get_vocab())
    special = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=special)
    return tokenizer


def write_tokenizer(tokenizer):
    """Writes tokenizer.json and tokenizer_config.json."""
    tokenizer.save(str(MODEL_DIR / "tokenizer.json"))
    config = {
        "tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": MAX_LENGTH,
        "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]",
    }
    (MODEL_DIR / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def make_config(vocab_size):
    """The shape of the network."""
    return transformers.BertConfig(
        vocab_size=vocab_size, hidden_size=96, num_hidden_layers=2, num_attention_heads=4, intermediate_size=256,
        max_position_embeddings=MAX_LENGTH, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1, pad_token_id=0,
        id2label=dict(enumerate(data.LABELS)), label2id={label: i for i, label in enumerate(data.LABELS)})


def pad(sequences):
    """Token ids and mask of a batch as tensors."""
    length = max(len(ids) for ids in sequences)
    ids = torch.tensor([ids + [0] * (length - len(ids)) for ids in sequences])
    mask = torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids in sequences])
    return ids, mask


def make_batches(tokenizer, examples):
    """Batches of examples; texts of like length share one, so that little is padded."""
    rng = random.Random(SEED)
    examples = iter(examples)
    while chunk := list(itertools.islice(examples, BATCH_SIZE * 50)):
        encodings = tokenizer.encode_batch([text for text, _ in chunk])
        rows = sorted(((encoding.ids[:MAX_LENGTH], label) for encoding, (_, label) in zip(encodings, chunk)),
                      key=lambda row: len(row[0]))
        batches = [rows[i:i + BATCH_SIZE] for i in range(0, len(rows), BATCH_SIZE)]
        rng.shuffle(batches)
        for batch in batches:
            yield *pad([ids for ids, _ in batch]), torch.tensor([label for _, label in batch])


def train_model(tokenizer, examples):
    """A classifier trained on the examples, read once."""
    torch.manual_seed(SEED)
    model = transformers.BertForSequenceClassification(make_config(tokenizer.get_vocab_size()))
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    steps = TRAINING_TEXTS // BATCH_SIZE
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, WARMUP_STEPS, steps)
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.05)
    model.train()
    mean_loss = 0.0
    for step, (ids, mask, labels) in enumerate(make_batches(tokenizer, examples)):
        loss = loss_of(model(input_ids=ids, attention_mask=mask).logits, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        mean_loss += (loss.item() - mean_loss) * 0.02
        if step % 500 == 0:
            print(f"step {step} of {steps}, loss {mean_loss:.3f}", flush=True)
    return model.eval()


def train():
    """Makes everything but README.md and everyday.jsonl."""
    grammar = data.make_grammar()
    by_hand = data.read_jsonl(MODEL_DIR / "everyday.jsonl") + data.read_jsonl(DEV_FILE)
    banned = {data.plain(row["text"]) for row in by_hand}
    corpus = data.clean_texts(grammar, SEED, VOCAB_TEXTS)
    tokenizer = train_tokenizer(corpus)
    write_tokenizer(tokenizer)
    seen_words = {word for text in corpus for word in data.plain(text).split()}
    data.write_jsonl(MODEL_DIR / "heldout.jsonl", data.make_heldout(grammar, SEED + 1, HELDOUT_TEXTS, seen_words))
    model = train_model(tokenizer, data.training_texts(grammar, SEED, TRAINING_TEXTS, banned))
    model.save_pretrained(MODEL_DIR)
    (MODEL_DIR / "model.safetensors").chmod(0o644)


def load():
    """The tokenizer and the model that are in MODEL_DIR."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL_DIR)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(MODEL_DIR, dtype=torch.float32)
    return tokenizer, model.eval()


def answer(tokenizer, model, text):
    """Token ids and logits of one text."""
    inputs = tokenizer(text, truncation=True, return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs).logits
    return inputs["input_ids"][0].tolist(), logits[0].tolist()


def evaluate_file(tokenizer, model, path, show_errors):
    """Prints how many labels of a file are right, and by label what was answered."""
    right, answers = collections.Counter(), collections.Counter()
    total = collections.Counter()
    for row in data.read_jsonl(path):
        _, logits = answer(tokenizer, model, row["text"])
        label = data.LABELS[logits.index(max(logits))]
        groups = ["all"] + (["unseen " + row["aside"]] if "aside" in row else [])
        total.update(groups)
        answers[row["label"], label] += 1
        if label == row["label"]:
            right.update(groups)
        elif show_errors:
            print(f"  {row['label']} taken for {label}: {row['text']}")
    for group in total:
        print(f"{path.name}, {group}: {right[group]} of {total[group]} right ({right[group] / total[group]:.1%})")
    for truth in data.LABELS:
        print(f"  {truth:9}" + "".join(f"{answers[truth, label]:5} {label}" for label in data.LABELS))


def evaluate(show_errors):
    """Prints the accuracy on the sentences kept aside, the everyday ones and those of the template writer."""
    tokenizer, model = load()
    for path in (MODEL_DIR / "heldout.jsonl", MODEL_DIR / "everyday.jsonl", DEV_FILE):
        evaluate_file(tokenizer, model, path, show_errors)


def expected_texts():
    """Texts for the tests: everyday ones, and odd ones."""
    everyday = [row["text"] for row in data.read_jsonl(MODEL_DIR / "everyday.jsonl")]
    odd = [
        "", " ", "!", "...", "GREAT FILM!!!", "I can’t wait :)", "Café crème, naïve résumé", "3.50 € on 12/05/2021",
        "antidisestablishmentarianism", "数学は楽しい", "👍👍 love it 😀", "tabs\tand\nnew lines\r\nare spaces",
        "x" * 200, "It was good. " * 100, "\u0000control\u200b characters", "[CLS] in the text [SEP]",
    ]
    return everyday[:16] + odd


def write_expected():
    """Writes transformers' own answers, one sequence at a time in float32."""
    tokenizer, model = load()
    cases = []
    for text in expected_texts():
        ids, logits = answer(tokenizer, model, text)
        cases.append({"text": text, "input_ids": ids, "logits": logits})
    lines = ",\n".join("  " + json.dumps(case, ensure_ascii=True) for case in cases)
    head = f'"transformers": "{transformers.__version__}", "torch": "{torch.__version__}"'
    (MODEL_DIR / "expected.json").write_text(f'{{{head}, "cases": [\n{lines}\n]}}\n', encoding="utf-8")


def main():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Trains and checks the bundled sentiment model.")
    parser.add_argument("--evaluate", action="store_true", help="print the accuracy of the model that is there")
    parser.add_argument("--expected", action="store_true", help="write expected.json for the model that is there")
    parser.add_argument("--errors", action="store_true", help="also print what was answered wrongly")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    everything = not (arguments.evaluate or arguments.expected)
    if everything:
        train()
    if everything or arguments.expected:
        write_expected()
    if everything or arguments.evaluate:
        evaluate(arguments.errors)


if __name__ == "__main__":
    main()
