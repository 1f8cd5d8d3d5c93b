"""SUR: what surprises in the original (features-and-models.md §9), as far as no row elsewhere shows it;
conformance.txt says which rows show the rest."""
import os

from harness.runner import case, equal, fixture, truth

from ._env import API_KEY, CURRENT_FILE, Env, Reply, check, completion, contains, starts
from ._prompts import CHECK, PROMPTS, UNIT, V1, ask, body_of, given
from .prompts_texts import Author, sent

PATH = "/v2/code/completions"
FILL_IN = ("codestral", "mistral", "mixtral", "codellama", "codegemma", "deepseekcoder", "qwen2p5-coder-7b",
           "starcoder", "llama3", "gpt", "claude_3", "general")


@fixture("sur")
def sur(ctx):
    return Env(ctx, bypass=True, name="sur")


def content(seen):
    return "\n".join(message["content"] for message in seen.json()["messages"])


@case("SUR-01", "sur")
def nothing_behind_the_cursor(env):
    """Filling in goes through chat completions, and an empty suffix is empty, not a word."""
    for family in FILL_IN:
        for below in ("", "\n"):
            script = env.models.script(Reply())
            file = {**CURRENT_FILE, "content_above_cursor": "x = MARK", "content_below_cursor": below}
            check(env.post(PATH, completion(script, model_name=family, current_file=file)), 200)
            seen = script.seen[0]
            truth(seen.path.endswith("/v1/chat/completions"), f"chat completions for {family}", seen.path)
            text = content(seen)
            truth("x = MARK" in text, f"the prefix for {family}", text)
            truth("None" not in text and "null" not in text, f"no word for nothing for {family}", text)


@fixture("sur_nowhere")
def sur_nowhere(ctx):
    """Nothing listens where the machine's metadata would be."""
    return Env(ctx, bypass=True, env={"GCE_METADATA_HOST": "127.0.0.1:9", "AWS_EC2_METADATA_DISABLED": "true"},
               name="sur-nowhere")


@case("SUR-06", "sur_nowhere")
def the_placeholder_of_bedrock_is_nowhere(env):
    """GitLab sends a placeholder as the endpoint of hosted models: nothing is sent there. Models of Bedrock need AWS's
    credentials; here are none, and the message names them."""
    for identifier in ("bedrock/anthropic.claude-v2", "bedrock/converse/x", "bedrock_converse/x"):
        script = env.models.script(Reply())
        check(env.post(PATH, completion(script, model_identifier=identifier, model_api_key="")), 503,
              {"detail": contains("AWS_ACCESS_KEY_ID")})
        equal(script.count, 0, f"calls for {identifier}")


@case("SUR-06-vertex", "sur_nowhere")
def vertex_is_asked_for_a_token_first(env):
    """Models of Vertex AI need an account. Without one the call fails, and nothing goes to the placeholder."""
    for identifier in ("vertex_ai/claude-sonnet-4-5", "vertex_ai/gemini-2.5-flash", "vertex_ai/codestral-2501"):
        script = env.models.script(Reply())
        check(env.post(PATH, completion(script, model_identifier=identifier)), 503, {"detail": contains("127.0.0.1")})
        equal(script.count, 0, f"calls for {identifier}")


@case("SUR-06-key", "sur")
def an_empty_key_is_no_empty_bearer(env):
    for key in ("", None, ...):
        script = env.models.script(UNIT)
        check(env.post(V1 + CHECK, body_of(script, model={"api_key": key})), 200)
        truth(len(script.seen[0].header("authorization", "Bearer dummy_key").split()) == 2, f"a bearer for {key!r}",
              script.seen[0].headers)


# -- prompts: versions, families, what is required -------------------------------------------------------------------

def write(env, path, text, required=""):
    env.author.write(path, f'name = "n"; scope = "s"; required = ({required});\n'
                           f'messages = ( {{ role = "user"; text = "{text}"; }} );\n')


@fixture("sur-prompts")
def sur_prompts(ctx):
    env = Env(ctx, bypass=True, name="sur-prompts")
    env.author = Author(env)
    for version in ("1.0.0", "1.0.9", "1.1.0-dev", "2.0.0-rc.1"):
        write(env, f"sur/versions/base/{version}.conf", version)
    for version in ("1.0.0", "2.0.0"):
        write(env, f"sur/families/base/{version}.conf", f"base {version}")
    write(env, "sur/families/gpt/1.0.0.conf", "gpt 1.0.0")
    write(env, "sur/deep/base/1.0.0.conf", "{{>sur/one}}", '"deep"')
    env.author.write("partials/sur/one.mustache", "one {{>sur/two}}")
    env.author.write("partials/sur/two.mustache", "two {{deep}} {{shy}}")
    env.author.reload()
    return env


@case("SUR-08", "sur-prompts")
def versions_are_constraints(env):
    """Numbers on the v2 code routes, constraints here; what is not released is had by its name alone."""
    for version, wanted in ((None, "1.0.9"), ("^1.0.0", "1.0.9"), (">=1.0.0", "1.0.9"), ("~1.0", "1.0.9"),
                            ("1.0.0", "1.0.0"), ("1.1.0-dev", "1.1.0-dev"), ("2.0.0-rc.1", "2.0.0-rc.1")):
        found = sent(env, "sur/versions", {}, prompt_version=version)
        equal(found["messages"][-1]["content"], wanted, f"text for {version}")
    for version in ("^1.1.0", "^2.0.0", ">1.0.9"):
        check(ask(UNIT, path=V1 + "sur%2Fversions", prompt_version=version)(env), 400,
              {"detail": starts(f"No version matching '{version}' (available: [")})
    check(ask(UNIT, path=V1 + "sur%2Fversions", prompt_version=1)(env), 422)
    check(env.post(PATH, completion(env.models.script(Reply()), prompt_version="^1.0.0")), 422)


