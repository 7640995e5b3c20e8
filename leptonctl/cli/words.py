"""The words of other tools (Terraform, DVC, MLflow, SageMaker …) as commands and options, with what is used here instead."""

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches

DESTRUCTIVE = frozenset({"destroy", "gc", "purge"})
"""Never suggested for a word that merely resembles them."""
ALMOST_EQUAL = 0.84

_RUN = "`leptonctl build` trains and evaluates, `leptonctl apply` does that and binds; both do only what has no result yet"
_VERSIONS = "`leptonctl leaderboard MODEL` lists all versions and builds, `leptonctl diff A B` compares two"
_SERVE = "`leptonctl apply` serves what the YAML binds; `leptonctl serve ENV` serves an environment in the foreground"
_BIND = "write the version under `models:` of an Environment and run `leptonctl apply`, or `leptonctl promote MODEL FROM TO`"
_GIT = "the YAML and Git are the record: commit, and `leptonctl apply`"
_STORE = "nothing to copy: name a shared folder as `store:` in leptonctl.yaml, and every build goes there"
_ENVIRONMENT = "documents `kind: Environment`; `leptonctl status` lists them"
_SETTLED = "nothing to do here: every command reads what really serves and what the store has"
_LOG = "`leptonctl log ENV` prints a server's log, `leptonctl history` says what happened"
_AGAIN = "raise `revision:` of the version to train the same recipe again"
_SHOW = "`leptonctl show` prints what is recorded, `leptonctl show ADDR` all about one address"
_COMPLETE = "the shell's completion is not built yet; `leptonctl --help` lists the commands"
_NOWHERE = "models run as local servers: `leptonctl serve ENV` on any machine that reaches the store; docs/not-yet.md lists what is to come"
_SPACE = "`leptonctl verify --store` counts what the store holds; docs/concepts.md says what is freed and when"
_TRAFFIC = "one version of a model serves at a time; `leptonctl freeze ENV` holds an environment as it is"
_WHO = "nothing to log in to: who may read and write the store and the state decides; docs/security.md"
_FILES = "`leptonctl show ADDR --json` names each artifact by digest; it lies in the store under artifacts/"
_METRICS = "`leptonctl show MODEL@VERSION` has metrics and curves, `leptonctl leaderboard MODEL` all versions side by side"

