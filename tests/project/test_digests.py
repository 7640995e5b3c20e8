"""Content digests with a stat cache, paths that stay in the project, and secrets that stay secret."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.project.catalog import load_catalog
from leptonctl.project.digests import Digests, digest_of, inside
from leptonctl.project.observe import source_facts
from leptonctl.project.secrets import read_secret
from leptonctl.providers.sources.csv import SOURCE as CSV
from leptonctl.providers.sources.jsonl import SOURCE as JSONL
from leptonctl.spi.learning import ProviderError, SourceOptions

# ctime cannot be set: a file is old enough once the resolution of the clock has passed
GRAIN = 2.1


def sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose files have not changed for longer than the resolution of the clock."""
    folder = tmp_path_factory.mktemp("settled")
    for name, content in [("a.csv", b"x,y\n1,2\n"), ("b.csv", b"p;q\n1;2\n"), ("c.csv", b"x,y\n1,2\n"), ("d.csv", b"x,y\n3,4\n")]:
        (folder / name).write_bytes(content)
    (folder / "rows.jsonl").write_text('{"k": 1}\n{"l": 2}\n')
    for i in range(60):
        (folder / f"many{i}.csv").write_text(f"a\n{i}\n")
    (folder / "big.bin").write_bytes(bytes(range(256)) * 10_000)
    (folder / "home" / "deep").mkdir(parents=True)
    for name in ("a.csv", "deep/b.csv", "deep/no ending", "c.d.CSV"):
        (folder / "home" / name).write_text("x,y\n1,2\n")
    for name, target in (("to_a.csv", "a.csv"), ("out.csv", "../a.csv"), ("outside", ".."), ("inner", "deep"), ("circle", "circle")):
        (folder / "home" / name).symlink_to(target)
    time.sleep(GRAIN)
    return folder


def test_digest_is_that_of_the_raw_bytes(settled: Path, tmp_path: Path) -> None:
    digests = Digests(tmp_path / "cache.json")
    for name in ("a.csv", "big.bin"):
        assert digests.digest(settled / name) == sha((settled / name).read_bytes()) == digest_of(settled / name)


def test_an_unchanged_file_is_not_read_again(settled: Path, tmp_path: Path) -> None:
    cache = tmp_path / "deep" / "cache.json"
    first = Digests(cache)
    found = [first.digest(settled / name) for name in ("a.csv", "b.csv", "a.csv")]
    first.save()
    assert first.read == 2
    second = Digests(cache)
    assert [second.digest(settled / name) for name in ("a.csv", "b.csv", "a.csv")] == found
    assert second.read == 0


def test_every_sign_of_change_causes_a_new_read(settled: Path, tmp_path: Path) -> None:
    path, cache = settled / "d.csv", tmp_path / "cache.json"
    first = Digests(cache)
    first.digest(path)
    first.save()
    entry = json.loads(cache.read_text())["files"][str(path)]
    for position in range(4):
        moved = {**entry, "stat": [n + (i == position) for i, n in enumerate(entry["stat"])], "digest": "sha256:old"}
        cache.write_text(json.dumps({"format": 1, "files": {str(path): moved}}))
        again = Digests(cache)
        assert again.digest(path) == sha(path.read_bytes())
        assert again.read == 1
    # same size and mtime as before: the ctime shows the change
    old = path.stat()
    path.write_bytes(b"x,y\n9,9\n")
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    cache.write_text(json.dumps({"format": 1, "files": {str(path): entry}}))
    assert Digests(cache).digest(path) == sha(b"x,y\n9,9\n")


def test_a_file_just_touched_is_not_trusted(tmp_path: Path) -> None:
    path, cache = tmp_path / "t.csv", tmp_path / "cache.json"
    path.write_bytes(b"a\n1\n")
    digests = Digests(cache)
    assert digests.digest(path) == digests.digest(path)
    assert digests.read == 2
    digests.save()
    assert not cache.exists()
    path.write_bytes(b"a\n2\n")
    assert digests.digest(path) == sha(b"a\n2\n")


def test_columns_are_cached_by_source_and_options(settled: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache.json"
    first = Digests(cache)
    assert first.columns(settled / "b.csv", CSV, SourceOptions()) == ["p", "q"]
    assert first.columns(settled / "b.csv", CSV, SourceOptions(delimiter=",")) == ["p;q"]
    assert first.columns(settled / "rows.jsonl", JSONL, SourceOptions()) == ["k", "l"]
    first.digest(settled / "b.csv")
    first.save()
    second = Digests(cache)
    assert second.columns(settled / "b.csv", CSV, SourceOptions()) == ["p", "q"]
    assert second.columns(settled / "b.csv", CSV, SourceOptions(delimiter=",")) == ["p;q"]
    assert second.columns(settled / "rows.jsonl", JSONL, SourceOptions()) == ["k", "l"]
    assert second.digest(settled / "b.csv") == sha(b"p;q\n1;2\n")
    assert (first.headers, second.headers, second.read) == (3, 0, 0)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 99, "files": {}}', b'{"format": 1, "files": {"x": 3}}', b"\xff"])