@case("SUR-09", "sur-prompts")
def the_family_comes_before_the_version(env):
    for family, version, wanted in (("mistral", "^2.0.0", "base 2.0.0"), ("mistral", "^1.0.0", "base 1.0.0"),
                                    ("gpt", "^1.0.0", "gpt 1.0.0")):
        found = sent(env, "sur/families", {}, prompt_version=version, model={"name": family})
        equal(found["messages"][-1]["content"], wanted, f"text for {family} {version}")
    check(ask(UNIT, path=V1 + "sur/families", prompt_version="^2.0.0", model={"name": "gpt"})(env), 400,
          {"detail": starts("No version matching '^2.0.0' (available: [")})


@case("SUR-10", "sur-prompts")
def required_is_what_a_definition_says(env):
    """However deep in included texts it is used; what is not required may be left out."""
    check(ask(UNIT, path=V1 + "sur/deep", inputs={"shy": "x"})(env), 422, {"detail": contains("{'deep'}")})
    found = sent(env, "sur/deep", {"deep": "D"})
    equal(found["messages"][-1]["content"].split(), ["one", "two", "D"], "text")


@case("SUR-11", "sur")
def a_begun_answer_where_it_is_refused(env):
    """Newer Claude models refuse to continue an answer: the beginning becomes something that they are told."""
    begin = '"ResourceIdentifierType": "'
    for identifier, role in (("anthropic/claude-haiku-4-5", "assistant"), ("anthropic/claude-opus-4-6", "user"),
                             ("custom_openai/claude-opus-4-6", "user"), ("custom_openai/llama", "assistant")):
        script = env.models.script(UNIT)
        model = {"name": "claude_3", "identifier": identifier}
        if identifier.startswith("anthropic"):
            model["endpoint"] = script.root
        check(env.post(V1 + "chat/issue_reader", body_of(script, given("chat/issue_reader"), model)), 200, "Hi John!")
        last = script.seen[0].json()["messages"][-1]
        equal(last["role"], role, f"last role for {identifier}")
        truth(begin in str(last["content"]), f"the beginning for {identifier}", last)


@case("SUR-13", "sur")
def completions_are_as_the_model_says(env):
    """No fence, blank or repetition of the file is cut out of a completion, whole or streamed."""
    for text in ("```python\nx = 1\n```\n", "\n\n  x  \n", "def f(", "<b>&amp;</b>", "def f(\n\n\ndef f("):
        response = check(env.post(PATH, completion(env.models.script(Reply(pieces=(text,))))), 200)
        equal(response.json()["choices"][0]["text"], text, "text")
        script = env.models.script(Reply(pieces=tuple(text)))
        check(env.post(PATH, completion(script, stream=True)), 200, text=text)


@case("SUR-19", "sur")
def no_words_that_all_prompts_share(env):
    """What every call carries costs a small model its window: there is no such text, and short prompts are short."""
    systems = []
    for ident in PROMPTS:
        messages = sent(env, ident, given(ident))["messages"]
        systems += [message["content"] for message in messages if message["role"] == "system"]
    truth(len(systems) > 20, "system messages", len(systems))
    shared = os.path.commonprefix(systems)
    truth(len(shared) < 60, "no beginning that all share", shared)
    check_text = sent(env, "model_configuration/check", {})["messages"]
    truth(len(str(check_text)) < 600, "a short question", check_text)
    for family in FILL_IN:
        script = env.models.script(Reply())
        check(env.post(PATH, completion(script, model_name=family)), 200)
        truth(len(content(script.seen[0])) < 2000, f"a short prompt for {family}", content(script.seen[0]))


@fixture("sur-stops")
def sur_stops(ctx):
    return Env(ctx, bypass=True, name="sur-stops", conf=(
        'providers: { capped = { plugin = "openai"; max_stops = 4; }; };\n'
        'prefixes: { capped = { provider = "capped"; needs_endpoint = true; }; };\n'))


@case("SUR-20", "sur-stops")
def servers_that_take_four_stops(env):
    """Those beyond are not sent, and cut here."""
    for identifier, count in (("capped/m", 4), ("custom_openai/m", 5)):
        script = env.models.script(Reply(pieces=("x = 1[SUFFIX]and more",)))
        response = check(env.post(PATH, completion(script, model_identifier=identifier)), 200)
        equal(len(script.seen[0].json()["stop"]), count, f"stops for {identifier}")
        equal(response.json()["choices"][0]["text"], "x = 1", f"text for {identifier}")
    script = env.models.script(Reply())
    check(env.post(PATH, completion(script, model_name="gpt", model_identifier="openai/gpt-x")), 200)
    truth(len(script.seen[0].json().get("stop") or []) <= 4, "at most four for gpt", script.seen[0].body)
    equal(script.seen[0].header("authorization"), f"Bearer {API_KEY}", "authorization")
