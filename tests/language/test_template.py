"""Templates: typed values from `vars` and nothing else, with bounded work."""

import subprocess
import sys
import time

import pytest

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.values import Json
from leptonctl.language.template import render, vars_used
from tests.language.known import load

PROJECT = """\
kind: Project
name: p
vars: {max_iter: 200, rate: 0.5, deep: true, layers: [10, 5], opt: {items: 3, name: adam}, none: null}
"""


def rendered(scalar: str) -> tuple[Json, tuple[Diagnostic, ...]]:
    documents, problems = load({"leptonctl.yaml": PROJECT, "m.yaml": f"kind: Model\nname: m\nparams:\n  a: {scalar}\n"})
    assert problems == ()
    documents, problems = render(documents, "Project")
    params = documents[1].value["params"]
    assert isinstance(params, dict)
    return params["a"], problems


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ('"{{ vars.max_iter }}"', 200),
        ("'{{ vars.rate }}'", 0.5),
        ('"{{ vars.deep }}"', True),
        ('"{{ vars.layers }}"', [10, 5]),
        ('"{{ vars.opt }}"', {"items": 3, "name": "adam"}),
        ('"{{ vars.none }}"', None),
        ('"{{ vars.opt.items * 2 }}"', 6),
        ("\"{{ vars['opt']['name'] }}-{{ vars.layers[0] }}.csv\"", "adam-10.csv"),
        ('"{{ vars.deep }}/{{ vars.none }}"', "true/null"),
        ('"{{ vars.max_iter if vars.deep else 1 }}"', 200),
        ('"{{ vars.nothing | default(3) }}"', 3),
        ('"{{ vars.nothing is defined }}"', False),
        ("\"{{ vars.layers | join('x') }}\"", "10x5"),
        ('"{{ vars.layers | sum }}"', 15),
        ("\"{{ vars.opt.name | replace('a', 'b') | upper }}\"", "BDBM"),
        ("\"{{ '{{' }} stays\"", "{{ stays"),
        ('"{{- vars.max_iter -}}"', 200),
        ('"{{ vars.max_iter / 8 }}"', 25.0),
        ('"{ {vars.max_iter} }"', "{ {vars.max_iter} }"),
        ('"{{ vars.opt.name }}\\n"', "adam\n"),
    ],
)
def test_templates_give_typed_values(scalar: str, value: Json) -> None:
    result, problems = rendered(scalar)
    assert problems == ()
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("scalar", "id_", "words"),
    [
        ('"{{ vars.maxiter }}"', "unknown-var", 'did you mean "max_iter"?'),
        ('"{{ vars.opt.nam }}"', "unknown-var", 'did you mean "name"?'),
        ('"{{ vars.layers[7] }}"', "unknown-var", "no `vars.layers.7`"),
        ('"{{ max_iter }}"', "unknown-var", "vars.max_iter"),
        ('"{{ env.HOME }}"', "unknown-var", "templates can use `vars` only"),
        ('"{{ vars.a + }}"', "template-syntax", "expression"),
        ('"{{ vars.max_iter"', "template-syntax", "end"),
        ('"{% for x in [1] %}x{% endfor %}"', "template-not-allowed", "statements"),
        ('"{{ range(3) }}"', "template-not-allowed", "calls"),
        ('"{{ vars.opt.items() }}"', "template-not-allowed", "calls"),
        ('"{{ 2 ** 9999 }}"', "template-not-allowed", "powers"),
        ('"{{ vars.max_iter | uper }}"', "template-not-allowed", 'did you mean "upper"?'),
        ('"{{ vars.layers | map(attribute=1) }}"', "template-not-allowed", "no filter `map`"),
        ('"{{ vars.layers is iterable }}"', "template-not-allowed", "no test"),
        ('"{{ vars.layers }} x"', "template-not-allowed", "part of a string"),
        ("\"{{ '%099999999d' % 1 }}\"", "template-not-allowed", "numbers"),
        ("\"{{ 'a' * 1000000000 }}\"", "template-too-large", "10000"),
        ('"{{ vars.layers * 1000000000 }}"', "template-too-large", "10000"),
        ('"{{ vars.opt.name.__class__ }}"', "unknown-var", "__class__"),
        ('"{{ (vars.opt.name ~ 1).__class__ }}"', "template-failed", "not defined"),
        ('"{{ 1 / 0 }}"', "template-failed", "division by zero"),
        ('"{{ vars.opt.name + 1 }}"', "template-failed", "str"),
        ('"{{ 9223372036854775807 * 2 }}"', "template-failed", "finite"),
    ],
)
def test_mistakes_are_reported(scalar: str, id_: str, words: str) -> None:
    result, problems = rendered(scalar)
    (problem,) = problems
    assert problem.id == id_
    assert words in f"{problem.detail} {problem.hint} {problem.summary}"
    assert problem.hint
    assert problem.span is not None
    assert (problem.span.file, problem.span.line, problem.span.column) == ("m.yaml", 4, 6)
    assert isinstance(result, str)


