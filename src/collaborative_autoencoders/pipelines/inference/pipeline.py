"""Champion and users → recommendations with titles, and a report."""

from kedro.pipeline import Node, Pipeline

from .nodes import recommend, summarise


def create_pipeline() -> Pipeline:
    """Write the recommendations, then read them again for the report."""
    return Pipeline(
        [
            Node(
                recommend,
                inputs=[
                    "asked_users",
                    "data_facts_if_any",
                    "params:inference",
                    "params:registration.enabled",
                ],
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
