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
    everything = commands.add_parser("up", help="web UI, daemon and code server on PostgreSQL")
    everything.add_argument("--port", type=int, default=3000, help="where the UI listens")
    one = commands.add_parser("monday", help="run one Monday")
    one.add_argument("week", help="a Monday, e.g. 2025-12-22")
    one.add_argument("--dry-run", action="store_true", help="compute everything, show what would be sent, send nothing")
    one.add_argument("--confirm-real-money", default="", metavar="WEEK", help="the week again, where money is real")
    rest = commands.add_parser("sunday", help="train and judge the policies of learned allocators for a Monday")
    rest.add_argument("week", help="a Monday, e.g. 2025-12-22")
    rest.add_argument("--full", action="store_true", help="from random weights, whatever is in use")
    commands.add_parser("graph", help="rewrite docs/graph.md")
    commands.add_parser("doctor", help="what is reachable, what is missing, and where to get it")
    commands.add_parser("env-example", help="rewrite .env.example")
    train = commands.add_parser("train", help="train forecasters for a Monday, and put them in use if they are better")
    train.add_argument("week", help="a Monday, e.g. 2025-12-22")
    train.add_argument("forecasters", nargs="*", help="which ones; those of the Monday graph by default")
    models = commands.add_parser("models", help="what was trained, and which version is in use")
    actions = models.add_subparsers(dest="action", required=True)
    listed = actions.add_parser("list", help="every version of a forecaster or a policy")
    listed.add_argument("forecaster")
    used = actions.add_parser("use", help="put a version in use, e.g. an earlier one")
    used.add_argument("forecaster")
    used.add_argument("version")
    actions.add_parser("sync", help="bring this disk and Hugging Face to the same versions")
    history = commands.add_parser("history", help="the history of daily sentiment, on Hugging Face too")
    history.add_argument("action", choices=["push", "pull"])
    tried = commands.add_parser("trials", help="everything that was ever trained, and what came of it")
    tried.add_argument("model", nargs="?", help="one of them, e.g. lstm; all by default")
    record = commands.add_parser("verify-record", help="check the chain of the forward record, and against the ledger")
    record.add_argument("hashes", nargs="*", metavar="sha256", help="from an e-mail: it must be in the chain")
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
    if chosen.command == "models":
        from learnfinance_dagster.commands import models

        if chosen.action == "sync":
            return models.synchronise()
        given = chosen.forecaster
        return models.list_versions(given) if chosen.action == "list" else models.use(given, chosen.version)
    if chosen.command == "trials":
        from learnfinance_dagster.commands.trials import list_trials

        return list_trials(chosen.model)
    if chosen.command in {"up", "verify-record", "history", "doctor", "env-example", "graph"}:
        return _operate(chosen)
    from learnfinance_dagster.commands import demo, learning

    if chosen.command == "sunday":
        demo.prepare()
        return learning.sunday(chosen.week, full=chosen.full)
    if chosen.command == "train":
        return demo.train(chosen.week, chosen.forecasters)
    if chosen.command == "monday":
        from learnfinance_dagster.orchestration.choices import RunChoices

        return demo.one_monday(chosen.week, RunChoices(chosen.dry_run, chosen.confirm_real_money))
    return demo.prepare(chosen.port) if chosen.command == "prepare" else demo.demo()


def _tool(command: str) -> int:
    """Commands without arguments that look or write a file of the repository."""
    if command == "doctor":
        from learnfinance_dagster.commands.doctor import doctor

        return doctor()
    if command == "env-example":
        from learnfinance_dagster.commands.env_example import write_example

        return write_example()
    from learnfinance_dagster.commands.graph import write_graph

    return write_graph()


def _operate(chosen: argparse.Namespace) -> int:
    """What concerns a house in operation."""
    if chosen.command == "up":
        from learnfinance_dagster.commands.up import up

        return up(chosen.port)
    if chosen.command == "verify-record":
        from learnfinance_dagster.commands.verify_record import verify_record

        return verify_record(chosen.hashes)
    if chosen.command == "history":
        from learnfinance_dagster.commands import history

        return history.push() if chosen.action == "push" else history.pull()
    return _tool(chosen.command)


if __name__ == "__main__":
    from learnfinance_dagster.commands.env_file import load_env_file

    load_env_file()
    sys.exit(main())
