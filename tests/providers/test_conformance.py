"""Every bundled provider passes the suites of `leptonctl.testing`, and the suites catch broken ones."""

import gzip
from pathlib import Path

import pytest

from leptonctl.core.frozen import replace
from leptonctl.project.catalog import load_catalog
from leptonctl.providers.estimators.listed import STEPS as LISTED
from leptonctl.providers.estimators.steps import step_of
from leptonctl.providers.sources.csv import SOURCE as CSV
from leptonctl.spi import Epoch, Head, Observation, Problem, ProviderError
from leptonctl.testing import check_metric, check_platform, check_preprocessor, check_source, check_trainer
from leptonctl.testing.providers import check_kept_columns
from tests import projects
from tests.third_party.lepton_toy.file_platform import PLATFORM as FILE

CATALOG = load_catalog()
BUSY = Problem(id="busy", summary="Something is in the way", detail="", hint="wait")
QUICK = {"n_estimators": 8, "learning_rate_init": 0.01}
STEPS = {"select_k_best": {"k": 2}, "pca": {"n_components": 2}}
NAIVE = CATALOG.trainers["classification", "naive_bayes"]


def quick(trainer):
    """Fewer trees and larger steps, where there are any."""
    params = {"epochs": 30, "learning_rate": 0.01} if trainer.name == "torch_mlp" else QUICK
    return {name: value for name, value in params.items() if name in trainer.params}


@pytest.mark.parametrize("key", CATALOG.trainers, ids=".".join)
def test_a_trainer_conforms(key):
    trainer = CATALOG.trainers[key]
    if trainer.library is not None:
        pytest.importorskip(trainer.library.module, reason=f"{trainer.library.title} comes with the extra {trainer.library.extra}")
    check_trainer(trainer, quick(trainer))


@pytest.mark.parametrize("name", CATALOG.preprocessors)
def test_a_preprocess_step_conforms(name):
    check_preprocessor(CATALOG.preprocessors[name], STEPS.get(name))


@pytest.mark.parametrize("key", CATALOG.metrics, ids=".".join)
def test_a_metric_conforms(key):
    check_metric(CATALOG.metrics[key])


@pytest.mark.parametrize("name", CATALOG.platforms)
def test_a_platform_conforms(name, tmp_path):
    settings = {"port": projects.free_port()} if "port" in CATALOG.platforms[name].settings else {}
    check_platform(CATALOG.platforms[name])
    check_platform(CATALOG.platforms[name], settings, tmp_path)


@pytest.mark.parametrize("name", CATALOG.sources)
def test_a_source_conforms(name, tmp_path):
    check_source(CATALOG.sources[name], list(samples(tmp_path)[name]))


def samples(folder: Path) -> dict[str, list[Path]]:
    """Files of every bundled format."""
    import polars as pl

    rows = pl.DataFrame({"id": [1, 2, 3], "word": ["a", "grün, 緑", None], "share": [0.5, None, 2.5]})
    plain, packed, lines, table = (folder / name for name in ("a.csv", "b.csv.gz", "c.jsonl", "d.parquet"))
    plain.write_text('id,word\n1,"two\nlines"\n2,b\n', encoding="utf-8")
    packed.write_bytes(gzip.compress(b"id;word\n1;a\n2;b\n"))
    rows.write_ndjson(lines)
    rows.write_parquet(table)
    return {"csv": [plain, packed], "jsonl": [lines], "parquet": [table]}


def without(name, word):
    """The naive Bayes whose parameter lacks one word of its schema."""
    schema = {key: rule for key, rule in NAIVE.params[name].items() if key != word}
    return replace(NAIVE, params={**NAIVE.params, name: schema})


def passes_weights_over(estimator, features, target, progress, _weights=None):
    progress(iteration=1, of=1)
    return estimator.fit(features, target)


def forgets_the_seed(params, _seed):
    from random import SystemRandom

    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=8, random_state=SystemRandom().randrange(2**31))


def forgets_half(estimator, training):
    """Learns the second half of the rows only, when the first one was learned before a kill."""
    half, checkpoint = len(training.target) // 2, training.checkpoint
    if checkpoint is not None and checkpoint.load() is not None:
        return estimator.fit(training.features[half:], training.target[half:])
    if checkpoint is not None and checkpoint.is_due():
        checkpoint.save(b"half")
    return estimator.fit(training.features, training.target)


