"""Rules about rows that only warn: reported for the dataset versions that have them, no matter which command prepared the rows."""

import json
from pathlib import Path

from tests import projects
from tests.e2e.test_row_checks import MODEL, YAML, table, write


def warned(root: Path, *command: str) -> set[str]:
    """`VERSION: RULE` of the warnings about rules, and of what `show` lists of each version."""
    if command[0] == "show":
        shown = {v: json.loads(projects.run("show", f"d@{v}", "--json", cwd=root).stdout)["dataset"]["checks"] for v in command[1:]}
        return {f"{v}: {c['detail'].rstrip(':')}" for v, checks in shown.items() for c in checks if c["check"] == "rule"}
    output = projects.run(*command, "--json", cwd=root).stdout
    lines = [json.loads(line) for line in output.splitlines()] if command[0] == "build" else [json.loads(output)]
    listed = [d for line in lines for d in (*line.get("diagnostics", []), *(line.get("notices") or [])) if d["id"] == "row-check"]
    return {":".join(d["detail"].split(":")[:2]).removeprefix("dataset/").removeprefix("d@") for d in listed}


def test_a_rule_warns_of_the_versions_that_have_it(tmp_path: Path) -> None:
    """Not of those that take the rows which it was run on: in a build, a plan and `show`; a rule that is loosened or gone is not named."""
    prices = {"v": "`unit price` < 550", "low": "`unit price` < 200"}
    lines = [f"  {v}: {{source: d.csv, checks: [{{rule: '{rule}', severity: warn}}]}}\n" for v, rule in prices.items()]
    declared = YAML.replace("versions: {v: {source: d.csv}}\n", "versions:\n" + "".join(lines) + "  none: {source: d.csv}\n")
    write(tmp_path, declared, table())
    expected = {f"{v}: {rule}" for v, rule in prices.items()}
    assert warned(tmp_path, "build") == expected
    assert warned(tmp_path, "plan") == expected
    assert warned(tmp_path, "show", "v", "low", "none") == expected
    write(tmp_path, declared.replace(lines[0], "  v: {source: d.csv}\n"))
    assert warned(tmp_path, "plan") == warned(tmp_path, "show", "v", "low", "none") == {f"low: {prices['low']}"}
    write(tmp_path, declared.replace("< 550", "< 5500").replace("< 200", "< 550"))
    # brother: another version has the rule now under which the rows were prepared
    assert warned(tmp_path, "plan") == warned(tmp_path, "show", "v", "low", "none") == {"low: `unit price` < 550"}


def test_a_version_of_a_model_names_the_rules_of_its_data(tmp_path: Path) -> None:
    """Those of now. A brother: data of several files, where the places follow the rule."""
    (tmp_path / "d").mkdir()
    head, *rows = table()
    for n in range(2):
        (tmp_path / "d" / f"{n}.csv").write_text("\n".join([head, *rows[n::2]]) + "\n", encoding="utf-8")
    rule = "checks: [{rule: '`unit price` < 550', severity: warn}]"
    declared = YAML.replace("source: d.csv", f"source: d/*.csv, {rule}") + MODEL
    write(tmp_path, declared)
    assert warned(tmp_path, "build") == {"v: `unit price` < 550"}
    assert any("unit price" in text for text in texts(tmp_path))
    write(tmp_path, declared.replace("< 550", "< 5500"))
    assert not any("unit price" in text for text in texts(tmp_path))


def texts(root: Path) -> list[str]:
    return [note["text"] for note in json.loads(projects.run("show", "m@v1", "--json", cwd=root).stdout)["version"]["warnings"]]
