"""Writes expected.jsonl: what Jinja itself makes of the templates in this folder, run as transformers' apply_chat_template
runs it, but without strftime_now. Needs the package Jinja2."""

import json
import pathlib

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    """The tag with which training marks the model's own words."""

    tags = {"generation"}

    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)


def refuse(message):
    raise jinja2.exceptions.TemplateError(message)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
environment.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
environment.globals["raise_exception"] = refuse

user = {"role": "user", "content": " Hi, who's \"there\"?\n"}
answer = {"role": "assistant", "content": "<think>\n hm \n\n</think>\n\n  It's me.  "}
again = {"role": "user", "content": "Ünd 你 {{ x }}?"}
system = {"role": "system", "content": "Be brief; don't \"guess\"."}
conversations = [[user], [system, user], [user, answer, again], [system, user, answer], [user, system, again], [answer]]

folder = pathlib.Path(__file__).parent
with open(folder / "expected.jsonl", "w", encoding="utf-8") as file:
    for path in sorted(folder.glob("*.jinja")):
        template = environment.from_string(path.read_text(encoding="utf-8"))
        for messages in conversations if path.stem != "expressions" else conversations[:1]:
            for prompt in (True, False):
                case = {"template": path.name, "messages": messages, "add_generation_prompt": prompt}
                try:
                    case["text"] = template.render(
                        messages=messages, add_generation_prompt=prompt, tools=None, documents=None, bos_token="<s>", eos_token="</s>"
                    )
                except jinja2.exceptions.TemplateError as error:
                    case["refused"] = str(error)
                file.write(json.dumps(case, ensure_ascii=False) + "\n")
