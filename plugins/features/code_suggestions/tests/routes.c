/* The plugin as it is loaded, with the SDK's test host playing the core. Rows carry the ids of the conformance cases
 * that they cover. */
#include <aigw/testing.h>
#include <check.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define PATH     "/v2/code/completions"
#define FILE_PY \
    "\"current_file\":{\"file_name\":\"main.py\",\"content_above_cursor\":\"AB\",\"content_below_cursor\":\"CD\"}"
#define SELF_HOSTED \
    "\"model_provider\":\"litellm\",\"model_name\":\"codestral\",\"model_endpoint\":\"http://up/v1\"," \
    "\"model_api_key\":\"sk\",\"model_identifier\":\"custom_openai/cs\""
#define BODY(more) "{\"prompt_version\":1," FILE_PY "," SELF_HOSTED more "}"
#define MODEL      "{\"name\":\"codestral\",\"engine\":\"litellm\",\"families\":[\"codestral\",\"mistral\"]}"
#define RAW_TYPE   "text/event-stream; charset=utf-8"

static struct aigw_testhost *th;

static void setup(void)
{
    char error[512] = "";

    th = aigw_testhost_open(PLUGIN, "", error, sizeof error);
    ck_assert_msg(th != NULL, "%s", error);
    aigw_testhost_settings(th, "server.region=us-central1\n");
    ck_assert_int_eq(aigw_testhost_model(th, MODEL), AIGW_OK);
    ck_assert_int_eq(aigw_testhost_script(th, "text \"x\"\nusage 12 5\nfinish stop\n"), AIGW_OK);
}

static void teardown(void)
{
    aigw_testhost_close(th);
}

static const struct aigw_testhost_answer *post(const char *path, const char *body)
{
    aigw_testhost_send(th, "POST", path, "Content-Type: application/json\n", body);
    return aigw_testhost_answer(th);
}

static void expect_json(const struct aigw_testhost_answer *answer, const char *body)
{
    ck_assert_msg(answer->status == 200, "status %u: %s, %s", answer->status, answer->body, aigw_testhost_error(th));
    ck_assert_str_eq(answer->content_type, "application/json");
    ck_assert_uint_eq(answer->state, AIGW_ANSWER_COMPLETE);
    ck_assert_str_eq(answer->body, body);
}

#define ANSWER(lang, usage, choices, flags) \
    "{\"id\":\"id\",\"model\":{\"engine\":\"litellm\",\"name\":\"codestral\",\"lang\":\"" lang \
    "\",\"tokens_consumption_metadata\":" usage ",\"region\":\"us-central1\"},\"experiments\":[]," \
    "\"object\":\"text_completion\",\"created\":1700000000,\"choices\":[" choices \
    "],\"metadata\":{\"enabled_feature_flags\":[" flags "]}}"
#define USAGE(in, out, cut, sent, used) \
    "{\"input_tokens\":" in ",\"output_tokens\":" out ",\"max_output_tokens_used\":" cut \
    ",\"context_tokens_sent\":" sent ",\"context_tokens_used\":" used "}"
#define CHOICE(text) "{\"text\":" text ",\"index\":0,\"finish_reason\":\"length\"}"

START_TEST(completion_has_the_exact_shape) /* C-COMP-001, 002, 003, 012, 018 */
{
    static const char expected[] = ANSWER("python", USAGE("12", "5", "false", "0", "0"), CHOICE("\"x\""), "");

    expect_json(post(PATH, BODY("")), expected);
    expect_json(post("/v2/completions", BODY("")), expected);
    ck_assert_str_eq(aigw_testhost_asked(th),
                     "{\"kind\":\"chat\",\"messages\":[{\"role\":\"user\",\"content\":\"prefix=AB\\nsuffix=CD\\n"
                     "file_name=main.py\\nlanguage=python\\n\"}]}");
    ck_assert_str_eq(aigw_testhost_resolved(th),
                     "need provider=litellm name=codestral endpoint=http://up/v1 api_key=sk "
                     "identifier=custom_openai/cs model=\n"
                     "prompt code_suggestions/completions version= prefix suffix file_name language\n");
    ck_assert_ptr_nonnull(
        strstr(aigw_testhost_notes(th), "count code_suggestions_prompt_language_total{python,py,unknown} 1"));
}
END_TEST

