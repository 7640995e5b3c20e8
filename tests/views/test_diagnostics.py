"""The exact text of diagnostics."""

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.values import Span
from leptonctl.views.diagnostics import MOST_SHOWN, render


def at(line: int, column: int, end: int, file: str = "models/churn.yaml") -> Span:
    return Span(file=file, line=line, column=column, end_column=end)


def test_the_form() -> None:
    problem = error(
        "unknown-dataset",
        "Model names a dataset that is not declared",
        "no document `kind: Dataset` has this name",
        span=at(4, 12, 23),
        hint='did you mean "churn-train" (declared at data.yaml:2:7)?',
    )
    text = "kind: Model\nname: churn\ntask: x\n  dataset: chrun-train\n"
    assert (
        render([problem], {"models/churn.yaml": text}, color=False)
        == """\
error[unknown-dataset]: Model names a dataset that is not declared
  --> models/churn.yaml:4:12
  4 |   dataset: chrun-train
    |            ^^^^^^^^^^^ no document `kind: Dataset` has this name
  hint: did you mean "churn-train" (declared at data.yaml:2:7)?

1 error
"""
    )


def test_order_and_counts() -> None:
    problems = [
        error("z", "No place"),
        error("c", "Third", span=at(2, 1, 2, "b.yaml")),
        Diagnostic(id="b", severity="warning", summary="Second", span=at(10, 1, 2, "a.yaml")),
        Diagnostic(id="a", severity="note", summary="First", detail="a sentence", span=at(2, 1, 2, "a.yaml")),
        error("c", "Third", span=at(2, 1, 2, "b.yaml")),
    ]
    assert (
        render(problems, {}, color=False)
        == """\
note[a]: First
  --> a.yaml:2:1
  a sentence

warning[b]: Second
  --> a.yaml:10:1

error[c]: Third
  --> b.yaml:2:1

error[z]: No place

2 errors, 1 warning, 1 note
"""
    )
    assert render([], {}, color=False) == ""


def test_wide_characters_tabs_and_control_characters() -> None:
    text = "\t日本é: \x1b[31mred\x07 # e\u0301\n"
    shown = render([error("x", "S", "d", span=at(1, 5, 6, "a.yaml"))], {"a.yaml": text}, color=False)
    assert shown.split("\n")[2:4] == ["  1 |     日本é: \ufffd[31mred\ufffd # e\u0301", "    |          ^ d"]
    wide = render([error("x", "S", span=at(1, 2, 4, "a.yaml"))], {"a.yaml": text}, color=False)
    assert wide.split("\n")[3] == "    |     ^^^^"


def test_lines_of_three_digits_and_several_lines_of_words() -> None:
    text = "\n" * 122 + "seed: x"
    problem = error("x", "S", "first\nsecond", span=at(123, 7, 8, "a.yaml"), hint="one\ntwo")
    assert (
        render([problem], {"a.yaml": text}, color=False)
        == """\
error[x]: S
  --> a.yaml:123:7
  123 | seed: x
      |       ^ first
  second
  hint: one
        two

1 error
"""
    )


def test_long_lines_are_cut_around_the_place() -> None:
    text = "k: [" + "aaaa, " * 100 + "HERE, " + "b" * 200 + "]"
    column = text.index("HERE") + 1
    shown = render([error("x", "S", "d", span=at(1, column, column + 4, "a.yaml"))], {"a.yaml": text}, color=False).split("\n")
    assert "HERE" in shown[2]
    assert shown[2].index("HERE") == shown[3].index("^^^^")
    assert shown[2].startswith("  1 | …")
    assert shown[2].endswith("…")
    assert len(shown[2]) < 140


def test_a_place_after_the_end_has_one_caret() -> None:
    shown = render([error("x", "S", span=at(1, 9, 9, "a.yaml"))], {"a.yaml": "key:"}, color=False)
    assert shown.split("\n")[2:4] == ["  1 | key:", "    |     ^"]
    assert "-->" in render([error("x", "S", span=at(7, 1, 2, "a.yaml"))], {"a.yaml": "key:"}, color=False)


def test_color_only_when_asked() -> None:
    problem = error("x", "S", "d", span=at(1, 1, 4, "a.yaml"), hint="h")
    colored = render([problem], {"a.yaml": "key:"}, color=True)
    assert "\x1b[1;31merror[x]\x1b[0m" in colored
    assert "\x1b[1;31m^^^ d\x1b[0m" in colored
    assert "\x1b" not in render([problem], {"a.yaml": "key:"}, color=False)


def test_of_very_many_the_errors_are_shown_first_and_the_rest_is_counted() -> None:
    notes = [Diagnostic(id="a-note", severity="note", summary="Note", detail=f"{n}", span=at(n, 1, 2)) for n in range(1, MOST_SHOWN + 1)]
    errors = [error("an-error", "Error", f"{n}", span=at(n, 1, 2, "z.yaml")) for n in range(1, 4)]
    shown = render([*notes, *errors], {}, color=False)
    assert shown.count("error[an-error]") == len(errors)
    assert shown.count("note[a-note]") == MOST_SHOWN - len(errors)
    assert "… and 3 more; `--json` lists them all" in shown
    assert shown.splitlines()[-1].startswith("3 errors"), shown[-100:]
    assert "more" not in render(notes, {}, color=False)
