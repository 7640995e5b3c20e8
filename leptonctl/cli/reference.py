"""Writes docs/commands.md from the command line itself. Run as `python -m leptonctl.cli.reference`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from leptonctl.cli.commands import COMMANDS, global_options, root
from leptonctl.commands.outcome import ORDER
from leptonctl.core.diagnostic import BUG, CHANGES, ERROR, GATE, INTERRUPTED, INVALID, LOCKED, OK, STALE

CHECKOUT = Path(__file__).parent.parent.parent
INTRODUCTION = """# Commands

Written by `python -m leptonctl.cli.reference` from the command line itself; `leptonctl COMMAND --help` says the same.
`python -m leptonctl` works too.

An **address** names a declared thing: `dataset/mail@2024-06`, `model/spam-filter@v2`, `environment/prod`, `environment/prod/spam-filter`.
`spam-filter@v2` means `model/spam-filter@v2`, and `prod/spam-filter` means `environment/prod/spam-filter`, wherever that is unambiguous.
"""
GLOBAL = """## Global options

They can be given before or after the command.
"""
JSON = """With `--json`, standard output is JSON of a fixed form (`schemas/output`, draft-07): one object, or one event per line for the
commands that run steps. Errors are one object `{"diagnostics": […]}`.
"""
EXIT_CODES = {
    OK: "success",
    ERROR: "error: wrong usage, data that breaks its contract, a failed step, bytes that do not verify, no consent given",
    CHANGES: "changes are pending (only with `--detailed-exitcode`)",
    INVALID: "the configuration is invalid",
    LOCKED: "another apply holds the lock, or is changing the same addresses",
    STALE: "stale: what the plan was made from has changed",
    GATE: "a binding is newly held, or the plan shows already that it will be; of `status --check`: YAML and bindings differ",
    BUG: "a bug in leptonctl; a log was written",
    INTERRUPTED: "interrupted: the first Ctrl-C stops the running steps cleanly, the second stops them at once",
}
PRECEDENCE = f"When several codes are possible, the exit code is the first of {', '.join(map(str, ORDER))}.\n"
EVENTS = "apply_event"
BAR = r"\|"
# command -> schema of what --json prints
OUTPUTS = {
    "init": "init", "validate": "validate", "plan": "plan", "build": EVENTS, "apply": EVENTS, "rollback": EVENTS, "promote": EVENTS,
    "update": "update",
    "readmit": "readmit", "freeze": "freeze", "unfreeze": "freeze",
    "destroy": EVENTS, "show": "show", "status": "status", "history": "history", "diff": "diff", "leaderboard": "leaderboard",
    "explain": "explain", "adopt": "adopt", "import": "import", "pin": "pin", "verify": "verify", "verify --store": "verify_store",
    "predict": "predict", "gc": "gc", "purge": "purge", "lock list": "locks",
    "lock release": "release", "state list": "state_list", "state show": "state_show", "state backup": "state_backup",
    "state restore": "state_takeover", "state adopt": "state_takeover", "state forget": "state_edit", "state rename": "state_edit",
    "version": "version",
    "server list": "servers", "server forget": "forgotten", "server stop": "server_action", "server restart": "server_action", "log": "log",
}  # fmt: skip


def reference() -> str:
    """The whole page."""
    group = root()
    context = click.Context(group, info_name="leptonctl")
    rows = [f"| [`{name}`](#leptonctl-{name}) | {summary} |" for name, (_, summary) in COMMANDS.items()]
    codes = [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    parts = [
        INTRODUCTION,
        _table("| command | does |", rows),
        f"{GLOBAL}\n{_table('| option | meaning |', [_row(option) for option in global_options(root=True)])}\n{JSON}",
        f"## Exit codes\n\n{_table('| code | meaning |', codes)}\n{PRECEDENCE}",
        *(chapter for name in COMMANDS for chapter in _chapters(group, name, context, "leptonctl")),
    ]
    return "\n".join(parts)


def _chapters(group: click.Group, name: str, parent: click.Context, path: str) -> Iterator[str]:
    """A command, then its subcommands."""
    command = group.get_command(parent, name)
    assert command is not None, "the names are those of the group"
    context = click.Context(command, parent=parent, info_name=name)
    title = f"{path} {name}"
    usage = " ".join([title, *command.collect_usage_pieces(context)])
    yield f"## {title}\n\n```\n{usage}\n```\n\n{command.help}\n{_parameters(command, title)}"
    if isinstance(command, click.Group):
        for subcommand in command.list_commands(context):
            yield from _chapters(command, subcommand, context, title)


def _parameters(command: click.Command, title: str) -> str:
    """The command's own arguments and options, and the schemas of its JSON output, which an option may change."""
    global_names = {option.name for option in global_options()}
    rows = [_row(param) for param in command.params if param.name not in global_names]
    table = "\n" + _table("| argument or option | meaning |", rows) if rows else ""
    name = title.removeprefix("leptonctl ")
    outputs = {use.removeprefix(name): output for use, output in OUTPUTS.items() if use == name or use.startswith(f"{name} --")}
    page = "schemas/output/{0}.schema.json"
    links = (f"\n`{f'{use} --json'.strip()}`: [{page.format(output)}](../{page.format(output)})\n" for use, output in outputs.items())
    return table + "".join(links)


def _row(param: click.Parameter) -> str:
    """One row of a table: the argument or option, its meaning, its default."""
    usage = param.metavar or ""
    if isinstance(param, click.Option):
        value = param.metavar or _value(param)
        usage = ", ".join([*param.opts, *param.secondary_opts]) + (f" {value}" if value else "")
    text = str(getattr(param, "help", "") or "")
    required = " Required." if param.required and isinstance(param, click.Option) else ""
    default = f" Default: `{param.default}`." if isinstance(param.default, str | int) and not isinstance(param.default, bool) else ""
    return f"| `{usage.replace('|', BAR)}` | {text}{required}{default} |"


def _value(option: click.Option) -> str:
    """The placeholder for the value of an option without a metavar."""
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice):
        return "|".join(option.type.choices)
    return option.type.name.upper().removesuffix(" RANGE")


def _table(head: str, rows: list[str]) -> str:
    return "\n".join([head, "| --- | --- |", *rows]) + "\n"


def write(checkout: Path) -> None:
    """Write the page into a checkout."""
    (checkout / "docs" / "commands.md").write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else CHECKOUT)
