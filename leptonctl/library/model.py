"""The short form for models: upload data and preprocess steps, train, deploy, monitor. Every call writes its YAML."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.frozen import replace
from leptonctl.core.values import Json
from leptonctl.library.deployment import Deployment
from leptonctl.library.model_settings import ModelSettings, Training
from leptonctl.library.moving import one_line
from leptonctl.library.names import algorithm_of, name_of, name_or_none, path_of, require, seconds_of
from leptonctl.library.project import Project
from leptonctl.library.tables import Data, DataPreprocessor
from leptonctl.library.turns import turn
from leptonctl.library.versions import Version, Where
from leptonctl.library.work import Progress

if TYPE_CHECKING:
    from leptonctl.library.monitoring import Monitoring

HERE = frozenset({"local", "localhost", "here"})
"""Other names for the platform that runs on this host."""
VERSION_KEYS = frozenset({"seed", "class_weight", "sample_weight", "monotonic", "calibrate", "threshold", "search", "warm_start"})
"""Keyword arguments of `train` that are fields of a version, not parameters of its algorithm."""


class Model:
    """A model of a project, by its name. Nothing is written before data is uploaded or the model is trained.

    `algorithm`: its name here or in scikit-learn, or a class of scikit-learn; None for one that suits the data, or that of the YAML.
    `task`: classification, regression, clustering or anomaly, by default the one that the target suggests. `project`: a project or a folder
    in one; None for the working folder, which becomes a project if it is not in one.
    """

    def __init__(
        self,
        algorithm: str | type | None = None,
        name: str = "model",
        *,
        task: str | None = None,
        description: str = "",
        project: Where = None,
    ) -> None:
        self.name = name_of(name, "name")
        self.version: Version | None = None
        """The version that was last trained or uploaded."""
        self._settings = ModelSettings(algorithm=algorithm_of(algorithm), task=task, description=description)
        self._where = project
        self._environment: str | None = None

    @property
    def project(self) -> Project:
        """The project that it belongs to, which is created if there is none yet."""
        from leptonctl.project.files import MARKER

        if isinstance(self._where, Project):
            return self._where
        folder = path_of(self._where, "project") if self._where is not None else Path()
        try:
            self._where = Project.load(folder)
        except Failure as failure:
            if failure.diagnostics[0].id != "no-project" or (folder / MARKER).exists():
                raise
            self._where = Project.create(folder)
        return self._where

    def upload_data(self, data: Data) -> Self:
        """Declare a table as a version of a dataset, pinned to its bytes; the next training learns from it.

        The same bytes are the same version, and a changed file is a new one. A file from outside the project is copied to data/.
        Failure: what is wrong with the table, usage, file-exists.
        """
        from leptonctl.library.table_yaml import declare_data
        from leptonctl.library.writing import editing

        require(data, Data, "pass `Data.from_csv(PATH, TARGET)`")
        with editing(self.project.root, "upload_data") as draft:
            dataset = declare_data(draft, data)
        self._settings = replace(self._settings, data=data, dataset=dataset)
        return self

    def upload_preprocessor(self, preprocessor: DataPreprocessor) -> Self:
        """Use these preprocess steps in the next training. Without them, a new model has those that `leptonctl init` would choose."""
        require(preprocessor, DataPreprocessor, 'pass `DataPreprocessor().add_transformer("StandardScaler", input="numeric")`')
        self._settings = replace(self._settings, steps=tuple(dict(step) for step in preprocessor.steps))
        return self

    def upload_model(
        self,
        file: str | os.PathLike[str],
        *,
        inputs: Sequence[str] | Mapping[str, str | Sequence[str]] | None = None,
        classes: Sequence[str | int | bool] | None = None,
        outputs: str | Mapping[str, str] | None = None,
        version: str | None = None,
        progress: Progress | None = None,
    ) -> Version:
        """Declare a finished model as a version, and evaluate it. A file that cannot be imported is not declared.

        `file`: in the project, as for `import:`: an ONNX file, or one that XGBoost (.json, .ubj) or LightGBM (.txt) saved. `inputs`,
        `classes`, `outputs`: what the file does not say, as in YAML. `version`: its name, by default the next free one. Failure:
        missing-file, outside-project, not-onnx, what is wrong with the file, or Unfinished when a step failed.
        """
        from leptonctl.library.writing import plain_json

        path, root = path_of(file, "file").resolve(), self.project.root
        if not path.is_file():
            raise fail("missing-file", "The file does not exist", str(path), hint=f"pass a file in {root}")
        if not path.is_relative_to(root):
            hint = f"copy it below {root}, and pass the copy"
            raise fail("outside-project", "A file is outside the project folder", str(path), hint=hint)
        options = {"inputs": inputs, "classes": classes, "outputs": outputs}
        reading = {key: plain_json(value, key) for key, value in options.items() if value is not None}
        return self._declare(Training(imports=path.relative_to(root).as_posix(), reading=reading), version, progress)

    def train(
        self,
        iterations: int | None = None,
        learning_rate: float | None = None,
        *,
        version: str | None = None,
        progress: Progress | None = None,
        **params: Any,
    ) -> Version:
        """Declare a version with these parameters, unless one has the same recipe, and train and evaluate it unless it has results.

        `iterations` and `learning_rate` become the parameters that the algorithm has for them. `params`: its other parameters, and fields
        of the version: seed, class_weight, sample_weight, monotonic, calibrate, threshold, search, warm_start. `version`: its name, by
        default the next free one. Failure: unknown-parameter, usage, or Unfinished when a step failed. Then nothing is declared.
        """
        from leptonctl.library.writing import plain_json

        values: dict[str, Json] = {key: plain_json(value, key) for key, value in params.items()}
        fields = {key: value for key, value in values.items() if key in VERSION_KEYS and value is not None}
        parameters = {key: value for key, value in values.items() if key not in VERSION_KEYS}
        training = Training(iterations=iterations, learning_rate=learning_rate, params=parameters, keys=fields)
        return self._declare(training, version, progress)

    def _declare(self, training: Training, version: str | None, progress: Progress | None) -> Version:
        from leptonctl.library.model_yaml import declare_version
        from leptonctl.library.writing import editing, kept_if_done

        version = name_or_none(version, "version")
        with editing(self.project.root, "train") as draft:
            name = declare_version(draft, self.name, self._settings, training, version)
        trained = Version(project=self.project, model=self.name, name=name)
        # a version that cannot be built would fail every later apply
        with kept_if_done(draft):
            trained.build(progress)
        self.version = trained
        return trained

    def deploy(
        self,
        target: str = "server",
        name: str = "dev",
        port: int | None = None,
        *,
        version: str | None = None,
        gates: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        forward: bool = False,
        reason: str = "",
        wait: float = 0.0,
        progress: Progress | None = None,
    ) -> Deployment:
        """Bind a version in an environment, which is declared if it is new, and start or switch its server.

        `version`: its name, by default that of the last training. `target`: the type of its platform. `port`: by default the declared one,
        or the next free one from 8080 on. `gates`: what a version must reach to enter, as in YAML; by default the declared ones, and
        none for a new environment. `forward`: if another version has replaced this one there, keep that one, as `Deployment.skipped` then
        shows. A call that is skipped or fails leaves the files as they were. Failure: as `publish_version`; superseded,
        unknown-platform, port-taken and others of the declaration.
        """
        from leptonctl.library.binding import declare_environment
        from leptonctl.library.forwards import deploy
        from leptonctl.library.writing import editing, kept_if_done

        name, platform, to_bind = name_of(name, "name"), _platform(target), self._version_to_bind(version)
        why, root, seconds = one_line(reason), self.project.root, seconds_of(wait, "wait")
        deadline = time.monotonic() + seconds
        with turn(root, [(name, self.name)], "deploy", wait=seconds):
            with editing(root, "deploy") as draft:
                declare_environment(draft, platform, name, port=port, gates=gates)
            with kept_if_done(draft):
                rest = max(0.0, deadline - time.monotonic())
                deployment = deploy(to_bind, name, forward=forward, reason=why, wait=rest, progress=progress)
                if deployment.skipped is not None:  # the version that stays keeps its gates and its address
                    draft.undo()
        self._environment = name
        return deployment

    def _version_to_bind(self, version: str | None) -> Version:
        """The version of a name, or the last one. Failure `usage` when there is none."""
        name = name_or_none(version, "version")
        last = self.version if name is None else Version(project=self.project, model=self.name, name=name)
        if last is None:
            raise fail("usage", "It is not clear which version to bind", self.name, hint="pass `version=`, or call train() first")
        return last

    def monitor(self, name: str | None = None) -> "Monitoring":
        """How it is served: health, requests, durations, and cells outside the data contract, summed over the servers that answer.

        `name`: an environment, by default the one of the last deployment, or the only one that serves it. Failure: not-bound.
        """
        from leptonctl.library.monitoring import monitoring

        return monitoring(self.project, self.name, name or self._environment)


def _platform(target: Any) -> str:
    """The type of a platform by one of its names."""
    name = name_of(target, "target")
    return "server" if name in HERE else name
