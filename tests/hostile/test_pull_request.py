"""A hostile pull request: `validate`, `plan` and `init` run nothing of it, show nothing of other files, and end soon in little memory."""

import re
from collections.abc import Sequence
from pathlib import Path

from tests import projects
from tests.hostile.attempts import ATTEMPTS, SECRET, Attempt, Place
from tests.hostile.measured import Measured, run_all

LONGEST_S = 10.0
KILLED_S = 60.0
LARGEST_MIB = 600.0
MOST_OUTPUT = 1_000_000
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def placed(attempt: Attempt, folder: Path) -> Place:
    outside, marks = folder / "outside", folder / "marks"
    for made in (outside, marks):
        made.mkdir(parents=True)
    (outside / "secret.yaml").write_text(f"kind: Model\nname: {SECRET}\n{SECRET}: [\n", encoding="utf-8")
    (outside / "leptonctl.yaml").write_text(f"kind: Project\nname: {SECRET}\nformat: {SECRET}\n", encoding="utf-8")
    (outside / "secret.csv").write_text(f"x,y,{SECRET}\n1,2,{SECRET}\n", encoding="utf-8")
    place = Place(root=projects.tiny_project(folder), outside=outside, marks=marks)
    attempt.prepare(place)
    return place


def faults(attempt: Attempt, place: Place, results: Sequence[Measured], before: set[str]) -> list[str]:
    found = [f"it ran {mark.name}" for mark in place.marks.iterdir()]
    found += [f"it wrote {name} outside" for name in {path.name for path in place.outside.rglob("*")} - before]
    for done in results:
        what = " ".join(done.words)
        found += [f"{what}: shows a file of outside"] if SECRET in done.out else []
        found += [f"{what}: exit code {done.code}: {done.out[-500:]}"] if done.code not in {0, 1, 3} else []
        found += [f"{what}: a traceback: {done.out[-500:]}"] if "Traceback" in done.out else []
        found += [f"{what}: {done.seconds} s"] if done.seconds > LONGEST_S else []
        found += [f"{what}: {done.peak_mib} MiB"] if done.peak_mib > LARGEST_MIB else []
        found += [f"{what}: {len(done.out)} characters"] if len(done.out) > MOST_OUTPUT else []
        control = CONTROL.search(done.out)
        found += (
            [f"{what}: control character {control[0]!r}: {done.out[max(0, control.start() - 60) : control.end() + 20]!r}"]
            if control
            else []
        )
    said = "".join(done.out for done in results)
    found += [f"it says none of {attempt.says}: {said[-500:]}"] if attempt.says and not any(word in said for word in attempt.says) else []
    return [f"{attempt.name}: {fault}" for fault in found]


def test_a_hostile_pull_request_runs_nothing_shows_nothing_and_takes_little(tmp_path: Path) -> None:
    places = {attempt.name: placed(attempt, tmp_path / str(number)) for number, attempt in enumerate(ATTEMPTS)}
    assert len(places) >= 40
    before = {name: {path.name for path in place.outside.rglob("*")} for name, place in places.items()}
    orders = [(places[attempt.name].root, words) for attempt in ATTEMPTS for words in attempt.commands]
    results = iter(run_all(orders, limit_s=KILLED_S))
    wrong = []
    for attempt in ATTEMPTS:
        done = [next(results) for _ in attempt.commands]
        wrong += faults(attempt, places[attempt.name], done, before[attempt.name])
    assert not wrong, "\n".join(wrong)
