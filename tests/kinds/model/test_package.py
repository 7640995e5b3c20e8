"""Which step makes a version's package: one function says so for nodes, pointers and built versions."""

from leptonctl.core.manifest import GRAPH_FILE, MANIFEST_FILE
from leptonctl.core.result import Result
from leptonctl.core.state import Pointer, StepPointer
from leptonctl.kinds.model.package import holds_package, package_key, package_name


def pointer(*names: str) -> Pointer:
    return Pointer(digest="d", steps={name: StepPointer(op=name, key=f"key of {name}") for name in names})


def test_the_package_is_made_by_the_export_unless_a_step_decides_on_it() -> None:
    assert package_name(["train", "export", "evaluate"]) == "export"
    assert package_name(["train", "export", "decide", "evaluate"]) == "decide"
    assert package_key(pointer("export", "evaluate")) == "key of export"
    assert package_key(pointer("decide", "export")) == "key of decide"


def test_a_pointer_to_something_else_has_no_package() -> None:
    assert package_key(pointer("prepare")) is None


def test_a_package_is_known_by_its_files_whatever_op_made_it() -> None:
    assert holds_package(Result(key="k", op="import", artifacts={GRAPH_FILE: "sha256:1", MANIFEST_FILE: "sha256:2"}))
    assert not holds_package(Result(key="k", op="train", artifacts={GRAPH_FILE: "sha256:1"}))
