"""C-MOD: GET /v1/models/definitions."""
from harness.runner import case, equal, fixture, truth

from ._env import Env, Row, check, detail, table

PATH = "/v1/models/definitions"
FLAG = {"x-gitlab-enabled-feature-flags": "ai_gateway_multi_default_models"}
MODEL_KEYS = ["name", "identifier", "provider", "deprecation", "description", "cost_indicator"]
FEATURE_KEYS = ["feature_setting", "default_model", "default_models", "models_for_tags", "models_for_size_preference",
                "selectable_models", "beta_models", "deprecated_models", "dev", "unit_primitives"]
# The lists as GitLab's newest gateway has them (api-contract, appendix D).
FAMILIES = ["mistral", "mixtral", "codestral", "llama3", "codellama", "gpt", "codegemma", "deepseekcoder", "claude_3",
            "gemini", "qwen", "general", "embedding", "amazon_q"]
FEATURES = """duo_chat code_generations code_completions duo_chat_fix_code duo_chat_refactor_code duo_chat_write_tests
    duo_chat_explain_code generate_commit_message summarize_new_merge_request summarize_review resolve_vulnerability
    duo_chat_explain_vulnerability code_suggestions glab_ask_git_command duo_chat_troubleshoot_job
    duo_generate_issue_description duo_chat_summarize_comments duo_agent_platform duo_agent_platform_agentic_chat
    categorize_question generate_description measure_comment_temperature workflow model_configuration embeddings_code
    feature_discovery_search recommend_reviewers_post recommend_reviewers_assign review_merge_request
    review_merge_request_dap sast_vulnerability_fp_detection secret_vulnerability_fp_detection
    sast_vulnerability_resolution security_review resolve_dependency_bump""".split()

# A catalogue with every kind of entry, in place of the shipped one.
OWN = """features: { model_definitions: {
    plugin = "model_definitions";
    models: { hosted = "Sonnet"; other = "Plain"; general = "General"; };
    default_models = ( "general" ); selectable_models = ( "hosted", "general" );
    providers: { hosted = "Anthropic"; };
    descriptions: { hosted = "Says \\"much\\"."; };
    costs: { hosted = "$$"; };
    deprecations: { other = "2026-05-15 18.8"; };
    features: { own_feature = "right_one, right_two"; quiet = ""; usual = "right"; };
    defaults: { own_feature = "hosted other"; quiet = "other"; };
    selectable: { own_feature = "hosted other general"; quiet = ""; };
    beta: { own_feature = "other"; };
    deprecated: { own_feature = "other"; };
    dev: { own_feature = "general"; };
    tags: { own_feature = "small=other large=hosted"; };
}; };
"""


@fixture("mod")
def mod(ctx):
    return Env(ctx, name="mod")


@fixture("mod-own")
def mod_own(ctx):
    return Env(ctx, name="mod-own", conf=OWN)


def definitions(env, path=PATH, headers=()):
    return check(env.request("GET", path, headers), 200).json()


def named(entries, key, name):
    found = [entry for entry in entries if entry[key] == name]
    equal(len(found), 1, f"entries with {key} {name}")
    return found[0]


@case("C-MOD-001", "mod")
def keys(env):
    found = definitions(env)
    equal(list(found), ["models", "unit_primitives"], "keys")
    equal([model["identifier"] for model in found["models"]], FAMILIES, "models")
    equal([entry["feature_setting"] for entry in found["unit_primitives"]], FEATURES, "features")


@case("C-MOD-002", "mod")
def slash_may_be_encoded(env):
    equal(definitions(env, "/v1/models%2Fdefinitions"), definitions(env), "body")
    equal(definitions(env, "/v1/models/definitions/"), definitions(env), "body with a slash behind the path")


@case("MOD-open-method", "mod")
def other_methods_need_no_token_either(env):
    """Who may call a path may be told how: nothing there is anybody's secret."""
    answer = env.request("POST", "/v1/models/definitions", body=b"{}")
    equal((answer.status, answer.header("allow")), (405, "GET, HEAD"), "status and methods")


@case("C-MOD-003", "mod-own")
def names_tell_the_provider(env):
    models = definitions(env)["models"]
    for model in models:
        equal(list(model), MODEL_KEYS, "keys of a model")
        if model["provider"] is not None:
            truth(model["name"].endswith(f" - {model['provider']}"), "a name that ends in the provider", model)
        else:
            truth(" - " not in model["name"], "a plain name", model)
    equal(named(models, "identifier", "hosted"),
          {"name": "Sonnet - Anthropic", "identifier": "hosted", "provider": "Anthropic", "deprecation": None,
           "description": 'Says "much".', "cost_indicator": "$$"}, "a model with all there is to say")
    equal(named(models, "identifier", "other")["deprecation"],
          {"deprecation_date": "2026-05-15", "removal_version": "18.8"}, "deprecation")


