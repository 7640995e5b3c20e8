"""Parameter schemas of the kernel machines, shared by svm for classification and regression."""

from leptonctl.spi.learning import Schema

KERNEL: dict[str, Schema] = {
    "C": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 1.0,
        "description": "Inverse of the penalty's strength: smaller is stronger.",
    },
    "kernel": {"enum": ["linear", "poly", "rbf", "sigmoid"], "default": "rbf", "description": "Kernel function that compares two rows."},
    "degree": {"type": "integer", "minimum": 0, "default": 3, "description": "Degree of the poly kernel."},
    "gamma": {
        "anyOf": [{"enum": ["scale", "auto"]}, {"type": "number", "minimum": 0}],
        "default": "scale",
        "description": "Coefficient of the rbf, poly and sigmoid kernels: scale is 1 / (features x variance), auto is 1 / features.",
    },
    "coef0": {"type": "number", "default": 0.0, "description": "Constant term of the poly and sigmoid kernels."},
    "shrinking": {
        "type": "boolean",
        "default": True,
        "description": "Whether to use the shrinking heuristic, which skips rows that seem settled.",
    },
    "tol": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 0.001,
        "description": "Stop when the optimality violation falls below this.",
    },
    "max_iter": {
        "type": "integer",
        "minimum": -1,
        "default": -1,
        "description": "Maximum number of iterations of the solver; -1 sets no limit.",
    },
}
