"""Writes docs/python.md from the public names of the package. Run as `python -m leptonctl.library.reference`."""

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from inspect import cleandoc
from pathlib import Path

import leptonctl

CHECKOUT = Path(__file__).parent.parent.parent
INTRODUCTION = """# Python

Written by `python -m leptonctl.library.reference` from the docstrings. [How to use it](how-to/python.md) has whole scripts.

`import leptonctl` gives what the commands give, in Python. It reads and writes the same files, and the YAML stays the truth: a call of
the [short form](#the-short-form) writes the declarations that it stands for, keeps their comments, then plans and applies them.

- Nothing is printed, and no call ends the process. Calls take no signal handler, read no `sys.argv`, and leave the working folder, the
  environment and the garbage collector as they are (polars, which reads tables, sets a variable of its own when it is first loaded).
- What a command refuses raises `Failure`: `.diagnostics` is what it would print, `.exit_code` the code it would exit with. Ctrl-C raises
  `KeyboardInterrupt` once the running steps have ended.
- Results are frozen. `print(result)` shows what the command prints, a notebook the same in colour; `.to_json()` gives the object of
  `--json`.
- `progress=` takes a function that is called with every event (the events of `apply --json`) in the thread of the call. An exception
  of it does not stop the work: it is not called again, and the exception is raised when the work has ended.
- Threads: a `Project` and the results can be shared, and calls that read can run side by side. Two calls that build or move are two
  applies: each step is done once, and where they move the same addresses the second raises `Failure` `lock-held` (exit 4), unless `wait=`
  says how long to wait. Calls that bind (`publish_version`, `deploy`, `promote`, `rollback_version`, `rollback`) keep the lines of their
  edit until their apply is done: another one of the same model waits as long, or raises `lock-held`; only a return waits for no training.
  Edits of YAML in one process follow each other; nothing orders them with an editor or another process: what another edit has changed in
  the same lines meanwhile is `edited-meanwhile` (exit 5), and never applied in the place of what was asked for. A `Model` and a
  `DataPreprocessor` belong to one thread.
- After `os.fork` in a process that has made calls: as with any library that has threads, start new processes instead.
"""
SECTIONS = {
    "Projects": ("Project",),
    "The short form": (
        "create_version", "update_version", "publish_version", "rollback_version", "Version", "Model", "Data", "DataPreprocessor",
    ),
    "Failures": ("Failure", "Unfinished", "Diagnostic"),
}  # fmt: skip
RESULTS = {
    "reports": ("Report", "Validation", "Plan", "Status", "Environment", "Served", "Held", "Withdrawn", "Server", "Difference"),
    "work": ("Work",),
    "records": (
        "Shown", "Recorded", "Step", "Outcome", "Diff", "FieldDifference", "MetricDifference", "History", "Entry", "Moved", "Build",
        "Leaderboard", "Row",
    ),
    "edits": ("Update", "Adoption", "Import", "Tensor", "Pins", "Pin", "Finding", "Verification", "Check"),
    "predictions": ("Predictions", "Prediction"),
    "deployment": ("Deployment",),
    "monitoring": ("Monitoring",),
}  # fmt: skip


def reference() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for title, names in SECTIONS.items():
        parts.append(f"## {title}\n")
        parts += (_entry(getattr(leptonctl, name).__module__, name, f"leptonctl.{name}") for name in names)
    parts.append("## Results\n\nEvery field is typed; `None` means unknown or absent.\n")
    parts += (_entry(f"leptonctl.library.{module}", name, name) for module, names in RESULTS.items() for name in names)
    return "\n".join(parts)


def _entry(module: str, name: str, title: str) -> str:
    source = Path(str(import_module(module).__file__)).read_text(encoding="utf-8")
    node = next(n for n in ast.parse(source).body if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name == name)
    if isinstance(node, ast.FunctionDef):
        return f"### {title}\n\n```python\n{_signature(node)}\n```\n\n{_text(node)}\n"
    return "\n".join([f"### {title}\n", f"{_text(node)}\n", *_fields(node), *_methods(node)])


def _fields(node: ast.ClassDef) -> Iterator[str]:
    fields = [n for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name) and not n.target.id.startswith("_")]
    if fields:
        yield "```python\n" + "\n".join(ast.unparse(field) for field in fields) + "\n```\n"


def _methods(node: ast.ClassDef) -> Iterator[str]:
    for method in (n for n in node.body if isinstance(n, ast.FunctionDef)):
        words = {ast.unparse(decorator) for decorator in method.decorator_list}
        if method.name == "__init__":
            yield f"```python\n{_signature(method, node.name)}\n```\n"
        elif "property" in words and not method.name.startswith("_"):
            yield f"**`.{method.name}`**: `{ast.unparse(method.returns) if method.returns else 'Any'}`. {_text(method)}\n"
        elif not method.name.startswith("_") and ast.get_docstring(method):
            yield f"```python\n{_signature(method)}\n```\n\n{_text(method)}\n"


def _signature(node: ast.FunctionDef, name: str = "") -> str:
    """The definition as written, without `self` and without quotes around names that are imported later."""
    arguments = node.args
    arguments.args = [argument for argument in arguments.args if argument.arg not in ("self", "cls")]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None and not name else ""
    text = f"{name or node.name}({ast.unparse(arguments)}){returns}"
    return text.replace("'", "") if "->" in text and "'" in returns else text


def _text(node: ast.ClassDef | ast.FunctionDef) -> str:
    return cleandoc(ast.get_docstring(node) or "")


if __name__ == "__main__":
    (CHECKOUT / "docs" / "python.md").write_text(reference(), encoding="utf-8")
    sys.exit(0)