@case("C-MOD-004", "mod")
def features_are_whole(env):
    found = definitions(env)
    identifiers = {model["identifier"] for model in found["models"]}
    for entry in found["unit_primitives"]:
        equal(list(entry), FEATURE_KEYS, "keys of a feature")
        equal(entry["models_for_size_preference"], entry["models_for_tags"], "models_for_size_preference")
        equal(entry["default_model"], entry["default_models"][0], "default_model")
        truth(set(entry["default_models"]) <= set(entry["selectable_models"]) <= identifiers, "known models", entry)


@case("C-MOD-004-own", "mod-own")
def features_say_all_there_is(env):
    found = definitions(env)["unit_primitives"]
    tags = {"small": "other", "large": "hosted"}
    equal(named(found, "feature_setting", "own_feature"), {
        "feature_setting": "own_feature", "default_model": "hosted", "default_models": ["hosted", "other"],
        "models_for_tags": tags, "models_for_size_preference": tags,
        "selectable_models": ["hosted", "other", "general"], "beta_models": ["other"],
        "deprecated_models": [{"deprecation_date": "2026-05-15", "removal_version": "18.8", "identifier": "other"}],
        "dev": {"selectable_models": ["general"]}, "unit_primitives": ["right_one", "right_two"]}, "own_feature")
    equal(named(found, "feature_setting", "quiet"), {
        "feature_setting": "quiet", "default_model": "other", "default_models": ["other"], "models_for_tags": {},
        "models_for_size_preference": {}, "selectable_models": [], "beta_models": [], "deprecated_models": [],
        "dev": None, "unit_primitives": []}, "quiet")
    usual = named(found, "feature_setting", "usual")
    equal((usual["default_models"], usual["selectable_models"]), (["general"], ["hosted", "general"]), "usual")


def pseudo_models(env, feature, first):
    """What the flag changes for one feature with several defaults, and nothing else."""
    plain, found = definitions(env), definitions(env, headers=FLAG)
    ident = f"__default__{feature}"
    entry = named(found["unit_primitives"], "feature_setting", feature)
    before = named(plain["unit_primitives"], "feature_setting", feature)
    equal(entry["default_model"], ident, "default_model")
    equal(entry["selectable_models"], [ident, *before["selectable_models"]], "selectable_models")
    equal(entry["default_models"], before["default_models"], "default_models")
    model = named(found["models"], "identifier", ident)
    equal((model["name"], model["provider"], model["deprecation"]), (first, None, None), "pseudo model")
    equal(found["models"][:len(plain["models"])], plain["models"], "the models before it")
    for old, new in zip(plain["unit_primitives"], found["unit_primitives"]):
        if len(old["default_models"]) == 1:
            equal(new, old, "a feature with one default")
    return model


@case("C-MOD-005", "mod")
def several_defaults(env):
    pseudo_models(env, "code_completions", "Codestral")


@case("C-MOD-005-own", "mod-own")
def several_defaults_of_ones_own(env):
    model = pseudo_models(env, "own_feature", "Sonnet")
    equal((model["description"], model["cost_indicator"]), ('Says "much".', "$$"), "what is said about the first default")


@case("C-MOD-005-off", "mod")
def other_flags_change_nothing(env):
    plain = definitions(env)
    for flags in ("", "ai_gateway_multi_default_model", "x,ai_gateway_multi_default_models_2"):
        equal(definitions(env, headers={"x-gitlab-enabled-feature-flags": flags}), plain, f"body with {flags!r}")


@case("MOD-compact", "mod")
def compact_json(env):
    text = check(env.request("GET", PATH), 200, headers={"content-type": "application/json"}).text
    truth('": ' not in text and ', "' not in text, "no blanks between members", text[:80])
    equal(check(env.request("GET", PATH), 200).text, text, "the same text each time")


table(__name__, "mod", [
    Row("MOD-token", lambda env: env.request("GET", PATH, env.auth()), 200),
    Row("MOD-bad-token", lambda env: env.request("GET", PATH, {"Authorization": "Bearer nonsense"}), 200,
        note="nobody looks at it"),
    Row("MOD-head", lambda env: env.request("HEAD", PATH), 200, text=""),
    Row("MOD-post", lambda env: env.post(PATH, {}, env.auth()), 405, detail("Method Not Allowed")),
    Row("MOD-prefix", lambda env: env.request("GET", "/ai" + PATH), 200),
])