def test_a_damaged_cache_is_not_an_error(settled: Path, tmp_path: Path, content: bytes) -> None:
    cache = tmp_path / "cache.json"
    cache.write_bytes(content)
    digests = Digests(cache)
    assert digests.digest(settled / "a.csv") == sha(b"x,y\n1,2\n")
    digests.save()
    assert Digests(cache).digest(settled / "a.csv") == sha(b"x,y\n1,2\n")


@pytest.mark.parametrize("part", [None, -1, "x", [], {}, 1e308, {"a": 1}, ["b"], [{"a": 1}], 10**30])
def test_a_cache_of_another_shape_is_ignored(settled: Path, tmp_path: Path, part: object) -> None:
    """Well-formed JSON with any value in the place of another: what is read is the file, as if there were no cache."""
    cache = tmp_path / "cache.json"
    first = Digests(cache)
    first.digest(settled / "a.csv")
    first.columns(settled / "a.csv", CSV, SourceOptions())
    first.save()
    content = json.loads(cache.read_text())
    (entry,) = content["files"].values()
    (key,) = entry["columns"]
    for holder, name in ((content, "files"), (content, "format"), (entry, "stat"), (entry, "columns"), (entry["columns"], key)):
        kept, holder[name] = holder[name], part
        cache.write_text(json.dumps(content))
        holder[name] = kept
        # other names are a cache that is wrong, but of this shape
        if name != key or part not in ([], ["b"]):
            again = Digests(cache)
            assert again.columns(settled / "a.csv", CSV, SourceOptions()) == ["x", "y"]
            assert again.digest(settled / "a.csv") == sha(b"x,y\n1,2\n")
            again.save()
    cache.write_text("[" * 100_000)
    assert Digests(cache).digest(settled / "a.csv") == sha(b"x,y\n1,2\n")