@pytest.mark.parametrize(
    ("trainer", "reason"),
    [
        (replace(NAIVE, name="Naive Bayes"), "lower-case"),
        (replace(NAIVE, description=" "), "description"),
        (without("var_smoothing", "default"), "default"),
        (without("var_smoothing", "description"), "description"),
        (replace(NAIVE, params={"var_smoothing": {"type": "integer", "default": 0.5, "description": "x"}}), "one of its values"),
        (replace(NAIVE, params={**NAIVE.params, "extra": {"type": "boolean", "default": True, "description": "x"}}), "can be built"),
        (replace(NAIVE, refuse=lambda _params: "never"), "not refused"),
        (replace(NAIVE, epoch=0), "epoch"),
        (replace(NAIVE, build=forgets_the_seed, params={}), "same native model"),
        (replace(NAIVE, fit=passes_weights_over), "other weights"),
        (replace(NAIVE, fit_from=forgets_half, weighs=False), "the bytes of an undisturbed one"),
        (replace(CATALOG.trainers["classification", "decision_tree"], monotonic=lambda tree, _directions: tree), "never falls"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_trainer_that_breaks_a_rule_is_refused_with_the_reason(trainer, reason):
    with pytest.raises(AssertionError, match=reason):
        check_trainer(trainer)


def test_a_module_with_heavy_imports_is_caught(monkeypatch, tmp_path):
    (tmp_path / "heavy.py").write_text("import numpy\n\n\ndef build(params, seed):\n    return numpy.inf\n")
    monkeypatch.syspath_prepend(tmp_path)
    import heavy

    with pytest.raises(AssertionError, match="heavy imports numpy only inside its functions"):
        check_trainer(replace(NAIVE, build=heavy.build, params={}))


def test_a_step_that_mixes_columns_and_does_not_say_so_is_caught():
    """Normalizer mixes columns; no other listed class that keeps columns does."""
    normalizer = step_of("Normalizer")
    assert normalizer.mixes
    with pytest.raises(AssertionError, match="mixes"):
        check_kept_columns(normalizer, {})
    others = [name for name, listed in LISTED.items() if listed.keeps and listed.takes == "number" and not listed.mixes]
    assert len(others) >= 5
    for name in others:
        check_kept_columns(step_of(name), {"n_quantiles": 50} if name == "QuantileTransformer" else {})


def test_wrong_metrics_are_caught():
    accuracy, mae = CATALOG.metrics["classification", "accuracy"], CATALOG.metrics["regression", "mae"]
    with pytest.raises(AssertionError, match="score better"):
        check_metric(replace(accuracy, greater_is_better=False))
    with pytest.raises(AssertionError, match="score better"):
        check_metric(replace(mae, greater_is_better=True))
    with pytest.raises(AssertionError, match="order of rows"):
        check_metric(replace(accuracy, score=first_row))
    with pytest.raises(AssertionError, match="a score, a detail"):
        check_metric(replace(accuracy, score=None))


def first_row(y, prediction, _scoring):
    return float(y[0] == prediction.labels[0]) + 0.01 * float(y[3] == prediction.labels[3]) + float((y == prediction.labels).mean())


def test_wrong_sources_are_caught(tmp_path):
    (file,) = samples(tmp_path)["csv"][:1]
    with pytest.raises(AssertionError, match="header"):
        check_source(replace(CSV, columns=lambda *_: ["id"]), [file])
    with pytest.raises(AssertionError, match="lines of the rows"):
        check_source(replace(CSV, line_of=lambda _path, _options, rows: [2 for _ in rows]), [file])
    with pytest.raises(AssertionError, match="suffix"):
        check_source(CSV, [samples(tmp_path)["jsonl"][0]])
    with pytest.raises(AssertionError, match="raises a ProviderError"):
        check_source(replace(CSV, read=read_carelessly), [file])


def read_carelessly(path, options):
    try:
        return CSV.read(path, options)
    except ProviderError:
        raise KeyError(path) from None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"settings": {"run": {"type": "string", "default": "here", "description": "x"}}}, "are not settings of a platform"),
        ({"settings": {**FILE.settings, "wait": {"type": "number", "default": 1, "description": "x", "x-restart": "no"}}}, "x-restart"),
        ({"url": lambda _settings: ""}, "url"),
        ({"problems": lambda _site, _seen: (BUSY,)}, "there are no problems in an empty folder"),
        ({"problems": lambda _site, seen: (BUSY,) if seen and seen.running else ()}, "a deployment in force is not a problem"),
        ({"observe": lambda _site: Observation(running=True)}, "nothing runs before the first deployment"),
        ({"activate": lambda _site, _head, _say: None}, "deployment 1 serves once it is activated"),
        ({"stage": lambda site, deployment, say: (FILE.stage(site, deployment, say), say(""))}, "one line of text"),
        ({"remove": lambda _site, _say: None}, "nothing runs after `remove`"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_platforms_are_caught(change, reason, tmp_path):
    with pytest.raises(AssertionError, match=reason):
        check_platform(replace(FILE, **change), {"folder": "out"}, tmp_path)


def test_a_platform_that_switches_too_early_is_caught(tmp_path):
    def stage(site, deployment, say):
        FILE.stage(site, deployment, say)
        FILE.activate(site, Head(epoch=Epoch(), nonce="", deployment=deployment.deployment), say)

    hasty = replace(FILE, stage=stage, ready=lambda _site, _deployment, _say: None)
    with pytest.raises(AssertionError, match="deployment 1 keeps serving while 2 is staged"):
        check_platform(hasty, {"folder": "out"}, tmp_path)