COMMAND_WORDS: Mapping[str, str] = {
    # Terraform
    "refresh": _SETTLED,
    "taint": _AGAIN,
    "untaint": "lower `revision:` of the version again",
    "output": "`leptonctl status --json`, `leptonctl show --json`",
    "console": "`leptonctl explain ADDR` shows every resolved value with its line",
    "workspace": _ENVIRONMENT,
    "providers": "`leptonctl version`; docs/yaml-reference.md lists algorithms and metrics",
    "graph": "`leptonctl plan` lists all steps",
    "get": "nothing to fetch: providers are Python packages",
    "login": _WHO,
    "logout": _WHO,
    "metadata": "`leptonctl version --json`, `leptonctl schema`",
    "modules": "nothing to include: every YAML file below leptonctl.yaml counts; versions override a base block",
    "stacks": _ENVIRONMENT,
    "query": "`leptonctl show --json`, `leptonctl status --json`",
    "state identities": "`leptonctl state list`",
    "state replace-provider": "edit `algorithm:` in the YAML: it is another recipe, and is built anew",
    "state": _SHOW,
    "state pull": "`leptonctl state show`, or `leptonctl state backup FILE`",
    "state push": "`leptonctl state restore FILE`",
    "state rm": "remove the document or version from the YAML and apply: it is forgotten, its results stay",
    "state mv": "rename it in the YAML: equal recipes keep their results",
    "force-unlock": "`leptonctl lock list`, then `leptonctl lock release ID`",
    "unlock": "`leptonctl lock list`, then `leptonctl lock release ID`",
    "test": "`leptonctl validate` checks the YAML, gates check a version before it enters an environment",
    "fmt": "not built yet; `leptonctl validate` checks the files",
    # DVC
    "repro": _RUN,
    "exp": _VERSIONS,
    "exp run": _RUN,
    "exp show": _VERSIONS,
    "queue": _RUN,
    "experiments": _VERSIONS,
    "push": _STORE,
    "pull": _STORE,
    "fetch": _STORE,
    "remote": _STORE,
    "add": "write the file as `source:` of a Dataset version; `leptonctl pin` writes its digest",
    "commit": _GIT,
    "checkout": _GIT,
    "metrics": _METRICS,
    "params": "`leptonctl show MODEL@VERSION` lists parameters with their origin, `leptonctl diff A B` compares them",
    "plots": _METRICS,
    "dag": "`leptonctl plan` lists all steps",
    "stage": _ENVIRONMENT,
    "data": "`leptonctl show DATASET@VERSION`",
    "doctor": "`leptonctl version`, `leptonctl validate`",
    "artifacts": _FILES,
    "cache": _SPACE,
    "du": _SPACE,
    "check-ignore": "`leptonctl validate` says which files are read; `ignore:` in leptonctl.yaml leaves some out",
    "completion": _COMPLETE,
    "get-url": "nothing to fetch: write the path as `source:` of a Dataset version",
    "git-hook": "run `leptonctl validate` in a hook of your own; docs/operations.md has a CI job",
    "install": "run `leptonctl validate` in a hook of your own; docs/operations.md has a CI job",
    "import-db": "write the rows to a CSV, Parquet or JSON Lines file and name it as `source:` of a Dataset version",
    "import-url": "write the path as `source:` of a Dataset version",
    "list-url": "`leptonctl show`",
    "machine": "`executor:` in leptonctl.yaml",
    "move": "rename it in the YAML: equal recipes keep their results",
    "mv": "rename it in the YAML: equal recipes keep their results",
    "rename": "rename it in the YAML: equal recipes keep their results; `leptonctl state rename NAME` after another `name:` of the project",
    "root": "the folder of leptonctl.yaml; `-C DIR` names another one",
    "studio": "there is no web page of all models: `leptonctl status`, `leptonctl leaderboard MODEL`",
    "unprotect": "apply `protected: false` of the Environment, alone",
    # kubectl
    "annotate": "`description:` in the YAML; it changes no digest",
    "label": "`description:` in the YAML; it changes no digest",
    "api-resources": "docs/yaml-reference.md lists the kinds and their keys",
    "api-versions": "`format:` in leptonctl.yaml; `leptonctl version` prints this release",
    "attach": _LOG,
    "auth": _WHO,
    "certificate": "put a proxy in front for TLS; docs/operations.md",
    "autoscale": _NOWHERE,
    "scale": _NOWHERE,
    "expose": _SERVE,
    "port-forward": "`platform: {host: …, port: …}` of an Environment; `leptonctl status` prints the URL",
    "proxy": "put a proxy in front; docs/operations.md has one",
    "cluster-info": "`leptonctl server list`, `leptonctl status`",
    "top": "`leptonctl server list`; a server's metrics are at its URL under /metrics",
    "cordon": _TRAFFIC,
    "uncordon": "`leptonctl unfreeze ENV`",
    "drain": "`leptonctl server stop ENV` finishes the requests in flight, then ends it",
    "cp": _FILES,
    "debug": _LOG,
    "exec": _LOG,
    "events": "`leptonctl history`",
    "edit": "edit the YAML and run `leptonctl apply`",
    "patch": "edit the YAML and run `leptonctl apply`",
    "replace": "edit the YAML and run `leptonctl apply`",
    "set": "edit the YAML and run `leptonctl apply`",
    "kustomize": "versions override a base block, and `vars:` fill in values: `leptonctl explain ADDR` shows the outcome",
    "options": "`leptonctl --help`",
    "plugin": "trainers and back ends are Python packages with entry points; docs/extending.md",
    "restart": "`leptonctl server restart ENV`",
    "wait": "`leptonctl apply` ends when everything serves; `leptonctl status --watch` looks again",
    # MLflow, SageMaker, and others
    "runs": _VERSIONS,
    "recipes": "`leptonctl show MODEL@VERSION` lists the recipe, `leptonctl init` writes a project",
    "autolog": "nothing to switch on: every build records parameters, metrics, data and libraries",
    "azureml": _NOWHERE,
    "sagemaker": _NOWHERE,
    "gateway": _NOWHERE,
    "db": "`leptonctl state list` and `leptonctl state backup FILE`; formats need no migration",
    "crypto": "keys are typed secrets in the YAML; docs/security.md",
    "scorers": "`evaluate: {metrics: […]}` of a Model; docs/yaml-reference.md lists them",
    "traces": _LOG,
    "demo": "`leptonctl init`",
    "mcp": "`--json` of every command, with schemas in schemas/output",
    "run": _RUN,
    "train": _RUN,
    "fit": _RUN,
    "start": _SERVE,
    "up": _SERVE,
    "deploy": _BIND,
    "deployments": "`leptonctl status`, `leptonctl history`",
    "release": _BIND,
    "rollout": _BIND,
    "register": _BIND,
    "transition": _BIND,
    "models": _VERSIONS,
    "models serve": _SERVE,
    "models predict": "`leptonctl predict MODEL@VERSION --input FILE`",
    "models build-docker": "not built yet; `leptonctl serve ENV` runs on any machine that reaches the store",
    "model": _VERSIONS,
    "registry": _VERSIONS,
    "server": _SERVE,
    "ui": "there is no web page of all models: `leptonctl status`, `leptonctl leaderboard MODEL`; a server's own page is at its URL",
    "dashboard": "`leptonctl status`, `leptonctl leaderboard MODEL`; a server's own page is at its URL",
    "log": _LOG,
    "logs": _LOG,
    "monitor": "`leptonctl status` says what serves; a server's metrics are at its URL under /metrics",
    "evaluate": "`leptonctl build MODEL@VERSION` evaluates, `leptonctl show MODEL@VERSION` shows the metrics",
    "score": "`leptonctl build MODEL@VERSION` computes metrics, `leptonctl predict ENV/MODEL --input FILE` answers rows",
    "uninstall": "`leptonctl server stop` ends a server; the rest is files: the project folder, and what `store:` and `state:` name",
    "clean": _SPACE,
    "cleanup": _SPACE,
    "prune": _SPACE,
    "invoke": "`leptonctl predict ENV/MODEL --input FILE`, or a POST to the server's URL",
    "endpoint": _ENVIRONMENT,
    "endpoints": _ENVIRONMENT,
    "env": _ENVIRONMENT,
    "environment": _ENVIRONMENT,
    "environments": _ENVIRONMENT,
    "stop": "`leptonctl server stop`; or remove the binding from the YAML and apply",
    "list": "`leptonctl show`",
    "ls": "`leptonctl show`",
    "describe": "`leptonctl show ADDR`",
    "info": "`leptonctl show ADDR`",
    "delete": "remove it from the YAML and apply: it is forgotten, its results stay",
    "rm": "remove it from the YAML and apply: it is forgotten, its results stay",
    "remove": "remove it from the YAML and apply: it is forgotten, its results stay",
    "undo": "`leptonctl rollback ENV`",
    "revert": "`leptonctl rollback ENV`, or `git revert` and apply",
    "compare": "`leptonctl diff A B`",
    "check": "`leptonctl validate`",
    "lint": "`leptonctl validate`",
    "new": "`leptonctl init`",
    "create": "`leptonctl init`",
    "config": "settings stand in leptonctl.yaml; docs/yaml-reference.md lists them",
    "help": "`leptonctl --help`",
}
_NOT_LOCKED = "nothing to switch off: building takes no lock, only a binding does"
CONSENT = "`--yes`"
OPTION_WORDS: Mapping[str, str] = {
    "target": "`--only ADDR`",
    "out": "`--out FILE`",
    "var": "`vars:` in leptonctl.yaml: values stand in Git, never on the command line",
    "var-file": "`vars:` in leptonctl.yaml",
    "auto-approve": CONSENT,
    "auto_approve": CONSENT,
    "approve": CONSENT,
    "force": "nothing is forced here: `--yes` gives consent; raise `revision:` to train again",
    "y": CONSENT,
    "f": "nothing is forced here: `--yes` gives consent; raise `revision:` to train again",
    "replace": _AGAIN,
    "refresh": _SETTLED,
    "refresh-only": "`leptonctl plan` shows what serves differently from what is recorded",
    "destroy": "remove the bindings from the YAML and plan, to see what would stop",
    "lock": _NOT_LOCKED,
    "lock-timeout": "`--lock-timeout SECONDS`",
    "input": "without a terminal nothing is asked: `--yes` gives consent",
    "parallelism": "`executor: {parallelism: N}` in leptonctl.yaml",
    "chdir": "`-C DIR`",
    "state": "`state:` in leptonctl.yaml",
    "backend-config": "`state:` and `store:` in leptonctl.yaml",
    "dry-run": "`leptonctl plan`; what deletes only lists until `--yes`",
    "dry": "`leptonctl plan`",
    "n": "`leptonctl plan`",
    "single-item": "`--only ADDR`",
    "downstream": "`--only ADDR`",
    "experiment-name": "a version's name under `versions:`",
    "run-name": "a version's name under `versions:`",
    "experiment-id": "a version's name under `versions:`",
    "model-uri": "MODEL@VERSION or ENV/MODEL",
    "stage": "the name of an Environment",
    "instance-type": "`executor:` in leptonctl.yaml",
    "quiet": "`--json`, or no option: progress is short without a terminal",
    "q": "`--json`, or no option: progress is short without a terminal",
    "set": "`vars:` in leptonctl.yaml",
    "params": "`params:` of a version",
    "P": "`params:` of a version",
    "S": "`params:` of a version",
    "rev": "`git checkout REV`: the YAML in the folder counts",
    "config": "settings stand in leptonctl.yaml",
    "output": "`--json`",
    "o": "`--json`",
    "format": "`--json`",
    "compact-warnings": "no option: warnings are one or two lines each",
    "port": "`platform: {port: …}` of an Environment",
    "host": "`platform: {host: …}` of an Environment",
}


