"""A few lines of Python that load an exported model and use it. No torch here."""

from __future__ import annotations

import json
from dataclasses import dataclass

CAUSAL, MASKED = "AutoModelForCausalLM", "AutoModelForMaskedLM"


@dataclass(frozen=True)
class Snippet:
    """A program that prints a continuation, a filled-in word, or (without a language-model head) what comes out.

    auto_class: the class of transformers that loads the model; chat: ask it through its chat template.
    """

    auto_class: str = CAUSAL
    chat: bool = False
    trust_remote_code: bool = False

    def code(self, folder: str) -> str:
        """With the path of the model in it."""
        return self._lines([], json.dumps(folder, ensure_ascii=False))

    def program(self) -> str:
        """As a file that lies in the model's own folder, wherever that is."""
        return self._lines(["from pathlib import Path", ""], "Path(__file__).parent")

    def _lines(self, first: list[str], folder: str) -> str:
        code = ", trust_remote_code=True" if self.trust_remote_code else ""
        lines = [
            *first,
            f"from transformers import {self.auto_class}, AutoTokenizer",
            "",
            f"folder = {folder}",
            f"tokenizer = AutoTokenizer.from_pretrained(folder{code})",
            f"model = {self.auto_class}.from_pretrained(folder{code})",
            "",
            *self.use(),
        ]
        return "\n".join(lines) + "\n"

    def use(self) -> list[str]:
        """The lines that use `tokenizer` and `model`."""
        if self.auto_class == CAUSAL:
            return [*(_CHAT if self.chat else _PROMPT), *_WRITE]
        return _FILL_IN if self.auto_class == MASKED else _RUN


_PROMPT = ['inputs = tokenizer("The sea in winter is", return_tensors="pt", return_token_type_ids=False)']
_CHAT = [
    'messages = [{"role": "user", "content": "What is the sea like in winter?"}]',
    "inputs = tokenizer.apply_chat_template(",
    '    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True',
    ")",
]
_WRITE = [
    "written = model.generate(**inputs, max_new_tokens=40, do_sample=False)",
    'print(tokenizer.decode(written[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))',
]
_FILL_IN = [
    'inputs = tokenizer(f"The sea in winter is {tokenizer.mask_token}.", return_tensors="pt")',
    "logits = model(**inputs).logits",
    'print(tokenizer.decode(logits[inputs["input_ids"] == tokenizer.mask_token_id].argmax(-1)))',
]
_RUN = [
    'inputs = tokenizer("The sea in winter is grey.", return_tensors="pt")',
    "print(model(**inputs)[0])",
]
