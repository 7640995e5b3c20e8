"""What `show --json` has of the results of one address."""

from leptonctl.commands.recorded.results import join_results
from leptonctl.core.result import Result


def test_the_notes_of_all_steps_are_kept() -> None:
    results = {
        "e": Result(key="e", op="evaluate", outputs={"metrics": {"f1": 0.5}, "evaluation": {"notes": ["one"], "curve": [1]}}),
        "c": Result(key="c", op="cross_validate", outputs={"metrics": {"cv_f1_mean": 0.4}, "evaluation": {"notes": ["two"], "folds": [2]}}),
    }
    for keys in ({"evaluate": "e", "cross_validate": "c"}, {"cross_validate": "c", "evaluate": "e"}):
        joined = join_results(keys, results)
        assert joined["metrics"] == {"f1": 0.5, "cv_f1_mean": 0.4}
        assert (sorted(joined["evaluation"]["notes"]), joined["evaluation"]["curve"], joined["evaluation"]["folds"]) == (
            ["one", "two"],
            [1],
            [2],
        )
