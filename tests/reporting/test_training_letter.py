import email
import email.policy
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import policy_cards as cards
import pytest
from training_summaries import a_policy, a_summary, new_policy, not_made, promoted

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.evaluation.pictures import DARK
from learnfinance_dagster.reporting import page
from learnfinance_dagster.reporting.formats import MINUS
from learnfinance_dagster.reporting.training import TrainingSummary
from learnfinance_dagster.reporting.training_html import (
    render_training_eml,
    render_training_html,
    render_training_markup,
)
from learnfinance_dagster.reporting.training_plots import training_picture
from learnfinance_dagster.reporting.training_text import render_training_text
from learnfinance_dagster.reporting.training_words import chance, ordinal, subject

SENDER, READERS = "house@example.org", ("ann@example.org", "bo@example.org")
HOSTILE = '"><script>alert("x")</script>'


class Words(HTMLParser):
    """The words of a page, and its tags."""

    def __init__(self, page):
        super().__init__()
        self.words, self.tags = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data.split()

    @property
    def text(self):
        return " ".join(self.words)


def letter(summary):
    text = Words(render_training_markup(summary, {})).text
    return text[text.index("Training for the week") :]


def twin(summary):
    return " ".join(render_training_text(summary).split())


def both_say(summary, words):
    assert words in letter(summary)
    assert words in twin(summary)


def test_the_subject_counts_what_was_promoted_and_what_failed():
    news = "LearnFinance training for 2025-12-29: 1 of 4 policies promoted, 1 failed"
    assert subject(a_summary()) == f"{news} (practice market)"
    real = replace(a_summary().market, is_practice=False)
    assert subject(a_summary(market=real)) == news
    assert subject(a_summary(promoted(), market=real)).endswith("1 of 1 policy promoted")


def test_the_letter_begins_with_where_the_numbers_come_from_and_ends_with_the_disclaimer():
    text = Words(render_training_markup(a_summary(), {})).text
    assert text.index("Practice market: invented prices") < text.index("Training for the week of 29 Dec 2025")
    for said in (text, twin(a_summary())):
        assert said.rstrip().endswith("Paper trading only. Not financial advice.")


def test_the_first_sentences_say_what_became_of_every_policy():
    both_say(
        a_summary(),
        "ppo_lstm has a new version in use. ppo_patchtst and sac_lstm were trained and not promoted."
        " sac_patchtst could not be trained.",
    )


def test_each_policy_says_what_it_was_made_of_and_on_which_weeks_it_was_judged():
    both_say(
        a_summary(),
        f"Fine-tune {cards.CANDIDATE}, begun with {cards.CURRENT}; learned from 26 weeks, 23 Jun 2025 to 15 Dec 2025.",
    )
    both_say(a_summary(), f"Full training {cards.CANDIDATE}, begun with random weights; learned from 467 weeks")
    both_say(a_summary(), "Judged on 104 weeks, 2023-12-25 to 2025-12-15:")


def test_a_training_that_was_done_before_says_so():
    both_say(a_summary(a_policy(new=new_policy(is_cached=True))), "it had been made before and was not made again")
    assert "made before" not in letter(a_summary(promoted()))


def test_the_gate_table_shows_everyone_with_interval():
    row = f"in use until now 0.72 {MINUS}0.59…2.03 +11.5 {MINUS}10…33 18.5 11…34 12.3 11…14 54.2 45…63"
    said = letter(a_summary(promoted()))
    assert row in said
    places = [said.index(f" {name} ", said.index("Weeks up %")) for name in ("new version", "in use until now", "hrp")]
    assert places == sorted(places)
    assert f"in use until now 0.72 ({MINUS}0.59…2.03) +11.5 ({MINUS}10…33)" in twin(a_summary(promoted()))


def test_a_small_interval_keeps_a_decimal():
    calm = cards.performance(0.5)
    calm = replace(calm, turnover=cards.Measured(0.021, 0.0191, 0.0232))
    new = new_policy(cards.policy_card(decision=cards.decision(rows={"candidate": calm})))
    assert "2.1 1.9…2.3" in letter(a_summary(a_policy(new=new)))


def test_the_decision_and_what_is_in_use_now_are_told():
    both_say(a_summary(promoted()), "Promoted: on 104 weeks its Sharpe is 0.61 above that of")
    both_say(a_summary(promoted()), f"{cards.CANDIDATE} is now in use.")
    both_say(a_summary(a_policy()), f"{cards.CURRENT} stays in use.")


def test_the_effect_is_told_with_how_often_luck_does_as_well():
    both_say(a_summary(promoted()), "Sharpe ratio +0.61; luck alone does as well in 1 of 100 cases (p = 0.012)")
    both_say(a_summary(), f"{MINUS}2.10 % a year; luck alone does as well in 64 of 100 cases (p = 0.640)")
    assert chance(0.001) == "in less than 1 of 100 cases"


def test_a_first_version_is_compared_with_nobody():
    first = cards.decision(current="", effect=None, p_value=None)
    said = a_summary(a_policy(new=new_policy(cards.policy_card(decision=first))))
    both_say(said, "There was no version to compare it with.")
    assert "luck alone" not in letter(said)


def test_a_version_that_was_not_judged_is_not_in_use():
    unjudged = a_policy(new=new_policy(decision=None), in_use="")
    both_say(a_summary(unjudged), "It was not judged, and so it is not in use.")
    assert subject(a_summary(unjudged)).startswith("LearnFinance training for 2025-12-29: 0 of 1 policy promoted")


