"""The scripted customer: answers what is asked, a thing at a time, and leaves when all is done or refused."""

from dataclasses import replace

import numpy as np
import pytest

from bao.gyms.readings import readings
from bao.gyms.tau.retail.messages import classify
from bao.gyms.tau.retail.user import GOODBYE, ScriptedCustomer
from bao.gyms.tau.retail.wishes import Item, Operation, Topic, Wish

CARD = Item("Cap", {"color": "red", "size": "S"}, {"color": "blue"})


EXCHANGE = Wish(
    Operation.EXCHANGE,
    order="#B1111111",
    about="Cap",
    items=(CARD,),
    payment="gift_card_7",
    otherwise=Wish(
        Operation.EXCHANGE, order="#B1111111", about="Cap", items=(replace(CARD, change={"size": "L"}),), payment="gift_card_7"
    ),
)


CANCEL = Wish(Operation.CANCEL, order="#B2222222", about="Mug", order_known=False, reason="ordered by mistake")


ASK = Wish(Operation.INFORM, question="I would like to know what it cost.", output="12.50")


def customer(*wishes: Wish) -> ScriptedCustomer:
    user = ScriptedCustomer("I am Ann Lee, and my zip code is 83701.", wishes or (EXCHANGE, CANCEL), np.random.default_rng(0))
    user.opening()
    return user


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        ("What is your name?", "I am Ann Lee, and my zip code is 83701."),
        ("Which order is it?", "The order is #B1111111."),
        ("Which items?", "It is about the Cap (color: red, size: S)."),
        ("What should the new one be like?", "The Cap (color: red, size: S) should become color: blue."),
        ("Which payment method?", "Please use gift_card_7."),
        ("Your name and the order number, please.", "I am Ann Lee, and my zip code is 83701. The order is #B1111111."),
        ("How can I help you?", "I would like to exchange the Cap that I got."),
        ("Anything else?", "Yes, I would like to cancel an order."),
        ("Exchange in order #B1111111, paid with gift_card_7. Shall I proceed?", "Yes, please."),
        ("Exchange in order #B9999999. Shall I proceed?", "No. The order is #B1111111."),
        ("Charge to paypal_1. Is that right?", "No. Please use gift_card_7."),
        ("Why?", "I am not sure what you need to know. I would like to exchange the Cap that I got."),
    ],
)
def test_the_customer_answers_what_is_asked(message: str, reply: str) -> None:
    assert customer().reply(message) == (reply, False)


def test_a_question_that_names_an_order_is_about_that_order() -> None:
    assert customer().reply("What is the reason to cancel #B2222222?").text == "I ordered it by mistake."


def test_at_most_three_things_are_answered_at_once() -> None:
    reply = customer().reply("Please give me your name, the order number, the items, the new colour and the payment method.")
    assert reply.text == (
        "I am Ann Lee, and my zip code is 83701. The order is #B1111111. It is about the Cap (color: red, size: S)."
    )


def test_a_customer_without_the_number_describes_the_order() -> None:
    user = customer(CANCEL)
    assert user.reply("Which order is it?").text == "I do not have the order number at hand. It is the order with the Mug."
    assert user.reply("I will cancel #B7777777. Do you confirm?").text == "Yes, please."


def test_a_second_choice_is_told_when_the_first_is_not_available() -> None:
    user = customer()
    assert (
        user.reply("The blue one is out of stock.").text == "In that case the Cap (color: red, size: S) should become size: L."
    )
    assert user.reply("What should it become?").text == "The Cap (color: red, size: S) should become size: L."
    assert user.reply("Sorry, that is not available either.").text == "Then leave it. But I would like to cancel an order."


def test_the_customer_leaves_when_everything_is_done_or_refused() -> None:
    user = customer()
    user.note("exchange_delivered_order_items", "#B1111111")
    assert user.reply("It is done.") == ("Thank you. Also, I would like to cancel an order.", False)
    assert user.reply("I am sorry, it cannot be cancelled.") == (GOODBYE, True)


def test_the_customer_believes_the_shops_mail_and_not_a_claim() -> None:
    user = customer(CANCEL)
    assert not user.reply("I have cancelled your order. Is there anything else?").goodbye
    user.note("cancel_pending_order", "#B1010101")
    assert not user.reply("Now I have. Anything else?").goodbye, "that was another order"
    user.note("cancel_pending_order", "#B2222222")
    assert user.reply("Now I have. Anything else?").goodbye


def test_an_answer_that_was_waited_for_closes_the_question() -> None:
    user = customer(ASK, CANCEL)
    user.hear("12.50")
    assert user.reply("It cost 12.50.").text == "Thank you. Also, I would like to cancel an order."


def test_a_puzzled_customer_tells_a_detail_after_two_messages() -> None:
    user = customer(CANCEL)
    replies = [user.reply("Well?").text for _ in range(5)]
    details = [reply.removeprefix("I am not sure what you need to know. I would like to cancel an order.") for reply in replies]
    assert details == [
        "",
        " I do not have the order number at hand. It is the order with the Mug.",
        "",
        " I ordered it by mistake.",
        "",
    ]


def right(messages: list[list[str]]) -> float:
    return float(np.mean([classify(message) == {Topic(word) for word in reading.split()} for message, reading in messages]))


def test_the_customer_understands_how_people_write() -> None:
    seen, set_aside = (readings("tau")[part] for part in ("seen", "set_aside"))
    assert (len(seen), len(set_aside)) == (200, 50)
    assert right(seen) >= 0.99
    assert right(set_aside) >= 0.86
