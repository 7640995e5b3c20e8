"""Recognises pairs of words that mean true and false. Reads no file."""

from collections.abc import Sequence

from leptonctl.core.contract import WORDS, Words

PAIRS = (
    ("yes", "no"), ("y", "n"), ("t", "f"), ("ja", "nein"), ("j", "n"), ("oui", "non"), ("o", "n"), ("si", "no"), ("sí", "no"), ("sì", "no"),
    ("sim", "não"), ("vrai", "faux"), ("wahr", "falsch"), ("on", "off"), ("tak", "nie"), ("ja", "nej"), ("да", "нет"), ("是", "否"),
    ("verdadero", "falso"), ("vero", "falso"), ("true", "false"), ("x", ""),
)  # fmt: skip


def true_and_false(texts: Sequence[str]) -> Words | None:
    """The words as the column writes them, if its texts are such a pair; case and white space do not count."""
    words = {text.strip(" \t").casefold(): text.strip(" \t") for text in reversed(texts)}
    pair = next((pair for pair in PAIRS if set(pair) == set(words)), None)
    return Words(true=(words[pair[0]],), false=(words[pair[1]],)) if pair else None


def are_usual(words: Words) -> bool:
    """Whether a boolean column reads these words without a declaration."""
    return all(WORDS.value(word) is value for word, value in ((words.true[0], True), (words.false[0], False)))
