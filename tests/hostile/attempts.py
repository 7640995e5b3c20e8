"""What a hostile pull request may hold. Each attempt changes a small project, and names the commands that then meet it.

Shared by all: `outside`, a folder beside the project with files whose lines hold the SECRET, and `trap(NAME)`, a line of Python that
leaves a mark when it runs.
"""

import gzip
import os
import random
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from leptonctl.core.frozen import Frozen
from tests import projects

SECRET = "zq-outside-secret-4711"
LOOK = (("validate",), ("plan",))
PLAN = (("plan",),)
BIDI = "\u202e\u2066"
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b31m"


class Place(Frozen):
    """Where an attempt happens: the project, what lies outside it, and where traps leave their marks."""

    root: Path
    outside: Path
    marks: Path

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def add(self, path: str, text: str) -> None:
        self.write(path, (self.root / path).read_text(encoding="utf-8") + text)

    def edit(self, path: str, old: str, new: str) -> None:
        projects.edit(self.root / path, old, new)

    def link(self, path: str, target: Path | str) -> None:
        link = self.root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)

    def source(self, path: str) -> None:
        self.edit("data.yaml", "data/points.csv", path)

    def trap(self, name: str) -> str:
        return f"open({str(self.marks / name)!r}, 'w').close()\n"

    def shell(self, name: str) -> str:
        return f"touch {self.marks / name}"


class Attempt(Frozen):
    """`prepare` plants it; `commands` meet it. `says`: one of them is in the output of the commands together, unless empty."""

    name: str
    prepare: Callable[[Place], None]
    commands: Sequence[Sequence[str]] = LOOK
    says: tuple[str, ...] = ()


# --- code -----------------------------------------------------------------------------------------------------------------------


