"""What gives way in a narrow terminal says so, and continues below itself."""

from leptonctl.views.dataset import _columns
from leptonctl.views.leaderboard import render_text as leaderboard
from leptonctl.views.show import LEFT_OUT
from leptonctl.views.show import render_text as show
from leptonctl.views.state import list_text
from leptonctl.views.style import Style, text_width

DIGEST = "sha256:" + "ab12" * 16


def test_metrics_without_room_are_reported_as_left_out() -> None:
    address = "model/" + "long-name-" * 4 + "@v1"
    state = {
        "serial": 3,
        "lineage": "",
        "current": {address: {"digest": DIGEST, "artifact": DIGEST}},
        "results": {DIGEST: {"metrics": {"accuracy": 0.9312, "f1": 0.9}}},
    }
    narrow, wide = show(state, color=False, width=80), show(state, color=False, width=200)
    assert LEFT_OUT in narrow and "METRICS" not in narrow
    assert LEFT_OUT not in wide and "METRICS" in wide and "accuracy 0.9312" in wide
    unmeasured = show(state | {"results": {}}, color=False, width=80)
    assert LEFT_OUT not in unmeasured


def test_a_moment_goes_on_below_itself() -> None:
    pointer = {
        "address": "environment/staging/spam-filter",
        "digest": DIGEST,
        "version": "v2",
        "deployment": 1,
        "at": "2026-11-26T10:27:00Z",
    }
    head, first, second = list_text({"pointers": [pointer]}, color=False, width=80).split("\n")
    column = head.index("since")
    assert (first[column:], second.strip(), second.index("10:27")) == ("2026-11-26", "10:27 UTC", column)


def board(*tests: str) -> str:
    rows = [
        {
            "version": f"v{n}", "declared": True, "address": f"model/line@v{n}", "digest": DIGEST, "value": 1 - n / 10, "bound": [],
            "test_rows": rows, "metrics": {}, "algorithm": "mlp", "dataset": "points@first", "built": True, "at": None, "seconds": None,
        }
        for n, rows in enumerate(tests, 1)
    ]  # fmt: skip
    obj = {"model": "model/line", "metric": "accuracy", "better": "higher", "directions": {"accuracy": "higher"}, "rows": rows}
    return leaderboard(obj, color=False, width=100)


def starred(*tests: str) -> list[str]:
    return [line.split()[1] for line in board(*tests).split("\n") if line[:1].isdigit() and "*" in line]


def test_the_star_is_on_what_was_measured_on_other_rows_than_the_rest() -> None:
    assert starred("b", "a", "a", "a") == ["v1"], "also where it comes first"
    assert starred("a", "b") == ["v2"]
    assert starred("a", "a") == []
    assert "than the versions without a star" in " ".join(board("b", "a", "a").split())


def test_what_is_left_out_of_a_board_is_named_without_arrows() -> None:
    directions = {"accuracy": "higher", **{f"metric_{n}": "higher" for n in range(9)}}
    row = {
        "version": "v1", "declared": True, "address": "model/line@v1", "digest": DIGEST, "value": 1.0, "bound": [], "test_rows": "a",
        "metrics": dict.fromkeys(directions, 0.5), "algorithm": "mlp", "dataset": "points@first", "built": True, "at": "2026-11-26T10:27:00Z",
        "by": "mara", "host": None, "commit": None, "seconds": None,
    }  # fmt: skip
    obj = {"model": "model/line", "metric": "accuracy", "better": "higher", "directions": directions, "rows": [row]}
    note = leaderboard(obj, color=False, width=80).partition("Left out at this width: ")[2]
    assert "who built it" in note and "metric_8" in note
    assert "↑" not in note


def test_the_rules_of_a_column_stay_in_their_column() -> None:
    column = {
        "name": "subject_capitals", "role": "feature", "type": "integer", "hashed": False, "missing": 0.0, "distinct": 1371, "declared": True,
        "min": 0, "max": None, "values": None, "fill": None, "nullable": False, "lowest": 0, "highest": 89440, "distribution": None, "rules": {},
    }  # fmt: skip
    dataset = _columns({"columns": [column], "rows": {"train": 1371}}, Style(False), 80)
    lines = dataset.split("\n")[1:]
    place = lines[0].index("contract")
    assert all(text_width(line) <= 80 for line in lines)
    assert len(lines) > len(["head", "row"]), "there is no room for it on one line"
    assert " ".join(line[place:] for line in lines[1:] if line[place:]) == "declared, at least 0"
    assert all(not line[:place].strip() for line in lines[2:])
