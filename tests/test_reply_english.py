from __future__ import annotations

import pytest

from smsdata.analysis.reply_words import classify_text

GONE = "You have been unsubscribed. Reply START to rejoin."


@pytest.mark.parametrize(
    "text",
    [
        "I never want to hear from you again",
        "he doesn't want to be on your list",
        "I have no interest in receiving your promotions",
        "please put me on the DNC",
        "u better not text me again",
        "Cancel the alerts pls",
    ],
)
def test_an_english_refusal_in_so_many_words_is_certain(text: str) -> None:
    found = classify_text(text)
    assert (found.kind, found.optout_tier) == ("optout", 1)


@pytest.mark.parametrize(
    "text",
    [
        "this better be the last one",
        "one more text and I'm calling my lawyer",
        "why am i still on this list",
        "Me nan says ta but no more",
        "can i be taken off",
        "your texts wake me",
        "unfollow",
        "respect my privacy",
        "I'd like out.",
    ],
)
def test_an_english_hint_is_for_a_person_to_read(text: str) -> None:
    found = classify_text(text)
    assert found.kind == "optout"
    assert found.review


@pytest.mark.parametrize(
    ("text", "answered"),
    [
        ("Don't call, text me", ""),
        ("The drain is blocked again", ""),
        ("I want to report a broken light", ""),
        (
            "Should I stop wearing my contacts before the test?",
            "Time for your eye test. Reply STOP to opt out.",
        ),
        ("take me off the waitlist but keep the tour", ""),
        ("How did you find the place?", ""),
        ("OUT", "Game on Sat 10am. Reply IN or OUT."),
    ],
)
def test_words_of_leaving_said_of_something_else_ask_nobody_to_look(text: str, answered: str) -> None:
    found = classify_text(text, answered)
    assert (found.kind == "optout", found.optout_tier) == (False, None)


def test_an_hour_or_a_thing_is_no_certain_opt_out() -> None:
    for text in ("Don't text me before 9, I work nights", "please don't send the old one again"):
        assert classify_text(text).optout_tier not in (1, 2)


@pytest.mark.parametrize(
    ("text", "answered"),
    [
        ("how do I sign back up", ""),
        ("I'd like to recieve messages again", ""),
        ("My toddler texted stop, please undo", ""),
        ("STOP was for someone else, keep me on", ""),
        ("please turn the alerts on again", "Service alerts paused at your request. Text RESUME to restart."),
        ("yes confirm", "Reply YES to confirm you want to get texts from us. Reply STOP to decline."),
        ("sign me up", "Text JOIN to get weekly deals from us"),
    ],
)
def test_english_wishes_to_return_are_read(text: str, answered: str) -> None:
    assert classify_text(text, answered).kind == "optin"


@pytest.mark.parametrize(
    ("text", "answered"),
    [
        ("please add this number to your suppression list", ""),
        ("Finally. And don't start again in a month", GONE),
        ("I don't want to come back", GONE),
        ("don't sign me up again", GONE),
        ("put me back in the queue", ""),
        ("I deleted the app by accident", ""),
        ("I want my money back", ""),
        ("yes confirm", "Reply YES to confirm your appointment."),
    ],
)
def test_no_opt_out_is_cleared_by_what_is_no_wish_to_return(text: str, answered: str) -> None:
    assert classify_text(text, answered).kind != "optin"