def modules(place: Place) -> None:
    """Modules that the interpreter or a tool might import by itself, and packages that claim entry points of ours."""
    for name in ("sitecustomize", "usercustomize", "conftest", "setup", "yaml", "uvicorn", "leptonctl/__init__", "encodings/idna"):
        place.write(f"{name}.py", place.trap(name.replace("/", ".")))
    place.write("evil.pth", f"import os; {place.trap('pth')}")
    place.write(".env", f"PYTHONSTARTUP={place.root}/yaml.py\nPYTHONPATH={place.root}\nLD_PRELOAD={place.root}/x.so\n")
    place.write("pyproject.toml", "[project]\nname = 'x'\n[tool.pytest.ini_options]\naddopts = '-p yaml'\n")
    for folder in ("evil-1.0.dist-info", "evil.egg-info"):
        groups = "".join(f"[leptonctl.{group}]\n{name} = yaml:X\n" for group, name in ENTRY_POINTS)
        place.write(f"{folder}/entry_points.txt", groups)
        place.write(f"{folder}/METADATA", "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    place.edit("model-line.yaml", "logistic_regression", "evil")


ENTRY_POINTS = (
    ("trainers", "classification.evil"), ("sources", "csv"), ("platforms", "server"), ("stores", "evil"), ("executors", "local"),
)  # fmt: skip


def git_programs(place: Place) -> None:
    """Programs that Git runs for filters, for a nested repository and for diffs."""
    projects.commit(place.root)
    place.write(".gitattributes", "*.yaml filter=evil diff=evil merge=evil\n*.csv filter=evil\n")
    place.write("nested/.git/config", f'[core]\n\tfsmonitor = "{place.shell("fsmonitor")}"\n\tsshCommand = "{place.shell("ssh")}"\n')
    place.write("nested/.git/HEAD", "ref: refs/heads/main\n")
    place.write("nested/.git/hooks/post-index-change", f"#!/bin/sh\n{place.shell('hook')}\n")
    os.chmod(place.root / "nested/.git/hooks/post-index-change", 0o755)
    place.write(
        ".gitmodules",
        f'[submodule "x"]\n\tpath = nested\n\turl = ext::sh -c "{place.shell("submodule")}"\n\tupdate = !{place.shell("update")}\n',
    )


def git_of_the_checkout(place: Place) -> None:
    """Where the whole folder was unpacked, its own `.git` may name programs."""
    projects.commit(place.root)
    for key in ("core.fsmonitor", "core.sshCommand", "diff.external", "core.pager", "filter.evil.clean", "filter.evil.process", "diff.evil.textconv", "diff.evil.command", "core.alternateRefsCommand", "uploadpack.packObjectsHook"):  # fmt: skip
        projects.git(place.root, "config", key, place.shell(key))
    place.write(".gitattributes", "* filter=evil diff=evil\n")
    hook = place.root / ".git/hooks/post-index-change"
    place.write(".git/hooks/post-index-change", f"#!/bin/sh\n{place.shell('hook')}\n")
    os.chmod(hook, 0o755)
    place.add("data.yaml", "\n# edited\n")


# --- links and special files -------------------------------------------------------------------------------------------------------


def yaml_link(place: Place) -> None:
    place.link("extra.yaml", place.outside / "secret.yaml")


def marker_link(place: Place) -> None:
    place.link("leptonctl.yaml", place.outside / "leptonctl.yaml")


def folder_link(place: Place) -> None:
    place.link("more", place.outside)


def link_chain(place: Place) -> None:
    place.link("a.yaml", "b.yaml")
    place.link("b.yaml", "../outside/secret.yaml")
    place.link("c.yaml", "c.yaml")


def proc_link(place: Place) -> None:
    place.link("environ.yaml", "/proc/self/environ")
    place.link("cmdline.yml", "/proc/self/cmdline")


def data_link(place: Place) -> None:
    place.link("data/points.csv", place.outside / "secret.csv")


def data_folder_link(place: Place) -> None:
    place.link("tables", place.outside)
    place.source("tables/secret.csv")


def dot_folder_link(place: Place) -> None:
    place.link(".leptonctl", place.outside)


def dot_folder_file(place: Place) -> None:
    place.write(".leptonctl", "x")


def planted_cache(place: Place) -> None:
    """A committed `.leptonctl` with caches, a plan and a state of the pull request's own making."""
    place.write(".leptonctl/cache/providers.json", '{"stamp": null, "groups": {"trainers": [["classification.evil", "yaml:X"]]}}')
    place.write(".leptonctl/cache/digests.json", '{"format": 1, "files": {"x": []}}')
    place.write(".leptonctl/cache/beats.json", "[" * 10_000)
    place.write(".leptonctl/state/state.json", '{"lineage": "../../outside", "serial": -1}')
    place.link(".leptonctl/logs", place.outside)


def planted_state_links(place: Place) -> None:
    place.link(".leptonctl/state/state.json", place.outside / "secret.yaml")
    place.link(".leptonctl/cache/digests.json", place.outside / "secret.yaml")


def planted_plan(place: Place) -> None:
    place.write("p.plan", '{"plan": {"x": "' + "y" * 100 + '"}, "text": "zz"}')


def pipe_yaml(place: Place) -> None:
    os.mkfifo(place.root / "pipe.yaml")
    (place.root / "leptonctl.yaml").unlink()
    os.mkfifo(place.root / "leptonctl.yaml")


def pipe_data(place: Place) -> None:
    (place.root / "data/points.csv").unlink()
    os.mkfifo(place.root / "data/points.csv")


def device_links(place: Place) -> None:
    place.link("zero.yaml", "/dev/zero")
    place.link("data/points.csv", "/dev/zero")


def socket_files(place: Place) -> None:
    for name in ("s.yaml", "data/s.csv"):
        with socket.socket(socket.AF_UNIX) as unix:
            here = os.getcwd()
            os.chdir(place.root)  # the name of a socket is short
            try:
                unix.bind(name)
            finally:
                os.chdir(here)
    place.source("data/s.csv")


def pipes_of_ours(place: Place) -> None:
    """Pipes where leptonctl keeps its own files."""
    for path in (
        ".leptonctl/cache/digests.json",
        ".leptonctl/cache/providers.json",
        ".leptonctl/state/state.json",
        ".leptonctl/.gitignore",
    ):
        (place.root / path).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(place.root / path)


# --- paths ------------------------------------------------------------------------------------------------------------------------


def source_at(path: str) -> Callable[[Place], None]:
    def prepare(place: Place) -> None:
        place.source(f'"{path}"')

    return prepare


def secrets_at(path: str) -> Callable[[Place], None]:
    def prepare(place: Place) -> None:
        place.add("data.yaml", f"privacy: {{hash: [x], key: {{secret: {{file: '{path}'}}}}, key_id: k}}\n")

    return prepare


def plain_secret(place: Place) -> None:
    place.add("data.yaml", f"privacy: {{hash: [x], key: {{secret: {SECRET}}}, key_id: k}}\n")


def secret_variable_in_templates(place: Place) -> None:
    place.add("leptonctl.yaml", "vars: {a: '{{ env.ZQ }}'}\n")
    place.add("model-line.yaml", "description: \"{{ env['ZQ_SECRET'] }} {{ lookup('env', 'ZQ_SECRET') }} {{ vars.__class__ }}\"\n")


def roots_of_everything(place: Place) -> None:
    place.add("leptonctl.yaml", "roots: ['../outside']\n")
    place.source("../outside/secret.csv")


def wrong_pin(place: Place) -> None:
    place.edit("data.yaml", "data/points.csv}", f"data/points.csv, digest: 'sha256:{'0' * 64}'}}")


def ignored(place: Place) -> None:
    place.add("leptonctl.yaml", "ignore: ['" + "**/*a*" * 12 + "b', '" + "*a" * 40 + "', '" + "?*" * 60 + "z', '" + "**/" * 60 + "z']\n")
    for name in ("a" * 120, "/".join(["a" * 20] * 12)):
        place.write(f"{name}.yaml", "kind: Model\n")


def many_globs(place: Place) -> None:
    place.add("leptonctl.yaml", "ignore: [" + ", ".join(f"'*{i}*'" for i in range(50_000)) + "]\n")


# --- templates --------------------------------------------------------------------------------------------------------------------

TEMPLATES = (
    "{{ vars.__class__.__mro__[1].__subclasses__() }}", "{{ ''.__class__ }}", "{{ vars['__class__'] }}", "{{ vars | attr('__class__') }}",
    "{{ vars.x.__init__.__globals__ }}", "{{ self }}", "{{ cycler.__init__ }}", "{{ request }}", "{{ config }}", "{{ range(10) }}",
    "{{ 'a' * 100000000 }}", "{{ [0] * 100000000 }}", "{{ 9 ** 9 ** 9 }}", "{{ '%1000000000d' % 1 }}", "{{ ('a' * 9999) ~ ('a' * 9999) }}",
    "{% for i in range(9) %}{% endfor %}", "{% include 'data.yaml' %}", "{{ 'x' | format }}", "{{ vars.x | map('upper') }}",
    "{{ " + "(" * 500 + "1" + ")" * 500 + " }}", "{{ " + "-" * 3000 + "1 }}", "{{ 'aaaa' | replace('', 'b' * 9000) }}",
    "{{ 1e308 * 10 }}", "{{ 10000000000 * 10000000000 * 10000000000 }}", "{{ '\x1b]0;owned\x07' }}", "{{ 7 // 0 }}", "{{ vars | length",
    "{{ " + " ~ ".join(["'aaaaaaaaaa'"] * 700) + " }}", "{{ ([[1] * 9000] * 9000) | sum(start=[]) }}", "{{ vars.x | round(99999999) }}",
    "{{ ('9' * 9000) | int }}", "{{ ('9' * 9000) | float }}", "{{ 1.0 | round(-400) }}", "{{ [[9] * 9000] * 9000 }}", "{{ ('a,' * 4000) | unique }}",
)  # fmt: skip


def templates(place: Place) -> None:
    """Each in a document of its own: one that fails hides no other."""
    place.add("leptonctl.yaml", "vars: {x: 1}\n")
    for number, text in enumerate(TEMPLATES):
        quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\x1b", "\\e").replace("\x07", "\\a")
        place.write(f"t{number}.yaml", f'kind: Model\nname: t{number}\ndataset: points@first\ntask: classification\nalgorithm: knn\ndescription: "{quoted}"\nversions: {{v: {{}}}}\n')  # fmt: skip


def many_templates(place: Place) -> None:
    lines = "".join(f'  v{i}: {{params: {{C: "{{{{ {i} * 1.5 }}}}"}}}}\n' for i in range(20_000))
    place.add("model-line.yaml", lines)


# --- YAML -------------------------------------------------------------------------------------------------------------------------


def bomb(place: Place) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    place.write("bomb.yaml", "kind: Model\nname: bomb\n" + "\n".join(lines) + "\n")


def wide_bomb(place: Place) -> None:
    place.write(
        "bomb.yaml", "kind: Model\nname: b\na: &a {" + ", ".join(f"k{i}: 1" for i in range(5_000)) + "}\nb: [" + "*a, " * 50_000 + "]\n"
    )


def self_alias(place: Place) -> None:
    place.write("loop.yaml", "kind: Model\nname: b\na: &a {b: *a, c: [&d [*d]]}\n---\n&x {*x : *x}\n")


def deep(place: Place) -> None:
    place.write("deep.yaml", "kind: Model\nname: d\na: " + "[" * 1_000_000 + "\n")
    place.write("deeper.yaml", "kind: Model\nname: e\n" + "".join(" " * i + "a:\n" for i in range(2_000)))


def tags(place: Place) -> None:
    place.write("tags.yaml", f"kind: !!python/object/apply:os.system ['{place.shell('tag')}']\nname: !!python/name:os.system x\na: !<tag:yaml.org,2002:python/object/new:os.system> [id]\n")  # fmt: skip


def long_names(place: Place) -> None:
    long = "n" * 5_000
    place.write(
        "long.yaml", f"kind: Model\nname: {long}\ndataset: {long}@{long}\ntask: {long}\nalgorithm: {long}\nversions: {{{long}: {{}}}}\n"
    )
    place.write(
        "e.yaml", f"kind: Environment\nname: e\nplatform: {{type: server, host: {'h' * 5_000}, port: 1}}\nmodels: {{{long}: {long}}}\n"
    )


def long_host(place: Place) -> None:
    place.edit("environment-dev.yaml", "127.0.0.1", "h" * 5_000)


def strange_hosts(place: Place) -> None:
    for number, host in enumerate(("..", "a..b", "\\0", "\\u202e", "\\e[2J", "x" * 70 + ".y", "münchen", "-oProxyCommand=x", "1.2.3.4/../..", "@", "[::1]", "0x7f.1", " ", "a b", "http://x")):  # fmt: skip
        place.write(
            f"h{number}.yaml",
            f'kind: Environment\nname: h{number}\nplatform: {{type: server, host: "{host}", port: 1}}\nmodels: {{line: v1}}\n',
        )


def many_versions(place: Place) -> None:
    place.write("many.yaml", MANY + "".join(f"  v{i}: {{}}\n" for i in range(300_000)))


def versions_in_files(place: Place) -> None:
    """As many versions as the limit of a file allows, four times."""
    for number in range(4):
        place.write(f"many{number}.yaml", MANY.replace("many", f"many{number}") + "".join(f"  v{i}: {{}}\n" for i in range(200_000)))


MANY = "kind: Model\nname: many\ndataset: points@first\ntask: classification\nalgorithm: logistic_regression\nversions:\n"


def large_file(place: Place) -> None:
    place.write("large.yaml", MANY + "".join(f"  version-number-{i}: {{}}\n" for i in range(600_000)))


def broken_documents(place: Place) -> None:
    place.write("broken.yaml", "kind: Modle\nname: x\n---\n" * 100_000)


def other_broken_documents(place: Place) -> None:
    place.write("broken.yaml", "kind: Model\nname: X!\nversions: 3\nalgorithm: [1]\nfoo: bar\n---\n" * 50_000)


def syntax_errors(place: Place) -> None:
    place.write("broken.yaml", "kind: Model\nname: 'x\n---\n" * 100_000)


def tab_errors(place: Place) -> None:
    place.write("broken.yaml", "kind: Model\nname:\n\tx: 1\n---\n" * 100_000)


def duplicate_keys(place: Place) -> None:
    place.write("broken.yaml", "kind: Model\nname: x\n" + "a: 1\n" * 300_000)


def many_files(place: Place) -> None:
    for number in range(3_000):
        place.write(f"d{number % 50}/f{number}.yaml", "kind: Modle\n")


def numbers(place: Place) -> None:
    place.write("n.yaml", f"kind: Model\nname: n\na: {'9' * 1_000_000}\nb: 0x{'f' * 500_000}\nc: 1e{'9' * 100}\nd: .{'0' * 100_000}1\n")


def one_line(place: Place) -> None:
    place.write("l.yaml", "kind: Model\nname: l\nx: " + "y" * 4_000_000 + "\n")
    place.write("m.yaml", "kind: Model\nname: m\n" + "k" * 3_000_000 + ": 1\n")


# --- what is shown ------------------------------------------------------------------------------------------------------------------


def control_characters(place: Place) -> None:
    escaped = "\\e]0;owned\\a\\e[2J\\x9b31m\\u202e\\u2066"
    place.write("c.yaml", f'kind: "Mo{escaped}"\nname: x\n')
    place.write("e.yaml", f'kind: Model\nname: "x{escaped}"\n"a{escaped}": 1\nalgorithm: "{escaped}"\nversions: {{"v{escaped}": {{}}}}\n')


def control_in_valid(place: Place) -> None:
    """In fields that may hold any text and that a plan prints."""
    escaped = "\\e]0;owned\\a\\e[2J\\x9b31m\\u202e\\u2066"
    place.edit("model-line.yaml", "kind: Model", f'kind: Model\ndescription: "d{escaped}"\nlabels: {{"l{escaped}": "m{escaped}"}}')
    place.edit("data.yaml", "target: side", f'target: side\ncolumns: {{"x{escaped}": {{description: "{escaped}"}}}}')
    place.add("leptonctl.yaml", f'vars: {{"v{escaped}": "{escaped}"}}\n')


def control_in_names_of_files(place: Place) -> None:
    place.write(f"f{ESCAPES}{BIDI}\n::error::x.yaml", "kind: Modle\n")
    place.write(f"data/p{ESCAPES}{BIDI}.csv", "x,y,side\n1,2,a\n")
    place.source('"data/nothing\\e[2J.csv"')


def control_in_data(place: Place) -> None:
    header = f"x{ESCAPES}{BIDI},y\x1b[31m,side"
    place.write("data/points.csv", "\n".join([header, *projects.points().splitlines()[1:]]) + "\n")


def surrogate_names(place: Place) -> None:
    with open(os.fsencode(place.root) + b"/bad\xff\xfe.yaml", "wb") as file:
        file.write(b"kind: Modle\n")
    with open(os.fsencode(place.root) + b"/data/bad\xff.csv", "wb") as file:
        file.write(b"x,y\n")


def bytes_that_are_no_text(place: Place) -> None:
    for name, data in {"nul": b"kind: Model\0\n", "utf16": "kind: Model\n".encode("utf-16"), "boms": b"\xef\xbb\xbf" * 3 + b"kind: Model\n", "latin": b"kind: M\xf6del\n", "del": b"kind: Mod\x7fel\n", "cr": b"kind: Model\rname: x\r"}.items():  # fmt: skip
        (place.root / f"{name}.yaml").write_bytes(data)


# --- data -------------------------------------------------------------------------------------------------------------------------

INIT = (("init", "--from", "t.csv"),)


def table(content: bytes | Callable[[], bytes], name: str = "t.csv") -> Callable[[Place], None]:
    """A table for `init --from`, and as the source of the dataset."""

    def prepare(place: Place) -> None:
        (place.root / name).write_bytes(content() if callable(content) else content)
        (place.root / "leptonctl.yaml").rename(place.root / "project.yaml.kept")

    return prepare


def wide_header(place: Place) -> None:
    place.write("data/points.csv", ",".join(f"c{i}" for i in range(300_000)) + "\n" + "1," * 299_999 + "1\n")


def one_endless_line(place: Place) -> None:
    """One line of 300 MB that takes no room on the disk."""
    with (place.root / "data/points.csv").open("wb") as file:
        file.truncate(3 * 10**8)


def endless_header(place: Place) -> None:
    """No line break in 64 MB of text."""
    (place.root / "data/points.csv").write_bytes(b"abcdefgh" * 8_000_000)


def gzip_bomb(place: Place) -> None:
    """A little file that becomes 200 MB, without a line break."""
    with gzip.open(place.root / "data/points.csv.gz", "wb", compresslevel=1) as file:
        for _ in range(200):
            file.write(b"a" * 10**6)
    place.source("data/points.csv.gz")


def fake_parquet(place: Place) -> None:
    draw = random.Random(1)
    body = b"PAR1" + draw.randbytes(1000)
    (place.root / "t.parquet").write_bytes(body + (2**31 - 1).to_bytes(4, "little") + b"PAR1")
    (place.root / "u.parquet").write_bytes(body + (900).to_bytes(4, "little") + b"PAR1")
    (place.root / "data/points.csv").unlink()
    place.source("t.parquet")


def json_lines(place: Place) -> None:
    place.write("t.jsonl", "[" * 100_000 + "\n")
    place.source("t.jsonl")


def wide_json(place: Place) -> None:
    place.write("t.jsonl", "{" + ", ".join(f'"c{i}": 1' for i in range(300_000)) + "}\n")
    place.source("t.jsonl")


ATTEMPTS = (
    Attempt(name="modules of the checkout", prepare=modules),
    Attempt(name="programs of Git's attributes", prepare=git_programs),
    Attempt(name="programs of Git's configuration", prepare=git_of_the_checkout),
    Attempt(name="YAML linked to outside", prepare=yaml_link, says=("outside-project",)),
    Attempt(name="the project file linked to outside", prepare=marker_link),
    Attempt(name="a folder linked to outside", prepare=folder_link),
    Attempt(name="links to links", prepare=link_chain, says=("outside-project",)),
    Attempt(name="links to /proc", prepare=proc_link),
    Attempt(name="data linked to outside", prepare=data_link, says=("outside-project",)),
    Attempt(name="data below a folder linked to outside", prepare=data_folder_link, says=("outside-project",)),
    Attempt(name=".leptonctl linked to outside", prepare=dot_folder_link, says=("odd-file",)),
    Attempt(name=".leptonctl is a file", prepare=dot_folder_file),
    Attempt(name="a committed .leptonctl", prepare=planted_cache),
    Attempt(name="a committed .leptonctl of links", prepare=planted_state_links),
    Attempt(name="a planted plan", prepare=planted_plan, commands=(("show", "p.plan"), ("apply", "p.plan")), says=("bad-plan",)),
    Attempt(name="a pipe as YAML", prepare=pipe_yaml),
    Attempt(name="a pipe as data", prepare=pipe_data, says=("not-a-file",)),
    Attempt(name="links to devices", prepare=device_links),
    Attempt(name="sockets", prepare=socket_files, says=("not-a-file",)),
    Attempt(name="pipes as files of ours", prepare=pipes_of_ours, says=("odd-file",)),
    Attempt(name="source ../../etc/passwd", prepare=source_at("../../../../etc/passwd")),
    Attempt(name="source ../outside", prepare=source_at("../outside/secret.csv"), says=("outside-project",)),
    Attempt(name="source /proc/self/environ", prepare=source_at("/proc/self/environ")),
    Attempt(name="source /dev/stdin.csv", prepare=source_at("/dev/fd/0.csv")),
    Attempt(name="source of a URL", prepare=source_at("https://127.0.0.1:1/secret.csv")),
    Attempt(name="source file URL", prepare=source_at("file:///etc/secret.csv")),
    Attempt(name="source with a zero byte", prepare=source_at("data/a\\0.csv")),
    Attempt(name="source of 5,000 letters", prepare=source_at("data/" + "x" * 5000 + ".csv")),
    Attempt(name="source data/", prepare=source_at("data/.csv")),
    Attempt(name="secret outside", prepare=secrets_at("../outside/secret.yaml")),
    Attempt(name="secret from /proc", prepare=secrets_at("/proc/self/environ")),
    Attempt(name="a secret in the YAML", prepare=plain_secret, says=("plain-secret",)),
    Attempt(name="variables of the environment in templates", prepare=secret_variable_in_templates),
    Attempt(name="roots", prepare=roots_of_everything),
    Attempt(name="a pin that does not fit", prepare=wrong_pin),
    Attempt(name="globs that backtrack", prepare=ignored),
    Attempt(name="50,000 globs", prepare=many_globs, commands=PLAN),
    Attempt(name="templates", prepare=templates),
    Attempt(name="20,000 templates", prepare=many_templates, commands=PLAN),
    Attempt(name="an alias bomb", prepare=bomb),
    Attempt(name="a wide alias bomb", prepare=wide_bomb, commands=PLAN),
    Attempt(name="an alias of itself", prepare=self_alias),
    Attempt(name="deep nesting", prepare=deep),
    Attempt(name="tags of Python", prepare=tags),
    Attempt(name="names of 5,000 letters", prepare=long_names),
    Attempt(name="a host of 5,000 letters", prepare=long_host),
    Attempt(name="strange hosts", prepare=strange_hosts),
    Attempt(name="300,000 versions", prepare=many_versions, commands=PLAN, says=("project-too-large",)),
    Attempt(name="800,000 versions in four files", prepare=versions_in_files, commands=PLAN, says=("project-too-large",)),
    Attempt(name="16 MB of versions", prepare=large_file, says=("file-too-large",)),
    Attempt(name="100,000 broken documents", prepare=broken_documents, commands=PLAN),
    Attempt(name="50,000 documents of many mistakes", prepare=other_broken_documents, commands=PLAN),
    Attempt(name="100,000 syntax errors", prepare=syntax_errors),
    Attempt(name="100,000 tabs", prepare=tab_errors),
    Attempt(name="300,000 equal keys", prepare=duplicate_keys, commands=PLAN),
    Attempt(name="3,000 broken files", prepare=many_files, commands=PLAN),
    Attempt(name="endless numbers", prepare=numbers, commands=PLAN),
    Attempt(name="one line of 4 MB", prepare=one_line, commands=PLAN),
    Attempt(name="control characters", prepare=control_characters),
    Attempt(name="control characters in valid fields", prepare=control_in_valid),
    Attempt(name="control characters in names of files", prepare=control_in_names_of_files),
    Attempt(name="control characters in a header", prepare=control_in_data),
    Attempt(name="names of files that are not text", prepare=surrogate_names),
    Attempt(name="bytes that are no text", prepare=bytes_that_are_no_text),
    Attempt(name="a header of 300,000 columns", prepare=wide_header),
    Attempt(name="one line of 300 MB", prepare=one_endless_line, commands=PLAN),
    Attempt(name="64 MB without a line break", prepare=endless_header, commands=PLAN),
    Attempt(name="a gzip bomb", prepare=gzip_bomb),
    Attempt(name="fake Parquet", prepare=fake_parquet),
    Attempt(name="deep JSON lines", prepare=json_lines),
    Attempt(name="wide JSON lines", prepare=wide_json, commands=PLAN),
    Attempt(name="init: control characters", prepare=table(f"x{ESCAPES}{BIDI},y\n".encode() + b"1,a\n2,b\n" * 30), commands=INIT),
    Attempt(name="init: zeros", prepare=table(b"x,y\n1,a\n" + b"\0" * 10_000_000), commands=INIT),
    Attempt(name="init: a wide header", prepare=table(lambda: ",".join(f"c{i}" for i in range(300_000)).encode() + b"\n" + b"1," * 299_999 + b"1\n"), commands=INIT),
    Attempt(name="init: open quote", prepare=table(b'x,y\n1,"' + b"a" * 30_000_000), commands=INIT),
    Attempt(name="init: YAML in names", prepare=table(b'"x: {a: 1}","y\n---\nkind: Model",#z\n' + b"1,2,3\n" * 30), commands=INIT),
)  # fmt: skip
