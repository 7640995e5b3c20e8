"""`kind: Report`: one file, one line of the table of kinds and one of the table of ops."""

from collections.abc import Iterator

from leptonctl.core.address import document
from leptonctl.core.canonical import digest
from leptonctl.core.diagnostic import did_you_mean, error
from leptonctl.core.graph import declaration
from leptonctl.core.values import Node, Op, Step
from leptonctl.kinds.kind import Declarations, Kind
from leptonctl.kinds.model.kind import models
from leptonctl.language.resolve import whole
from leptonctl.spi import Bench, Needs, Produced

SCHEMA = {
    "type": "object",
    "properties": {"kind": {"const": "Report"}, "name": {"type": "string"}, "model": {"type": "string"}, "title": {"type": "string"}},
    "required": ["kind", "name", "model"],
    "additionalProperties": False,
}


def declare(declarations: Declarations):
    found, problems = {}, []
    for name, written in declarations.project.of("Report").items():
        declared = whole(written)
        if declared.fields["model"] in models(declarations):
            found[name] = declared
        else:
            hint = did_you_mean(str(declared.fields["model"]), models(declarations))
            problems.append(error("unknown-model", "Report names no version", "not declared", span=declared.at("model"), hint=hint))
    return found, tuple(problems)


def built(declarations: Declarations) -> Iterator[Node]:
    for name, declared in declarations.of("Report").items():
        model = models(declarations)[declared.fields["model"]]
        fields = {"title": declared.fields.get("title", name)}
        address = document("report", name)
        step = Step(
            name="summary",
            op="summarize",
            address=address,
            key=None,
            spec=digest({"op": "summarize", "of": model.address, **fields}),
            fields=fields,
            reads=("evaluation.outputs.metrics.accuracy",),
            inputs=fields,
            needs={"evaluation": (model.address, "evaluate")},
        )
        recipe = {"model": declared.fields["model"], **fields}
        yield Node(
            address=address, digest=digest({"kind": "report", **recipe}), declaration=declaration(recipe, {}, [step]), recipe=recipe,
            origins=declared.origins, span=declared.span, steps=(step,), needs=(model.address,),
        )  # fmt: skip


def summarize(inputs: dict, needs: Needs, bench: Bench) -> Produced:
    accuracy = needs["evaluation"].outputs["metrics"]["accuracy"]
    text = f"{inputs['title']}: {accuracy:.2f}\n"
    return Produced(artifacts={"report.txt": bench.artifacts.put_artifact(text.encode())}, outputs={"length": len(text)})


KIND = Kind(name="Report", address="report", schema=SCHEMA, declare=declare, built=built)
OP = Op(name="summarize", done="summarized", run="lepton_toy.report_kind:summarize")
