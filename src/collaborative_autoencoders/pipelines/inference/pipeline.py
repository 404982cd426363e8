"""Champion and users → recommendations with titles, and what can be said of them."""

from kedro.pipeline import Node, Pipeline

from .nodes import recommend, summarise


def create_pipeline() -> Pipeline:
    """Two nodes: one writes the lists, one reads them again and counts."""
    return Pipeline(
        [
            Node(
                recommend,
                inputs=["asked_users", "params:inference"],
                outputs="recommendations",
                name="recommend",
            ),
            Node(
                summarise,
                inputs="recommendations",
                outputs={
                    "recommendations_head": "recommendations_head",
                    "recommendations_report": "recommendations_report",
                },
                name="summarise",
            ),
        ]
    )
