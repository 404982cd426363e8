"""The best trial's options as a file of parameters."""

from datetime import datetime
from typing import Any

import yaml

FOUND = "  # found"


def write_proposal(search: dict[str, Any], when: datetime) -> str:
    """The model's whole block, each option that the search decided marked; above it how it came.

    Fitted with the best trial's threads, it repeats the best trial's validation to the last digit.
    """
    best, model = search["best"], search["model"]
    changed = " with changes" if best["git_dirty"] == "true" else ""
    counts = len([trial for trial in search["trials"] if trial["state"] == "complete"])
    lines = [
        f"# Proposed by the study {search['study']} on {when:%Y-%m-%d}: trial {best['number']} of "
        f"{counts} complete ones.",
        f"# Validation {search['metric']} {best['value']!r} in epoch {best['best_epoch']}. It is "
        "the best of many:",
        "# on the test part, which no trial has seen, it may be less.",
        f"# Commit {best['git_commit'] or 'unknown'}{changed}.",
        f"# It repeats with running.threads {best['threads']} on device {best['device']}.",
        f"{model}:",
    ]
    for group, options in search["block"].items():
        lines.append(f"  {group}:")
        for option, value in options.items():
            mark = FOUND if f"{group}.{option}" in search["found"] else ""
            lines.append(f"    {option}: {as_yaml(value)}{mark}")
    return "\n".join(lines) + "\n"


def as_yaml(value: Any) -> str:
    """A value on one line, every digit kept."""
    return (
        yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()
    )
