"""Whose words are these? Short documents in, a served model out: texts are cleaned, cut and counted in the graph."""

import headrace as hr
from headrace import ops

# What names a package outright is no style.
NAMES = r"(?i)numpy|np\.|ndarray|arrow|pa\.|pc\."


def features(x: hr.Columns) -> dict[str, hr.Expression]:
    words = x.text.str.replace(NAMES, "").str.lower().str.replace(r"[^a-z]+", " ").str.strip()
    return {
        "words": ops.tf_idf(words, top_k=300, min_count=3),
        "pairs": ops.bag_of_words(words, ngrams=(2, 2), top_k=100, min_count=5),
        "pieces": ops.multi_hot(words.str.ngrams(3, 3), separator="\x1f", top_k=200),
        "length": ops.log1p(x.text.str.length()),
        "first": ops.vocabulary(words.str.split(" ", 0), top_k=50),
        "has_signature": x.text.str.matches(r"[a-z_]+\((?s:.*)").fill_null(False),
        "is_missing": x.text.is_null(),
    }


@hr.pipeline
def texts() -> None:
    raw = hr.ingest(
        "data/documents.parquet",
        label="package",
        positive="pyarrow",
        key=["name"],
        split={"train": 8, "eval": 2},
    )
    schema = hr.infer_schema(hr.analyze(raw))
    documents = hr.validate(raw, schema).accepted
    graph = hr.transform(features, documents)
    model = hr.train(hr.XGBoost(n_estimators=60, max_depth=4), graph, documents)
    report = hr.evaluate(model, documents, metrics=["roc_auc", "log_loss"])
    verdict = hr.gate(model, report, rules=["roc_auc >= 0.9 by value"])
    hr.push(model, verdict, endpoint="package")
