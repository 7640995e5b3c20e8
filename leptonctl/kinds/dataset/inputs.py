"""The inputs of the step `prepare`: files, privacy and split of a dataset version, with all defaults. Pure."""

from collections.abc import Mapping
from typing import cast

from leptonctl.core.values import Json
from leptonctl.kinds.dataset import reading
from leptonctl.kinds.dataset.contents import Content, Part
from leptonctl.language.resolve import Declared

SPLIT = {"test": 0.25, "seed": 0}


def source_of(declared: Declared, block: Mapping[str, Json], content: Content) -> dict[str, Json]:
    """The content of a block as the payload of the step has it."""
    pin = block.get("digest")
    source: dict[str, Json] = {
        "path": content.path,
        "format": content.provider.name,
        "digest": pin if isinstance(pin, str) else content.digest,
        "options": reading.recipe_options(declared),
    }
    # the digest of several files covers their names
    ending = "" if content.parts else _ending(content)
    if ending:
        source["ending"] = ending
    if content.parts:
        source["parts"] = [_part(declared, part) for part in content.parts]
    return source


def _ending(content: Content) -> str:
    """The ending of a file's name, "" for the usual one of its format: the same bytes are read differently as `.tsv` or `.csv.gz`."""
    suffixes = content.provider.suffixes
    fitting = max((suffix for suffix in suffixes if content.path.lower().endswith(suffix)), key=len, default="")
    return "" if fitting == suffixes[0] else fitting


def _part(declared: Declared, part: Part) -> dict[str, Json]:
    """One of several files, with its options if they are those of another version."""
    options = reading.recipe_options(part.reader)
    return {"path": part.path, "digest": part.digest, **({"options": options} if options != reading.recipe_options(declared) else {})}


def test_block(declared: Declared) -> dict[str, Json]:
    test = declared.fields.get("test")
    return test if isinstance(test, dict) else {}


def privacy_of(privacy: Json) -> dict[str, Json] | None:
    if not isinstance(privacy, dict) or not (privacy.get("drop") or privacy.get("hash")):
        return None
    drop, hashed = cast("list[str]", privacy.get("drop") or []), cast("list[str]", privacy.get("hash") or [])
    return {
        "drop": cast("Json", sorted(drop)),
        "hash": cast("Json", sorted(hashed)),
        "key": privacy.get("key"),
        # without hashed columns the key still protects the digests that identify rows
        "key_id": privacy.get("key_id") if privacy.get("key") else None,
    }


def split_of(split: Json, *, has_test: bool) -> dict[str, Json]:
    if has_test:
        return {"method": "source"}
    settings = split if isinstance(split, dict) else {}
    if "column" in settings:
        return {"method": "column", "column": settings["column"]}
    test = float(cast("float", settings.get("test", SPLIT["test"])))
    if "time" in settings:
        return {"method": "time", "test": test, "time": settings["time"]}
    if "by" in settings:
        return {"method": "hash", "test": test, "by": settings["by"]}
    return {"method": "random", "test": test, "seed": settings.get("seed", SPLIT["seed"]), "stratify": settings.get("stratify")}
