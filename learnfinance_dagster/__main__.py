"""`python -m learnfinance_dagster <command>`: what stands behind the Makefile."""

import argparse
import sys

from learnfinance_dagster.errors import LearnFinanceError


def main() -> int:
    """Parse the command line and run one command; errors become one clear line."""
    parser = argparse.ArgumentParser(prog="learnfinance_dagster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="trade the market's last complete weeks and show the report")
    ui = commands.add_parser("prepare", help="make what the web UI needs before its first start")
    ui.add_argument("--port", type=int, help="where the UI will listen")
    one = commands.add_parser("monday", help="run one Monday")
    one.add_argument("week", help="a Monday, e.g. 2025-12-22")
    commands.add_parser("graph", help="rewrite docs/graph.md")
    leak = commands.add_parser("leakproof", help="poison the future of a week and compare every artifact")
    leak.add_argument("week", help="a Monday, e.g. 2022-03-14")
    chosen = parser.parse_args()
    try:
        return _run(chosen)
    except LearnFinanceError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1


def _run(chosen: argparse.Namespace) -> int:
    if chosen.command == "leakproof":
        from learnfinance_dagster.commands.leakproof import leakproof

        return leakproof(chosen.week)
    if chosen.command == "graph":
        from learnfinance_dagster.commands.graph import write_graph

        return write_graph()
    from learnfinance_dagster.commands import demo

    if chosen.command == "monday":
        return demo.one_monday(chosen.week)
    return demo.prepare(chosen.port) if chosen.command == "prepare" else demo.demo()


if __name__ == "__main__":
    sys.exit(main())