def test_a_cache_that_cannot_be_written_is_not_an_error(settled: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    digests = Digests(tmp_path / "file" / "cache.json")
    digests.digest(settled / "a.csv")
    digests.save()
    assert (tmp_path / "file").read_text() == "in the way"


SAVE_EACH = """
import sys
from pathlib import Path
from leptonctl.core.observed import SourceKey
from leptonctl.project.catalog import load_catalog
from leptonctl.project.digests import Digests
for path in sys.argv[2:]:
    digests = Digests(Path(sys.argv[1]))
    digests.digest(Path(path))
    digests.save()
"""


def test_processes_save_at_the_same_time(settled: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache.json"
    shares = [[str(settled / f"many{i}.csv") for i in range(start, 60, 3)] for start in range(3)]
    # interpreters of their own: a spawned worker would run the script that has started pytest again
    workers = [subprocess.Popen([sys.executable, "-c", SAVE_EACH, str(cache), *share]) for share in shares]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    # one may overwrite the entries of another, but the file is complete and correct
    files = json.loads(cache.read_text())["files"]
    assert files
    assert all(entry["digest"] == sha(Path(path).read_bytes()) for path, entry in files.items())
    assert [p.name for p in tmp_path.iterdir()] == ["cache.json"]


def test_absent_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "mail.csv").write_text("a\n1\n")
    digests = Digests(tmp_path / "cache.json")
    with pytest.raises(ProviderError) as caught:
        digests.digest(tmp_path / "mial.csv")
    assert (caught.value.id, caught.value.hint) == ("missing-file", 'did you mean "mail.csv"?')
    with pytest.raises(ProviderError) as caught:
        digests.digest(tmp_path)
    assert caught.value.id == "not-a-file"


def test_paths_stay_inside_the_project(tmp_path: Path) -> None:
    project, other = tmp_path / "project", tmp_path / "other"
    (project / "data").mkdir(parents=True)
    other.mkdir()
    (other / "x.csv").write_text("a\n1\n")
    (project / "data" / "x.csv").write_text("a\n1\n")
    (project / "data" / "out.csv").symlink_to(other / "x.csv")
    (project / "data" / "in.csv").symlink_to("x.csv")
    (project / "away").symlink_to(other)
    (project / "loop").symlink_to("loop")
    assert inside(project, "data/x.csv", []) == (project / "data" / "x.csv").resolve()
    assert inside(project, "data/in.csv", []) == (project / "data" / "x.csv").resolve()
    for bad in ["../other/x.csv", str(other / "x.csv"), "data/out.csv", "away/x.csv", "data/../data/x.csv", str(project / "data/x.csv")]:
        with pytest.raises(ProviderError) as caught:
            inside(project, bad, [])
        assert caught.value.id == "outside-project", bad
    for good in ["../other/x.csv", str(other / "x.csv"), "data/out.csv", "away/x.csv"]:
        for roots in (["../other"], [str(other)]):
            assert inside(project, good, roots) == (other / "x.csv").resolve()
    (project / "there").symlink_to("back")
    (project / "back").symlink_to("there")
    for bad in ["loop", "loop/x.csv", "back/x.csv", "data/../loop/x.csv", "there", "data/\0"]:
        with pytest.raises(ProviderError) as caught:
            inside(project, bad, [])
        assert caught.value.id == "missing-file"


PATHS = (
    "a.csv", "deep/b.csv", "deep/no ending", "c.d.CSV", "to_a.csv", "out.csv", "outside/a.csv", "inner/b.csv", "circle/a.csv", "circle",
    "./a.csv", "deep/../a.csv", "deep//b.csv", "/a.csv", "//a.csv", "../a.csv", "deep", "deep/", "deep/.", "", "nowhere.csv", "a.csv/b.csv",
    "deep/*.csv", "a.csv\0", "x" * 300 + ".csv",
)  # fmt: skip


@pytest.mark.parametrize("roots", [(), ("..",), ("circle",)])
def test_facts_do_not_depend_on_the_cache(settled: Path, tmp_path: Path, roots: tuple[str, ...]) -> None:
    catalog, keys = load_catalog(tmp_path / "providers.json"), [SourceKey(path=path) for path in PATHS]
    (tmp_path / "other").mkdir()

    def facts(name: str) -> tuple[dict[SourceKey, SourceFacts], int]:
        digests = Digests(tmp_path / name / "cache.json")
        return source_facts(keys, settled / "home", roots, catalog, digests), digests.read + digests.headers

    (fresh, read), (again, reread), (other, _) = facts("one"), facts("one"), facts("other")
    assert fresh == again == other
    assert (read > 0, reread) == (roots != ("circle",), 0)
    inside = {
        "a.csv",
        "deep/b.csv",
        "c.d.CSV",
        "to_a.csv",
        "inner/b.csv",
        "./a.csv",
        "deep//b.csv",
        "deep",
        "deep/",
        "deep/.",
        "deep/*.csv",
    }
    more = {"out.csv", "outside/a.csv", "deep/../a.csv", "../a.csv"}
    usable = {(): inside, ("..",): inside | more, ("circle",): set()}
    assert {key.path for key in keys if again[key].columns == ("x", "y")} == usable[roots]


def test_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEPTON_TEST_KEY", "tops3cret")
    (tmp_path / "key").write_bytes(b"tops3cret\n")
    (tmp_path / "empty").write_bytes(b"\n")
    assert read_secret({"secret": {"env": "LEPTON_TEST_KEY"}}, tmp_path) == b"tops3cret"
    assert read_secret({"secret": {"file": "key"}}, tmp_path) == b"tops3cret"
    assert read_secret({"secret": {"file": str(tmp_path / "key")}}, Path("/nowhere")) == b"tops3cret"
    monkeypatch.setenv("LEPTON_TEST_EMPTY", "")
    absent = [{"env": "LEPTON_TEST_NONE"}, {"env": "LEPTON_TEST_EMPTY"}, {"file": "none"}, {"file": "empty"}, {"file": "."}, {}]
    for secret in absent:
        with pytest.raises(ProviderError) as caught:
            read_secret({"secret": secret}, tmp_path)
        assert caught.value.id == "missing-secret"
        assert caught.value.hint
        assert "tops3cret" not in caught.value.detail + caught.value.hint


def test_a_file_that_has_moved_is_found_by_its_bytes(settled: Path, tmp_path: Path) -> None:
    cache = tmp_path / "digests.json"
    digests = Digests(cache)
    digests.digest(settled / "many7.csv")
    digests.save()
    # as if it had been read under another name
    content = json.loads(cache.read_text(encoding="utf-8"))
    content["files"] = {str(settled / "olmany7.csv"): entry for entry in content["files"].values()}
    cache.write_text(json.dumps(content), encoding="utf-8")
    keys = [SourceKey(path=name) for name in ("olmany7.csv", "never.csv")]
    facts = source_facts(keys, settled, (), load_catalog(), Digests(cache))
    assert facts[keys[0]].problem is not None
    assert facts[keys[0]].problem[3] == "many7.csv has its bytes: write that"
    assert facts[keys[1]].problem is not None
    assert "bytes" not in facts[keys[1]].problem[3]
