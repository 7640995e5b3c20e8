"""TF-IDF weights of the words of one string column.

A word is a sequence of at least two letters, digits or underscores of any script. The graph sets the locale C.UTF-8 and this pattern;
the converter's defaults need en_US.UTF-8 and support ASCII only.
"""

from leptonctl.spi.learning import Estimator, Options, Params, Preprocessor, Schema

COUNT_OR_SHARE = [{"type": "integer", "minimum": 1}, {"type": "number", "minimum": 0, "maximum": 1}]
PARAMS: dict[str, Schema] = {
    "lowercase": {"type": "boolean", "default": True, "description": "Whether to convert to lower case first."},
    "analyzer": {
        "enum": ["word", "char", "char_wb"],
        "default": "word",
        "description": "What to count; char and char_wb are refused because they cannot be exported faithfully.",
    },
    "stop_words": {"enum": ["english", None], "default": None, "description": "Words to leave out: english, or null for none."},
    "ngram_range": {
        "type": "array",
        "items": {"type": "integer", "minimum": 1},
        "minItems": 2,
        "maxItems": 2,
        "default": [1, 1],
        "description": "Minimum and maximum length of the word sequences to count.",
    },
    "max_df": {
        "anyOf": COUNT_OR_SHARE,
        "default": 1.0,
        "description": "Leave out words that occur in more rows than this: a count or a share.",
    },
    "min_df": {
        "anyOf": COUNT_OR_SHARE,
        "default": 1,
        "description": "Leave out words that occur in fewer rows than this: a count or a share.",
    },
    "max_features": {
        "type": ["integer", "null"],
        "minimum": 1,
        "default": None,
        "description": "Keep only this many of the most frequent words; null keeps all.",
    },
    "binary": {"type": "boolean", "default": False, "description": "Whether to count a word only once per row."},
    "norm": {
        "enum": ["l1", "l2", None],
        "default": "l2",
        "description": "How to scale each row: l1 to sum 1, l2 to length 1, null not at all.",
    },
    "use_idf": {"type": "boolean", "default": True, "description": "Whether words that occur in many rows get lower weights."},
    "smooth_idf": {"type": "boolean", "default": True, "description": "Whether to count one additional row that contains every word."},
    "sublinear_tf": {
        "type": "boolean",
        "default": False,
        "description": "Whether to damp counts by a logarithm; true is refused because it cannot be exported faithfully.",
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
        return "`sublinear_tf: true` gives other answers once exported; leave it out"
    if params.get("analyzer", "word") != "word":
        return f"`analyzer: {params['analyzer']}` gives other answers once exported; use `analyzer: word`"
    return None


PREPROCESSOR = Preprocessor(
    name="tfidf",
    holds_rows="the words of the training rows",
    description="TF-IDF weights of the words of one string column.",
    params=PARAMS,
    build=build,
    takes="string",
    keeps=False,
    one_column=True,
    export_options=export_options,
    refuse=refuse,
)
