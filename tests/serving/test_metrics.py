"""The exposition: well-formed, counters only grow, histograms add up, unusual names are escaped."""

import math
import re

from leptonctl.serving.deployment import no_deployment
from leptonctl.serving.encode import Violation
from leptonctl.serving.metrics import BUCKETS, Metrics
from leptonctl.serving.respond import RequestStats
from tests.serving.serving_models import filter_model
from tests.serving.test_requests import deployment

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"')


def parse(text):
    """name -> [(labels, value)], with the rules of the format checked."""
    assert text.endswith("\n")
    found, kinds, names = {}, {}, []
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds
            kinds[name] = kind
            names.append(name)
        elif not line.startswith("# HELP "):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            family = re.sub(r"_(bucket|sum|count)$", "", name) if kinds[names[-1]] == "histogram" else name
            assert family == names[-1]
            assert kinds[family] != "counter" or name.endswith("_total")
            found.setdefault(name, []).append((dict(LABEL.findall(labels or "")), float(value)))
    return found


def test_counts_and_durations_add_up(tmp_path):
    served = deployment(tmp_path, m=filter_model())
    metrics = Metrics("prod")
    durations = [0.0001, 0.0005, 0.003, 0.003, 20.0]
    for seconds in durations:
        metrics.record(RequestStats("m", "v1", 3), 200, seconds)
    metrics.record(RequestStats("m", "v1", 0, (Violation("money", "min", 4, 1),)), 400, 0.5)
    metrics.record(RequestStats(), 404, 0.1)
    found = parse(metrics.text(served).decode())
    labels = {"model_name": "m", "model_version": "v1", "environment": "prod"}
    assert ({**labels, "code": "200"}, 5.0) in found["leptonctl_inference_requests_total"]
    assert ({**labels, "code": "400"}, 1.0) in found["leptonctl_inference_requests_total"]
    assert found["leptonctl_inference_rows_total"] == [(labels, 15.0)]
    assert found["leptonctl_contract_violations_total"] == [({**labels, "column": "money", "check": "min"}, 4.0)]
    buckets = {
        float(found_labels["le"].replace("+Inf", "inf")): value
        for found_labels, value in found["leptonctl_inference_duration_seconds_bucket"]
    }
    assert buckets == {bound: sum(seconds <= bound for seconds in durations) for bound in (*BUCKETS, math.inf)}
    assert found["leptonctl_inference_duration_seconds_count"] == [(labels, 5.0)]
    assert math.isclose(found["leptonctl_inference_duration_seconds_sum"][0][1], sum(durations))
    bound = served.models["m"]
    assert found["leptonctl_model_info"] == [
        ({**labels, "digest": bound.digest, "package": bound.package, "artifact": bound.artifact}, 1.0)
    ]
    assert found["leptonctl_model_loaded_timestamp_seconds"] == [(labels, 1.0)]
    assert found["process_resident_memory_bytes"][0][1] > 1e6
    assert found["process_start_time_seconds"][0][1] > 1e9


def test_unusual_names_are_escaped():
    metrics = Metrics("prod")
    name = 'a "quoted"\\ name\nwith é'
    metrics.record(RequestStats("m", "v1", 1, (Violation(name, "max", 1, 1),)), 200, 0.1)
    found = parse(metrics.text(no_deployment("prod")).decode())
    written = found["leptonctl_contract_violations_total"][0][0]["column"]
    assert written.replace("\\\\", "\0").replace('\\"', '"').replace("\\n", "\n").replace("\0", "\\") == name
    assert "leptonctl_model_info" not in found
