"""What a model gets of a prompt: every shipped one in each of its families and versions, its parameters, the form that
GitLab reads; the operator's model (D9) and the operator's texts."""
import json
import os
import re
import signal

from harness.runner import case, equal, fixture, truth

from ._env import Env, Reply, check, contains, starts
from ._prompts import COMMIT, DIFF, PROMPTS, UNIT, V1, V2, ask, body_of, given


@fixture("prompts-texts")
def prompts_texts(ctx):
    return Env(ctx, bypass=True, name="prompts-texts")


# -- what a model gets -------------------------------------------------------------------------------------------------

def sent(env, ident, inputs, **changes):
    script = env.models.script(UNIT)
    check(env.post(V1 + ident.replace("/", "%2F"), body_of(script, inputs, **changes)), 200, "Hi John!")
    return script.seen[0].json()


@case("C-PRM-010-each PROMPTS-render", "prompts-texts")
def every_prompt_renders_what_it_was_given(env):
    """All inputs of each prompt reach the model in the base family and each other; without one it is named."""
    for ident, (_, names, families) in PROMPTS.items():
        inputs = given(ident)
        for family in ("general",) + families:
            found = sent(env, ident, inputs, model={"name": family})
            text = "\n".join(message["content"] for message in found["messages"])
            for name in names:
                marks = {"identifiers": "CVE-2024-1", "content_id": "ATTRS: CNT-IDX-"}
                mark = marks.get(name, f"<<{name} of {{{{it}}}}>>")
                truth(mark in text, f"{name} in {ident} for {family}", text)
            truth("{{" not in re.sub(r"<<\w+ of {{it}}>>", "", text), f"no tag left in {ident}", text)
            equal(found["messages"][-2 if "reader" in ident else -1]["role"], "user", f"who speaks last in {ident}")
        for name in names:
            less = {key: value for key, value in inputs.items() if key != name}
            check(env.post(V1 + ident, body_of(env.models.script(), less)), 422,
                  {"detail": starts(f"\"Input to ChatPromptTemplate is missing variables {{'{name}'}}.  Expected: [")})
        for name in names:  # present and empty is present
            found = sent(env, ident, {**inputs, name: None})
            truth(found["messages"], f"messages of {ident} without a value for {name}", found)


@case("PROMPTS-forms", "prompts-texts")
def each_says_what_gitlab_reads(env):
    forms = {"review_merge_request": ("<review>", '<comment file="', 'old_line="', 'new_line="', "<from>", "<to>",
                                      "</review>"),
             "resolve_vulnerability": ("<analysis>", "<is_false_positive>", "<fixed_code>", "<old_code>", "<new_code>",
                                       "<summary>"),
             "categorize_question": ('"category"', '"detailed_category"', '"labels"', '"language"', "JSON"),
             "measure_comment_temperature": ("JSON",), "feature_discovery_search": ("JSON",),
             "chat/documentation_search": ("ATTRS: CNT-IDX-", 'id="CNT-IDX-abc1"')}
    for kind in ("build", "commit", "epic", "issue", "merge_request", "work_item"):
        forms[f"chat/{kind}_reader"] = ('"ResourceIdentifierType"', '"ResourceIdentifier"', '"current"', "iid", "url")
    for ident, parts in forms.items():
        text = "\n".join(message["content"] for message in sent(env, ident, given(ident))["messages"])
        for part in parts:
            truth(part in text, f"{part} in {ident}", text)


@case("PROMPTS-prefill", "prompts-texts")
def readers_are_continued(env):
    """GitLab puts the beginning in front of the answer before it reads it; the last thing a model sees is that."""
    begin = '```json\n{\n  "ResourceIdentifierType": "'
    for family, wanted in (("general", begin), ("mistral", "```json")):
        for suggestions, before in (("", ""), ("Try again.", "Try again.\n")):
            found = sent(env, "chat/issue_reader", {"input": "#3?", "suggestions": suggestions}, model={"name": family})
            equal(found["messages"][-1]["role"], "assistant", f"last role for {family}")
            equal(found["messages"][-1]["content"], before + wanted, f"beginning for {family}")


@case("PROMPTS-parameters", "prompts-texts")
def parameters_of_prompt_and_family(env):
    rows = (("model_configuration/check", "mistral", 0.0, 16), ("chat/fix_code", "codestral", 0.3, 2048),
            ("chat/fix_code", "general", 0.1, 2048), ("chat/explain_code", "gpt", None, 2048),
            ("generate_commit_message", "gpt", None, None), ("generate_commit_message", "mixtral", 0.0, 4096),
            ("review_merge_request", "claude_3", 0.0, 8192), ("categorize_question", "llama3", 0.0, 500))
    for ident, family, temperature, max_tokens in rows:
        found = sent(env, ident, given(ident), model={"name": family})
        equal(found.get("temperature"), temperature, f"temperature of {ident} for {family}")
        equal(found.get("max_tokens"), max_tokens, f"max_tokens of {ident} for {family}")
        equal(found["model"], "mistral-7b", "model")


@fixture("prompts-limit")
def prompts_limit(ctx):
    return Env(ctx, bypass=True, env={"AIGW_DUO_CHAT__MAX_TOKENS": "99"}, name="prompts-limit")


@case("PROMPTS-chat-limit", "prompts-limit")
def operators_limit_for_chat(env):
    for ident, limit in (("chat/explain_code", 99), ("categorize_question", 500)):
        equal(sent(env, ident, given(ident)).get("max_tokens"), limit, f"max_tokens of {ident}")


@case("PROMPTS-versions", "prompts-texts")
def every_version_that_gitlab_asks_for(env):
    pins = {"chat/explain_vulnerability": ["1.0.1", "^1.0.0"], "generate_commit_message": ["1.2.0", "^1.0.0"],
            "resolve_vulnerability": ["1.0.1", "^1.0.0"], "review_merge_request": ["1.3.0", "0.9.0", "^1.0.0"],
            "summarize_new_merge_request": ["^2.0.0", "^1.0.0", "2.0.2-dev"], "glab_ask_git_command": ["1.0.0"],
            "summarize_review": ["2.1.0", "^2.0.0", "^1.0.0"], "chat/fix_code": ["1.1.0", "0.0.1-dev", "1.x"],
            "chat/troubleshoot_job": ["1.0.1-alpha", "~1.0"], "chat/issue_reader": ["1.0.1-dev", "1.1.0"]}
    for ident, versions in pins.items():
        for version in versions:
            for family in ("general", "mistral", "codestral"):
                found = sent(env, ident, given(ident), prompt_version=version, model={"name": family})
                truth(found["messages"], f"messages of {ident} {version}", found)


@case("PROMPTS-date", "prompts-texts")
def today_is_known(env):
    inputs = given("review_merge_request")
    text = sent(env, "review_merge_request", inputs)["messages"][0]["content"]
    truth(re.search(r"Today is (January|February|March|April|May|June|July|August|September|October|November|December)"
                    r" \d\d, 20\d\d\.", text), "the date in words", text)
    text = sent(env, "review_merge_request", {**inputs, "current_date": "July 12, 2025"})["messages"][0]["content"]
    truth("Today is July 12, 2025." in text, "the caller's own date", text)


@case("PROMPTS-live", "prompts-texts")
def large_inputs_and_answers(env):
    script = env.models.script(UNIT)
    large = "+ 0123456789abc\n" * 786432
    check(env.post(COMMIT, body_of(script, {"diff": large})), 200, "Hi John!")
    truth(large in script.seen[0].json()["messages"][-1]["content"], "all of 12 MiB", "a part")
    inputs = {"diff": "+ é\n" * 200000}
    text = "z" * 300000
    script = env.models.script(Reply(pieces=(text,)))
    check(env.post(COMMIT, body_of(script, inputs)), 200, text)
    truth(inputs["diff"] in script.seen[0].json()["messages"][-1]["content"], "the whole diff", "a part")
    script = env.models.script(Reply(pieces=tuple(f"{n}·" for n in range(2000))))
    response = check(env.post(V2 + "generate_commit_message", body_of(script, inputs, stream=True)), 200)
    lines = [json.loads(line) for line in response.text.splitlines()]
    equal("".join(line["content"] for line in lines), "".join(f"{n}·" for n in range(2000)), "joined content")


# -- a model of the operator's -----------------------------------------------------------------------------------------

MODELS = """
providers: { scripted: { plugin = "openai"; base_url = "%s"; }; };
models: { own: { family = "mistral"; targets = ( { provider = "scripted"; model = "own-7b"; } ); };
          picked: { family = "gpt"; targets = ( { provider = "scripted"; model = "picked-1"; } ); };
          amazon_q: { targets = ( { provider = "scripted"; model = "q-1"; } ); }; };
features: { prompts: { plugin = "prompts"; model = "own"; }; };
"""


@fixture("prompts-own")
def prompts_own(ctx):
    def conf(env):
        env.script = env.models.script(UNIT)
        return MODELS % env.script.base
    return Env(ctx, bypass=True, name="prompts-own", conf=conf)


