"""`.ci/quick` runs the tests that are nearest to a change, within its time, and names what it leaves out."""

import subprocess
import sys

from tests.quick import BUDGET_S, CHECKOUT, LONGEST_S, Choice, Chosen, choose, imports_of, mirrors

# a provider, a file of the core, a view; tests that are near and far
IMPORTS = {
    "leptonctl.core.plan": set(),
    "leptonctl.core.graph": {"leptonctl.core.plan"},
    "leptonctl.commands.planning.line": {"leptonctl.core.graph"},
    "leptonctl.commands.apply": {"leptonctl.commands.planning.line"},
    "leptonctl.providers.trainers.ridge": set(),
    "tests.projects": set(),
    "tests.core.toy": {"leptonctl.core.plan"},
    "tests.core.test_plan": {"leptonctl.core.plan"},
    "tests.core.test_graph": {"leptonctl.core.graph"},
    "tests.core.test_toy": {"tests.core.toy"},
    "tests.commands.test_line": {"leptonctl.commands.planning.line"},
    "tests.commands.test_apply": {"leptonctl.commands.apply"},
    "tests.laws.test_kill": {"tests.projects"},
    "tests.providers.test_trainers": set(),
    "tests.providers.test_conformance": set(),
    "tests.test_docs": {"tests.projects"},
    "tests.test_golden": {"tests.projects"},
}


def ran(choice: Choice) -> list[str]:
    return [chosen.test for chosen in choice.run]


def test_the_test_of_a_module_comes_first_then_the_nearest_by_imports() -> None:
    choice = choose(["leptonctl/core/plan.py"], IMPORTS, {})
    assert ran(choice) == ["tests.core.test_plan", "tests.core.test_graph", "tests.core.test_toy", "tests.commands.test_line"]
    assert choice.run[0].why == "is the test of leptonctl.core.plan"
    assert choice.run[3].why == "imports leptonctl.commands.planning.line → leptonctl.core.graph → leptonctl.core.plan"
    assert not choice.left


def test_tests_that_take_too_long_are_left_out_by_name() -> None:
    seconds = {"tests.core.test_plan": LONGEST_S + 1, "tests.core.test_graph": LONGEST_S, "tests.core.test_toy": BUDGET_S - LONGEST_S + 1}
    choice = choose(["leptonctl/core/plan.py"], IMPORTS, seconds)
    assert ran(choice) == ["tests.core.test_graph", "tests.commands.test_line"]
    assert set(choice.left) == {"tests.core.test_plan", "tests.core.test_toy"}
    assert choice.left["tests.core.test_plan"].startswith("about 26 s; ")


def test_a_changed_test_runs_however_long_it_takes() -> None:
    assert ran(choose(["tests/laws/test_kill.py"], IMPORTS, {"tests.laws.test_kill": 900})) == ["tests.laws.test_kill"]
    assert ran(choose(["tests/core/toy.py"], IMPORTS, {})) == ["tests.core.test_toy"]


def test_a_module_that_starts_processes_is_guessed_to_be_slow() -> None:
    choice = choose(["tests/projects.py"], IMPORTS, {})
    assert ran(choice) == ["tests.laws.test_kill", "tests.test_docs"]
    assert set(choice.left) == {"tests.test_golden"}


def test_a_provider_is_checked_for_conformance_by_name() -> None:
    choice = choose(["leptonctl/providers/trainers/ridge.py"], IMPORTS, {"tests.providers.test_conformance": 900})
    assert Chosen(test="tests.providers.test_conformance", why="checks every provider", keyword="ridge") in choice.run
    assert "tests.providers.test_trainers" in ran(choice)


def test_files_that_are_not_imported_run_the_tests_that_read_them() -> None:
    assert ran(choose(["docs/concepts.md", "LICENSE"], IMPORTS, {})) == ["tests.test_docs"]
    assert choose(["tests/cases/gates.txt"], IMPORTS, {}).run == (
        Chosen(test="tests.test_golden", why="plays tests/cases/gates.txt", keyword="gates"),
    )
    assert choose([], IMPORTS, {}) == Choice()
    (both,) = choose(["tests/cases/gates.txt", "tests/cases/life.txt"], IMPORTS, {}).run
    assert (both.test, both.keyword) == ("tests.test_golden", "gates or life")


def test_the_imports_of_the_checkout() -> None:
    imports = imports_of(CHECKOUT)
    assert "leptonctl.core.plan" in imports["tests.core.test_plan"]
    assert "leptonctl.learning.steps.train" in imports["leptonctl.kinds.registry"], "named in a string"
    assert "tests.projects" in imports["tests.test_imports"]
    named = [module for module in imports if module.startswith("leptonctl.core.") and set(mirrors(module)) & imports.keys()]
    assert len(named) > 6


def test_only_modules_that_ran_are_measured(tmp_path) -> None:
    """With the conftest of this checkout, in a separate cache."""
    cache = tmp_path / "cache"
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-o", f"cache_dir={cache}", "tests/kinds/model/test_references.py"]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, timeout=120)
    kept = (cache / "v" / "leptonctl" / "seconds").read_text(encoding="utf-8")
    assert "tests.kinds.model.test_references" in kept
    subprocess.run([*command, "-k", "nothing_at_all"], cwd=CHECKOUT, check=False, capture_output=True, timeout=120)
    assert (cache / "v" / "leptonctl" / "seconds").read_text(encoding="utf-8") == kept