START_TEST(text_is_utf8_and_joined)
{
    aigw_testhost_script(th, "text \"a\\\"\\n\"\nreasoning \"hm\"\ntext \"\xC3\xA9\xF0\x9F\x98\x80\"\nfinish stop\n");
    expect_json(post(PATH, BODY("")), ANSWER("python", USAGE("2", "3", "false", "0", "0"),
                                             CHOICE("\"a\\\"\\n\xC3\xA9\xF0\x9F\x98\x80\""), ""));
}
END_TEST

START_TEST(feature_flags_come_back) /* C-COMP-011 */
{
    aigw_testhost_flags(th, "flag_a flag_b");
    expect_json(post(PATH, BODY("")),
                ANSWER("python", USAGE("12", "5", "false", "0", "0"), CHOICE("\"x\""), "\"flag_a\",\"flag_b\""));
}
END_TEST

START_TEST(empty_text_is_no_choice) /* C-COMP-007 */
{
    aigw_testhost_script(th, "usage 12 0\nfinish stop\n");
    expect_json(post(PATH, BODY("")), ANSWER("python", "null", "", ""));
    aigw_testhost_script(th, "text \"\"\nfinish stop\n");
    expect_json(post(PATH, BODY("")), ANSWER("python", "null", "", ""));
}
END_TEST

#define FILE_NAMED(name, more) \
    "{\"prompt_version\":1,\"current_file\":{\"file_name\":\"" name \
    "\",\"content_above_cursor\":\"AB\",\"content_below_cursor\":\"CD\"" more "}," SELF_HOSTED "}"

START_TEST(file_of_unknown_kind_gets_no_suggestion_and_no_call) /* C-COMP-003 */
{
    expect_json(post(PATH, FILE_NAMED("README", "")), ANSWER("", "null", "", ""));
    ck_assert_ptr_null(aigw_testhost_asked(th));
    expect_json(post(PATH, FILE_NAMED("README", ",\"language_identifier\":\"\"")), ANSWER("", "null", "", ""));
    ck_assert_ptr_null(aigw_testhost_asked(th));
}
END_TEST

START_TEST(unknown_kind_streamed_is_json_too) /* D44 */
{
    expect_json(post(PATH, "{\"prompt_version\":1,\"stream\":true,\"current_file\":{\"file_name\":\"README\","
                           "\"content_above_cursor\":\"\",\"content_below_cursor\":\"\"}," SELF_HOSTED "}"),
                ANSWER("", "null", "", ""));
    ck_assert_ptr_null(aigw_testhost_asked(th));
}
END_TEST

static const struct {
    const char *body, *language; /* as the model is told */
    const char *counted;
} spoken[] = {
    { FILE_NAMED("x.tsx", ""), "language=typescript", "{ts,tsx,unknown}" },
    { FILE_NAMED("x.cs", ""), "language=c_sharp", "{csharp,cs,unknown}" },
    { FILE_NAMED("x.weird", ""), "language=weird", "{unknown,unknown,unknown}" },
    { FILE_NAMED("x.WeIrd", ""), "language=weird", "{unknown,unknown,unknown}" },
    { FILE_NAMED("Makefile", ",\"language_identifier\":\"Makefile\""), "language=makefile",
      "{unknown,unknown,unknown}" },
    { FILE_NAMED("x.py", ",\"language_identifier\":\"ruby\""), "language=ruby", "{python,py,ruby}" },
    { FILE_NAMED("README", ",\"language_identifier\":\"javascriptreact\""), "language=javascriptreact",
      "{js,unknown,javascriptreact}" },
};

START_TEST(language_is_told_and_counted)
{
    post(PATH, spoken[_i].body);
    ck_assert_ptr_nonnull(aigw_testhost_asked(th));
    ck_assert_msg(strstr(aigw_testhost_asked(th), spoken[_i].language) != NULL, "%s", aigw_testhost_asked(th));
    ck_assert_msg(strstr(aigw_testhost_notes(th), spoken[_i].counted) != NULL, "%s", aigw_testhost_notes(th));
}
END_TEST

/* ---- streams ---- */

