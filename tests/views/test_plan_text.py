from leptonctl.core.change import Because, Create, Drift, Plan
from leptonctl.core.frozen import replace
from leptonctl.views.plan_json import plan_to_json
from leptonctl.views.plan_text import render
from tests.views.plans import binding, edited, everything, new_version, plan, step

WHOLE = """\
+ model/spam-filter@v2  new
    train 1 to 5 s · export under 1 s · evaluate

~ model/spam-filter@v1  recipe changed
    params.C         1.0 → 0.5    models/spam.yaml:12:9
    params.max_iter  unset → 200  leptonctl.yaml:7:9
    train cached

~ environment/prod/spam-filter  v1 → v2
    models.spam-filter  v1 → v2  env.yaml:30:5
    compare · bind
    ✓ accuracy  0.9312  ≥ 0.85
    ✗ f1 drop     0.03  ≤ 0.01  (0.94 bound, 0.91 candidate)
    ? flips             ≤ 0.05  (decided during the apply)

· model/spam-filter@v0  no longer declared

Live differs from what is recorded:
  heal  environment/prod  recorded v1, live nothing  its server is not running

note[newer-epoch]: A newer epoch exists. Nothing moves by itself.
  hint: format: 2

1 gate fails: 1 binding would not move.
Plan: 1 to create, 2 to update, 1 to forget, 2 to build (train 1, export 1, evaluate 1, compare 1), 1 held by gates, 1 to heal.
Work for 5 to 20 s, and 2 steps without history."""


def text(shown: Plan, *, verbose: bool = False) -> str:
    return render(shown, color=False, width=100, verbose=verbose)


def test_a_member_of_a_long_list_is_named() -> None:
    """Not where the order changed, or the lists fit; `-v` shows both whole."""
    names = ["accuracy", "precision", "recall", "f1", "log_loss", "roc_auc"]

    def line(after: list[str], before: list[str] = names, *, verbose: bool = False) -> str:
        because = (Because(path="evaluate.metrics", before=list(before), after=after, span=None),)
        change = replace(edited(), because=because)
        return text(plan(change), verbose=verbose).splitlines()[1].strip()

    assert line([*names[:2], "mcc", *names[2:]]) == "evaluate.metrics  added mcc"
    assert line(names[1:]) == "evaluate.metrics  removed accuracy"
    assert line([*names[1:], "mcc"]) == "evaluate.metrics  removed accuracy, added mcc"
    assert "…" in line(names[::-1])
    assert line(["b"], ["a"]) == 'evaluate.metrics  ["a"] → ["b"]'
    assert line(names[1:], verbose=True).endswith('"roc_auc"] → ["precision", "recall", "f1", "log_loss", "roc_auc"]')


def test_a_whole_plan() -> None:
    assert text(everything()) == WHOLE


def test_a_saved_plan_reads_the_same_from_its_json() -> None:
    assert render(plan_to_json(everything()), color=False, width=100) == WHOLE


def test_an_empty_plan_is_one_line() -> None:
    assert text(plan()) == "Nothing to do: everything declared is in place."


def test_drift_that_is_not_healed_is_shown_above_that_line() -> None:
    shown = text(plan(drift=(Drift(address="dataset/mail@1", drift_class="note", reason="the pinned file was overwritten"),)))
    assert shown.splitlines()[-1] == "Nothing to do: everything declared is in place."
    assert "note  dataset/mail@1" in shown


def test_a_return_is_marked_and_no_gate_blocks_it() -> None:
    shown = text(plan(replace(binding(), is_return=True, steps=(step("bind", "x", None),))))
    assert "~ environment/prod/spam-filter  v1 → v2  a return: no gate blocks it" in shown
    assert "Plan: 1 to update, nothing to build, 1 to bind." in shown
    assert "fail" not in shown


def test_many_changes_of_a_kind_are_folded_with_their_work() -> None:
    many = plan(*(new_version(f"model/m{i:03}@v1", str(i)) for i in range(50)), binding())
    shown = text(many)
    assert len(shown.splitlines()) < 30
    assert "+ … and 47 more like these: train 47, export 47, evaluate 47, 1 to 5 min" in shown
    assert "model/m003@v1, model/m004@v1" in shown
    assert "✗ f1 drop" in shown
    assert "Plan: 50 to create, 1 to update, 51 to build (train 50, export 50, evaluate 50, compare 1), 1 held by gates." in shown
    assert "model/m049@v1  new" in text(many, verbose=True)


def test_a_failed_gate_is_never_folded_away() -> None:
    open_gate = replace(binding(), judgements=binding().judgements[2:])
    many = [replace(open_gate, address=f"environment/e{i:02}/m") for i in range(40)]
    many[35] = replace(binding(), address="environment/e35/m")
    shown = text(plan(*many))
    assert "environment/e35/m  v1 → v2" in shown
    assert "… and 37 more like these" in shown


def test_values_are_shortened_and_cannot_control_the_terminal() -> None:
    nasty = Because(path="description", before="\x1b[2J" + "x" * 500, after="a\nb")
    shown = text(plan(replace(edited(), because=(nasty,))))
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) < 120
    assert "a\\nb" in shown


def test_color_only_adds_codes() -> None:
    import re

    colored = render(everything(), color=True, width=100)
    assert "\x1b[32m+\x1b[0m" in colored
    assert re.sub(r"\x1b\[\d+m", "", colored) == WHOLE


def test_a_step_shared_by_two_addresses_is_forecast_once() -> None:
    shared = tuple(Create(address=f"model/{n}@v1", reason="new", steps=(step("train", n, "sha256:t", forecast_s=3.0),)) for n in "ab")
    assert text(plan(*shared)).endswith("2 to build (train 1).\nWork for 1 to 5 s.")
