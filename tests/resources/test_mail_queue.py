import threading
from datetime import UTC, datetime, timedelta

import pytest

from learnfinance_dagster.ports import MailReceipt
from learnfinance_dagster.reporting.post import Envelope, Posted
from resources.mail.queue import FileQueue

NOW = datetime(2025, 12, 29, 13, tzinfo=UTC)
BOB, CAROL = "bob@localhost", "carol@localhost"
LETTER = Envelope("weekly-2025-12-29.attempt-1", (BOB, CAROL), NOW, NOW + timedelta(days=8))


@pytest.fixture
def queue(tmp_path):
    return FileQueue(tmp_path / "queue")


def test_a_queue_that_nobody_used_is_empty(queue):
    assert queue.letters() == ()
    assert queue.posted("anything") == Posted()


def test_what_is_put_is_listed_whole_and_oldest_first(queue):
    later = Envelope("failure-1", (BOB,), NOW + timedelta(hours=1), NOW + timedelta(days=1))
    queue.put(later, b"later")
    queue.put(LETTER, b"content")
    assert queue.letters() == (LETTER, later)
    assert queue.content(LETTER.name) == b"content"


def test_a_letter_whose_writer_died_before_its_envelope_is_not_listed(queue):
    queue.put(LETTER, b"content")
    (queue.folder / f"{LETTER.name}.json").unlink()
    assert queue.letters() == ()


def test_a_letter_that_somebody_got_stays_as_it_is_and_another_gives_way(queue):
    queue.put(LETTER, b"first")
    queue.put(LETTER, b"second")
    assert queue.content(LETTER.name) == b"second"
    queue.mark(LETTER.name, Posted((BOB,), {}, NOW))
    queue.put(LETTER, b"third")
    assert queue.content(LETTER.name) == b"second"
    assert queue.posted(LETTER.name).left(LETTER.recipients) == (CAROL,)


def test_a_refusal_is_forgotten_when_the_letter_is_put_anew(queue):
    """Somebody has mended the address, or the mailbox."""
    queue.put(LETTER, b"first")
    queue.mark(LETTER.name, Posted((), {BOB: "550", CAROL: "550"}, None))
    queue.put(LETTER, b"first")
    assert queue.posted(LETTER.name).left(LETTER.recipients) == (BOB, CAROL)


def test_receipts_add_up():
    first = Posted().after(MailReceipt((BOB,), {}, {CAROL: "451"}), NOW)
    assert first.left(LETTER.recipients) == (CAROL,)
    second = first.after(MailReceipt((), {CAROL: "550"}, {}), NOW + timedelta(hours=1))
    assert (second.left(LETTER.recipients), second.at) == ((), NOW)


def test_a_letter_that_is_being_sent_is_not_put_anew_and_mailed_twice(queue):
    """The run of a Monday is started again while the job `send_mail` hands over its letter."""
    queue.put(LETTER, b"first")
    again = threading.Thread(target=queue.put, args=(LETTER, b"second"))
    with queue.turn():
        again.start()
        again.join(0.2)
        queue.mark(LETTER.name, Posted((BOB, CAROL), {}, NOW))
    again.join()
    assert queue.content(LETTER.name) == b"first"
    assert queue.posted(LETTER.name).left(LETTER.recipients) == ()
