"""E5: the words of Terraform, DVC, MLflow and others as commands, options and YAML keys get the equivalent, never a destructive guess."""

import json
import re
from pathlib import Path

import pytest

from leptonctl.cli.commands import COMMANDS
from leptonctl.cli.foreign_words import COMMAND_WORDS, OPTION_WORDS
from leptonctl.cli.main import main
from leptonctl.cli.suggestions import DESTRUCTIVE, command_hint
from leptonctl.kinds.foreign_keys import KEYS, PARAMETERS
from tests import projects


def hint_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main([*arguments, "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert problem["id"] in {"unknown-command", "unknown-option", "usage"}, problem
    return str(problem["hint"])


@pytest.mark.parametrize(
    ("typed", "equivalent"),
    [
        ("deploy", "leptonctl promote"), ("repro", "leptonctl build"), ("run", "leptonctl build"), ("taint x", "revision:"), ("ui", "leptonctl status"),
        ("logs prod", "leptonctl log ENV"), ("state pull", "leptonctl state show"), ("monitor", "leptonctl status"), ("workspace list", "Environment"), ("refresh", "every command reads"),
        ("output", "leptonctl status --json"), ("console", "leptonctl explain"), ("push", "store:"), ("pull", "store:"), ("add data.csv", "leptonctl pin"),
        ("exp show", "leptonctl leaderboard"), ("metrics diff", "leptonctl show"), ("params", "leptonctl diff"), ("experiments", "leptonctl leaderboard"),
        ("models serve", "leptonctl serve"), ("register", "leptonctl promote"), ("stage", "Environment"), ("deplyo", "leptonctl promote"), ("fmt", "leptonctl validate"),
        ("score", "leptonctl predict"), ("uninstall", "leptonctl server stop"), ("clean", "what is freed"),
    ],
)  # fmt: skip
def test_a_command_of_another_tool(typed: str, equivalent: str, capsys: pytest.CaptureFixture[str]) -> None:
    if typed.split(maxsplit=1)[0] in COMMANDS:
        pytest.skip("it is a command here")
    hint = hint_of(typed.split(), capsys)
    assert equivalent in hint
    assert "\n" not in hint


@pytest.mark.parametrize(
    ("typed", "equivalent"),
    [
        ("plan -target=model.x", "`--only ADDR`"), ("plan -target model.x", "`--only ADDR`"), ("plan -out=tfplan", "`--out`"), ("plan -var x=1", "`vars:`"),
        ("apply -auto-approve", "`--yes`"), ("apply --auto-approve", "`--yes`"), ("apply -v -var-file=x", "`vars:`"), ("plan -json", "`--json`"),
        ("apply -replace=x", "revision:"), ("plan -detailed-exitcode", "`--detailed-exitcode`"), ("build --dry", "leptonctl plan"), ("plan -chdir=x", "`-C DIR`"),
        ("apply -lock=false", "no lock"), ("build --force", "revision:"),
    ],
)  # fmt: skip
def test_an_option_of_another_tool(typed: str, equivalent: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert equivalent in hint_of(typed.split(), capsys)


@pytest.mark.parametrize(
    ("typed", "equivalent"),
    [
        ("plan model/line", "`leptonctl plan --only model/line`"),
        ("plan a b", "--only a --only b"),
        ("explain line@v1 line@v2", "`leptonctl diff A B`"),
        ("gc --dry-run", "only lists until `--yes`"),
    ],
)
def test_an_argument_where_none_is_taken(typed: str, equivalent: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert equivalent in hint_of(typed.split(), capsys)


def test_a_misspelt_option_is_still_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    assert hint_of(["plan", "--ouut", "x"], capsys) == 'did you mean "--out"?'
    assert "--help" in hint_of(["plan", "-w"], capsys)


TERRAFORM = """init validate plan apply destroy console fmt force-unlock get graph import login logout metadata modules output providers query
refresh show stacks state taint test untaint version workspace"""
DVC = """add artifacts cache check-ignore checkout commit completion config dag data destroy diff doctor du exp experiments fetch freeze gc get get-url
git-hook import import-db import-url init install list list-url ls machine metrics move mv params plots pull push queue remote remove repro root
run stage status studio unfreeze unprotect update version"""
MLFLOW = """artifacts autolog azureml crypto db demo deployments doctor experiments gateway gc mcp models recipes run runs sagemaker scorers server
traces ui"""
KUBECTL = """annotate api-resources api-versions apply attach auth autoscale certificate cluster-info completion config cordon cp create debug delete
describe diff drain edit events exec explain expose get kustomize label logs options patch plugin port-forward proxy replace rollout run scale set taint
top uncordon version wait"""


@pytest.mark.parametrize("words", [TERRAFORM, DVC, MLFLOW, KUBECTL], ids=["terraform", "dvc", "mlflow", "kubectl"])
def test_every_command_of_another_tool_has_a_line_of_its_own(words: str) -> None:
    """Not a guess by the letters."""
    unknown = [word for word in words.split() if word not in COMMANDS]
    hints = {word: command_hint((), (word,), COMMANDS) for word in unknown}
    assert {word: hint for word, hint in hints.items() if not hint.startswith("in leptonctl: ")} == {}


@pytest.mark.parametrize("words", ["dvc repro", "terraform workspace list", "kubectl get", "mlflow ui", "DVC exp run"])
def test_a_command_that_is_pasted_with_its_tool_has_the_hint_of_the_command(words: str) -> None:
    tool, *rest = words.split()
    hint = command_hint((), (tool, *rest), COMMANDS)
    assert (hint, hint.startswith("in leptonctl: ")) == (command_hint((), rest, COMMANDS), True)


@pytest.mark.parametrize("typed", ["deploy", "employ", "distribute", "describe", "g", "gcp", "purchase", "destiny", "destr"])
def test_nothing_that_deletes_is_guessed(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    hint = hint_of([typed], capsys)
    assert not re.search(rf'mean "({"|".join(DESTRUCTIVE)})"', hint)


def test_a_slip_of_the_finger_still_finds_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert hint_of(["destory"], capsys) == 'did you mean "destroy"?'


def test_a_misspelt_command_of_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert hint_of(["lock", "lsit"], capsys) == 'did you mean "list"?'


def test_every_equivalent_exists() -> None:
    texts = [*COMMAND_WORDS.values(), *OPTION_WORDS.values(), *KEYS.values(), *PARAMETERS.values()]
    named = {match for text in texts for match in re.findall(r"`leptonctl ([a-z]+)", text)}
    assert named <= set(COMMANDS)
    assert not named & DESTRUCTIVE


@pytest.mark.parametrize(
    ("line", "key", "equivalent"),
    [
        ("{params: {random_state: 1}}", "random_state", "`seed:`"), ("{params: {n_jobs: -1}}", "n_jobs", "parallelism"), ("{params: {penalty: l1}}", "penalty", "l1_ratio"),
        ("{params: {verbose: 1}}", "verbose", "progress"), ("{algorithm: svm, params: {probability: true}}", "probability", "every classifier"),
        ("{random_state: 1}", "random_state", "`seed:`"), ("{hyperparameters: {C: 1}}", "hyperparameters", "`params:`"), ("{metrics: [f1]}", "metrics", "`evaluate:`"),
        ("{test_size: 0.2}", "test_size", "`split:"), ("{algorithm: naive_bayes, params: {penalty: l2}}", "penalty", "no choice of penalty"),
        ("{preprocess: [{columns: numeric, use: standard_scaler, params: {copy: true}}]}", "copy", "does not change"), ("{params: {max_itre: 5}}", "max_itre", '"max_iter"'),
    ],
)  # fmt: skip
def test_a_key_of_another_tool(tmp_path: Path, line: str, key: str, equivalent: str) -> None:
    root = projects.tiny_project(tmp_path, models={"line": {"v1": line}}, environments={})
    result = projects.run("validate", "--json", cwd=root)
    assert result.returncode == 3
    (problem,) = json.loads(result.stdout)["diagnostics"]
    assert problem["id"] in {"unknown-parameter", "unknown-key"}
    assert f"`{key}`" in problem["detail"]
    assert equivalent in problem["hint"]
    assert problem["line"]
