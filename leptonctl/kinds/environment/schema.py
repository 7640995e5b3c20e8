"""Every key of an Environment, as JSON Schema. Data only; `kinds.schema` adds what depends on the catalog."""

from leptonctl.kinds.environment.gate_rules import limits
from leptonctl.kinds.schema_parts import DESCRIPTION, backend, block, choice, document, flag, kind, name, string, table
from leptonctl.language.fits import NAME_PATTERN

VERSION = string("Version of the model.", pattern=NAME_PATTERN)
BINDING = {
    "description": "The version that serves: its name, or a mapping with more settings.",
    "anyOf": [
        VERSION,
        block(
            "The version that serves, with more settings.",
            {
                "version": VERSION,
                "readmit": block(
                    "Readmits a version that was withdrawn from this environment. `leptonctl readmit` writes it.",
                    {
                        "withdrawal": string("Id of the withdrawal, as `status` shows it.", pattern="^w[1-9][0-9]*$", examples=["w3"]),
                        "reason": string("Why it comes back.", minLength=1, pattern="[^ ]"),
                    },
                    required=["withdrawal", "reason"],
                ),
            },
            required=["version"],
        ),
    ],
}
GATE = block("Limits on one metric.", limits(), minProperties=1, examples=[{"min": 0.85}])

ENVIRONMENT = document(
    "Environment",
    "A place where models serve: which version of each, where it runs, and the gates that a version must pass.",
    {
        "kind": kind("Environment"),
        "name": name("environment"),
        "description": DESCRIPTION,
        "protected": flag("Seals every version that it has served, and accepts only pinned data.", default=False),
        "require_commit": flag("Refuse an apply whose declared files are not all committed.", default=False),
        "switch": choice("`together`: either all bindings move or none does.", ["together"]),
        "requests": choice(
            "Whether a request with values outside `min` and `max` is answered (`lenient`) or refused (`strict`).",
            ["lenient", "strict"],
            default="lenient",
        ),
        "platform": backend("Where it runs. Each type has its own settings.", "server"),
        "models": table("Model name -> version.", BINDING, propertyNames={"pattern": NAME_PATTERN}, examples=[{"spam-filter": "v1"}]),
        "gates": {
            "description": "What a version must pass to be bound here: a mapping from metrics to limits, or a list of such mappings "
            "for some models each.",
            "anyOf": [
                table("Metric -> limits, for every model. `flips` is the share of test rows whose label changes.", GATE),
                {
                    "type": "array",
                    "items": table(
                        "Metric -> limits, for the models that match `models`.",
                        GATE,
                        properties={"models": string("Glob of model names.", minLength=1, default="*")},
                    ),
                },
            ],
            "examples": [{"accuracy": {"min": 0.85}, "f1": {"max_drop": 0.01}, "flips": {"max": 0.05}}],
        },
    },
    ["name"],
)
