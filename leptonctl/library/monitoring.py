"""How a model is served: the status of its environment, and the counters of its servers."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from leptonctl.core.diagnostic import fail
from leptonctl.core.frozen import Frozen
from leptonctl.library.project import Project
from leptonctl.library.reports import Environment, Report, Served
from leptonctl.serving.metrics import PREFIX

TIMEOUT_S = 5.0
OK = "200"
SAMPLE = re.compile(r'^(?P<name>\w+)\{(?P<labels>(?:\w+="(?:[^"\\]|\\.)*",?)*)\} (?P<value>\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(r"\\(.)")


class Sample(Frozen):
    """One line of a server's /metrics: a counter with its labels."""

    name: str
    labels: Mapping[str, str]
    value: float


class Monitoring(Report):
    """A model in an environment, with the counters of all its versions that the servers have served since they started.

    `requests`: HTTP status -> requests; `rows`: predicted; `seconds`: mean time of a request answered with 200, None before the first;
    `breaches`: column -> check -> cells outside the data contract. `unreachable`: servers whose counters could not be read, with why.
    """

    environment: Environment
    model: Served
    requests: Mapping[str, int]
    rows: int
    seconds: float | None
    breaches: Mapping[str, Mapping[str, int]]
    unreachable: Mapping[str, str]

    @property
    def healthy(self) -> bool | None:
        """Whether what is bound is served; None if that is not known from here."""
        return self.environment.healthy

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """The metrics of the test rows of the bound version."""
        return self.model.metrics or {}

    def to_json(self) -> dict[str, Any]:
        from leptonctl.core.codec import plain

        return dict(plain(self))

    def text(self, *, color: bool = False) -> str:
        from leptonctl.views.monitoring import render_text

        return render_text(self.to_json(), color=color)


def monitoring(project: Project, model: str, name: str | None) -> Monitoring:
    """See `Model.monitor`."""
    bound = [(one, served) for one in project.status().environments for served in one.models if served.name == model]
    matches = [(one, served) for one, served in bound if name in (None, one.name)]
    if len(matches) != 1:
        places = ", ".join(one.name for one, _ in bound) or "no environment"
        detail = f"{model} is served by {places}" if name is None else f"{name} serves no {model}"
        raise fail("not-bound", "It is not clear which model to monitor", detail, hint="deploy it, or pass the name of an environment")
    environment, served = matches[0]
    samples: list[Sample] = []
    unreachable: dict[str, str] = {}
    for url in {server.url: None for server in environment.servers if server.alive}:
        try:
            samples += [one for one in samples_of(read(f"{url}/metrics")) if one.labels.get("model_name") == model]
        except (OSError, ValueError) as problem:
            unreachable[url] = str(problem)
    return add_up(environment, served, samples, unreachable)


def add_up(environment: Environment, served: Served, samples: list[Sample], unreachable: Mapping[str, str]) -> Monitoring:
    """The counters of all servers and versions, added up."""
    requests: defaultdict[str, int] = defaultdict(int)
    breaches: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    totals: defaultdict[str, float] = defaultdict(float)
    for one in samples:
        totals[one.name] += one.value
        if one.name == f"{PREFIX}inference_requests_total":
            requests[one.labels["code"]] += int(one.value)
        elif one.name == f"{PREFIX}contract_violations_total":
            breaches[one.labels["column"]][one.labels["check"]] += int(one.value)
    answered = totals[f"{PREFIX}inference_duration_seconds_count"]
    return Monitoring(
        environment=environment,
        model=served,
        requests=dict(sorted(requests.items())),
        rows=int(totals[f"{PREFIX}inference_rows_total"]),
        seconds=totals[f"{PREFIX}inference_duration_seconds_sum"] / answered if answered else None,
        breaches={column: dict(sorted(checks.items())) for column, checks in sorted(breaches.items())},
        unreachable=dict(unreachable),
    )


def read(url: str) -> str:
    """The body of the answer to a GET request without a proxy. Raises OSError, ValueError."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url} is not an HTTP address")
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=TIMEOUT_S) as answer:
        return bytes(answer.read()).decode("utf-8", "replace")


def samples_of(text: str) -> Iterator[Sample]:
    """The labelled samples of Prometheus's text format."""
    for line in text.splitlines():
        match = SAMPLE.match(line)
        if match is None:
            continue
        labels = {name: ESCAPE.sub(_unescape, value) for name, value in LABEL.findall(match["labels"])}
        with suppress(ValueError):
            yield Sample(name=match["name"], labels=labels, value=float(match["value"]))


def _unescape(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]
