/* Bodies of v3 and v4, of v2 generations, and versions of language servers. */
#include "parts.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../components.h"

#define COUNT(a)       (sizeof(a) / sizeof *(a))
#define FILES          "\"file_name\":\" a.py \",\"content_above_cursor\":\"A\",\"content_below_cursor\":\"B\""
#define COMPLETE       "{\"type\":\"code_editor_completion\",\"payload\":{" FILES "}}"
#define GENERATE(more) "{\"type\":\"code_editor_generation\",\"payload\":{" FILES more "}}"
#define CONTEXT(content) \
    "{\"type\":\"code_context\",\"payload\":{\"type\":\"file\",\"name\":\"n\",\"content\":\"" content "\"}}"
#define BODY(items) "{\"prompt_components\":[" items "]}"
#define AT_FIRST    "\"loc\":[\"body\",\"prompt_components\",0"

static struct aigw_pool pool;
static struct aigw_memory memory;
static struct aigw_body reading;
static struct cs_components components;
static struct cs_request request;

static void setup(void)
{
    memory = aigw_pool_memory(&pool, (size_t)1 << 20);
    reading = (struct aigw_body){ .memory = &memory, .options = AIGW_JSON_NAN };
}

static void teardown(void)
{
    aigw_pool_free(&pool);
}

/* From a copy of exact size: reading beyond the end is found. */
static bool read_body(const struct aigw_body_table *table, const char *text, void *ret)
{
    size_t len = strlen(text);
    char *copy = memory.get(memory.user, len + 1);

    memcpy(copy, text, len);
    return aigw_body_read(&reading, table, (aigw_str){ copy, len }, ret) == AIGW_OK;
}

static const struct {
    const char *id, *body, *errors; /* NULL: good */
} bodies[] = {
    { "complete", BODY(COMPLETE), NULL },
    { "generate", BODY(GENERATE("")), NULL },
    { "C-V3-003", BODY(""),
      "[{\"type\":\"too_short\",\"loc\":[\"body\",\"prompt_components\"],\"msg\":\"List should have at least 1 item "
      "after validation, not 0\"}]" },
    { "absent", "{}", "[{\"type\":\"missing\",\"loc\":[\"body\",\"prompt_components\"],\"msg\":\"Field required\"}]" },
    { "C-V3-004", BODY("{\"type\":\"x\",\"payload\":{}}"),
      "[{\"type\":\"union_tag_invalid\"," AT_FIRST "],\"msg\":\"Input tag 'x' found using 'type' does not match any of "
      "the expected tags: 'code_editor_completion', 'code_editor_generation', 'code_context'\"}]" },
    { "C-V3-005", BODY("{\"type\":\"code_editor_completion\",\"payload\":{" FILES ",\"model_provider\":\"litellm\"}}"),
      "[{\"type\":\"enum\"," AT_FIRST ",\"code_editor_completion\",\"payload\",\"model_provider\"],\"msg\":\"Input "
      "should be 'vertex-ai', 'anthropic' or 'amazon_q'\"}]" },
    { "C-V3-009", BODY("{\"type\":\"code_editor_completion\",\"payload\":{" FILES "},\"metadata\":{\"source\":\"s\"}}"),
      "[{\"type\":\"missing\"," AT_FIRST ",\"code_editor_completion\",\"metadata\",\"version\"],\"msg\":\"Field "
      "required\"}]" },
    { "context-first", BODY(CONTEXT("c") "," COMPLETE),
      "[{\"type\":\"value_error\",\"loc\":[\"body\",\"prompt_components\"],\"msg\":\"Value error, the first component "
      "should be code_editor_completion or code_editor_generation, not code_context\"}]" },
    { "context-fields", BODY(COMPLETE ",{\"type\":\"code_context\",\"payload\":{\"type\":1,\"name\":\"n\"}}"),
      "[{\"type\":\"string_type\",\"loc\":[\"body\",\"prompt_components\",1,\"code_context\",\"payload\",\"type\"],"
      "\"msg\":\"Input should be a valid string\"},{\"type\":\"missing\",\"loc\":[\"body\",\"prompt_components\",1,"
      "\"code_context\",\"payload\",\"content\"],\"msg\":\"Field required\"}]" },
    { "enhancer", BODY(GENERATE(",\"prompt_enhancer\":\"x\"")),
      "[{\"type\":\"dict_type\"," AT_FIRST ",\"code_editor_generation\",\"payload\",\"prompt_enhancer\"],\"msg\":"
      "\"Input should be a valid dictionary\"}]" },
    { "payload", BODY("{\"type\":\"code_editor_generation\",\"payload\":[]}"),
      "[{\"type\":\"model_attributes_type\"," AT_FIRST
      ",\"code_editor_generation\",\"payload\"],\"msg\":\"Input should "
      "be a valid dictionary or object to extract fields from\"}]" },
    { "unknown-members", "{\"x\":1,\"prompt_components\":[" COMPLETE "],\"model_metadata\":null}", NULL },
    { "type-behind", BODY("{\"payload\":{" FILES "},\"type\":\"code_editor_completion\"}"), NULL },
};

