"""What a request, and a file for `predict`, may contain: the dataset's contract over HTTP with the served examples."""

import csv
import json
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import projects
from tests.e2e import load, rows

CAR = {"cylinders": 4, "displacement": 97, "horsepower": 88, "weight": 2130, "acceleration": 14.5, "year": 1971, "origin": "Japan"}


def served(root: Path, model: str) -> SimpleNamespace:
    done = projects.run("apply", "--yes", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    return SimpleNamespace(root=root, url=f"{projects.served(root, 'prod')['url']}/v2/models/{model}/infer")


def asked(url: str, body: object) -> tuple[int, dict]:
    """Status and body of an answer, whatever the status."""
    try:
        return 200, projects.ask(url, body)
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


def changed(**cells: object) -> dict:
    """The car with other cells; None under a name takes the input out."""
    return rows.one_row({**CAR, **cells})


def predicted(root: Path, target: str, file: Path) -> list[dict[str, str]]:
    done = projects.run("predict", target, "--input", str(file), "--output", "answers.csv", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    with (root / "answers.csv").open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def test_a_regression_with_missing_values_and_categories(example: Callable[[str], Path]) -> None:
    cars = served(example("car-mileage"), "mileage")

    def mpg(body: dict) -> float:
        status, answer = asked(cars.url, body)
        assert status == 200, answer
        ((number,),) = (output["data"] for output in answer["outputs"])
        return number

    whole = mpg(changed())
    # null, NaN and an empty string are the same missing value; the imputer fills it with the median of the training rows
    missing = mpg(changed(horsepower=None))
    assert 15 < missing < 45
    bodies = [json.dumps(changed()).replace("88", cell) for cell in ("NaN", "null")]
    assert [rows.outputs(answer)["prediction"] for answer in load.answers(cars.url, [b.encode() for b in bodies])] == [[missing]] * 2
    # an integer may come as any numeric datatype, the columns in any order
    for datatype in ("INT64", "UINT8", "FP64"):
        body = changed()
        body["inputs"][0]["datatype"] = datatype
        assert mpg({"inputs": body["inputs"][::-1]}) == whole

    refused: list[tuple[dict, str]] = [
        (changed(weight=None), "weight"),
        (changed(weight="heavy"), "weight"),
        (changed(origin=3), "origin"),
        (changed(origin=None), "origin"),
        ({"inputs": [i for i in changed()["inputs"] if i["name"] != "year"]}, "year"),
        ({"inputs": [*changed()["inputs"], {"name": "colour", "datatype": "BYTES", "shape": [1], "data": ["red"]}]}, "colour"),
        ({"inputs": [{**i, "data": ["4"]} if i["name"] == "cylinders" else i for i in changed()["inputs"]]}, "cylinders"),
        (
            {"inputs": [{**i, "data": [4.5], "datatype": "INT64"} if i["name"] == "cylinders" else i for i in changed()["inputs"]]},
            "cylinders",
        ),
        ({"inputs": [{**i, "data": [1, 2]} if i["name"] == "cylinders" else i for i in changed()["inputs"]]}, "cylinders"),
        ({"inputs": [{**i, "shape": [1, 2]} if i["name"] == "weight" else i for i in changed()["inputs"]]}, "weight"),
    ]
    for body, column in refused:
        status, answer = asked(cars.url, body)
        assert (status, list(answer)) == (400, ["error"]), (column, answer)
        assert f'"{column}"' in answer["error"], (column, answer)

    # outside the contract's values and limits: answered and counted, since `requests:` is lenient; refused once it is strict
    unusual = [(changed(origin="Mars"), "origin"), (changed(horsepower=-5), "horsepower")]
    assert all(10 < mpg(body) < 50 for body, _ in unusual)
    projects.edit(cars.root / "cars.yaml", "kind: Environment\nname: prod\n", "kind: Environment\nname: prod\nrequests: strict\n")
    assert projects.run("apply", "--yes", cwd=cars.root).returncode == 0
    for body, column in unusual:
        status, answer = asked(cars.url, body)
        assert (status, column in answer["error"]) == (400, True), answer
    assert mpg(changed()) == whole

    # every row of the file that it learned from, over HTTP and by `predict`: the same float32
    header, table = rows.table(cars.root / "data" / "cars.csv")
    given = [dict(zip(header, row, strict=True)) for row in table]
    cells = [{n: v if n == "origin" else float(v) if v else None for n, v in row.items() if n != "mpg"} for row in given]
    inputs = [
        {"name": n, "datatype": "BYTES" if n == "origin" else "FP32", "shape": [len(cells)], "data": [c[n] for c in cells]} for n in CAR
    ]
    _, answer = asked(cars.url, {"inputs": inputs})
    numbers = [float(row["prediction"]) for row in predicted(cars.root, "prod/mileage", cars.root / "data" / "cars.csv")]
    assert len(numbers) == 398
    assert answer["outputs"][0]["data"] == numbers


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    root = projects.copy_example("text", tmp_path_factory.mktemp("desk"))
    yield served(root, "topic")
    projects.stop_servers(root)


def test_strings_of_any_script(desk: SimpleNamespace) -> None:
    header, table = rows.table(desk.root / "data" / "messages.csv")
    assert header == ["message", "topic"]
    messages = [message for message, _ in table]
    batch = {"inputs": [{"name": "message", "datatype": "BYTES", "shape": [len(messages)], "data": messages}]}
    status, answer = asked(desk.url, batch)
    assert status == 200
    data = {output["name"]: output["data"] for output in answer["outputs"]}
    found = predicted(desk.root, "prod/topic", desk.root / "data" / "messages.csv")
    assert [row["label"] for row in found] == data["label"]
    assert [float(row[f"probability_{c}"]) for row in found for c in ("account", "delivery", "payment")] == data["probabilities"]
    assert sum(row["label"] == topic for row, (_, topic) in zip(found, table, strict=True)) / len(table) > 0.95

    # as \\u escapes, as bytes, row by row: the same string
    escaped, raw = (json.dumps(batch, ensure_ascii=ascii_only).encode() for ascii_only in (True, False))
    assert escaped != raw
    one, other = load.answers(desk.url, [escaped, raw])
    assert one == other
    alone = [json.dumps(rows.one_row({"message": message}), ensure_ascii=False).encode() for message in messages[::7]]
    assert [rows.outputs(a)["label"][0] for a in load.answers(desk.url, alone)] == data["label"][::7]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([None], '"message"'),
        ([""], '"message"'),
        ([5], '"message"'),
        ([["nested", "twice"]], '"message"'),
        ([True], '"message"'),
        ([], '"message"'),
    ],
)
def test_a_value_that_is_not_a_string_is_refused(data: list, says: str, desk: SimpleNamespace) -> None:
    status, answer = asked(desk.url, {"inputs": [{"name": "message", "datatype": "BYTES", "shape": [1], "data": data}]})
    assert (status, list(answer)) == (400, ["error"]), answer
    assert says in answer["error"]


