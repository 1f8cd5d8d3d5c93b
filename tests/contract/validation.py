"""C-VAL: bodies that must be refused with 422, and odd ones that must be accepted (api-contract.md §5)."""
import json
import threading

from harness.runner import case, equal, fixture, truth

from ._env import (CURRENT_FILE, VERBOSE, Env, Reply, Row, check, completion, detail, table)

PATH = "/v2/code/completions"
INVALID = detail("Validation error")


@fixture("val")
def val(ctx):
    return Env(ctx, bypass=True, name="val")


@fixture("val-large")
def val_large(ctx):
    return Env(ctx, bypass=True, name="val-large")


def body(drop=(), headers=(), **changes):
    return lambda env: env.post(PATH, completion(env.models.script(Reply()), drop, **changes), headers)


def raw(data, **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda env: env.post(PATH, data, sent)


def with_file(**changes):
    return body(current_file={**CURRENT_FILE, **changes})


def without_file_member(name):
    return body(current_file={key: value for key, value in CURRENT_FILE.items() if key != name})


def text_of(env, edit):
    """A good body as JSON text, edited."""
    return edit(json.dumps(completion(env.models.script(Reply()))))


def edited(edit, **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda env: env.post(PATH, text_of(env, edit), sent)


def with_bytes(code):
    """A good body whose code above the cursor is these bytes."""
    return lambda env: env.post(PATH, text_of(env, str).encode().replace(b"def f(", code))


def telemetry(count=1, **changes):
    item = {"model_engine": "e", "model_name": "m", "lang": "python", "requests": 1, "accepts": 0, "errors": 0}
    item.update(changes)
    return [{key: value for key, value in item.items() if value is not ...} for _ in range(count)]


def context(count=1, **changes):
    return [{"type": "file", "name": "a.py", "content": "x", **changes} for _ in range(count)]


table(__name__, "val", [
    Row("C-VAL-001", raw("{}"), 422, INVALID),
    Row("C-VAL-002", body(drop=["prompt_version"]), 422, INVALID),
    Row("C-VAL-003", body(prompt_version=4), 422, INVALID),
    Row("C-VAL-003-text", body(prompt_version="2"), 422, INVALID, "a literal discriminator takes no strings"),
    Row("C-VAL-003-float", body(prompt_version=1.0), 200),
    Row("C-VAL-003-true", body(prompt_version=True), 200),
    Row("C-VAL-003-null", body(prompt_version=None), 422, INVALID),
    Row("C-VAL-004", with_file(file_name="a" * 253 + ".py"), 422, INVALID),
    Row("C-VAL-004-255", with_file(file_name="a" * 252 + ".py"), 200),
    Row("C-VAL-004-points", with_file(file_name="é" * 252 + ".py"), 200, note="counted in code points, not bytes"),
    Row("C-VAL-004-strip", with_file(file_name="  " + "a" * 252 + ".py\t "), 200, note="stripped before it is counted"),
    Row("C-VAL-005", raw("{bad"), 422, INVALID),
    Row("C-VAL-006", raw(b"", Content_Type="application/json"), 422, INVALID),
    Row("C-VAL-006-null", raw("null"), 422, INVALID),
    Row("C-VAL-006-array", raw("[]"), 422, INVALID),
    Row("C-VAL-006-number", raw("7"), 422, INVALID),
    Row("C-VAL-006-text", raw('"text"'), 422, INVALID),
    Row("C-VAL-008", body(unknown_field={"a": [1]}, current_file={**CURRENT_FILE, "extra": 1}, telemetry=[
        {**telemetry()[0], "more": 1}]), 200),
    Row("C-VAL-009", edited(lambda t: t, Content_Type="application/json; charset=utf-8"), 200),
    Row("C-VAL-009-case", edited(lambda t: t, Content_Type="Application/JSON"), 200),
    Row("C-VAL-009-suffix", edited(lambda t: t, Content_Type="application/problem+json"), 200),
    Row("C-VAL-009-none", lambda env: env.post(PATH, text_of(env, str), {"Content-Type": None}), 200,
        note="§15: a missing type is taken as JSON"),
    Row("C-VAL-010", edited(lambda t: t, Content_Type="text/plain"), 422, INVALID),
    Row("C-VAL-010-form", edited(lambda t: t, Content_Type="application/x-www-form-urlencoded"), 422, INVALID),
    Row("C-VAL-011", body(stream="maybe"), 422, INVALID),
    Row("C-VAL-011-true", body(stream="true"), 200),
    Row("C-VAL-011-no", body(stream="No"), 200),
    Row("C-VAL-011-0", body(stream=0), 200),
    Row("C-VAL-011-null", body(stream=None), 200),
    Row("C-VAL-011-2", body(stream=2), 422, INVALID),
    Row("C-VAL-012 D33-bytes", with_bytes(b"def \xff("), 422, INVALID, "D33: invalid UTF-8 is 422"),
    Row("VAL-overlong", with_bytes(b"def \xc0\xaf("), 422, INVALID),
    Row("VAL-surrogate-bytes", with_bytes(b"def \xed\xa0\x80("), 422, INVALID),
    Row("VAL-bom", lambda env: env.post(PATH, b"\xef\xbb\xbf" + text_of(env, str).encode()), 200),
    Row("VAL-nul", with_file(content_above_cursor="a\0b"), 200),
    Row("VAL-duplicate", edited(lambda t: '{"prompt_version": 9,' + t[1:]), 200, note="the last one wins"),
    Row("VAL-duplicate-last", edited(lambda t: t[:-1] + ', "prompt_version": 9}'), 422, INVALID),
    Row("VAL-nan", body(choices_count=1, unknown=float("nan")), 200),
    Row("VAL-trailing", edited(lambda t: t + " x"), 422, INVALID),
    Row("VAL-trailing-space", edited(lambda t: t + " \n"), 200),
    Row("VAL-comment", edited(lambda t: "/* no */" + t), 422, INVALID, "json-c would take comments; JSON does not"),
    Row("VAL-single-quotes", edited(lambda t: t.replace('"', "'")), 422, INVALID),
    Row("VAL-trailing-comma", edited(lambda t: t[:-1] + ",}"), 422, INVALID),
    Row("VAL-deep", raw('{"a":' * 100000 + "1" + "}" * 100000), 422, INVALID),
    Row("VAL-deep-list", raw("[" * 100000), 422, INVALID),
    Row("VAL-deep-unknown", edited(lambda t: t[:-1] + ', "x": ' + "[" * 60 + "]" * 60 + "}"), 200),
    Row("VAL-zeros-unknown", edited(lambda t: t[:-1] + ', "x": [0' + ",0" * 7000000 + "]}"), 200,
        note="D42: checked and skipped"),
    Row("VAL-zeros-context", edited(lambda t: t[:-1] + ', "context": [0' + ",0" * 7000000 + "]}"), 422, INVALID),
    Row("VAL-zeros-provider", edited(lambda t: t[:-1] + ', "model_provider": [0' + ",0" * 7000000 + "]}"), 422, INVALID),
    Row("VAL-project-id", body(project_id="12"), 200, note="C-COMP-017"),
    Row("VAL-project-id-float", body(project_id=4.0), 200),
    Row("VAL-project-id-bool", body(project_id=True), 200),
    Row("VAL-project-id-null", body(project_id=None), 200),
    Row("VAL-project-id-half", body(project_id=3.5), 422, INVALID),
    Row("VAL-project-id-huge", edited(lambda t: t[:-1] + ', "project_id": ' + "9" * 40 + "}"), 200),
    Row("VAL-project-id-bad", body(project_id="1x"), 422, INVALID),
    Row("VAL-project-path", body(project_path="p" * 256), 422, INVALID),
    Row("VAL-project-path-ok", body(project_path=" " + "p" * 255), 200),
    Row("VAL-project-path-number", body(project_path=1), 422, INVALID),
    Row("VAL-no-file", body(drop=["current_file"]), 422, INVALID),
    Row("VAL-file-null", body(current_file=None), 422, INVALID),
    Row("VAL-file-list", body(current_file=[]), 422, INVALID),
    Row("VAL-no-name", without_file_member("file_name"), 422, INVALID),
    Row("VAL-no-above", without_file_member("content_above_cursor"), 422, INVALID),
    Row("VAL-no-below", without_file_member("content_below_cursor"), 422, INVALID),
    Row("VAL-above-null", with_file(content_above_cursor=None), 422, INVALID),
    Row("VAL-above-number", with_file(content_above_cursor=5), 422, INVALID),
    Row("VAL-above-max", with_file(content_above_cursor="x" * 100000), 200),
    Row("VAL-above-over", with_file(content_above_cursor="x" * 100001), 422, INVALID),
    Row("VAL-below-over", with_file(content_below_cursor="x" * 100001), 422, INVALID),
    Row("VAL-above-points", with_file(content_above_cursor="日" * 100000), 200),
    Row("VAL-language", with_file(language_identifier="l" * 256), 422, INVALID),
    Row("VAL-language-null", with_file(language_identifier=None), 200),
    Row("VAL-provider", body(model_provider="nobody"), 422, INVALID),
    Row("VAL-provider-case", body(model_provider="LiteLLM"), 422, INVALID),
    Row("VAL-endpoint-number", body(model_endpoint=5), 422, INVALID),
    Row("VAL-key-number", body(model_api_key=5), 422, INVALID),
    Row("VAL-identifier-number", body(model_identifier=5), 422, INVALID),
    Row("C-COMP-009", body(context=context(101)), 422, INVALID),
    Row("C-COMP-009-100", body(context=context(100)), 200),
    Row("VAL-context-null", body(context=None), (200, 422), note="GitLab never sends null here"),
    Row("VAL-context-type", body(context=context(type="t" * 1025)), 422, INVALID),
    Row("VAL-context-name", body(context=[{"type": "file", "content": "x"}]), 422, INVALID),
    Row("VAL-context-content", body(context=context(content="x" * 500001)), 422, INVALID),
    Row("C-COMP-010", body(telemetry=telemetry(errors=...)), 422, INVALID),
    Row("C-COMP-010-11", body(telemetry=telemetry(11)), 422, INVALID),
    Row("C-COMP-010-10", body(telemetry=telemetry(10)), 200),
    Row("VAL-telemetry-engine", body(telemetry=telemetry(model_engine="e" * 51)), 422, INVALID),
    Row("VAL-telemetry-number", body(telemetry=telemetry(requests="7")), 200),
    Row("VAL-role-arn", body(role_arn=None, prompt_id=None), 200),
    Row("VAL-422-before-403", raw("{}"), 422, INVALID),
])


@case("C-VAL-007", "val")
def verbose_list(env):
    """D15: with the verbose header the answer is the list form naming each field."""
    response = check(body(drop=["prompt_version"], headers=VERBOSE)(env), 422)
    found = response.json()["detail"]
    truth(isinstance(found, list) and found, "detail as a list (D15)", found)
    truth(all(isinstance(item, dict) and {"type", "loc", "msg"} <= set(item) for item in found),
          "items with type, loc and msg", found)
    text = json.dumps(found)
    truth("union_tag_not_found" in text and "prompt_version" in text, "union_tag_not_found and prompt_version", text)
    equal(found[0]["loc"], ["body"], "loc")


@case("D15-fields", "val")
def verbose_names_fields(env):
    rows = [
        (dict(current_file={**CURRENT_FILE, "file_name": 5}), "string_type", "file_name"),
        (dict(current_file={**CURRENT_FILE, "file_name": "x" * 300}), "string_too_long", "file_name"),
        (dict(model_provider=5), "enum", "'litellm'"),
        (dict(stream="maybe"), "bool_parsing", "stream"),
        (dict(project_id="1x"), "int_parsing", "project_id"),
        (dict(context=context(101)), "too_long", "context"),
        (dict(telemetry=telemetry(errors=...)), "missing", "errors"),
        (dict(prompt_version=4), "union_tag_invalid", "prompt_version"),
    ]
    for changes, kind, field in rows:
        response = check(body(headers=VERBOSE, **changes)(env), 422)
        text = json.dumps(response.json()["detail"])
        truth(f'"{kind}"' in text and field in text, f"{kind} for {field}", text)


@case("D15-all-fields", "val")
def verbose_names_all_fields(env):
    response = check(body(headers=VERBOSE, stream="maybe", project_id="1x", telemetry=5)(env), 422)
    text = json.dumps(response.json()["detail"])
    for field in ("stream", "project_id", "telemetry"):
        truth(field in text, f"every wrong field, {field} too", text)


@case("D15-no-secrets", "val")
def verbose_shows_no_secret(env):
    secret = env.ctx.secret("sk-verbose-canary-5512ab")
    response = check(body(headers=VERBOSE, stream="maybe", model_api_key=[secret])(env), 422)
    truth(secret not in response.text, "no key in the 422 text", response.text)


@case("D15-log", "val")
def faults_are_logged(env):
    """What was wrong with a body is in the access line, as much of it as has room; never what was sent."""
    for count in (1, 2, 9, 10, 11, 20, 50, 100):
        sent = [{"type": "code_context", "payload": {"name": 5, "content": ["canary-body-77"]}}] * count
        response = check(env.post("/v3/code/completions", {"prompt_components": sent}), 422, INVALID)
        line = env.gw.wait_line(lambda item: item.get("correlation_id") == response.header("x-request-id")
                                and item.get("logger") == "api.access", 5)
        truth(line, f"an access line of JSON for {count} faults", [text[:90] for text in env.gw.raw[-1:]])
        found = line["validation_errors"]
        place = ["body", "prompt_components", 0, "code_context", "payload", "type"]
        equal(found[0], {"type": "missing", "loc": place}, "the first fault")
        truth(len(found) == 3 * count or len(found) > 30, f"{3 * count} faults", len(found))
        truth("canary-body-77" not in json.dumps(line), "not what was sent", line)


@case("D33-surrogates", "val")
def lone_surrogates_are_replaced(env):
    script = env.models.script(Reply())
    text = json.dumps(completion(script)).replace("def f(", "x = '\\ud83d' #")
    check(env.post(PATH, text), 200)
    equal(script.count, 1, "model calls")
    sent = script.seen[0].body.decode("utf-8")
    truth("\ufffd" in json.dumps(json.loads(sent), ensure_ascii=False), "U+FFFD in what the model gets", sent)


@case("D33-pairs", "val")
def surrogate_pairs_are_kept(env):
    script = env.models.script(Reply())
    text = json.dumps(completion(script)).replace("def f(", "x = '\\ud83d\\ude00' #")
    check(env.post(PATH, text), 200)
    truth("\U0001f600" in json.dumps(script.seen[0].json(), ensure_ascii=False), "the emoji in what the model gets",
          script.seen[0].body)


@case("D42-memory", "val-large")
def zeros_take_no_memory(env):
    """D42: bodies of 15 MiB of zeros, two at once, take the memory of their text, not of seven million values."""
    zeros = "[0" + ",0" * 7800000 + "]"
    for name, wanted in (("unknown", 200), ("context", 422), ("prompt_id", 422), ("model_metadata", 422)):
        text = text_of(env, lambda t: t[:-1] + f', "{name}": {zeros}' + "}")
        found = []
        threads = [threading.Thread(target=lambda: found.append(env.post(PATH, text).status)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(found, [wanted] * 2, f"statuses with zeros in {name}")
    with open(f"/proc/{env.gw.process.pid}/status", encoding="ascii") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    limit = 400 << 10 if env.ctx.is_sanitized else 160 << 10
    truth(peak < limit, f"a peak below {limit} KiB", f"{peak} KiB")
    env.ctx.note(f"two bodies of 15 MiB of zeros: a peak of {peak} KiB")