def test_behaviour_and_certificate_are_told():
    both_say(
        a_summary(a_policy()), "Its weights are spread 0.91 (0 one name, 1 all alike), it turns over 12.3 % a week"
    )
    both_say(a_summary(a_policy()), "most like equal_weight, from which it differs in 21.1 % of the weights")
    both_say(a_summary(a_policy()), "certificate ppo-full-1a2b3c4d5e6f")
    both_say(a_summary(a_policy(new=new_policy(certificate=""))), "Nothing vouches for its trainer.")


def test_how_many_were_tried_is_told_with_what_it_means():
    both_say(
        a_summary(promoted()),
        "12th version of ppo_lstm that was tried (3 full trainings, 9 fine-tunes): the more are tried, the better the"
        " best of them looks by luck.",
    )
    assert "by luck." not in letter(a_summary(a_policy()))


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (21, "21st"), (112, "112th")],
)
def test_ordinals_read_as_people_write_them(number, words):
    assert ordinal(number) == words


def test_a_failed_policy_is_a_box_that_says_why_and_what_is_in_use():
    summary = a_summary(promoted(), not_made("sac_lstm", "numbers blew up at step 5000", in_use=cards.CURRENT))
    said = letter(summary)
    assert said.index("numbers blew up at step 5000") < said.index("How the new versions did")
    both_say(summary, "No new version: numbers blew up at step 5000")
    both_say(summary, f"{cards.CURRENT} stays in use.")
    both_say(a_summary(not_made()), "the account is left alone until one is promoted")


def test_when_all_fail_there_is_a_letter_without_a_picture():
    summary = a_summary(not_made("ppo_lstm"), not_made("sac_lstm"))
    assert training_picture(summary) is None
    assert "<img" not in render_training_html(summary)
    assert "ppo_lstm and sac_lstm could not be trained." in letter(summary)
    message = email.message_from_bytes(render_training_eml(summary, SENDER, READERS), policy=email.policy.default)
    assert not [part for part in message.walk() if part.get_content_maintype() == "image"]


def test_forecasters_stand_with_their_version_and_their_last_training():
    both_say(a_summary(), f"In use: {cards.CURRENT}, trained on data to 28 Nov 2025.")
    both_say(a_summary(), "Last training for the week of 1 Dec 2025: Promoted: its mean squared error 0.00158")
    both_say(a_summary(), "No version is in use. It was never trained.")


def test_nothing_is_called_none():
    for said in (letter(a_summary()), twin(a_summary())):
        assert "None" not in said


def test_the_picture_is_a_small_png_and_the_same_bytes_each_time():
    picture = training_picture(a_summary())
    assert picture == training_picture(a_summary())
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 60_000
    assert picture != training_picture(a_summary(), DARK)
    assert picture != training_picture(a_summary(a_policy()))


def test_the_page_has_its_picture_inside_for_light_and_dark_and_fetches_nothing():
    html = render_training_html(a_summary())
    addresses = [
        value for _, attributes in Words(html).tags for key, value in attributes.items() if key in {"src", "srcset"}
    ]
    assert len(addresses) == 2
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    assert not re.search(r"https?://|url\(|@import|<link|<script", html)


def test_the_mail_has_text_and_page_and_picture_and_the_same_bytes_each_time():
    raw = render_training_eml(a_summary(), SENDER, READERS)
    assert raw == render_training_eml(a_summary(), SENDER, READERS)
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert message["Subject"] == subject(a_summary())
    spoken_of = set(re.findall(r"cid:([^\"']+)", message.get_body(("html",)).get_content()))
    assert spoken_of == {part["Content-ID"].strip("<>") for part in message.walk() if part["Content-ID"]}
    assert len(spoken_of) == 1
    assert message.get_body(("plain",)).get_content().splitlines() == render_training_text(a_summary()).splitlines()


def test_the_mail_is_dated_on_the_sunday_and_is_not_the_weekly_report():
    message = email.message_from_bytes(render_training_eml(a_summary(), SENDER, READERS), policy=email.policy.default)
    assert message["Date"].datetime == a_summary().week.as_of - timedelta(days=1)
    assert re.fullmatch(r"<training\.2025-12-29\.1\.[0-9a-f]{8}@learnfinance\.invalid>", message["Message-ID"])


def test_hostile_words_are_shown_and_never_obeyed():
    summary = a_summary(
        a_policy(HOSTILE, summary=HOSTILE), not_made(HOSTILE, HOSTILE), provenance=((HOSTILE, HOSTILE),)
    )
    words = Words(render_training_html(summary))
    assert "script" not in [tag for tag, _ in words.tags]
    assert 'alert("x")' in words.text
    message = email.message_from_bytes(
        render_training_eml(a_summary(not_made("a\r\nBcc: eve@example.org")), SENDER, READERS)
    )
    assert message["Bcc"] is None


def test_a_summary_of_many_policies_is_cut_short_before_it_is_clipped():
    wordy = [promoted(f"ppo_{number}", summary="because " * 60) for number in range(80)]
    markup = render_training_markup(a_summary(*wordy), {})
    assert len(markup.encode()) < page.MOST_BYTES
    assert "the plain-text version of this summary tells them all" in markup
    assert "PPO_79: promoted" in render_training_text(a_summary(*wordy))


def test_four_policies_are_told_whole_in_half_the_room():
    assert len(render_training_markup(a_summary(), {}).encode()) < page.MOST_BYTES / 2


def test_a_summary_is_stored_and_read_unchanged():
    assert from_json(TrainingSummary, to_json(a_summary())) == a_summary()
