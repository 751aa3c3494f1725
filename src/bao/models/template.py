"""From texts to token ids and back: the chat template of a model, cut into the pieces that an episode needs.

An episode is ``prompt + turn + observation + turn + ...``. Only the prompt and the observations are ever encoded; turns are
kept as sampled. The pieces come from the tokenizer's own chat template (ChatML where it has none), by rendering a conversation
with marks in it and cutting around the marks.
"""

import json
from functools import lru_cache
from typing import Any

from bao.errors import ConfigError

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' }}"
    "{% if not loop.last or add_generation_prompt %}{{ '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

_REMEDY = (
    "it must take plain texts of system, user and assistant, and no tools; replace chat_template.jinja in that folder by one "
    "that does, or remove it (and chat_template in tokenizer_config.json), and ChatML is used"
)
_SYSTEM, _OPENING, _TURN, _REPLY = "@@system@@", "@@opening@@", "@@turn@@", "@@reply@@"


class Template:
    """The pieces of a tokenizer's chat template."""

    def __init__(self, tokenizer: Any) -> None:
        """Raises `ConfigError` where the template cannot render an episode, or a turn's end is not a single token, so that the
        sampler could not see it."""
        self.tokenizer = tokenizer
        if tokenizer.chat_template is None:
            tokenizer.chat_template = CHATML
        talk = (("system", _SYSTEM), ("user", _OPENING), ("assistant", _TURN), ("user", _REPLY))
        text = self._render([{"role": role, "content": content} for role, content in talk])
        self._before_system, _, rest = text.partition(_SYSTEM)
        self._before_opening, _, rest = rest.partition(_OPENING)
        self._before_turn, _, after_turn = rest.partition(_TURN)
        before, mark, self._after_reply = after_turn.partition(_REPLY)
        if not mark:
            raise ConfigError(f"{self._named} leaves out a message: {_REMEDY}")
        ids = self._encode(before)
        if not ids:
            raise ConfigError(f"{self._named} puts nothing between a turn and the reply: give it an end mark")
        self.end_id: int = ids[0]
        self.end_text: str = tokenizer.decode([self.end_id])
        if not before.startswith(self.end_text) or not self.end_text.strip():
            raise ConfigError(
                f"{self._named} ends a turn with {before!r}, which is no single token: add the end mark to the tokenizer"
            )
        self._before_reply = before[len(self.end_text) :]
        self.pad_id: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.end_id
        self.observation_ids = lru_cache(maxsize=20_000)(self._observation_ids)

    def prompt_ids(self, system: str, opening: str) -> list[int]:
        """Ids of the system text and the opening, up to where the first turn begins."""
        return self._encode(self._before_system + system + self._before_opening + opening + self._before_turn)

    def turn_ids(self, text: str) -> list[int]:
        """Ids of a demonstrated turn, its end mark included (never used on what a model wrote)."""
        return [*self._encode(text), self.end_id]

    def turn_text(self, ids: list[int]) -> str:
        """The text of a sampled turn without its end mark."""
        if ids and ids[-1] == self.end_id:
            ids = ids[:-1]
        return str(self.tokenizer.decode(ids, skip_special_tokens=False))

    @property
    def jinja(self) -> str:
        """A chat template that renders an episode as it was trained on, whoever serves the model.

        Many templates leave out earlier thoughts; this one keeps them, in the text or in ``reasoning_content``.
        """
        before, after_turn = (self._before_system, self._before_opening, self._before_turn), (self.end_text, self._before_reply)
        pieces = (json.dumps(piece, ensure_ascii=False) for piece in (*before, *after_turn, self._after_reply))
        system, opening, turn, end, reply, after = pieces
        return (
            "{% set ns = namespace(begun=false) %}{% for m in messages %}"
            f"{{% if m.role == 'system' %}}{{{{ {system} + m.content }}}}"
            "{% elif m.role == 'assistant' %}"
            "{% if m.reasoning_content %}{{ '<think>' + m.reasoning_content + '</think>' }}{% endif %}"
            f"{{{{ m.content + {end} }}}}"
            f"{{% elif ns.begun %}}{{{{ {reply} + m.content + {after} }}}}"
            f"{{% else %}}{{% set ns.begun = true %}}{{{{ {opening} + m.content + {turn} }}}}{{% endif %}}{{% endfor %}}"
        )

    def _observation_ids(self, reply: str, ended: bool) -> tuple[int, ...]:
        """Ids from the end of a turn to where the next begins; `ended` says whether the turn wrote its end mark."""
        return tuple(self._encode(("" if ended else self.end_text) + self._before_reply + reply + self._after_reply))

    def _render(self, talk: list[dict[str, str]]) -> str:
        from jinja2 import TemplateError

        try:
            return str(self.tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=True))
        except (TemplateError, TypeError, ValueError, KeyError, AttributeError) as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise ConfigError(f"{self._named} cannot render an episode ({said}): {_REMEDY}") from error

    @property
    def _named(self) -> str:
        return f"the chat template of {getattr(self.tokenizer, 'name_or_path', '') or 'the tokenizer'}"

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids
