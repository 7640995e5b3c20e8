"""docs/coming-from.md: every command and key of ours exists, and typing a word of theirs prints what the page says."""

import re

import pytest

from leptonctl.cli.suggestions import command_hint, option_hint
from leptonctl.kinds.not_yet import NOT_YET
from tests.test_docs import page

PAGE = page("docs/coming-from.md")
COMMANDS = dict(re.findall(r"^## leptonctl (.+?)\n(.+?)(?=^## |\Z)", page("docs/commands.md"), re.MULTILINE | re.DOTALL))
GROUPS = {"state", "lock", "server"}
GLOBAL = {"--json", "--no-color", "-v", "-C"}
OURS = re.compile(r"`leptonctl ([^`]+)`")
# rows of the tables "there | here" whose first cell is a command
THEIRS = re.findall(r"^\| `(?:(?:terraform|dvc|mlflow) )?([a-z][a-z-]*(?: [^`]+)?)` \| (.+) \|$", PAGE, re.MULTILINE)
SHOWN = {"taint", "apply -auto-approve"}
"""What the page only types to show the answer."""


@pytest.mark.parametrize("typed", sorted(set(OURS.findall(PAGE)) - SHOWN))
def test_our_commands_exist_with_their_options(typed: str) -> None:
    words = typed.split()
    name = next(name for name in (" ".join(words[:2]), words[0]) if name in COMMANDS)
    for option in (word for word in words if word.startswith("-")):
        assert option in GLOBAL or f"`{option}" in COMMANDS[name] or f", {option}" in COMMANDS[name], typed
    if name != "apply":
        assert len([word for word in words[len(name.split()) :] if not word.startswith("-")]) <= COMMANDS[name].count("\n| `"), typed


def test_the_tables_have_commands_of_all_the_tools() -> None:
    assert len(THEIRS) > 35
    assert {"taint", "repro", "models serve", "deploy", "start"} <= {typed for typed, _ in THEIRS}


def answers(typed: str) -> list[str]:
    """What the command line says to a command of another tool, and to its options; nothing to what exists here as well."""
    words = typed.split()
    found = [option_hint(option.partition("=")[0], ["--out", "--yes", "--only"]) for option in words if option.startswith("-")]
    plain = [word for word in words if word.islower() and not word.startswith("-")]
    if " ".join(plain) in COMMANDS or (plain[0] in COMMANDS and plain[0] not in GROUPS):
        return found
    group, rest = (plain[:1], plain[1:]) if plain[0] in GROUPS else ([], plain)
    return [*found, command_hint(group, rest, {name.split()[0] for name in COMMANDS})]


def named(text: str) -> set[str]:
    """The commands, options and keys in a text, and what becomes of the thing."""
    return {typed.split()[0] for typed in OURS.findall(text)} | set(re.findall(r"--[a-z]+|(?<=`)[a-z]+:|forgotten|nothing", text))


@pytest.mark.parametrize(("typed", "ours"), THEIRS, ids=[typed for typed, _ in THEIRS])
def test_their_words_are_answered_as_on_the_page(typed: str, ours: str) -> None:
    for answer in answers(typed):
        assert answer, f"no answer to {typed}"
        assert named(answer) & named(ours), (answer, ours)


def test_keys_of_ours_exist() -> None:
    reference = page("docs/yaml-reference.md")
    for key in re.findall(r"`(\w+):`", PAGE):
        assert re.search(rf"\| \*{{0,2}}`(?:\S+\.)?{key}`", reference), key


def test_what_the_page_calls_not_yet_is_not_built() -> None:
    paths = {entry.path for entry in NOT_YET}
    assert {"monitor", "models.*.canary", "models.*.shadow"} <= paths
