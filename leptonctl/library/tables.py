"""Data and preprocess steps of the short form."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json
from leptonctl.library.names import name_or_none, path_of

if TYPE_CHECKING:
    from leptonctl.learning.findings.findings import Findings
    from leptonctl.spi.learning import Source

SELECTORS = frozenset({"numeric", "categorical", "all"})


class Data(Frozen):
    """A table with the column to predict. `path`: absolute; `name`, `version`: of the dataset in the YAML, None to choose them."""

    path: Path
    target: str
    name: str | None = None
    version: str | None = None

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str], target: str, *, name: str | None = None, version: str | None = None) -> Self:
        """A CSV file, or one in another format that leptonctl reads. Its encoding, delimiter and so on are detected when it is uploaded.

        `name`: of the dataset, by default the file's; `version`: by default the next free one. Failure: missing-file, unknown-format,
        and usage without a target.
        """
        file = path_of(path, "path").absolute()
        if not file.is_file():
            raise fail("missing-file", "The table does not exist", str(file), hint="pass the path of an existing file")
        cls._source(file)
        if not isinstance(target, str):
            detail = f"`target` is {target!r}, and a table uploaded from Python needs the column to predict"
            hint = "pass `target=`; a dataset without a target is declared in YAML: docs/how-to/groups-and-outliers.md"
            raise fail("usage", "The data have no target", detail, hint=hint)
        return cls(path=file, target=target, name=name_or_none(name, "name"), version=name_or_none(version, "version"))

    @classmethod
    def from_frame(
        cls, frame: Any, path: str | os.PathLike[str], target: str, *, name: str | None = None, version: str | None = None
    ) -> Self:
        """A data frame of pandas or polars, or a list of mappings from column to value, written to `path`: JSON Lines, one row a line.

        The YAML names that file, so it should be in the project. A file with other content is not overwritten. `name`, `version`: as in
        `from_csv`. Failure: file-exists, unknown-format, cannot-write, and usage for rows of another form.
        """
        from leptonctl.library.predictions import records_of
        from leptonctl.project.edits import write_text, writing

        file = path_of(path, "path").absolute()
        if file.suffix != ".jsonl":
            raise fail("unknown-format", "A data frame is written as JSON Lines", file.name, hint="pass a path that ends in .jsonl")
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records_of(frame))
        with writing(file):
            if file.exists() and file.read_text(encoding="utf-8") != text:
                hint = "pass another path: a version that was made from this file needs its rows"
                raise fail("file-exists", "The file exists with other rows", str(file), hint=hint)
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                write_text(file, text)
        return cls.from_csv(file, target, name=name, version=version)

    @staticmethod
    def _source(file: Path) -> "Source":
        from leptonctl.project.catalog import load_catalog

        source = load_catalog().source_for(file.name)
        if source is None:
            raise fail("unknown-format", "No source reads files with this ending", file.name, hint="use a .csv, .parquet or .jsonl file")
        return source

    @property
    def dataset(self) -> str:
        """The name of its dataset."""
        from leptonctl.commands.editing.names import slug

        return self.name or slug(self.path.name.partition(".")[0], "data")

    def columns(self) -> list[str]:
        """The names in its first line."""
        from leptonctl.commands.files.problems import provider_failure
        from leptonctl.spi.learning import ProviderError, SourceOptions

        try:
            return self._source(self.path).columns(self.path, SourceOptions())
        except ProviderError as problem:
            raise provider_failure(problem) from problem

    def findings(self) -> "Findings":
        """What the table seems to contain, and the settings that follow, as in `leptonctl init`. Failure: unknown-column and others."""
        from leptonctl.commands.files.problems import provider_failure
        from leptonctl.learning.findings.findings import Wishes
        from leptonctl.learning.findings.observe import observe
        from leptonctl.spi.learning import ProviderError

        try:
            return observe(self.path, self._source(self.path), Wishes(target=self.target))
        except ProviderError as problem:
            problem.hint = problem.hint.replace("`--target`", "`target=`")
            raise provider_failure(problem) from problem


class DataPreprocessor:
    """The preprocess steps of a model, in order. They are part of it: the same in training and in serving.

    They are fitted when the model is trained, on its training rows only.
    """

    def __init__(self) -> None:
        self.steps: list[dict[str, Json]] = []
        self._outputs: dict[str, Json] = {}

    def add_transformer(
        self,
        use: str,
        *,
        input: str | Iterable[str] = "all",  # noqa: A002 - the usual name
        output: str | None = None,
        **params: Any,
    ) -> Self:
        """Add a step. `use`: its name here or in scikit-learn (`StandardScaler`, `one_hot`), or `Normalize` for a range of 0 to 1.
        `params`: its parameters.

        `input`: numeric, categorical, all, a column, several columns, or the `output` of an earlier step. `output`: a name for its result,
        for the `input` of later steps. The model gets the results of the steps, and the columns that no step takes. An invalid step is a
        Failure when the model is trained.
        """
        from leptonctl.kinds.foreign_names import SAME_STEPS, own_name
        from leptonctl.library.writing import plain_json
        from leptonctl.project.catalog import load_catalog

        columns = self._columns(input)
        step: dict[str, Json] = {"columns": columns, "use": own_name(use, load_catalog().preprocessors, SAME_STEPS)}
        if params:
            step["params"] = plain_json(params, use)
        self.steps.append(step)
        if output is not None:
            self._outputs[output] = columns
        return self

    def fit(self, data: Data) -> Self:
        """Check that the table has the columns of the steps. Failure: unknown-column. Nothing is computed before the training."""
        names = data.columns()
        for step in self.steps:
            columns = step["columns"]
            for name in columns if isinstance(columns, list) else ():
                if name not in names:
                    hint = did_you_mean(str(name), names)
                    raise fail("unknown-column", "The table has no such column", f"{name} ({step['use']})", hint=hint)
        return self

    def _columns(self, names: str | Iterable[str]) -> Json:
        if isinstance(names, str):
            return self._outputs.get(names, names if names in SELECTORS else [names])
        columns: list[Json] = []
        for name in names:
            earlier = self._outputs.get(name, [name])
            if not isinstance(earlier, list):
                detail = f"{name} stands for the columns `{earlier}`, which cannot be combined with others"
                raise fail("usage", "The input of a transformer is ambiguous", detail, hint="add a transformer for each input")
            columns += earlier
        return columns
