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
    node = settled.by_address[address]
    key = settled.keys.of(address, "prepare")
    result = session.results([key]).get(key) if key else None
    profile = read_profile(result, session.store) if result else None
    source = cast("dict[str, Json]", dataset.inputs["source"])
    return {
        "address": address,
        "digest": node.digest,
        "description": dataset.declared.fields.get("description"),
        "source": {
            "path": source["path"],
            "format": source["format"],
            "digest": source["digest"],
            "pinned": dataset.pinned,
            "files": [part["path"] for part in cast("list[dict[str, Json]]", source.get("parts") or [])] or [source["path"]],
        },
        "options": source.get("options"),
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
        "checks": [*_recorded(dataset, result), *later_notices(session, dataset, result)] if result else [],
        "used_by": [*sorted(a for a, n in settled.by_address.items() if parse(a).kind == "model" and address in n.needs)],
        "prepared": _prepared(key, result),
    }


def _recorded(dataset: Dataset, result: Result) -> Iterator[dict[str, Json]]:
    """What was found when the rows were prepared, without rules that this dataset does not have."""
    rules = only_warning(dataset.rules)
    for notice in cast("list[dict[str, Json]]", result.outputs.get("checks") or []):
        if is_in_force(str(notice.get("check")), str(notice.get("detail")), rules):
            yield notice


def _dates(result: Result | None) -> Iterator[dict[str, Json]]:
    """The columns of dates, as they were found in the data."""
    contract = cast("dict[str, Json]", result.outputs.get("contract") or {}) if result else {}
    for date in cast("list[dict[str, Json]]", contract.get("dates") or []):
        plain = {"name": date["name"], "type": date["type"], "parts": date["parts"], "format": date.get("format")}
        yield {**plain, "zoned": bool(date.get("zoned")), "nullable": date.get("nullable", True), "fill": date.get("fill")}


def _privacy(dataset: Dataset) -> Json:
    privacy = dataset.inputs["privacy"]
    return {name: privacy.get(name) or [] for name in ("drop", "hash")} if isinstance(privacy, dict) else {"drop": [], "hash": []}


def _prepared(key: str | None, result: Result | None) -> Json:
    built: Mapping[str, Json] = result.provenance if result else {}
    who = {name: built.get(name) for name in ("at", "by", "host", "commit")}
    return {"key": key, "cached": result is not None, **who, "seconds": result.seconds if result else None}


def columns_shown(session: Session, dataset: Dataset, result: Result | None) -> list[dict[str, Json]]:
    """The columns of the contract in file order, then the target; those declared only, while nothing is prepared."""
    from leptonctl.learning.needs import read_profile
    from leptonctl.learning.reports.columns import column_figures

    figures = column_figures(session.store, result) if result else {}
    found = read_profile(result, session.store) if result else None
    distributions = by_name(found) if found else {}
    contract = cast("dict[str, Json]", result.outputs.get("contract") or {}) if result else {}
    declared = cast("dict[str, dict[str, Json]]", dataset.inputs["columns"])
    columns = cast("list[dict[str, Json]]", contract.get("columns") or [{"name": name} for name in declared if name != dataset.target])
    profile = cast("dict[str, dict[str, Json]]", result.outputs.get("profile") or {}) if result else {}
    target: dict[str, Json] = {"name": dataset.target, "type": contract.get("target_type")}
    shown = [
        *(_column(column, "feature", declared, figures, profile) for column in columns),
        *([_column({**target, "classes": contract.get("classes")}, "target", declared, figures, profile)] if dataset.target else []),
    ]
    return [{**column, "distribution": _distribution(distributions.get(str(column["name"])))} for column in shown]


def _distribution(of: Distribution | None) -> Json:
    """How the training rows are distributed; null where no profile says it: before they are prepared, and of private columns."""
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


def _column(
    column: Mapping[str, Json],
    role: str,
    declared: Mapping[str, Mapping[str, Json]],
    figures: Mapping[str, Mapping[str, Json]],
    profile: Mapping[str, Mapping[str, Json]],
) -> dict[str, Json]:
    name = str(column["name"])
    seen = profile.get(name, {})
    written = declared.get(name, {})
    found = figures.get(name, {})
    return {
        "name": name,
        "role": role,
        "type": column.get("type") or written.get("type"),
        "declared": name in declared,
        # what a record has by default is not in it
        "nullable": column.get("nullable", True if "type" in column else None) if role == "feature" else False,
        "fill": column.get("fill"),
        "hashed": bool(column.get("hash")),
        "min": written.get("min"),
        "max": written.get("max"),
        "values": written.get("values") or column.get("classes"),
        "rules": {name: written[name] for name in ROW_RULES if name in written},
        "lowest": seen.get("min"),
        "highest": seen.get("max"),
        "missing": found.get("missing"),
        "distinct": found.get("distinct"),
        "description": written.get("description"),
    }
