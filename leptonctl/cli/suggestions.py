"""What to type instead of a command, argument or option that does not exist: a similar one, or the counterpart of another tool's."""

import re
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher, get_close_matches

from leptonctl.cli.foreign_words import COMMAND_WORDS, CONSENT, OPTION_WORDS, TOOLS

DESTRUCTIVE = frozenset({"destroy", "gc", "purge"})
"""Never suggested for a word that merely resembles them."""
ALMOST_EQUAL = 0.84


def argument_hint(command: str, message: str, options: Collection[str]) -> str:
    """What to do with the arguments that a command does not take, which `message` lists; "" when nothing is known."""
    match = re.search(r"unexpected extra arguments? \(([^)]+)\)", message)
    if match is None:
        return ""
    if command == "leptonctl explain":
        return f"it explains one address; `leptonctl diff A B` compares two, such as {match[1].split()[0]}"
    return f"`{command} {' '.join(f'--only {word}' for word in match[1].split())}`" if "--only" in options else ""


def command_hint(group: Sequence[str], words: Sequence[str], commands: Collection[str]) -> str:
    """What to type instead of the unknown command `words[0]` of a group; "" when nothing is known.

    `commands`: those of the group. A destructive one is suggested only for a word that is almost equal to it.
    """
    if not group and len(words) > 1 and words[0].lower() in TOOLS:
        # pasted as it is typed there: `dvc repro`
        return command_hint(group, words[1:], commands)
    for typed in ([*group, *words][:2],) if group else (words[:2], words[:1]):
        hint = COMMAND_WORDS.get(" ".join(typed).lower())
        if hint:
            return f"in leptonctl: {hint}"
    similar = next((name for name in get_close_matches(words[0], commands, n=3, cutoff=0.6) if _may_suggest(words[0], name)), None)
    if similar:
        return f'did you mean "{similar}"?'
    foreign = [] if group else get_close_matches(words[0], COMMAND_WORDS, n=1, cutoff=0.8)
    return f'"{foreign[0]}" in leptonctl: {COMMAND_WORDS[foreign[0]]}' if foreign else ""


def _may_suggest(word: str, name: str) -> bool:
    return name not in DESTRUCTIVE or SequenceMatcher(None, word, name).ratio() >= ALMOST_EQUAL


def option_word(option: str, arguments: Sequence[str]) -> str:
    """The option as it was typed: `-target` of `-target=model/x`, of which the parser saw only `-t`."""
    for word in arguments:
        name = word.partition("=")[0]
        if name == option or (len(option) == len("-x") and _is_cluster(name) and option[1] in name):
            return name
    return option


def _is_cluster(word: str) -> bool:
    """Whether the parser read a word as several options of one letter."""
    return word.startswith("-") and not word.startswith("--") and len(word) > len("-x")


def option_hint(option: str, options: Collection[str]) -> str:
    """What to write instead of an option of another tool; "" when nothing is known. `options`: those of the command."""
    name = option.lstrip("-")
    if not option.startswith("--") and f"--{name}" in options:
        return f"options have two dashes here: `--{name}`"
    hint = OPTION_WORDS.get(name)
    if "--yes" not in options and (name == "yes" or hint == CONSENT):
        return f"this command asks for no consent: leave {option} out"
    return f"in leptonctl: {hint}" if hint else ""