START_TEST(stream_is_raw_text) /* C-COMP-008 */
{
    const struct aigw_testhost_answer *answer;

    aigw_testhost_script(th, "text \"a\"\ntext \"b\"\nusage 1 2\nfinish stop\n");
    answer = post(PATH, BODY(",\"stream\":true"));
    ck_assert_uint_eq(answer->status, 200);
    ck_assert_str_eq(answer->content_type, RAW_TYPE);
    ck_assert_str_eq(answer->body, "ab");
    ck_assert_uint_eq(answer->write_count, 2);
    ck_assert_uint_eq(answer->state, AIGW_ANSWER_COMPLETE);
    ck_assert_ptr_nonnull(strstr(aigw_testhost_asked(th), "\"stream\":true"));
}
END_TEST

START_TEST(empty_stream_is_complete)
{
    const struct aigw_testhost_answer *answer;

    aigw_testhost_script(th, "finish stop\n");
    answer = post(PATH, BODY(",\"stream\":true"));
    ck_assert_uint_eq(answer->state, AIGW_ANSWER_COMPLETE);
    ck_assert_str_eq(answer->body, "");
    ck_assert_str_eq(answer->content_type, RAW_TYPE);
}
END_TEST

static const char *const cuts[] = { "text \"a\"\nerror server 500 \"boom\"\n", "text \"a\"\n",
                                    "text \"a\"\nerror cut \"x\"\n" };

START_TEST(cut_stream_is_aborted)
{
    const struct aigw_testhost_answer *answer;

    aigw_testhost_script(th, cuts[_i]);
    answer = post(PATH, BODY(",\"stream\":true"));
    ck_assert_uint_eq(answer->state, AIGW_ANSWER_ABORTED);
    ck_assert_str_eq(answer->body, "a");
}
END_TEST

START_TEST(stream_switched_off_comes_in_one_piece)
{
    const struct aigw_testhost_answer *answer;

    aigw_testhost_model(th, "{\"name\":\"codestral\",\"engine\":\"litellm\",\"stream_off\":true}");
    aigw_testhost_script(th, "text \"a\"\ntext \"b\"\nfinish stop\n");
    answer = post(PATH, BODY(",\"stream\":true"));
    ck_assert_uint_eq(answer->status, 200);
    ck_assert_str_eq(answer->content_type, RAW_TYPE);
    ck_assert_str_eq(answer->body, "ab");
    ck_assert_uint_le(answer->write_count, 1);
    ck_assert_ptr_null(strstr(aigw_testhost_asked(th), "\"stream\""));
}
END_TEST

START_TEST(client_that_leaves_ends_it_quietly)
{
    const struct aigw_testhost_answer *answer;

    aigw_testhost_script(th, "text \"a\"\ntext \"b\"\ntext \"c\"\nfinish stop\n");
    aigw_testhost_leave_after(th, 1);
    answer = post(PATH, BODY(",\"stream\":true"));
    ck_assert_str_eq(answer->body, "a");
    ck_assert_str_eq(aigw_testhost_error(th), "");
}
END_TEST

/* ---- errors ---- */

static const struct {
    const char *id, *script;
    uint32_t status;
    const char *body;
} failures[] = {
    { "429", "error rate_limited 429 retry=2000 \"slow down\"\n", 429,
      "{\"detail\":\"Model codestral answered 429: slow down\"}" },
    { "C-COMP-013", "error server 500 \"codestral: 500\"\n", 503,
      "{\"detail\":\"Model codestral answered 500: codestral: 500\"}" },
    { "late", "text \"a\"\nerror server 500 \"codestral: 500\"\n", 503,
      "{\"detail\":\"Model codestral answered 500: codestral: 500\"}" },
    { "cut", "text \"a\"\n", 503, "{\"detail\":\"Model codestral: the model's answer ended before its end marker\"}" },
};

START_TEST(model_failure_is_answered)
{
    const struct aigw_testhost_answer *answer;

    aigw_testhost_script(th, failures[_i].script);
    answer = post(PATH, BODY(""));
    ck_assert_uint_eq(answer->status, failures[_i].status);
    ck_assert_str_eq(answer->body, failures[_i].body);
}
END_TEST

START_TEST(model_that_cannot_be_found_is_answered) /* C-COMP-014 */
{
    const struct aigw_testhost_answer *answer;

    aigw_testhost_model(th, "{\"error\":\"endpoint\",\"message\":\"api_base is not allowed\"}");
    answer = post(PATH, BODY(""));
    ck_assert_uint_eq(answer->status, 422);
    ck_assert_str_eq(answer->body, "{\"detail\":\"api_base is not allowed\"}");
    ck_assert_ptr_null(aigw_testhost_asked(th));
}
END_TEST

