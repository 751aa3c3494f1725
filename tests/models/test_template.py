"""The pieces of a chat template put together are the conversation that the template itself renders."""

import copy

import pytest

from bao.errors import ConfigError
from bao.models.template import CHATML, Template
from tests.support.small_model import small_local

TALK = [
    {"role": "system", "content": "travel, 16 turns"},
    {"role": "user", "content": "Please book a hotel."},
    {"role": "assistant", "content": "<think>know</think>[search] history"},
    {"role": "user", "content": "Past bookings: nothing."},
]

FORGETFUL = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}{% if m['role'] == 'assistant' and not loop.last %}"
    "{{ m['content'].split('</think>')[-1] }}{% else %}{{ m['content'] }}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""Leaves out earlier thoughts, as the templates of reasoning models do."""


def test_pieces_joined_are_the_rendered_conversation() -> None:
    template = small_local().template
    ids = template.prompt_ids(TALK[0]["content"], TALK[1]["content"])
    ids += template.turn_ids(TALK[2]["content"])
    ids += template.observation_ids(TALK[3]["content"], True)
    whole = template.tokenizer.apply_chat_template(TALK, tokenize=False, add_generation_prompt=True)
    assert template.tokenizer.decode(ids) == whole
    assert ids == template.tokenizer.encode(whole, add_special_tokens=False)


@pytest.mark.parametrize("own", [CHATML, FORGETFUL])
def test_the_template_saved_with_a_model_renders_what_it_was_trained_on(own: str) -> None:
    tokenizer = copy.deepcopy(small_local().template.tokenizer)
    tokenizer.chat_template = own
    template = Template(tokenizer)
    ids = template.prompt_ids(TALK[0]["content"], TALK[1]["content"])
    ids += template.turn_ids(TALK[2]["content"])
    ids += template.observation_ids(TALK[3]["content"], True)
    tokenizer.chat_template = template.jinja
    assert tokenizer.apply_chat_template(TALK, add_generation_prompt=True, return_dict=False) == ids
    # Thoughts that a server has taken out of the text come back to their place.
    parted = [*TALK[:2], {"role": "assistant", "content": "[search] history", "reasoning_content": "know"}, TALK[3]]
    assert tokenizer.apply_chat_template(parted, add_generation_prompt=True, return_dict=False) == ids
    again = Template(tokenizer)
    assert again.prompt_ids("s", "o") == template.prompt_ids("s", "o")
    assert again.observation_ids("r", False) == template.observation_ids("r", False)
    assert again.jinja == template.jinja


def test_a_cut_off_turn_is_closed_by_the_observation() -> None:
    template = small_local().template
    closed, cut = template.observation_ids("yes", True), template.observation_ids("yes", False)
    assert cut == (template.end_id, *closed)


def test_turn_text_reads_back_without_its_end() -> None:
    template = small_local().template
    assert template.turn_text(template.turn_ids("<think>a b</think>[finish]")) == "<think>a b</think>[finish]"


def test_a_tokenizer_without_a_template_gets_chatml() -> None:
    tokenizer = small_local().template.tokenizer
    tokenizer.chat_template = None
    assert Template(tokenizer).end_text == "<|im_end|>"
    assert tokenizer.chat_template == CHATML


@pytest.mark.parametrize(
    ("own", "why"),
    [
        ("{{ raise_exception('System role not supported') }}", "System role not supported"),
        ("{% for m in messages %}{{ m.content }}", "end of template"),
        ("{% for t in tools %}{{ t }}{% endfor %}", "not iterable"),
        (
            "{% for m in messages %}{% for part in m.content %}{{ part['text'] }}{% endfor %}{% endfor %}",
            "leaves out a message",
        ),
    ],
)
def test_a_template_that_cannot_render_an_episode_is_named_with_the_remedy(own: str, why: str) -> None:
    tokenizer = copy.deepcopy(small_local().template.tokenizer)
    tokenizer.chat_template = own
    tokenizer.name_or_path = "models/odd"
    with pytest.raises(ConfigError, match=why) as caught:
        Template(tokenizer)
    said = str(caught.value)
    assert said.startswith("the chat template of models/odd")
    assert "replace chat_template.jinja" in said
    assert "\n" not in said
