"""Which files belong to a project."""

import json
import os
import time
from pathlib import Path

import pytest

from leptonctl.project.files import find_root, odd_file, read_project
from tests import projects

PROJECT = "kind: Project\nname: p\n"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_files_that_belong_to_a_project(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "leptonctl.yaml": PROJECT,
            "models/b.yml": "b",
            "models/a.yaml": "a",
            "models/deep/er/c.yaml": "é",
            "models/readme.md": "x",
            ".hidden/x.yaml": "x",
            ".hidden.yaml": "x",
            "env/pyvenv.cfg": "",
            "env/lib/x.yaml": "x",
            "other/leptonctl.yaml": PROJECT,
            "other/sub/x.yaml": "x",
            "web/node_modules/y/x.yaml": "x",
            "__pycache__/x.yaml": "x",
        },
    )
    read = read_project(tmp_path)
    files, problems = read.texts, read.problems
    assert problems == ()
    assert list(files) == ["leptonctl.yaml", "models/a.yaml", "models/b.yml", "models/deep/er/c.yaml"]
    assert files["models/deep/er/c.yaml"] == "é"


def test_ignore_globs(tmp_path: Path) -> None:
    ignore = "ignore: [charts/**, mkdocs.yml, 'k8s/', 'gen/*.tmp.yaml', '**/old/x.yaml', 5]\n"
    names = [
        "charts/a/b.yaml",
        "mkdocs.yml",
        "sub/mkdocs.yml",
        "k8s/x.yaml",
        "deep/k8s/x.yaml",
        "gen/a.tmp.yaml",
        "gen/b/a.tmp.yaml",
        "x/old/x.yaml",
        "keep.yaml",
    ]
    write(tmp_path, {"leptonctl.yaml": f"kind: Model\nname: m\n---\n{PROJECT}{ignore}", **dict.fromkeys(names, "x")})
    assert list(read_project(tmp_path).texts) == ["gen/b/a.tmp.yaml", "keep.yaml", "leptonctl.yaml"]


def test_links_to_files_are_followed_and_loops_and_broken_links_ignored(tmp_path: Path) -> None:
    write(tmp_path, {"p/leptonctl.yaml": PROJECT, "p/a/x.yaml": "x", "shared.yaml": "shared"})
    (tmp_path / "p/a/loop").symlink_to(tmp_path / "p", target_is_directory=True)
    (tmp_path / "p/linked.yaml").symlink_to(tmp_path / "p/a/x.yaml")
    (tmp_path / "p/broken.yaml").symlink_to(tmp_path / "nothing.yaml")
    (tmp_path / "p/outside.yaml").symlink_to(tmp_path / "shared.yaml")
    (tmp_path / "p/system.yml").symlink_to("/etc/passwd")
    read = read_project(tmp_path / "p")
    files, problems = read.texts, read.problems
    assert list(files) == ["a/x.yaml", "leptonctl.yaml", "linked.yaml"]
    assert [(problem.id, problem.span.file) for problem in problems] == [("outside-project", f) for f in ("outside.yaml", "system.yml")]