START_TEST(caller_without_the_right_is_refused)
{
    const struct aigw_testhost_answer *answer;

    aigw_testhost_scopes(th, "generate_code duo_chat");
    answer = post(PATH, BODY(""));
    ck_assert_uint_eq(answer->status, 403);
    ck_assert_str_eq(answer->body, "{\"detail\":\"Unauthorized to access code completions\"}");
    ck_assert_ptr_null(aigw_testhost_asked(th));
    aigw_testhost_scopes(th, "complete_code");
    ck_assert_uint_eq(post(PATH, BODY(""))->status, 200);
}
END_TEST

static const struct {
    const char *id, *headers, *body, *note; /* note: must be among what the verbose list would say */
} invalid[] = {
    { "C-VAL-001", "Content-Type: application/json\n", "{}", "union_tag_not_found" },
    { "C-VAL-005", "Content-Type: application/json\n", "{bad", "json_invalid" },
    { "C-VAL-006", "Content-Type: application/json\n", "", "\"missing\"" },
    { "C-VAL-010", "Content-Type: text/plain\n", BODY(""), "model_attributes_type" },
    { "C-VAL-012", "Content-Type: application/json\n", BODY(",\"x\":\"\xFF\""), "json_invalid" },
    { "C-COMP-006", "Content-Type: application/json\n", "{\"prompt_version\":3,\"prompt\":\"x\"," FILE_PY "}",
      "list_type" },
};

START_TEST(invalid_body_is_422)
{
    const struct aigw_testhost_answer *answer;

    ck_assert_int_eq(aigw_testhost_send(th, "POST", PATH, invalid[_i].headers, invalid[_i].body), AIGW_E_INVALID);
    answer = aigw_testhost_answer(th);
    ck_assert_uint_eq(answer->status, 422);
    ck_assert_str_eq(answer->body, "{\"detail\":\"Validation error\"}");
    ck_assert_msg(strstr(aigw_testhost_notes(th), invalid[_i].note) != NULL, "%s: %s", invalid[_i].id,
                  aigw_testhost_notes(th));
}
END_TEST

static const char *const json_types[] = { "Content-Type: application/json; charset=utf-8\n", "",
                                          "content-type: APPLICATION/JSON\n", "Content-Type: application/x+json\n" };

START_TEST(json_content_types_are_accepted) /* C-VAL-009 */
{
    aigw_testhost_send(th, "POST", PATH, json_types[_i], BODY(""));
    ck_assert_uint_eq(aigw_testhost_answer(th)->status, 200);
}
END_TEST

START_TEST(malformed_model_is_named_to_everyone)
{
    const struct aigw_testhost_answer *answer =
        post(PATH, "{\"prompt_version\":1," FILE_PY ",\"model_metadata\":{\"provider\":\"openai\",\"name\":\"gpt\"}}");

    ck_assert_uint_eq(answer->status, 422);
    ck_assert_str_eq(answer->body,
                     "{\"detail\":\"model_metadata.endpoint: neither endpoint nor identifier is given; set "
                     "at least one\"}");
    answer = post(PATH, "{\"prompt_version\":1," FILE_PY ",\"model_metadata\":[]}");
    ck_assert_str_eq(answer->body, "{\"detail\":\"model_metadata: expected a JSON object\"}");
    answer = post(PATH, "{\"prompt_version\":1," FILE_PY ",\"model_metadata\":{\"provider\":\"openai\",\"api_key\":7,"
                        "\"endpoint\":\"http://h\"}}");
    ck_assert_str_eq(answer->body,
                     "{\"detail\":\"model_metadata.api_key: expected a string of at most 2000 characters\"}");
}
END_TEST

/* ---- models ---- */

