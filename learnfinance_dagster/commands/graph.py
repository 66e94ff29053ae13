"""`make graph`: the asset graph as a picture in docs/graph.md, which a test holds to the code."""

from learnfinance_dagster.definitions import defs
from learnfinance_dagster.settings import REPOSITORY

HEADER = (
    "# The asset graph",
    "",
    "Written by `make graph`; a test fails when it is out of date.",
    "",
    "```mermaid",
    "flowchart LR",
)
PAGE = REPOSITORY / "docs" / "graph.md"


def graph_page() -> str:
    """Markdown with a Mermaid picture: stages as boxes, assets as nodes, lineage as arrows."""
    graph = defs.resolve_asset_graph()
    groups: dict[str, list[str]] = {}
    for key in sorted(graph.get_all_asset_keys()):
        groups.setdefault(graph.get(key).group_name, []).append(key.path[-1])
    lines = [*HEADER]
    for group, names in sorted(groups.items()):
        lines += [f"  subgraph {group}", *(f"    {name}" for name in names), "  end"]
    for key in sorted(graph.get_all_asset_keys()):
        lines += [f"  {parent.path[-1]} --> {key.path[-1]}" for parent in sorted(graph.get(key).parent_keys)]
    return "\n".join([*lines, "```", ""])


def write_graph() -> int:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(graph_page(), encoding="utf-8")
    return 0