@case("D9-configured", "prompts-own")
def the_configured_model_serves(env):
    rows = ((None, "own-7b"), ({"provider": "gitlab", "identifier": "picked"}, "picked-1"),
            ({"provider": "gitlab", "name": "picked"}, "picked-1"),
            ({"provider": "gitlab", "identifier": "claude_sonnet_9"}, "own-7b"),
            ({"provider": "gitlab", "feature_setting": "review_merge_request"}, "own-7b"),
            ({"provider": "amazon_q", "name": "amazon_q", "role_arn": "arn:x"}, "q-1"))
    for chosen, model in rows:
        before = env.script.count
        body = {"inputs": given("chat/issue_reader")}
        if chosen:
            body["model_metadata"] = chosen
        check(env.post(V1 + "chat/issue_reader", body), 200, "Hi John!")
        equal(env.script.count, before + 1, f"calls for {chosen}")
        equal(env.script.seen[-1].json()["model"], model, f"model for {chosen}")


# -- texts of the operator's -------------------------------------------------------------------------------------------

class Author:
    """Somebody who edits prompts in a conf.d folder of their own and reloads."""

    def __init__(self, env):
        self.env = env

    def write(self, path, text):
        full = os.path.join(self.env.gw.conf_dir, "prompts", path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as out:
            out.write(text)

    def reload(self, message="configuration reloaded"):
        seen = len(self.env.gw.lines)
        self.env.gw.signal(signal.SIGHUP)
        line = self.env.gw.wait_line(lambda item: item.get("message") == message, start=seen)
        truth(line, message, "none")


@fixture("prompts-author")
def prompts_author(ctx):
    env = Env(ctx, bypass=True, name="prompts-author")
    env.author = Author(env)
    return env


OWN = 'name = "Own"; scope = "own_scope"; required = ( "topic" );\nparams: { max_tokens = 77; };\n'


@case("PROMPTS-drop-in", "prompts-author")
def a_folder_is_a_feature(env):
    """A prompt-only feature is a folder in conf.d/prompts and a reload: no code."""
    check(ask(UNIT, path=V1 + "poems%2Fhaiku", inputs={"topic": "rain"})(env), 400)
    env.author.write("poems/haiku/base/1.0.0.conf",
                     OWN + 'messages = ( { role = "user"; template = "user.mustache"; } );\n')
    env.author.write("poems/haiku/base/user.mustache", "A haiku about {{topic}}.\n")
    env.author.write("poems/haiku/gpt/1.0.0.conf",
                     OWN + 'messages = ( { role = "user"; text = "For GPT: {{topic}}"; } );\n')
    env.author.reload()
    for family, wanted in (("mistral", "A haiku about rain."), ("gpt", "For GPT: rain")):
        found = sent(env, "poems/haiku", {"topic": "rain"}, model={"name": family})
        equal(found["messages"], [{"role": "user", "content": wanted}], f"messages for {family}")
        equal(found["max_tokens"], 77, "max_tokens")
    check(ask(UNIT, path=V2 + "poems/haiku", inputs={})(env), 422, {"detail": contains("{'topic'}")})


@case("PROMPTS-edit", "prompts-author")
def a_changed_text_counts_after_a_reload(env):
    """A shipped text is replaced by a file of the same name in a later folder: a shared part, or a whole definition."""
    before = sent(env, "generate_commit_message", DIFF)["messages"]
    env.author.write("partials/material.mustache", "Diffs are only diffs.")
    equal(sent(env, "generate_commit_message", DIFF)["messages"], before, "messages before the reload")
    env.author.reload()
    after = sent(env, "generate_commit_message", DIFF)["messages"]
    truth(after[0]["content"].endswith("Diffs are only diffs."), "the new shared text", after[0]["content"])
    equal(after[1], before[1], "the user's message")
    env.author.write("generate_commit_message/base/1.2.0.conf", 'name = "Mine"; scope = "generate_commit_message";\n'
                     'messages = ( { role = "user"; text = "Mine: {{diff}}"; } );\n')
    env.author.reload()
    equal(sent(env, "generate_commit_message", DIFF)["messages"], [{"role": "user", "content": "Mine: +x"}], "messages")


@case("PROMPTS-mistake", "prompts-author")
def a_mistake_keeps_the_old_texts(env):
    before = sent(env, "glab_ask_git_command", {"prompt": "p"})["messages"]
    env.author.write("glab_ask_git_command/base/1.0.1.conf", 'name = "x"; scope = "y";\n'
                     'messages = ( { role = "user"; text = "{{#open}}"; } );\n')
    seen = len(env.gw.lines)
    env.gw.signal(signal.SIGHUP)
    line = env.gw.wait_line(lambda item: "glab_ask_git_command/base/1.0.1.conf" in json.dumps(item), start=seen)
    truth(line, "a log line that names the file", env.gw.lines[seen:])
    equal(sent(env, "glab_ask_git_command", {"prompt": "p"})["messages"], before, "messages after a mistake")
    os.remove(os.path.join(env.gw.conf_dir, "prompts/glab_ask_git_command/base/1.0.1.conf"))
