"""Which tests a change is likely to break: what `.ci/quick` runs. `python -m tests.quick` prints which and why, and runs them.

The fewer imports lie between a test module and a change, the nearer it is. The nearest are taken until the time is used up. The seconds of a
module's last run here are in `.pytest_cache`; for one that has never run they are guessed. What is left out is named: `.ci/run` runs everything.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
SECONDS = "leptonctl/seconds"
MEASURED = CHECKOUT / ".pytest_cache" / "v" / SECONDS

FAR = 3
"""Imports between a test and a change, at most."""
BUDGET_S, LONGEST_S = 50.0, 25.0
"""Seconds of all chosen tests together (three run at a time), and of one module."""
GUESS_S, GUESS_PROCESS_S = 1.0, 20.0
"""A module that was not measured, and one that starts the command in processes of its own."""
PROCESSES = "tests.projects"
CHANGED = "it was changed"
CONFORMANCE = "tests.providers.test_conformance"
GOLDEN = "tests.test_golden"
# cheap tests of the source text as a whole
WHOLE = ("tests.test_architecture", "tests.test_diagnostic_ids")
# files that are not imported, and the tests that read them
READERS = {
    "*.md": ("tests.test_docs", "tests.test_architecture"),
    "docs/tutorial.md": ("tests.test_tutorial",),
    "docs/images/*": ("tests.test_tutorial",),
    "leptonctl/views/templates/*": ("tests.views.test_plan_markdown",),
    "schemas/*": ("tests.test_docs", "tests.kinds.test_schema"),
    "pyproject.toml": ("tests.test_lock", "tests.test_packaging"),
    "constraints.txt": ("tests.test_lock",),
    "hatch_build.py": ("tests.test_packaging",),
    "tests/golden_digests.json": ("tests.kinds.test_golden_digests",),
    "tests/state_formats/*": ("tests.kinds.test_state_formats", "tests.storage.test_state_formats"),
}
Imports = Mapping[str, AbstractSet[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A test module, why it runs, and the keyword that picks the tests of it ("" for all)."""

    test: str
    why: str
    keyword: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What runs, nearest first, and what was near as well but is left out, with the reason."""

    run: tuple[Chosen, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)


def choose(changed: Iterable[str], imports: Imports, seconds: Mapping[str, float]) -> Choice:
    """The tests for changed files (paths below the checkout). `imports`: module -> the modules it imports. Pure."""
    files = sorted(set(changed))
    modules = [module_of(file) for file in files if module_of(file) in imports]
    candidates: dict[str, Chosen] = {}
    for chosen in (*_certain(files, modules, imports), *_near(modules, imports)):
        known = candidates.get(chosen.test)
        if known is None:
            candidates[chosen.test] = chosen
        elif known.keyword and chosen.keyword:
            keyword = " or ".join(sorted({*known.keyword.split(" or "), *chosen.keyword.split(" or ")}))
            candidates[chosen.test] = replace(known, why=f"{known.why}, {chosen.why}", keyword=keyword)
    run: list[Chosen] = []
    left: dict[str, str] = {}
    spent = 0.0
    for chosen in candidates.values():
        cost = 0.0 if chosen.keyword else cost_of(chosen.test, imports, seconds)
        if chosen.why != CHANGED and (cost > LONGEST_S or spent + cost > BUDGET_S):
            left[chosen.test] = f"about {cost:.0f} s; {chosen.why}"
            continue
        spent += cost
        run.append(chosen)
    return Choice(run=tuple(run), left=left)


def _certain(files: Iterable[str], modules: Iterable[str], imports: Imports) -> list[Chosen]:
    """What is chosen whatever the imports."""
    found = [Chosen(test=module, why=CHANGED) for module in modules if is_test(module)]
    for file in files:
        found += [
            Chosen(test=test, why=f"reads {file}")
            for pattern, tests in READERS.items()
            if fnmatch(file, pattern)
            for test in tests
            if test in imports
        ]
        if fnmatch(file, "tests/cases/*.txt") and GOLDEN in imports:
            found.append(Chosen(test=GOLDEN, why=f"plays {file}", keyword=Path(file).stem))
    for module in modules:
        if module.startswith("leptonctl."):
            found += [Chosen(test=test, why=f"is the test of {module}") for test in mirrors(module) if test in imports]
    providers = sorted({module.rpartition(".")[2] for module in modules if module.startswith("leptonctl.providers.")})
    if providers and CONFORMANCE in imports:
        found.append(Chosen(test=CONFORMANCE, why="checks every provider", keyword=" or ".join(providers)))
    if any(module.startswith("leptonctl.") for module in modules):
        found += [Chosen(test=test, why="reads all of the source") for test in WHOLE if test in imports]
    return found


def _near(modules: Iterable[str], imports: Imports) -> list[Chosen]:
    """Test modules from which imports lead to a changed module, the fewest first."""
    importers: dict[str, set[str]] = {}
    for module, imported in imports.items():
        for other in imported:
            importers.setdefault(other, set()).add(module)
    found: list[Chosen] = []
    # module -> the modules on the way to the change, itself first
    ways = {module: (module,) for module in modules}
    edge = sorted(ways)
    for _ in range(FAR):
        reached: dict[str, tuple[str, ...]] = {}
        for module in edge:
            for importer in sorted(importers.get(module, ())):
                if importer not in ways and importer not in reached:
                    reached[importer] = (importer, *ways[module])
        ways |= reached
        found += [Chosen(test=module, why=f"imports {' → '.join(way[1:])}") for module, way in sorted(reached.items()) if is_test(module)]
        edge = sorted(module for module in reached if not is_test(module))
    return found


def cost_of(test: str, imports: Imports, seconds: Mapping[str, float]) -> float:
    """Seconds that a test module takes, as measured or guessed."""
    return seconds.get(test, GUESS_PROCESS_S if PROCESSES in imports.get(test, ()) else GUESS_S)


def mirrors(module: str) -> list[str]:
    """The names that the test module of a module may have."""
    parts = module.split(".")[1:]
    return [f"tests.{parts[0]}.test_{parts[-1]}"] + (
        [f"tests.providers.test_{parts[1]}"] if parts[0] == "providers" and len(parts) > 1 else []
    )


def is_test(module: str) -> bool:
    return module.startswith("tests.") and module.rpartition(".")[2].startswith("test_")


def module_of(file: str) -> str:
    """`leptonctl/core/plan.py` -> `leptonctl.core.plan`."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


