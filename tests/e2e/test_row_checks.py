"""Rules about rows and checks of whole columns: refused with file and line, warned of, and run on rows that are there."""

import json
from pathlib import Path

import pytest

from tests import projects
from tests.test_output_schemas import problems as schema_problems

YAML = """\
kind: Project
name: rules
executor: {parallelism: 1}
---
kind: Dataset
name: d
target: y
id: key
privacy: {drop: [secret]}
split: {test: 0.25, by: key}
columns:
  start: {type: date, parts: [month], format: "%d.%m.%Y"}
  end: {type: date, parts: [month], format: "%d.%m.%Y"}
  code: {}
  y: {}
versions: {v: {source: d.csv}}
"""


def table(rows: int = 60) -> list[str]:
    lines = ["key,secret,start,end,code,unit price,y"]
    for n in range(rows):
        price = "" if n % 10 == 0 else str(n * 10)
        lines.append(
            f"k{n},s,{n % 28 + 1:02d}.0{n % 9 + 1}.2021,{n % 28 + 1:02d}.02.2022,{['AB1', 'AB2', 'XY3'][n % 3]},{price},{'np'[n % 2]}"
        )
    return lines


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rules") / "project"
    root.mkdir()
    write(root, YAML, table())
    done = projects.run("build", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


@pytest.fixture
def root(prepared: Path, tmp_path: Path) -> Path:
    return projects.copy_of(prepared, tmp_path / "project")


def write(root: Path, yaml: str, lines: list[str] | None = None) -> None:
    (root / "leptonctl.yaml").write_text(yaml, encoding="utf-8")
    if lines is not None:
        (root / "d.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def with_rules(*rules: str) -> str:
    return YAML.replace("versions:", "checks:\n" + "".join(f"  - {rule}\n" for rule in rules) + "versions:")


def problems(root: Path, *command: str) -> list[dict]:
    done = projects.run(*command, "--json", cwd=root)
    lines = [json.loads(line) for line in done.stdout.splitlines()] if command[0] == "build" else [json.loads(done.stdout)]
    found = [line["diagnostic"] for line in lines if line.get("diagnostic")]
    return [*found, *(d for line in lines for d in line.get("diagnostics", []) if d["id"] in INTERESTING)]


INTERESTING = ("row-check", "data-contract", "bad-rule", "bad-pattern", "column-field", "unknown-column")


def test_rows_that_break_a_rule_are_refused_with_their_lines(root: Path) -> None:
    """A date is later though its text is not; a missing cell breaks nothing; a warning is counted and builds."""
    lines = table()
    lines[7] = "k6,s,03.02.2022,04.01.2022,AB1,60,n"
    lines[20] = "k19,s,01.01.2019,02.01.2019,AB1,,p"
    write(
        root, with_rules("{rule: start <= end}", "rule: \"start >= '2020-06-30'\"", "{rule: '`unit price` < 550', severity: warn}"), lines
    )
    (problem,) = problems(root, "build")
    assert (problem["id"], problem["file"]) == ("row-check", "leptonctl.yaml")
    assert (root / "leptonctl.yaml").read_text(encoding="utf-8").splitlines()[problem["line"] - 1] == "  - {rule: start <= end}"
    assert "start <= end: 1 row breaks it (d.csv:8)" in problem["detail"]
    assert "start >= '2020-06-30': 1 row breaks it (d.csv:21)" in problem["detail"]
    assert "unit price" not in problem["detail"]
    lines = table()
    write(
        root,
        with_rules("{rule: start <= end}", "{rule: '`unit price` < 550', severity: warn}"),
        [*lines, "k99,s,01.01.2021,02.01.2021,AB1,900,p"],
    )
    done = projects.run("build", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "`unit price` < 550: 6 rows break it (line 57, 58, 59, 60, 61, 62)" in " ".join(done.stdout.split())
    (warned,) = problems(root, "plan")
    assert "d@v: `unit price` < 550: 6 rows" in warned["detail"]
    # the rows keep what was found in them: it is not a warning of another rule, nor of a version that adopts them
    write(root, with_rules("{rule: '`unit price` < 2000', severity: warn}"))
    assert problems(root, "plan") == []
    sister = "  v: {source: d.csv, checks: [{rule: '`unit price` < 550', severity: warn}]}\n  w: {source: d.csv, checks: [{rule: '`unit price` < 900', severity: warn}]}"
    write(root, YAML.replace("versions: {v: {source: d.csv}}", f"versions:\n{sister}\n  x: {{source: d.csv}}"))
    details = [problem["detail"] for problem in problems(root, "plan")]
    assert sorted(detail.partition(": ")[2].partition(" row")[0] for detail in details) == [
        "`unit price` < 550: 6",
        "`unit price` < 900: 1",
    ]


def test_a_new_rule_is_run_on_the_rows_that_are_there(root: Path) -> None:
    write(
        root,
        with_rules("{rule: start <= end}", "{rule: \"code in ['AB1', 'AB2']\"}", "{rule: '`unit price` is not missing', severity: warn}"),
    )
    found = problems(root, "plan")
    assert [(p["severity"], p["line"], p["column"]) for p in found] == [("error", 18, 12), ("warning", 19, 12)]
    assert "20 rows break it" in found[0]["detail"]
    assert "6 rows break it" in found[1]["detail"]
    plan = json.loads(projects.run("plan", "--json", cwd=root).stdout)
    assert plan["summary"]["prepare"] == 0, "nothing is read again"
    # brother: what the rows meet says nothing
    write(root, with_rules("{rule: end > '2022-01-31'}", "{rule: start.month >= 1 and `unit price` >= 0}"))
    assert problems(root, "plan") == []


CHECKS = {
    "code: {pattern: '[A-Z]{2}[12]'}": 20,
    "code: {pattern: 'B'}": 60,
    "unit price: {max_missing: 0.05}": 6,
    "unit price: {max_missing: 0.1}": 0,
    "code: {pattern: 'AB1|AB2|XY.'}": 0,
    "y: {min_share: 0.5}": 0,
}


SIBLINGS = """\
versions:
  v: {source: d.csv}
  low: {source: d.csv, columns: {"unit price": {max: 300}, code: {values: [AB1, AB2]}}, checks: [{rule: "`unit price` < 200"}]}
  late: {source: d.csv, checks: [{rule: start <= end}, {rule: "`unit price` < 100"}, {rule: "`unit price` < 50"}]}
"""


def test_a_build_names_all_errors_of_rows_prepared_before(root: Path, tmp_path: Path) -> None:
    """Of several versions and kinds, as the plan does; and (brother) of one version whose rows another one prepares in the same run."""
    declared = YAML.replace("versions: {v: {source: d.csv}}\n", SIBLINGS)
    write(root, declared)
    planned, built = problems(root, "plan"), problems(root, "build")
    assert [p["id"] for p in built] == ["data-contract", "data-contract", "row-check", "row-check", "row-check"]
    assert built == planned
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    write(fresh, declared, table())
    low, late = problems(fresh, "build")
    assert "above the maximum 300" in low["detail"] and "not among the allowed values" in low["detail"]
    assert "`unit price` < 200" in low["detail"]
    assert "`unit price` < 100" in late["detail"] and "`unit price` < 50" in late["detail"]


def test_limits_of_dates(root: Path) -> None:
    """On rows that are there, on the data itself, and what no limit can be."""
    early = YAML.replace("  end: {type: date,", "  end: {type: date, min_date: '2022-02-10', max_date: '2022-02-28',")
    write(root, early)
    (problem,) = problems(root, "plan")
    assert (problem["id"], problem["line"], problem["column"]) == ("row-check", 13, 31)
    assert "22 rows break it" in problem["detail"]
    write(root, early.replace("2022-02-10", "2022-02-01"))
    assert problems(root, "plan") == []
    lines = table()
    lines[4] = lines[4].replace(".02.2022", ".02.2023")
    write(root, early.replace("2022-02-10", "2022-02-01"), lines)
    (problem,) = problems(root, "build")
    assert "`end` <= '2022-02-28': 1 row breaks it (d.csv:5)" in problem["detail"]
    write(root, early.replace("2022-02-10", "soon"))
    assert [(p["id"], p["line"]) for p in problems(root, "validate")] == [("bad-rule", 13)]
    write(
        root,
        early.replace("by: key", "time: end").replace(
            "end: {type: date, min_date: '2022-02-10', max_date: '2022-02-28', parts: [month],", "end: {type: date, min_date: '2022-02-10',"
        ),
    )
    assert [(p["id"], "without `parts`" in p["detail"]) for p in problems(root, "validate")] == [("bad-rule", True)]
    write(root, YAML.replace("  code: {}", "  code: {min_date: '2020-01-01'}"))
    assert [p["id"] for p in problems(root, "validate")] == ["column-field"]


def test_patterns_and_shares_of_columns(root: Path) -> None:
    """On rows that are there; the data itself is the brother below."""
    for declared, count in CHECKS.items():
        write(root, YAML.replace("  code: {}", f"  {declared}") if "y:" not in declared else YAML.replace("  y: {}", f"  {declared}"))
        found = problems(root, "plan")
        assert len(found) == bool(count), declared
        assert all(p["id"] == "data-contract" and f"{count} cells are" in p["detail"] for p in found)
    lines = [line if n % 5 else line.replace(",n", ",p") for n, line in enumerate(table())]
    write(root, YAML.replace("  code: {}", "  code: {pattern: 'AB.'}").replace("  y: {}", "  y: {min_share: 0.45}"), lines)
    (problem,) = problems(root, "build")
    assert 'column "code": 20 cells are not of the form AB. (line 4, 7' in problem["detail"]
    assert 'column "y": 24 cells are of a class that has less than the share 0.45' in problem["detail"]
    assert problem["detail"].endswith(': "n"'), "the class is named"


def test_all_that_is_wrong_with_rules_and_rows_is_said_at_once(root: Path) -> None:
    """Only the first rule that did not fit was named, and a broken limit of a column hid the broken rules."""
    write(root, with_rules("{rule: code > 3}", "{rule: start <= end}", "{rule: '`unit price` == code'}"), [*table(), "k99,s,,,AB1,1,n"])
    (problem,) = problems(root, "build")
    assert (problem["id"], problem["line"]) == ("bad-rule", 17)
    assert "code > 3: a text is compared with a number" in problem["detail"]
    assert "`unit price` == code: a number is compared with a text" in problem["detail"]
    both = with_rules("{rule: end < start}").replace("  code: {}", "  code: {values: [AB1, AB2]}")
    write(root, both, [*table(), "k99,s,,,AB1,1,n"])
    (problem,) = problems(root, "build")
    assert problem["id"] == "data-contract"
    assert "20 cells are not among the allowed values" in problem["detail"]
    assert "end < start: 60 rows break it" in problem["detail"]


@pytest.mark.parametrize("declared", ["values: [AB1, XY3]", "pattern: 'AB.'", "when_true: [J], when_false: [N]", "type: string"])
def test_a_rule_that_does_not_fit_what_a_column_declares_is_refused_at_the_yaml(root: Path, declared: str) -> None:
    """A brother: a column whose type is said by its other keys."""
    write(root, with_rules("{rule: code > 3}").replace("  code: {}", f"  code: {{{declared}}}"))
    (problem,) = problems(root, "validate")
    assert (problem["id"], problem["line"]) == ("bad-rule", 17)


def test_show_lists_them(root: Path) -> None:
    write(root, with_rules("{rule: start <= end, severity: warn}").replace("  code: {}", "  code: {pattern: '[A-Z].*'}"))
    shown = json.loads(projects.run("show", "d@v", "--json", cwd=root).stdout)
    assert schema_problems("show", shown) == []
    assert shown["dataset"]["rules"] == [{"rule": "start <= end", "severity": "warn"}]
    assert {c["name"]: c["rules"] for c in shown["dataset"]["columns"]}["code"] == {"pattern": "[A-Z].*"}
    text = projects.run("show", "d@v", cwd=root).stdout
    assert "warn  start <= end" in text
    assert "pattern" in text


MODEL = """\
---
kind: Model
name: m
dataset: d@v
task: classification
features: [code]
preprocess: [{columns: [code], use: one_hot}]
algorithm: logistic_regression
versions: {v1: {}}
"""
ENVIRONMENT = """\
---
kind: Environment
name: out
platform: {type: server, host: 127.0.0.1, port: 1}
models: {m: v1}
"""


def test_a_rule_that_warns_of_rows_prepared_before_is_said_again_where_they_move(root: Path) -> None:
    """It was said by the first plan only, and `show` knew nothing of it. A brother: `warnings: error` took it for no error."""
    rule = "{rule: start > end, severity: warn}"
    write(root, with_rules(rule) + MODEL)
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    assert problems(root, "plan") == []
    write(root, with_rules(rule) + MODEL + ENVIRONMENT)
    (warned,) = problems(root, "plan")
    assert (warned["id"], warned["severity"]) == ("row-check", "warning")
    assert "start > end: 60 rows break it" in warned["detail"]
    shown = json.loads(projects.run("show", "d@v", "--json", cwd=root).stdout)
    assert shown["dataset"]["checks"][-1] == {"check": "rule", "column": "", "count": 60, "detail": "start > end:"}
    assert "rule: start > end: 60 rows" in projects.run("show", "d@v", cwd=root).stdout
    notes = json.loads(projects.run("show", "m@v1", "--json", cwd=root).stdout)["version"]["warnings"]
    assert "Rows break a rule: start > end: 60 rows break it" in [note["text"] for note in notes]
    write(root, with_rules(rule).replace("name: rules", "name: rules\nwarnings: error") + MODEL + ENVIRONMENT)
    assert [(p["id"], p["severity"]) for p in problems(root, "plan")] == [("row-check", "error")]


def test_mistakes_are_found_without_the_data(root: Path) -> None:
    rules = ("{rule: start <= ende}", "{rule: secret == 's'}", "{rule: key == 'k1'}", "{rule: start + 1 < end}", '{rule: "code = 3"}')
    write(root, with_rules(*rules))
    found = [(p["id"], p["line"], p["column"]) for p in problems(root, "validate")]
    assert found == [
        ("unknown-column", 17, 21), ("bad-rule", 18, 12), ("bad-rule", 19, 12), ("bad-rule", 20, 12), ("bad-rule", 21, 18)
    ]  # fmt: skip
    for pattern in (r"(a)\1", "(?=a)b", "(?<!a)b", "(?>a)", "a++", "(a"):
        write(root, YAML.replace("  code: {}", f"  code: {{pattern: '{pattern}'}}"))
        assert [p["id"] for p in problems(root, "validate")] == ["bad-pattern"], pattern
    for declared in ("key: {pattern: k.*}", "code: {min_share: 0.1}", "code: {type: integer, pattern: a}"):
        write(root, YAML.replace("  code: {}", f"  {declared}"))
        assert [p["id"] for p in problems(root, "validate")] == ["column-field"], declared