static const struct {
    const char *id, *model, *resolved; /* beginning of what the core is asked for */
} needs[] = {
    { "metadata",
      "\"model_metadata\":{\"provider\":\"openai\",\"name\":\"brand_new\",\"endpoint\":\"https://m/"
      "v1\",\"api_key\":null,"
      "\"identifier\":\"custom_openai/m\"}",
      "need provider=openai name=brand_new endpoint=https://m/v1 api_key= identifier=custom_openai/m model=\n" },
    { "bedrock",
      "\"model_provider\":\"litellm\",\"model_name\":\"claude_3\",\"model_endpoint\":null,\"model_identifier\":"
      "\"bedrock/x\"",
      "need provider=litellm name=claude_3 endpoint= api_key= identifier=bedrock/x model=\n" },
    { "none", "\"model_metadata\":null", "need provider= name= endpoint= api_key= identifier= model=\n" },
    { "gitlab-default", "\"model_provider\":\"gitlab\",\"model_name\":\"\"",
      "need provider= name= endpoint= api_key= identifier= model=\n" },
    { "gitlab-named", "\"model_provider\":\"gitlab\",\"model_name\":\"codestral_2508_vertex\"",
      "need provider= name= endpoint= api_key= identifier= model=codestral_2508_vertex\n" },
    { "cloud-fireworks", "\"model_provider\":\"fireworks_ai\",\"model_name\":\"codestral-2501\"",
      "need provider= name= endpoint= api_key= identifier= model=codestral_2501_fireworks\n" },
    { "cloud-vertex", "\"model_provider\":\"vertex-ai\",\"model_name\":\"codestral-2501\"",
      "need provider= name= endpoint= api_key= identifier= model=codestral_2508_vertex\n" },
    { "metadata-gitlab", "\"model_metadata\":{\"provider\":\"gitlab\",\"identifier\":\"\",\"feature_setting\":\"x\"}",
      "need provider= name= endpoint= api_key= identifier= model=\n" },
};

START_TEST(model_is_asked_for)
{
    char body[2048];

    snprintf(body, sizeof body, "{\"prompt_version\":1,%s,%s}", FILE_PY, needs[_i].model);
    ck_assert_uint_eq(post(PATH, body)->status, 200);
    ck_assert_msg(strncmp(aigw_testhost_resolved(th), needs[_i].resolved, strlen(needs[_i].resolved)) == 0, "%s: %s",
                  needs[_i].id, aigw_testhost_resolved(th));
}
END_TEST

START_TEST(managed_name_that_nobody_configured_falls_back_to_the_default)
{
    aigw_testhost_model(th, "{\"error\":\"no_model\",\"message\":\"no model for code_suggestions\"}");
    ck_assert_uint_eq(post(PATH, "{\"prompt_version\":1," FILE_PY
                                 ",\"model_provider\":\"vertex-ai\",\"model_name\":\"codestral-2508\"}")
                          ->status,
                      422);
    ck_assert_str_eq(aigw_testhost_resolved(th),
                     "need provider= name= endpoint= api_key= identifier= model=codestral_2508_vertex\n"
                     "need provider= name= endpoint= api_key= identifier= model=\n");
}
END_TEST

START_TEST(amazon_q_is_told_plainly)
{
    const struct aigw_testhost_answer *answer =
        post(PATH, "{\"prompt_version\":2," FILE_PY ",\"model_provider\":\"amazon_q\",\"model_name\":\"amazon_q\"}");

    ck_assert_uint_eq(answer->status, 422);
    ck_assert_ptr_nonnull(strstr(answer->body, "amazon_q is not served"));
    ck_assert_str_eq(aigw_testhost_resolved(th), "");
}
END_TEST

START_TEST(raw_completion_sends_prompt_and_suffix)
{
    aigw_testhost_model(th, "{\"name\":\"codestral\",\"engine\":\"litellm\",\"raw_completion\":true}");
    ck_assert_uint_eq(post(PATH, BODY(""))->status, 200);
    ck_assert_ptr_nonnull(strstr(aigw_testhost_asked(th), "\"prompt\":\"AB\""));
    ck_assert_ptr_nonnull(strstr(aigw_testhost_asked(th), "\"suffix\":\"CD\""));
    ck_assert_ptr_null(strstr(aigw_testhost_asked(th), "\"messages\""));
}
END_TEST

