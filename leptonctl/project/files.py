"""The project's YAML files as text. Finds the project folder and decides which files belong to it; interprets only `ignore:`."""

import codecs
import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Span
from leptonctl.language.yaml12 import parse
from leptonctl.language.yaml12_errors import bad_character
from leptonctl.storage.durable import DOT_FOLDER

MARKER = "leptonctl.yaml"
LARGEST = 4 * 2**20
MOST_ENTRIES = 500_000
"""How many lines and list items all files may have: some 40,000 documents. More would take minutes and gigabytes."""
MOST_GLOBS, LONGEST_GLOB = 1_000, 500
"""More and longer globs in `ignore:` are not used; the schema refuses them."""
IS_PROJECT = re.compile(r"""^kind\s*:\s*["']?Project["']?\s*(?:#.*)?$""", re.MULTILINE)
NONE: Mapping[str, bytes] = MappingProxyType({})
AS_UTF8 = "save the file as UTF-8"
SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__"})


def find_root(start: Path) -> Path | None:
    """The nearest folder at or above `start` whose leptonctl.yaml has `kind: Project`."""
    here = start.resolve()
    for folder in (here, *here.parents):
        try:
            # a pipe or a device is not read
            data = _head(str(folder / MARKER)) if (folder / MARKER).is_file() else b""
        except OSError:
            continue
        if IS_PROJECT.search(_lenient_text(data)):
            return folder
    return None


def _lenient_text(data: bytes) -> str:
    """The text whatever its encoding and line ends: errors in them are reported when the file is read, and do not hide the project."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", "replace")
    else:
        text = data.decode("utf-8-sig", "replace")
    # without its zero bytes, Latin text in UTF-16 or UTF-32 is readable
    return text.replace("\0", "").replace("\r", "\n")


class Files(Frozen):
    """The project's files by path (posix, relative to its folder): their text, the SHA-256 of their bytes, and problems."""

    texts: Mapping[str, str]
    digests: Mapping[str, bytes]
    problems: tuple[Diagnostic, ...]


def read_project(root: Path, readable: Mapping[str, bytes] = NONE) -> Files:
    """Every YAML file below `root` that belongs to the project, sorted. `readable`: the digests of texts known to have no bad character.

    Skipped: hidden files and folders, virtual environments, nested projects, node_modules, and what `ignore:` of
    leptonctl.yaml lists. Links to folders are not followed, and links to files outside the project are refused unread.
    """
    texts: dict[str, str] = {}
    digests: dict[str, bytes] = {}
    problems: list[Diagnostic] = []
    entries = 0
    for path in sorted(_walk(str(root), "", _read_ignore_pattern(root))):
        data = _bytes(root, path)
        if isinstance(data, Diagnostic):
            problems.append(data)
            continue
        digest = sha256(data).digest()
        text = data.decode("utf-8-sig") if readable.get(path) == digest else _text(path, data)
        if isinstance(text, Diagnostic):
            problems.append(text)
            continue
        entries += text.count("\n") + text.count(",")
        if entries > MOST_ENTRIES:
            problems.append(_too_many_entries(path))
            break
        texts[path], digests[path] = text, digest
    return Files(texts=texts, digests=digests, problems=tuple(problems))


def _read_ignore_pattern(root: Path) -> re.Pattern[str] | None:
    """The pattern of `ignore:` in the project's file, None without one."""
    data = _bytes(root, MARKER) if (root / MARKER).is_file() else b""
    text = _text(MARKER, data) if isinstance(data, bytes) else ""
    return _ignore_pattern(text) if isinstance(text, str) else None


def odd_file(root: Path) -> str | None:
    """The path of something below `.leptonctl` that leptonctl did not create: a link, a pipe or a device.

    A pull request may have added it, and a command would write through it or wait for it.
    """
    dot = f"{root}/{DOT_FOLDER}"
    if os.path.islink(dot):  # noqa: PTH114
        return DOT_FOLDER
    for folder in ("", "/cache", "/state", "/logs"):
        with suppress(OSError), os.scandir(dot + folder) as entries:
            for entry in entries:
                if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
                    return f"{DOT_FOLDER}{folder}/{entry.name}"
    return None


def _too_many_entries(path: str) -> Diagnostic:
    detail = f"with this file, the project's YAML has more than {MOST_ENTRIES:,} lines and list items; no more is read"
    hint = "list what is not leptonctl's under `ignore:` of the Project, or divide the project"
    return error("project-too-large", "A project is too large", detail, span=_character_span(path, 1, 1), hint=hint)


