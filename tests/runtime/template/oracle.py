"""Renders a chat template with the real jinja2, set up as transformers does it."""

import copy
import datetime
import json

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

# The moment at which all cases are rendered; template_render.cpp has the same.
MOMENT = 1753791000


class GenerationTag(jinja2.ext.Extension):
    """{% generation %} marks what the model wrote; rendering passes it through."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_pass_through")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _pass_through(self, caller):
        return caller()


def _raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def _to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _strftime_now(format):
    return datetime.datetime.fromtimestamp(MOMENT, datetime.timezone.utc).strftime(format)


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[GenerationTag, jinja2.ext.loopcontrols],
    )
    env.filters["tojson"] = _to_json
    env.globals["raise_exception"] = _raise_exception
    env.globals["strftime_now"] = _strftime_now
    return env


def render(source, variables):
    """{"output": text} or {"error": message}."""
    try:
        # Some filters of jinja2 change lists they are given.
        output = environment().from_string(source).render(**copy.deepcopy(variables))
        output.encode("utf-8")
        return {"output": output}
    except Exception as problem:  # whatever jinja2 or Python raises is the template's failure
        return {"error": f"{type(problem).__name__}: {problem}"}