@pytest.mark.parametrize("name", ["leptonctl.yaml", "more.yaml"])
def test_of_a_pipe_or_a_device_nothing_is_read(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"leptonctl.yaml": PROJECT})
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    assert find_root(tmp_path) == (None if name == "leptonctl.yaml" else tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    assert find_root(tmp_path) == (None if name == "leptonctl.yaml" else tmp_path)
    assert not set(read_project(tmp_path).texts) - {"leptonctl.yaml"}


@pytest.mark.parametrize(
    ("data", "id_", "line", "column"),
    [
        (b"a: 1\nname: caf\xe9\n", "bad-encoding", 2, 10),
        ("a: 1\n".encode("utf-16"), "bad-encoding", 1, 1),
        (b"a: 1\nb: \x00\n", "bad-character", 2, 4),
        ("a: 1\nb: 'x\u2028'\n".encode(), "bad-character", 2, 6),
    ],
)
def test_unreadable_files_are_reported(tmp_path: Path, data: bytes, id_: str, line: int, column: int) -> None:
    write(tmp_path, {"leptonctl.yaml": PROJECT})
    (tmp_path / "bad.yaml").write_bytes(data)
    read = read_project(tmp_path)
    files, (problem,) = read.texts, read.problems
    assert list(files) == ["leptonctl.yaml"]
    assert problem.span is not None
    assert (problem.id, problem.span.file, problem.span.line, problem.span.column) == (id_, "bad.yaml", line, column)
    assert problem.hint


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "leptonctl.yaml").write_bytes(b"\xef\xbb\xbf" + PROJECT.encode())
    assert read_project(tmp_path).texts == {"leptonctl.yaml": PROJECT}
    assert find_root(tmp_path) == tmp_path.resolve()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    write(tmp_path, {"leptonctl.yaml": PROJECT, "x.yaml": "x"})
    (tmp_path / "x.yaml").chmod(0)
    assert [p.id for p in read_project(tmp_path).problems] == ["unreadable-file"]


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    write(tmp_path, {"leptonctl.yaml": PROJECT})
    with (tmp_path / "big.yaml").open("wb") as file:
        file.truncate(33 * 2**20)
    assert [p.id for p in read_project(tmp_path).problems] == ["file-too-large"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_project_file_in_another_encoding_is_a_project_with_one_mistake(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "leptonctl.yaml").write_bytes(PROJECT.encode(encoding))
    assert find_root(tmp_path) == tmp_path.resolve()
    shown = projects.run("plan", "--json", cwd=tmp_path)
    assert shown.returncode == 3
    assert [d["id"] for d in json.loads(shown.stdout)["diagnostics"]] == ["bad-encoding"]


def test_lone_carriage_returns_end_lines(tmp_path: Path) -> None:
    (tmp_path / "leptonctl.yaml").write_bytes((PROJECT + "format: 1\n").replace("\n", "\r").encode())
    assert projects.run("validate", cwd=tmp_path).returncode == 0


def test_a_project_file_that_declares_no_project_is_not_answered_with_init_alone(tmp_path: Path) -> None:
    write(tmp_path, {"leptonctl.yaml": "name: p\n"})
    refused = projects.run("plan", cwd=tmp_path)
    assert "write `kind: Project`" in refused.stdout + refused.stderr


def test_find_root(tmp_path: Path) -> None:
    write(tmp_path, {"p/leptonctl.yaml": f"kind: Model\nname: x\n---\n{PROJECT}", "p/a/leptonctl.yaml": "kind: Model\n", "p/a/b/x.txt": ""})
    assert find_root(tmp_path / "p/a/b") == (tmp_path / "p").resolve()
    assert find_root(tmp_path / "p") == (tmp_path / "p").resolve()
    # a folder below is never the root, a folder above is
    write(tmp_path, {"leptonctl.yaml": PROJECT, "q/x.txt": ""})
    assert find_root(tmp_path) == find_root(tmp_path / "q") == tmp_path.resolve()
    assert find_root(tmp_path / "p/a/b") == (tmp_path / "p").resolve()
    assert find_root(Path("/")) is None


@pytest.mark.parametrize(
    ("glob", "matching", "others"),
    [
        ("a*b*c", ["abc", "axbxc", "d/abbcc"], ["ab", "abcd", "a/bc"]),
        ("**/a**b*c", ["abc", "ab/abc", "d/ax/ybzc"], ["ab/c"]),
        ("x/**/y/**/z", ["x/y/z", "x/y/z/y/z", "x/a/y/b/z"], ["x/z", "x/y/a"]),
        ("a?/**", ["ab/c", "ab/c/d"], ["ab", "abc/d"]),
        ("*a*a", ["aa", "baca"], ["a", "ab"]),
    ],
)
def test_several_wildcards(tmp_path: Path, glob: str, matching: list[str], others: list[str]) -> None:
    files = {f"{name}.yaml": "x" for name in (*matching, *others)}
    ending = glob if glob.endswith("**") else f"{glob}.yaml"
    write(tmp_path, {"leptonctl.yaml": f"{PROJECT}ignore: ['{ending}']\n", **files})
    read = {name.removesuffix(".yaml") for name in read_project(tmp_path).texts} - {"leptonctl"}
    assert read == set(others)


@pytest.mark.parametrize("glob", ["**/*a*" * 20 + "b", "*a" * 60, "?*" * 100 + "z", "**/" * 100 + "z", "**a" * 80, "a**/" * 60 + "z"])
def test_no_glob_takes_exponential_time(tmp_path: Path, glob: str) -> None:
    write(tmp_path, {"leptonctl.yaml": f"{PROJECT}ignore: ['{glob}']\n", "a" * 200 + ".yaml": "x", "/".join(["a" * 9] * 90) + ".yaml": "x"})
    started = time.process_time()
    read_project(tmp_path)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("path", ["", "/cache", "/cache/digests.json", "/state", "/logs/x"])
def test_a_link_below_the_dot_folder_is_odd(tmp_path: Path, path: str) -> None:
    link = tmp_path / f".leptonctl{path}"
    link.parent.mkdir(parents=True, exist_ok=True)
    assert odd_file(tmp_path) is None
    link.symlink_to(tmp_path.parent)
    assert odd_file(tmp_path) == f".leptonctl{path}"


def test_links_in_a_circle_are_reported(tmp_path: Path) -> None:
    write(tmp_path, {"leptonctl.yaml": PROJECT})
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    assert [(p.id, p.span.file) for p in read_project(tmp_path).problems if p.span] == [
        ("unreadable-file", "a.yaml"),
        ("unreadable-file", "b.yaml"),
    ]
