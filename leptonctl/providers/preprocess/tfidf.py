"""Weights of the words of one text column.

A word is a run of at least two letters, digits or underscores of any script. The graph names the locale C.UTF-8 and this pattern;
the converter's own choice needs en_US.UTF-8 and knows ASCII only.
"""

from leptonctl.spi.learning import Estimator, Options, Params, Preprocessor, Schema

COUNT_OR_SHARE = [{"type": "integer", "minimum": 1}, {"type": "number", "minimum": 0, "maximum": 1}]
PARAMS: dict[str, Schema] = {
    "lowercase": {"type": "boolean", "default": True, "description": "Whether capitals are made small first."},
    "analyzer": {
        "enum": ["word", "char", "char_wb"],
        "default": "word",
        "description": "What is counted; char and char_wb cannot be exported truthfully and are refused.",
    },
    "stop_words": {"enum": ["english", None], "default": None, "description": "Words left out: english, or null for none."},
    "ngram_range": {
        "type": "array",
        "items": {"type": "integer", "minimum": 1},
        "minItems": 2,
        "maxItems": 2,
        "default": [1, 1],
        "description": "Shortest and longest run of words that is counted.",
    },
    "max_df": {"anyOf": COUNT_OR_SHARE, "default": 1.0, "description": "Leave out words in more rows than this: a count or a share."},
    "min_df": {"anyOf": COUNT_OR_SHARE, "default": 1, "description": "Leave out words in fewer rows than this: a count or a share."},
    "max_features": {
        "type": ["integer", "null"],
        "minimum": 1,
        "default": None,
        "description": "Keep only so many of the most frequent words.",
    },
    "binary": {"type": "boolean", "default": False, "description": "Whether a word counts once per row however often it stands there."},
    "norm": {"enum": ["l1", "l2", None], "default": "l2", "description": "What each row is scaled to: sum 1, length 1, or not at all."},
    "use_idf": {"type": "boolean", "default": True, "description": "Whether words of many rows weigh less."},
    "smooth_idf": {"type": "boolean", "default": True, "description": "Whether every word is taken to stand in one row more."},
    "sublinear_tf": {
        "type": "boolean",
        "default": False,
        "description": "Whether counts are damped by a logarithm; cannot be exported truthfully and is refused.",
    },
}
TOKEN = r"[\p{L}\p{N}_][\p{L}\p{N}_]+"  # noqa: S105


def build(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(**{**params, "ngram_range": tuple(params["ngram_range"])}, dtype=np.float32)


def export_options(_fitted: Estimator) -> Options:
    return {"tokenexp": TOKEN, "locale": "C.UTF-8"}


def refuse(params: Params) -> str | None:
    if params.get("sublinear_tf"):
        return "sublinear_tf: true answers otherwise once exported; leave it out"
    if params.get("analyzer", "word") != "word":
        return f"analyzer: {params['analyzer']} answers otherwise once exported; use analyzer: word"
    return None


PREPROCESSOR = Preprocessor(
    name="tfidf",
    description="Weights of the words of one text column.",
    params=PARAMS,
    build=build,
    takes="string",
    keeps=False,
    one_column=True,
    export_options=export_options,
    refuse=refuse,
)