@pytest.mark.parametrize(
    "bomb",
    [
        "{{ " + "vars.layers | join(" * 9 + "'xxxxxxxxxx'" + ")" * 9 + " }}",
        "{{ 'aaaaaaaaaa'" + " | replace('a', 'aaaaaaaaaa')" * 12 + " }}",
        "{{ " + "vars.max_iter * " * 600 + "1 }}",
        "{{ " + "'aaaa' * 100 * " * 20 + "1 }}",
        "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
        "{{ 1" + " + 1" * 3000 + " }}",
        "{{ '" + "a" * 20_000 + "' }}",
        "{{ ([[1] * 9000] * 9000) | sum(start=[]) }}",
        "{{ [[9] * 9000] * 9000 }}",
        "{{ [" + "[9] * 9000, " * 900 + "1] }}",
        "{{ vars.max_iter | round(99999999, 'ceil') }}",
    ],
)
def test_expensive_templates_are_stopped(bomb: str) -> None:
    started = time.process_time()
    _, problems = rendered('"' + bomb + '"')
    assert time.process_time() - started < 2
    assert all(p.id in {"template-too-large", "template-failed", "template-not-allowed", "template-syntax"} for p in problems)


def test_identity_and_vars_take_no_templates() -> None:
    files = {
        "leptonctl.yaml": 'kind: Project\nname: p\nvars: {a: 1, b: ["{{ vars.a }}"]}\n',
        "m.yaml": 'kind: Model\nname: "{{ vars.a }}"\ndescription: "{{ vars.a }}"\n',
    }
    documents, problems = render(load(files)[0], "Project")
    assert [(p.id, p.span.file, p.span.line, p.span.column) for p in problems if p.span] == [
        ("template-not-allowed", "leptonctl.yaml", 3, 18),
        ("template-not-allowed", "m.yaml", 2, 7),
    ]
    assert documents[1].value["description"] == 1


def test_nothing_below_a_template_without_vars() -> None:
    documents, _ = load({"leptonctl.yaml": "kind: Project\nname: p\n", "m.yaml": 'kind: Model\nname: m\nseed: "{{ vars.s }}"\n'})
    _, (problem,) = render(documents, "Project")
    assert problem.hint == "declare `s` under `vars:` of the Project"


def test_vars_used() -> None:
    assert vars_used("{{ vars.a.b + vars['c'][0] }} {{ vars.d | default(vars.e) }}") == {"a.b", "c.0", "d", "e"}
    assert vars_used("plain") == frozenset()
    assert vars_used("{{ broken") == frozenset()


def test_jinja_is_imported_only_for_a_marker() -> None:
    code = (
        "import sys; from leptonctl.language.load import load; from leptonctl.language.template import render, vars_used;"
        "d, _ = load({'a.yaml': 'kind: Project\\nname: p\\nvars: {a: 1}\\n', 'm.yaml': 'kind: Model\\nname: m\\nx: [1, \"{ 2 }\"]\\n'}, ('Project', 'Model'));"
        "render(d, 'Project'); vars_used('x'); assert 'jinja2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
