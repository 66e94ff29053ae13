"""Invented weekly reports as fixtures."""

from dataclasses import replace

import pytest
from weekly_reports import (
    closed_week,
    drift,
    evidence,
    failed,
    finding,
    forecaster,
    forecasts,
    known,
    largest,
    no_filing,
    no_news,
    policies,
    policy,
    report,
    section,
    usual,
)


@pytest.fixture
def make_section():
    return section


@pytest.fixture
def make_report():
    return report


@pytest.fixture
def make_known():
    return known


@pytest.fixture
def make_evidence():
    return evidence


@pytest.fixture
def make_forecaster():
    return forecaster


@pytest.fixture
def make_forecasts():
    return forecasts


@pytest.fixture
def nameless_news():
    return no_news


@pytest.fixture
def without_filing():
    return no_filing


@pytest.fixture
def failed_account():
    return failed()


@pytest.fixture
def closed_report():
    return closed_week()


@pytest.fixture
def largest_report():
    return largest()


@pytest.fixture
def crowded_report():
    return replace(largest(), policies=policies(), drift=drift())


@pytest.fixture
def usual_report():
    return usual()


@pytest.fixture
def make_policy():
    return policy


@pytest.fixture
def make_finding():
    return finding