def _walk(folder: str, prefix: str, ignore_pattern: re.Pattern[str] | None) -> Iterator[str]:
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith(".") or name in SKIPPED_FOLDERS:
                    continue
                if name == "pyvenv.cfg" or (name == MARKER and prefix):
                    return
                if ignore_pattern is not None and ignore_pattern.fullmatch(prefix + name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                elif name.endswith((".yaml", ".yml")) and _is_file(entry):
                    files.append(prefix + name)
    except PermissionError:
        return
    yield from files
    for name in folders:
        yield from _walk(f"{folder}/{name}", f"{prefix}{name}/", ignore_pattern)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return True  # a cycle of links: reading it reports that


def _bytes(root: Path, path: str) -> bytes | Diagnostic:
    """The bytes of a project file, or why it is not read. A link is followed only inside the project."""
    file = f"{root}/{path}"
    try:
        try:
            data = _head(file, os.O_NOFOLLOW)
        except OSError as refused:
            if refused.errno != errno.ELOOP:
                raise
            if not _is_inside(root, file):
                return _outside(path)
            data = _head(file)
    except OSError as problem:
        return _unreadable(path, problem)
    return data if len(data) <= LARGEST else _too_large(path)


def _text(path: str, data: bytes) -> str | Diagnostic:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        return _undecodable(data, problem, path)
    if b"\0" in data[:4]:
        return error(
            "bad-encoding",
            "A project file is not UTF-8 text",
            "the file is UTF-16 or UTF-32",
            span=_character_span(path, 1, 1),
            hint=AS_UTF8,
        )
    return bad_character(path, text) or text


def _outside(path: str) -> Diagnostic:
    hint = "copy the file into the project, or list the link under `ignore:` of the Project"
    detail = "it is a link to a file outside the project"
    return error("outside-project", "A file lies outside the project", detail, span=_character_span(path, 1, 1), hint=hint)


def _too_large(path: str) -> Diagnostic:
    detail = f"it is larger than {LARGEST // 2**20} MiB"
    hint = "list it under `ignore:` of the Project if it is not for leptonctl"
    return error("file-too-large", "A project file is too large", detail, span=_character_span(path, 1, 1), hint=hint)


def _unreadable(path: str, problem: OSError) -> Diagnostic:
    reason = problem.strerror or "unknown reason"
    hint = "make it readable, or list it under `ignore:` of the Project"
    return error("unreadable-file", "A project file cannot be read", f"{reason}", span=_character_span(path, 1, 1), hint=hint)


def _head(path: str, flags: int = 0) -> bytes:
    """The first LARGEST + 1 bytes of a file. Python's `open` would take a tenth of a second longer for ten thousand files."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        data = os.read(handle, LARGEST + 1)
        while len(data) <= LARGEST and (more := os.read(handle, LARGEST + 1 - len(data))):
            data += more
    finally:
        os.close(handle)
    return data


def _is_inside(root: Path, path: str) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def _undecodable(data: bytes, problem: UnicodeDecodeError, path: str) -> Diagnostic:
    valid_text = data[: problem.start].decode("utf-8", "replace")
    line, column = valid_text.count("\n") + 1, len(valid_text) - valid_text.rfind("\n")
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    detail = "the file is UTF-16" if utf16 else f"byte 0x{data[problem.start]:02X} is not UTF-8"
    return error("bad-encoding", "A project file is not UTF-8 text", detail, span=_character_span(path, line, column), hint=AS_UTF8)


def _character_span(file: str, line: int, column: int) -> Span:
    return Span(file=file, line=line, column=column, end_column=column + 1)


def _ignore_pattern(text: str) -> re.Pattern[str] | None:
    """One pattern for all `ignore:` globs of the Project document. A glob without `/` matches at any depth."""
    if "ignore" not in text:
        return None
    globs: list[str] = []
    for document in parse(MARKER, text)[0]:
        value = document.value
        ignore = value.get("ignore") if isinstance(value, dict) and value.get("kind") == "Project" else None
        if isinstance(ignore, list):
            globs += [glob for glob in ignore if isinstance(glob, str) and glob.strip("/") and len(glob) <= LONGEST_GLOB]
    return re.compile("|".join(_expression(glob) for glob in globs[:MOST_GLOBS])) if globs else None


def _expression(glob: str) -> str:
    """A glob as a regular expression: `**` matches any number of folders, `*` and `?` stay within a name.

    What follows a wildcard is matched at the first position that fits, without backtracking (`(?>…)`): a later one cannot fit better,
    because the next wildcard takes up the difference. So a glob of many wildcards does not take exponential time.
    """
    anywhere = "/" not in glob.rstrip("/")
    plain = glob.strip("/").removeprefix("./")
    wide = [_name_expression(part) for part in re.split(r"(?:(?<=/)|(?<!.))(?:\*\*/)+", "**/" + plain if anywhere else plain)]
    body = wide[0] + "".join(f"(?>(?:[^/]+/)*?{part})" for part in wide[1:-1])
    return f"(?:{body}(?:[^/]+/)*{wide[-1]})" if len(wide) > 1 else f"(?:{body})"


def _name_expression(glob: str) -> str:
    """The part of a glob between two `**/`. A `**` inside it also crosses folders."""
    first, *others = re.split(r"\*{2,}", glob)
    out = _stars(first, last=not others)
    for text in others[:-1]:
        out += f"(?>.*?{_stars(text, last=False)})"
    return out + (f".*{_stars(others[-1], last=True)}" if others else "")


def _stars(glob: str, *, last: bool) -> str:
    """A glob of single stars. Only the `last` part of all must also be tried after the first position that fits."""
    first, *others = glob.split("*")
    pieces = [
        f"[^/]*{_literal(text)}" if last and place == len(others) else f"(?>[^/]*?{_literal(text)})" for place, text in enumerate(others, 1)
    ]
    return _literal(first) + "".join(pieces)


def _literal(text: str) -> str:
    return "".join("[^/]" if c == "?" else re.escape(c) for c in text)
