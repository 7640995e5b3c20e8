"""Every key of a Project, as JSON Schema. Data only."""

from leptonctl.kinds.schema_parts import DESCRIPTION, backend, block, choice, document, integer, kind, name, string, strings

STATE, STORE = ".leptonctl/state", ".leptonctl/store"
IGNORE = strings(
    "Globs of YAML files and folders that are not leptonctl's; `**` matches any number of folders.",
    "A glob relative to the project folder.",
    default=[],
    maxItems=1_000,
    examples=[["charts/**", "mkdocs.yml"]],
)
IGNORE["items"]["maxLength"] = 500

PROJECT = document(
    "Project",
    "Marks the project folder (leptonctl.yaml at its root) and holds the settings of the whole project.",
    {
        "kind": kind("Project"),
        "name": name("project"),
        "description": DESCRIPTION,
        "format": choice("Fixes defaults and trainer epochs, so that an upgrade of leptonctl alone changes no digest.", [1], default=1),
        "state": string(
            "Where the pointers are kept: a folder, or a URI of an installed back end.",
            minLength=1,
            default=STATE,
            examples=["/srv/leptonctl/mail/state"],
        ),
        "store": string(
            "Where artifacts and results are kept: a folder, or a URI of an installed back end.",
            minLength=1,
            default=STORE,
            examples=["/srv/leptonctl/store"],
        ),
        "executor": backend("Where steps run. Each type has its own settings.", "local"),
        "keep": block(
            "What `leptonctl gc` keeps even if nothing refers to it.",
            {
                "builds": string(
                    "How long artifacts are kept after a build or a plan last used them: a number of seconds, minutes, hours or days.",
                    pattern=r"^[1-9][0-9]{0,5}[smhd]$",
                    default="14d",
                    examples=["36h"],
                ),
                "deployments": integer(
                    "How many of the last deployments of each environment are kept to return to.", minimum=1, default=10
                ),
            },
        ),
        "vars": {
            "description": 'Values for templates: "{{ vars.NAME }}" inside any scalar of other documents. They contain no templates '
            "and no secrets.",
            "type": "object",
            "examples": [{"max_iter": 200}],
        },
        "warnings": choice(
            "`error`: every warning of a plan, a build or an apply is an error.",
            ["show", "error"],
            default="show",
        ),
        "roots": strings("Folders outside the project that may hold data.", "A folder.", default=[], examples=[["/data/mail"]]),
        "allow": {
            "description": "Permissions that are off by default. `command`: model versions may run your own programs, with the "
            "rights of the user who builds.",
            "type": "array",
            "items": choice("A permission.", ["command"]),
            "uniqueItems": True,
            "default": [],
            "examples": [["command"]],
        },
        "ignore": IGNORE,
    },
    ["name"],
)