START_TEST(body_is_judged)
{
    bool is_good = read_body(&cs_components_table, bodies[_i].body, &components);
    aigw_str errors;

    ck_assert_int_eq(aigw_body_list_faults(&reading, &errors), AIGW_OK);
    ck_assert_msg(is_good == !bodies[_i].errors, "%s: %s", bodies[_i].id, errors.ptr);
    if (bodies[_i].errors)
        ck_assert_str_eq(errors.ptr, bodies[_i].errors);
}
END_TEST

START_TEST(first_component_is_the_request)
{
    const struct cs_context *context;

    ck_assert(read_body(
        &cs_components_table,
        BODY(GENERATE(
            ",\"language_identifier\":\"Python\",\"stream\":\"on\",\"prompt\":\"do\","
            "\"prompt_id\":\"p/q\",\"prompt_version\":\"^1.0.0\",\"prompt_enhancer\":{\"a\":"
            "NaN},\"model_provider\":\"anthropic\",\"model_name\":\"m\"") "," CONTEXT("one") "," COMPLETE
                                                                                             "," CONTEXT("two")),
        &components));
    ck_assert_int_eq(cs_components_read(&components, AIGW_STR("7.17.1"), &memory, &request), AIGW_OK);
    ck_assert_int_eq(request.kind, CS_GENERATION);
    ck_assert(request.stream);
    ck_assert(cs_str_is(request.file_name, "a.py"));
    ck_assert(cs_str_is(request.above, "A") && cs_str_is(request.below, "B"));
    ck_assert(cs_str_is(request.language_identifier, "Python"));
    ck_assert(cs_str_is(request.instruction, "do"));
    ck_assert(cs_str_is(request.prompt_id, "p/q") && cs_str_is(request.prompt_version, "^1.0.0"));
    ck_assert(cs_str_is(request.enhancer, "{\"a\":null}")); /* fit for the prompt's reader */
    ck_assert(cs_str_is(request.model.provider, "anthropic") && cs_str_is(request.model.name, "m"));
    ck_assert(!request.model.is_adhoc);
    ck_assert_uint_eq(request.context.count, 2);
    context = request.context.items;
    ck_assert(cs_str_is(context[0].content, "one") && cs_str_is(context[1].content, "two"));
    ck_assert_int_eq(cs_components_read(&components, AIGW_STR("7.17.0"), &memory, &request), AIGW_OK);
    ck_assert_uint_eq(request.context.count, 0);
}
END_TEST

START_TEST(metadata_wins)
{
    ck_assert(read_body(&cs_components_table,
                        "{\"model_metadata\":{\"provider\":\"openai\",\"name\":\"gpt\",\"endpoint\":\"http://h\"},"
                        "\"prompt_components\":[{\"type\":\"code_editor_completion\",\"payload\":{" FILES
                        ",\"model_provider\":\"vertex-ai\",\"prompt\":[{\"role\":\"user\",\"content\":\"c\"}]}}]}",
                        &components));
    ck_assert_int_eq(cs_components_read(&components, AIGW_STR_NONE, &memory, &request), AIGW_OK);
    ck_assert_int_eq(request.kind, CS_COMPLETION);
    ck_assert(!request.stream);
    ck_assert(cs_str_is(request.model.provider, "openai") && cs_str_is(request.model.endpoint, "http://h"));
    ck_assert(request.model.is_adhoc);
    ck_assert_uint_eq(request.messages.count, 1);
}
END_TEST