START_TEST(prepared_messages_of_version_3_are_used_for_anthropic_only)
{
    static const char messages[] = "\"prompt\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":"
                                   "\"U\"},{\"role\":\"assistant\",\"content\":\"<new>\"}]";
    char body[2048];

    snprintf(body, sizeof body, "{\"prompt_version\":3,%s,%s,\"model_provider\":\"anthropic\"}", FILE_PY, messages);
    ck_assert_uint_eq(post(PATH, body)->status, 200);
    ck_assert_ptr_nonnull(strstr(aigw_testhost_asked(th), "{\"role\":\"assistant\",\"content\":\"<new>\"}"));
    ck_assert_ptr_null(strstr(aigw_testhost_asked(th), "prefix=AB"));
    snprintf(body, sizeof body, "{\"prompt_version\":3,%s,%s,%s}", FILE_PY, messages, SELF_HOSTED);
    ck_assert_uint_eq(post(PATH, body)->status, 200);
    ck_assert_ptr_nonnull(strstr(aigw_testhost_asked(th), "prefix=AB"));
}
END_TEST

/* ---- windows and context ---- */

#define CONTEXT \
    ",\"context\":[{\"type\":\"file\",\"name\":\"a\",\"content\":\"one\"},{\"type\":\"snippet\",\"name\":\"b\"," \
    "\"content\":\"two\"}]"

START_TEST(context_stands_in_front_of_the_prefix)
{
    expect_json(post(PATH, BODY(CONTEXT)), ANSWER("python", USAGE("12", "5", "false", "3", "3"), CHOICE("\"x\""), ""));
    ck_assert_ptr_nonnull(strstr(aigw_testhost_asked(th), "prefix=one\\ntwo\\nAB\\nsuffix=CD"));
}
END_TEST

START_TEST(context_is_cut_to_the_window)
{
    aigw_testhost_model(th, "{\"name\":\"codestral\",\"engine\":\"litellm\",\"max_context_tokens\":3}");
    expect_json(post(PATH, BODY(CONTEXT)), ANSWER("python", USAGE("12", "5", "false", "3", "2"), CHOICE("\"x\""), ""));
    ck_assert_ptr_nonnull(strstr(aigw_testhost_asked(th), "prefix=one\\ntw\\nAB\\nsuffix="));
}
END_TEST

START_TEST(long_code_is_cut_around_the_cursor)
{
    char *body = malloc(20000), *at = body;

    aigw_testhost_model(th, "{\"name\":\"codestral\",\"engine\":\"litellm\",\"max_context_tokens\":100}");
    at += sprintf(at, "{\"prompt_version\":1,%s,\"current_file\":{\"file_name\":\"a.py\",\"content_above_cursor\":\"",
                  SELF_HOSTED);
    for (int i = 0; i < 1000; i++)
        at += sprintf(at, "%04d", i);
    at += sprintf(at, "\",\"content_below_cursor\":\"");
    for (int i = 0; i < 1000; i++)
        at += sprintf(at, "%04d", i);
    sprintf(at, "\"}}");
    ck_assert_uint_eq(post(PATH, body)->status, 200);
    /* 94 tokens remain of 100: 88 of them, 281 bytes, for the prefix; 6, 19 bytes, for the suffix. */
    ck_assert_ptr_nonnull(strstr(aigw_testhost_asked(th), "prefix=909300931"));
    ck_assert_ptr_nonnull(strstr(aigw_testhost_asked(th), "09980999\\nsuffix=0000000100020003000\\nfile_name"));
    free(body);
}
END_TEST

/* ---- \_ ---- */

static const struct {
    const char *script, *text;
} escapes[] = {
    { "text \"a\\\\_b\\\\_c\"\nfinish stop\n", "a_b_c" },
    { "text \"a\\\\\"\ntext \"_b\"\nfinish stop\n", "a_b" },
    { "text \"a\\\\\"\ntext \"b\"\nfinish stop\n", "a\\b" },
    { "text \"a\\\\\"\nfinish stop\n", "a\\" },
    { "text \"\\\\\"\ntext \"\\\\\"\ntext \"_\"\nfinish stop\n", "\\_" },
    { "text \"\\\\\\\\_\"\nfinish stop\n", "\\_" },
    { "text \"_\\\\n\"\nfinish stop\n", "_\\n" },
};

START_TEST(escaped_underscores_are_undone)
{
    const struct aigw_testhost_answer *answer;

    aigw_testhost_model(th, "{\"name\":\"mixtral\",\"engine\":\"litellm\",\"unescape\":true}");
    aigw_testhost_script(th, escapes[_i].script);
    answer = post(PATH, BODY(",\"stream\":true"));
    ck_assert_str_eq(answer->body, escapes[_i].text);
    ck_assert_uint_eq(answer->state, AIGW_ANSWER_COMPLETE);
}
END_TEST

