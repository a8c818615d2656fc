"""The page of a transform graph: every node drawn, what was fitted said, nobody's values listed."""

import headrace as hr
from headrace import ops
from tests.orchestration.pages.conftest import SECRET, page
from tests.report.looked_at import check_page


def test_every_column_operation_and_feature_is_drawn(nouns):
    """As many boxes as there are nodes that are no literals, and features; edges between them."""
    graph = nouns["transform_graph"]
    root = check_page(page("transform_graph", graph))
    boxes = [item for item in root.all("rect") if any(name.startswith("box") for name in item.classes)]
    nodes = [node for node in graph.expressions.nodes if node.op != "literal"]
    assert len(boxes) == len(nodes) + len(graph.feature_names)
    assert "mean" in root.text and "z_score(x.x)" in root.text


def test_values_of_text_are_counted_not_listed(nouns):
    """A graph does not know which columns are sensitive."""
    graph = hr.transform(lambda x: {"who": ops.vocabulary(x.email)}, nouns["dataset"])
    text = page("transform_graph", graph)
    assert SECRET not in text and " values" in check_page(text).text


def test_a_large_graph_is_a_table(nouns):
    """More than can be drawn is listed."""
    graph = hr.transform(lambda x: {f"f{at}": x.x * float(at) for at in range(120)}, nouns["dataset"])
    root = check_page(page("transform_graph", graph))
    assert [h.text for h in root.all("h2")] == ["Features", "Raw columns"]


def test_constants_of_rows_are_counted(nouns):
    """A table of numbers by key is not spelt out; what pins a graph is not either."""
    graph = hr.transform(
        lambda x: {"t": ops.target_encode(x.email), "b": ops.bucketize_by_key(x.x, x.email, num_buckets=3)},
        nouns["dataset"],
    )
    text = page("transform_graph", graph)
    assert SECRET not in text
    assert " rows" in check_page(text).text
    again = hr.transform(
        lambda x: {
            "t": ops.pin(
                ops.vocabulary(x.email), graph=hr.transform(lambda x: {"t": ops.vocabulary(x.email)}, nouns["dataset"])
            )
        },
        nouns["dataset"],
    )
    assert SECRET not in page("transform_graph", again)