# --- the checkout ------------------------------------------------------------------------------------------------------------------------


def imports_of(root: Path) -> dict[str, set[str]]:
    """Every module of the package and of the tests, with what it imports or names as "module:value"."""
    files = {module_of(file.relative_to(root).as_posix()): file for part in ("leptonctl", "tests") for file in (root / part).rglob("*.py")}
    return {
        module: {name for name in _names(file, strings=module.startswith("leptonctl.")) if name in files} - {module}
        for module, file in files.items()
    }


def _names(file: Path, *, strings: bool) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                found |= {alias.name for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
            case ast.Constant(value=str(text)) if strings and text.startswith("leptonctl."):
                found.add(text.partition(":")[0])
    return found


@cache
def base() -> str:
    """Where this branch left main; HEAD on main itself, or where there is no main."""
    for branch in ("main", "origin/main", "master"):
        done = _git("merge-base", "HEAD", branch)
        if done:
            return done[0]
    return "HEAD"


def changed_files() -> list[str]:
    """What differs from the base, committed or not, and what Git does not know yet."""
    return [*_git("diff", "--name-only", "--no-renames", base()), *_git("ls-files", "--others", "--exclude-standard")]


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return done.stdout.split("\n")[:-1] if done.returncode == 0 else []


def measured() -> dict[str, float]:
    try:
        return json.loads(MEASURED.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def run(choice: Choice) -> int:
    """Pytest over the chosen modules: once for all that run whole, once for each keyword."""
    worst = 0
    for keyword in sorted({chosen.keyword for chosen in choice.run}):
        files = [f"{chosen.test.replace('.', '/')}.py" for chosen in choice.run if chosen.keyword == keyword]
        picked = [*(["-k", keyword] if keyword else []), *(["-n0"] if len(files) == 1 else [])]
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", *picked, *files], cwd=CHECKOUT, check=False)
        # 5: the keyword picks no test
        worst = max(worst, 0 if done.returncode == 5 and keyword else done.returncode)
    return worst


def main() -> int:
    files = changed_files()
    choice = choose(files, imports_of(CHECKOUT), measured())
    print(f"Changed since {base()[:12]}: {len(files)} file(s).")
    for chosen in choice.run:
        print(f"  run   {chosen.test}{f' -k {chosen.keyword!r}' if chosen.keyword else ''}: {chosen.why}")
    for test, why in choice.left.items():
        print(f"  left  {test}: {why}")
    print(
        f"Not considered: everything further than {FAR} imports away, including tests/e2e, tests/laws and tests/cases. `.ci/run` runs it all."
    )
    return run(choice) if choice.run else 0


if __name__ == "__main__":
    sys.exit(main())