def test_unusual_strings_are_answered(desk: SimpleNamespace) -> None:
    for text in (" ", "…", "\u0000", "🚚" * 500, "a" * 100_000, "\u202eabc", "١٢٣", "ﬁ ﬀ"):
        status, answer = asked(desk.url, rows.one_row({"message": text}))
        assert status == 200, (text[:20], answer)
        (label,) = answer["outputs"][0]["data"]
        assert label in {"account", "delivery", "payment"}
    status, answer = asked(desk.url, {"inputs": [{"name": "message", "datatype": "FP32", "shape": [1], "data": [1.0]}]})
    assert (status, '"message"' in answer["error"], "BYTES" in answer["error"]) == (400, True, True)


def test_predict_reads_what_a_request_may_contain(desk: SimpleNamespace) -> None:
    """Columns in any order with others beside; what breaks the contract is named by file, line and column."""
    file = desk.root / "new.csv"
    file.write_text('id,message\n1,"Où est mon colis ?"\n2,我的包裹在哪里\n', encoding="utf-8")
    assert [row["label"] for row in predicted(desk.root, "topic@v2", file)] == ["delivery"] * 2
    lines = projects.run("predict", "topic@v2", "--input", str(file), "--format", "jsonl", cwd=desk.root)
    assert [json.loads(line)["label"] for line in lines.stdout.splitlines()] == ["delivery"] * 2
    file.write_text('id,message\n1,"Où est mon colis ?"\n2,\n', encoding="utf-8")
    missing = projects.run("predict", "topic@v2", "--input", str(file), "--json", cwd=desk.root)
    assert missing.returncode == 1
    (problem,) = json.loads(missing.stdout)["diagnostics"]
    assert "message" in problem["detail"]
    assert "new.csv" in problem["detail"]
    assert "line 3" in problem["detail"]
    file.write_text("id,text\n1,a\n", encoding="utf-8")
    without = projects.run("predict", "topic@v2", "--input", str(file), "--json", cwd=desk.root)
    assert without.returncode == 1
    assert "message" in json.loads(without.stdout)["diagnostics"][0]["detail"]
