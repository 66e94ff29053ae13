"""A Monday with live adapters whose vendors repeat all they were sent: no secret is in anything that it leaves behind.

Searched are the data folder (artifacts, evidence, ledger, letters) and Dagster's storage (events, metadata, snapshots
of jobs and runs, logs).
"""

import dagster as dg
from canaries import CANARIES, Parrot, found, found_in, plant
from mail_server import HERE, MailServer

from learnfinance_dagster.definitions import build
from learnfinance_dagster.parameters import EndpointParameters, LanguageParameters, MailParameters


def test_nothing_that_a_monday_leaves_behind_holds_a_secret(traded, build_house, tmp_path, monkeypatch, capfd):
    plant(monkeypatch)
    home = tmp_path / "dagster"
    home.mkdir()
    users = {CANARIES["SMTP_USER"]: CANARIES["SMTP_PASSWORD"]}
    with (
        Parrot("forbids") as parrot,
        MailServer(users=users) as mail,
        dg.DagsterInstance.local_temp(str(home)) as instance,
    ):
        mail.handler.sender = f"550 {CANARIES['SMTP_USER']} {CANARIES['SMTP_PASSWORD']}"
        house = build_house(traded.house).with_settings(
            news="alpaca",
            fundamentals="alpha_vantage",
            models="hub",
            hub_owner="alice",
            broker="alpaca",
            alpaca_accounts={"hrp": "HRP"},
            language=LanguageParameters(adapter="openai", base_url=f"{parrot.url}/v1", seconds=2),
            mail=MailParameters(send="smtp", host=HERE, port=mail.port, security="none", to=("bob@localhost",)),
            endpoints=EndpointParameters(
                alpaca_data=parrot.url, alpaca_paper=parrot.url, alpha_vantage=parrot.url, hugging_face=parrot.url
            ),
        )
        defs = build(house.settings)
        for job in ("monday", "fill_sentiment_gaps"):
            defs.resolve_job_def(job).execute_in_process(
                partition_key=traded.next_week, instance=instance, raise_on_error=False
            )
        sent = found("".join(f"{seen.headers} {seen.query}" for seen in parrot.seen))
        assert mail.handler.letters == []
        events = [
            record.event_log_entry.to_json()
            for run in instance.get_runs()
            for record in instance.get_records_for_run(run.run_id).records
        ]
    asked = {"ALPACA_API_KEY", "ALPHA_VANTAGE_API_KEY", "ALPACA_HRP_KEY", "OPENAI_API_KEY", "HF_TOKEN"}
    assert asked <= set(sent), sent
    assert len(events) > 50
    assert found("".join(events)) == []
    assert found_in(house.root) == {}
    assert found_in(home) == {}
    printed = capfd.readouterr()
    assert found(printed.out + printed.err) == []
