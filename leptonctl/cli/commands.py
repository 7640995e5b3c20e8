"""The table of commands, and how one is found in it. A command's module loads when the command or its help is used."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

import click
import typer
from typer.core import TyperGroup

from leptonctl.cli.suggestions import command_hint
from leptonctl.cli.terminal import Terminal

Function = Callable[..., int]

# command -> (module of leptonctl.cli, what it does); the function has the command's name
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("project", "Create a project that is ready to apply."),
    "validate": ("project", "Check all project files and report all errors at once."),
    "schema": ("project", "Print the JSON Schema of a kind, for editors."),
    "plan": ("change", "Show what would change and why."),
    "build": ("change", "Train and evaluate into the store; move no pointer."),
    "apply": ("change", "Build what has no result yet, then move the pointers."),
    "rollback": ("change", "Bind what an environment served before; train nothing."),
    "promote": ("change", "Bind in one environment what another one binds."),
    "update": ("models", "Write the versions for new data, and plan."),
    "readmit": ("holds", "Let a withdrawn version back in."),
    "freeze": ("holds", "Hold the bindings of an environment; only returns still move."),
    "unfreeze": ("holds", "Let the bindings of an environment move again."),
    "show": ("look", "Show the recorded state, or a saved plan."),
    "status": ("look", "Show which versions serve where and since when."),
    "history": ("look", "List every change of a pointer: who, when and why."),
    "diff": ("look", "Compare two versions side by side."),
    "leaderboard": ("look", "List all versions and builds of a model, best first."),
    "explain": ("look", "Explain why a digest changed, down to the line."),
    "adopt": ("models", "Write the winner of a search into the YAML."),
    "import": ("importing", "Write the YAML for a finished model: ONNX, XGBoost or LightGBM."),
    "pin": ("project", "Write the digests of data files into the YAML."),
    "verify": ("models", "Prove that a version is what was recorded."),
    "predict": ("models", "Predict the rows of a file."),
    "serve": ("models", "Serve an environment in the foreground."),
    "server": ("fleet", "List servers; forget, stop or restart one."),
    "log": ("fleet", "Show the log of a server or of a build."),
    "destroy": ("change", "Undo the effects of environments; results stay."),
    "gc": ("storage", "Delete from the store what nothing needs."),
    "state": ("state", "Look at the state, back it up, restore or rebuild it."),
    "purge": ("storage", "Report what holds a person's rows, and remove it."),
    "lock": ("storage", "List the locks, or release one."),
    "version": ("project", "Print the versions of leptonctl and of its libraries."),
}


VERBOSE = (
    "Show everything, however wide or long, in a plan and in diff, explain, history, leaderboard, server list, show, status and verify."
    " All other commands always do."
)


def global_options(*, root: bool = False) -> list[click.Parameter]:
    """The options that can be given before or after any command. They set the Terminal's fields and are not passed to commands."""

    def set_field(ctx: click.Context, param: click.Parameter, value: object) -> None:
        if value and not ctx.resilient_parsing:
            setattr(ctx.find_object(Terminal), param.name or "", value)

    folder = click.Path(file_okay=False, path_type=Path)
    options: list[click.Parameter] = [
        click.Option(
            ["-C", "--directory"], type=folder, metavar="DIR", help="Work in this folder.", callback=set_field, expose_value=False
        ),
        click.Option(["--json"], is_flag=True, help="Print JSON.", callback=set_field, expose_value=False),
        click.Option(["--no-color"], is_flag=True, help="Print without colour (as with NO_COLOR).", callback=set_field, expose_value=False),
        click.Option(["-v", "--verbose"], is_flag=True, help=VERBOSE, callback=set_field, expose_value=False),
    ]
    if root:
        options.append(click.Option(["--version"], is_flag=True, help="Print the version.", callback=set_field, expose_value=False))
    return options


def as_command(name: str, function: Function, *, optional: Mapping[str, float] | None = None) -> click.Command:
    """A function with annotated parameters as a command that also takes the global options.

    `optional`: options that may be written without a value -> the number that they have then.
    """
    single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    single.command(name)(function)
    command = typer.main.get_command(single)
    command.params = [*(_valueless(param, (optional or {}).get(param.name or "")) for param in command.params), *global_options()]
    return command


def _valueless(param: click.Parameter, number: float | None) -> click.Parameter:
    """The option, which has this number when it is written without a value. None: the parameter unchanged."""
    if number is None or not isinstance(param, click.Option):
        return param
    return click.Option(
        list(param.opts),
        type=click.FloatRange(min=0.1),
        default=None,
        is_flag=False,
        flag_value=number,
        metavar=param.metavar,
        help=param.help,
    )


class CommandGroup(TyperGroup):
    """A group of commands that suggests a name for a misspelt one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None:
            raise UnknownCommandError(args, self.list_commands(ctx), ctx)
        return name, command, args[1:]


def group(name: str, summary: str, functions: Mapping[str, Function]) -> click.Group:
    """A command with subcommands, by name. It takes the global options too."""
    return CommandGroup(
        name=name,
        help=summary,
        rich_markup_mode=None,
        no_args_is_help=False,
        params=global_options(),
        commands={name: as_command(name, function) for name, function in functions.items()},
    )


class UnknownCommandError(click.UsageError):
    """No command has this name."""

    def __init__(self, words: Sequence[str], commands: Sequence[str], ctx: click.Context) -> None:
        # with the name of the group, so that `state list` is found whether or not there is a group `state`
        self.hint = command_hint(ctx.command_path.split()[1:], words, commands) or f"known: {', '.join(commands)}"
        super().__init__(f'There is no command "{words[0]}".', ctx)


class Root(CommandGroup):
    """`leptonctl`: names and summaries come from the table, everything else is imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        function = getattr(import_module(f"leptonctl.cli.{COMMANDS[cmd_name][0]}"), cmd_name)
        return function if isinstance(function, click.Command) else as_command(cmd_name, function)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


def root() -> Root:
    """The whole command line."""
    text = "Declarative config-as-code for the life of a machine-learning model: plan, apply, serve, roll back."
    commands = Root(name="leptonctl", help=text, rich_markup_mode=None, params=global_options(root=True), invoke_without_command=True)
    commands.callback = lambda: None
    return commands