START_TEST(answer_beyond_the_maximum_is_an_error)
{
    char script[4096], error[256];

    teardown();
    th = aigw_testhost_open(PLUGIN, "answer_max = 1024;", error, sizeof error);
    ck_assert_ptr_nonnull(th);
    memset(script, 'x', sizeof script);
    memcpy(script, "text \"", 6);
    memcpy(script + 2000, "\"\ntext \"more\"\nfinish stop\n", 27);
    ck_assert_int_eq(aigw_testhost_script(th, script), AIGW_OK);
    ck_assert_uint_eq(post(PATH, BODY(""))->status, 503);
    ck_assert_str_eq(aigw_testhost_answer(th)->body,
                     "{\"detail\":\"test-model: the answer is larger than answer_max (1024 bytes)\"}");
    ck_assert_ptr_null(strstr(aigw_testhost_notes(th), "event() answered")); /* the core would break the connection */
    memcpy(script + 1030, "\"\nfinish stop\n", 15);                          /* exactly 1024 fit */
    ck_assert_int_eq(aigw_testhost_script(th, script), AIGW_OK);
    ck_assert_uint_eq(post(PATH, BODY(""))->status, 200);
}
END_TEST

START_TEST(missing_prompt_is_told_in_json)
{
    aigw_testhost_prompt(th, "something/else", "user: x");
    ck_assert_uint_eq(post(PATH, BODY(""))->status, 503);
    ck_assert_ptr_nonnull(strstr(aigw_testhost_answer(th)->body, "'code_suggestions/completions'"));
    ck_assert_ptr_null(aigw_testhost_asked(th));
}
END_TEST

START_TEST(plugin_conforms)
{
    ck_assert_int_eq(aigw_testhost_conformance(PLUGIN, NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("code suggestions");
    TCase *tc = tcase_create("routes");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, completion_has_the_exact_shape);
    tcase_add_test(tc, text_is_utf8_and_joined);
    tcase_add_test(tc, feature_flags_come_back);
    tcase_add_test(tc, empty_text_is_no_choice);
    tcase_add_test(tc, file_of_unknown_kind_gets_no_suggestion_and_no_call);
    tcase_add_test(tc, unknown_kind_streamed_is_json_too);
    tcase_add_loop_test(tc, language_is_told_and_counted, 0, (int)COUNT(spoken));
    tcase_add_test(tc, stream_is_raw_text);
    tcase_add_test(tc, empty_stream_is_complete);
    tcase_add_loop_test(tc, cut_stream_is_aborted, 0, (int)COUNT(cuts));
    tcase_add_test(tc, stream_switched_off_comes_in_one_piece);
    tcase_add_test(tc, client_that_leaves_ends_it_quietly);
    tcase_add_loop_test(tc, model_failure_is_answered, 0, (int)COUNT(failures));
    tcase_add_test(tc, model_that_cannot_be_found_is_answered);
    tcase_add_test(tc, caller_without_the_right_is_refused);
    tcase_add_loop_test(tc, invalid_body_is_422, 0, (int)COUNT(invalid));
    tcase_add_loop_test(tc, json_content_types_are_accepted, 0, (int)COUNT(json_types));
    tcase_add_test(tc, malformed_model_is_named_to_everyone);
    tcase_add_loop_test(tc, model_is_asked_for, 0, (int)COUNT(needs));
    tcase_add_test(tc, managed_name_that_nobody_configured_falls_back_to_the_default);
    tcase_add_test(tc, amazon_q_is_told_plainly);
    tcase_add_test(tc, raw_completion_sends_prompt_and_suffix);
    tcase_add_test(tc, prepared_messages_of_version_3_are_used_for_anthropic_only);
    tcase_add_test(tc, context_stands_in_front_of_the_prefix);
    tcase_add_test(tc, context_is_cut_to_the_window);
    tcase_add_test(tc, long_code_is_cut_around_the_cursor);
    tcase_add_loop_test(tc, escaped_underscores_are_undone, 0, (int)COUNT(escapes));
    tcase_add_test(tc, answer_beyond_the_maximum_is_an_error);
    tcase_add_test(tc, missing_prompt_is_told_in_json);
    tcase_add_test(tc, plugin_conforms);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