def argument_hint(command: str, message: str, options: Collection[str]) -> str:
    """What to do with arguments that a command does not take, as its message lists them; "" when nothing is known."""
    found = re.search(r"unexpected extra arguments? \(([^)]+)\)", message)
    if found is None:
        return ""
    if command == "leptonctl explain":
        return f"it explains one address; `leptonctl diff A B` compares two, such as {found[1].split()[0]}"
    return f"`{command} {' '.join(f'--only {word}' for word in found[1].split())}`" if "--only" in options else ""


TOOLS = frozenset({"terraform", "tofu", "dvc", "mlflow", "sagemaker", "kubectl", "helm", "bentoml", "zenml"})


def command_hint(group: Sequence[str], words: Sequence[str], known: Collection[str]) -> str:
    """What to type instead of the unknown command `words[0]` of a group; "" when nothing is known.

    `known`: the commands of the group. A destructive one is suggested only for a word that is almost equal to it.
    """
    if not group and len(words) > 1 and words[0].lower() in TOOLS:
        # pasted as it is typed there: `dvc repro`
        return command_hint(group, words[1:], known)
    for typed in ([*group, *words][:2],) if group else (words[:2], words[:1]):
        hint = COMMAND_WORDS.get(" ".join(typed).lower())
        if hint:
            return f"in leptonctl: {hint}"
    similar = next((name for name in get_close_matches(words[0], known, n=3, cutoff=0.6) if _may_suggest(words[0], name)), None)
    if similar:
        return f'did you mean "{similar}"?'
    foreign = [] if group else get_close_matches(words[0], COMMAND_WORDS, n=1, cutoff=0.8)
    return f'"{foreign[0]}" in leptonctl: {COMMAND_WORDS[foreign[0]]}' if foreign else ""


def _may_suggest(word: str, name: str) -> bool:
    return name not in DESTRUCTIVE or SequenceMatcher(None, word, name).ratio() >= ALMOST_EQUAL


def option_word(option: str, arguments: Sequence[str]) -> str:
    """The word as it was typed: `-target` of `-target=model/x`, of which the parser saw only `-t`."""
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
        return f"this command asks nothing: leave {option} out"
    return f"in leptonctl: {hint}" if hint else ""
