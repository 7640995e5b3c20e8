"""Everything about one version of a dataset: where it is read from, its contract, its rows, its columns."""

from collections.abc import Iterator, Mapping
from typing import cast

from leptonctl.commands.planning.recheck import later_notices
from leptonctl.commands.session import Session
from leptonctl.core.address import parse, short
from leptonctl.core.plan import Settled
from leptonctl.core.profile import PROFILE_FILE, Distribution, by_name
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.kinds.dataset.version import Dataset, datasets
from leptonctl.kinds.notices import is_in_force, only_warning

ROW_RULES = ("unique", "pattern", "max_missing", "min_share", "min_date", "max_date")


def dataset_story(session: Session, settled: Settled, address: str) -> dict[str, Json]:
    """The object `dataset` of `show ADDR --json`."""
    from leptonctl.learning.needs import read_profile

    dataset = datasets(session.declarations)[short(address)]
    key = settled.keys.of(address, "prepare")
    result = session.results([key]).get(key) if key else None
    profile = read_profile(result, session.store) if result else None
    return {
        "address": address,
        "digest": settled.by_address[address].digest,
        "description": dataset.declared.fields.get("description"),
        "source": _source(dataset),
        "options": cast("dict[str, Json]", dataset.inputs["source"]).get("options"),
        "target": dataset.target,
        "id": dataset.inputs.get("id"),
        "split": dataset.inputs["split"],
        "privacy": _privacy(dataset),
        "rows": result.outputs.get("rows") if result else None,
        "left_out": result.outputs.get("left_out", 0) if result else None,
        "ignored": [name for name, spec in cast("dict[str, dict[str, Json]]", dataset.inputs["columns"]).items() if spec.get("ignore")],
        "dates": [*_dates(result)],
        "columns": [*columns_shown(session, dataset, result)],
        "profile": {"digest": result.artifacts[PROFILE_FILE], "rows": profile.rows} if result and profile else None,
        "rules": [{"severity": "fail", **cast("dict[str, Json]", rule)} for rule in dataset.rules],
        "checks": [*_notices(dataset, result), *later_notices(session, dataset, result)] if result else [],
        "used_by": [*sorted(a for a, n in settled.by_address.items() if parse(a).kind == "model" and address in n.needs)],
        "prepared": _prepared_rows(key, result),
    }


def _source(dataset: Dataset) -> Json:
    """The files of a version, and whether their digest is pinned."""
    source = cast("dict[str, Json]", dataset.inputs["source"])
    files: list[Json] = [part["path"] for part in cast("list[dict[str, Json]]", source.get("parts") or [])]
    return {
        "path": source["path"],
        "format": source["format"],
        "digest": source["digest"],
        "pinned": dataset.pinned,
        "files": files or [source["path"]],
    }


def _notices(dataset: Dataset, result: Result) -> Iterator[dict[str, Json]]:
    """The notices of the step that prepared the rows, without those about rules that this dataset does not have."""
    rules = only_warning(dataset.rules)
    for notice in cast("list[dict[str, Json]]", result.outputs.get("checks") or []):
        if is_in_force(str(notice.get("check")), str(notice.get("detail")), rules):
            yield notice


def _dates(result: Result | None) -> Iterator[dict[str, Json]]:
    """The columns with dates, as they are in the data."""
    for date in cast("list[dict[str, Json]]", _output(result, "contract").get("dates") or []):
        plain = {"name": date["name"], "type": date["type"], "parts": date["parts"], "format": date.get("format")}
        yield {**plain, "zoned": bool(date.get("zoned")), "nullable": date.get("nullable", True), "fill": date.get("fill")}


def _privacy(dataset: Dataset) -> Json:
    privacy = dataset.inputs["privacy"]
    return {name: privacy.get(name) or [] for name in ("drop", "hash")} if isinstance(privacy, dict) else {"drop": [], "hash": []}


def _prepared_rows(key: str | None, result: Result | None) -> Json:
    built: Mapping[str, Json] = result.provenance if result else {}
    who = {name: built.get(name) for name in ("at", "by", "host", "commit")}
    return {"key": key, "cached": result is not None, **who, "seconds": result.seconds if result else None}


def columns_shown(session: Session, dataset: Dataset, result: Result | None) -> list[dict[str, Json]]:
    """The columns of the contract in file order, then the target; before the rows are prepared, those that are declared."""
    from leptonctl.learning.needs import read_profile
    from leptonctl.learning.reports.columns import column_figures

    contract = _output(result, "contract")
    declared = cast("dict[str, dict[str, Json]]", dataset.inputs["columns"])
    figures = column_figures(session.store, result) if result else {}
    extremes = cast("dict[str, dict[str, Json]]", _output(result, "profile"))

    def column_report(column: Mapping[str, Json], role: str) -> dict[str, Json]:
        name = str(column["name"])
        figure, extreme = figures.get(name, {}), extremes.get(name, {})
        return {
            **_column(column, role, declared.get(name)),
            "lowest": extreme.get("min"),
            "highest": extreme.get("max"),
            "missing": figure.get("missing"),
            "distinct": figure.get("distinct"),
            "description": declared.get(name, {}).get("description"),
        }

    profile = read_profile(result, session.store) if result else None
    distributions = by_name(profile) if profile else {}
    features = cast("list[dict[str, Json]]", contract.get("columns") or [{"name": name} for name in declared if name != dataset.target])
    columns = [column_report(column, "feature") for column in features]
    if dataset.target:
        target: dict[str, Json] = {"name": dataset.target, "type": contract.get("target_type"), "classes": contract.get("classes")}
        columns.append(column_report(target, "target"))
    return [{**column, "distribution": _distribution(distributions.get(str(column["name"])))} for column in columns]


def _output(result: Result | None, name: str) -> dict[str, Json]:
    """An output of a step that is a mapping; {} without a result."""
    return cast("dict[str, Json]", result.outputs.get(name) or {}) if result else {}


def _distribution(of: Distribution | None) -> Json:
    """How the training rows are distributed; null without a profile: before they are prepared, and for private columns."""
    if of is None:
        return None
    bins: dict[str, Json] = {
        name: {"edges": [*one.edges], "counts": [*one.counts]} if one is not None else None
        for name, one in (("bins", of.bins), ("lengths", of.lengths))
    }
    categories: Json = None if of.categories is None else [{"value": text, "rows": rows} for text, rows in of.categories]
    return {
        "missing": of.missing,
        "distinct": of.distinct,
        **bins,
        "categories": categories,
        "other": of.other,
        "singletons": of.singletons,
    }


def _column(column: Mapping[str, Json], role: str, declared: Mapping[str, Json] | None) -> dict[str, Json]:
    """What the contract and the YAML say about a column. `declared`: its entry under `columns:`, if it has one."""
    written = declared or {}
    return {
        "name": str(column["name"]),
        "role": role,
        "type": column.get("type") or written.get("type"),
        "declared": declared is not None,
        # a record leaves out what is the default
        "nullable": column.get("nullable", True if "type" in column else None) if role == "feature" else False,
        "fill": column.get("fill"),
        "hashed": bool(column.get("hash")),
        "min": written.get("min"),
        "max": written.get("max"),
        "values": written.get("values") or column.get("classes"),
        "rules": {name: written[name] for name in ROW_RULES if name in written},
    }