static const struct {
    const char *version;
    bool has_context;
} versions[] = {
    { "", false },        { "x", false },        { "7", false },      { "8", true },       { "7.17", false },
    { "7.18", true },     { "7.17.0", false },   { "7.17.1", true },  { "7.17.2", true },  { "7.17.1-rc.1", false },
    { "7.17.1+b", true }, { "7.17.2-rc", true }, { "8.0.0-a", true }, { "7.16.9", false }, { "6.99.99", false },
    { "10.0.0", true },   { "7.17.1.0", false }, { "7.17.", false },  { ".7.17", false },  { "v8.0.0", false },
    { "7..17", false },   { "-8.0.0", false },   { " 8.0.0", false }, { "8.0.0 ", false }, { "99999999999.0.0", false },
};

START_TEST(versions_are_compared)
{
    aigw_str version = { versions[_i].version, strlen(versions[_i].version) };

    ck_assert_msg(cs_version_has_context(version) == versions[_i].has_context, "%s", versions[_i].version);
    ck_assert(!cs_version_has_context(AIGW_STR_NONE));
}
END_TEST

/* ---- v2 generations ---- */

#define CF "\"current_file\":{\"file_name\":\"a.py\",\"content_above_cursor\":\"a\",\"content_below_cursor\":\"b\"}"
#define NAMED(provider, name) \
    "{\"prompt_version\":1," CF ",\"model_provider\":\"" provider "\",\"model_name\":\"" name "\"}"

static const struct {
    const char *id, *body, *type; /* NULL: good */
} generations[] = {
    { "v1", "{\"prompt_version\":1," CF ",\"prompt\":7}", NULL },
    { "C-GEN-002", "{\"prompt_version\":2," CF "}", "missing" },
    { "v2-null", "{\"prompt_version\":2," CF ",\"prompt\":null}", "string_type" },
    { "v2", "{\"prompt_version\":2," CF ",\"prompt\":\"\"}", NULL },
    { "v3-missing", "{\"prompt_version\":3," CF "}", "missing" },
    { "v3-null", "{\"prompt_version\":3," CF ",\"prompt\":null}", "list_type" },
    { "C-GEN-003", "{\"prompt_version\":3," CF ",\"prompt\":[{\"role\":\"user\",\"content\":\"x\"}]}", NULL },
    { "v4", "{\"prompt_version\":4," CF "}", "union_tag_invalid" },
    { "mistral", NAMED("litellm", "mistral"), NULL },
    { "claude_3.5", NAMED("litellm", "claude_3.5"), NULL },
    { "C-GEN-004", NAMED("litellm", "qwen2p5-coder-7b"), "value_error" },
    { "codestral-2508", NAMED("fireworks_ai", "codestral-2508"), "value_error" },
    { "anthropic", NAMED("anthropic", "claude-sonnet-4-5-20250929"), "value_error" },
    { "gitlab", NAMED("gitlab", ""), "value_error" },
    { "vertex", NAMED("vertex-ai", "gemini-2.5-flash"), NULL },
    { "amazon_q", NAMED("amazon_q", "amazon_q"), NULL },
    { "unknown", NAMED("litellm", "x"), "value_error" },
    { "D10",
      "{\"prompt_version\":1," CF ",\"model_provider\":\"litellm\",\"model_name\":\"x\",\"model_endpoint\":"
      "\"http://h\"}",
      NULL },
    { "gap-filler",
      "{\"prompt_version\":1," CF ",\"model_provider\":\"litellm\",\"model_name\":\"qwen2p5-coder-7b\","
      "\"model_endpoint\":\"http://h\"}",
      "value_error" },
};

START_TEST(generation_is_judged)
{
    bool is_good = read_body(&cs_generation_table, generations[_i].body, &request);

    ck_assert_msg(is_good == !generations[_i].type, "%s: %s", generations[_i].id,
                  is_good ? "good" : reading.faults->type);
    if (is_good)
        ck_assert_int_eq(request.kind, CS_GENERATION);
    else
        ck_assert_str_eq(reading.faults->type, generations[_i].type);
}
END_TEST

TCase *components_case(void)
{
    TCase *tc = tcase_create("components");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, body_is_judged, 0, (int)COUNT(bodies));
    tcase_add_test(tc, first_component_is_the_request);
    tcase_add_test(tc, metadata_wins);
    tcase_add_loop_test(tc, versions_are_compared, 0, (int)COUNT(versions));
    tcase_add_loop_test(tc, generation_is_judged, 0, (int)COUNT(generations));
    return tc;
}
