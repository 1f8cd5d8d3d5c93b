/* Request bodies: one row per rule, with the error list as the contract words it. */
#include "parts.h"

#include <check.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "../../common/model_fault.h"
#include "../request.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static aigw_str str(const char *text)
{
    return (aigw_str){ text, text ? strlen(text) : 0 };
}

/* ---- bodies ---- */

#define CF  "\"current_file\":{\"file_name\":\"main.py\",\"content_above_cursor\":\"a\",\"content_below_cursor\":\"b\"}"
#define CF2 "\"prompt_version\":2," CF

static struct aigw_pool pool;
static struct aigw_memory memory;
static struct aigw_body reading;
static struct cs_request request;

static void setup(void)
{
    memory = aigw_pool_memory(&pool, (size_t)1 << 20);
    reading = (struct aigw_body){ .memory = &memory, .options = AIGW_JSON_NAN };
    memset(&request, 0, sizeof request);
}

static void teardown(void)
{
    aigw_pool_free(&pool);
}

/* From a copy of exact size: reading beyond the end is found. */
static bool read_body(aigw_str body)
{
    char *copy = memory.get(memory.user, body.len + 1);

    memcpy(copy, body.ptr, body.len);
    return aigw_body_read(&reading, &cs_completion_table, (aigw_str){ copy, body.len }, &request) == AIGW_OK;
}

static aigw_str errors_of_reading(void)
{
    aigw_str errors;

    ck_assert_int_eq(aigw_body_list_faults(&reading, &errors), AIGW_OK);
    return errors;
}

static const char *plain_of_reading(void)
{
    static char plain[MODEL_FAULT_SIZE];

    return model_fault(&reading, plain) ? plain : "";
}

static const struct {
    const char *id, *body;
    const char *errors; /* the whole list; NULL when the body is good */
} bodies[] = {
    /* the discriminator */
    { "C-VAL-001", "{}",
      "[{\"type\":\"union_tag_not_found\",\"loc\":[\"body\"],\"msg\":\"Unable to extract tag using discriminator "
      "'prompt_version'\"}]" },
    { "C-VAL-002", "{" CF "}",
      "[{\"type\":\"union_tag_not_found\",\"loc\":[\"body\"],\"msg\":\"Unable to extract tag using discriminator "
      "'prompt_version'\"}]" },
    { "C-VAL-003", "{\"prompt_version\":4," CF "}",
      "[{\"type\":\"union_tag_invalid\",\"loc\":[\"body\"],\"msg\":\"Input tag '4' found using 'prompt_version' does "
      "not "
      "match any of the expected tags: 1, 2, 3\"}]" },
    { "version-text", "{\"prompt_version\":\"2\"," CF "}",
      "[{\"type\":\"union_tag_invalid\",\"loc\":[\"body\"],\"msg\":\"Input tag '2' found using 'prompt_version' does "
      "not "
      "match any of the expected tags: 1, 2, 3\"}]" },
    { "version-null", "{\"prompt_version\":null," CF "}",
      "[{\"type\":\"union_tag_invalid\",\"loc\":[\"body\"],\"msg\":\"Input tag 'None' found using 'prompt_version' "
      "does "
      "not match any of the expected tags: 1, 2, 3\"}]" },
    { "version-float", "{\"prompt_version\":1.0," CF "}", NULL },
    { "version-float-3", "{\"prompt_version\":3.0," CF "}", NULL },
    { "version-true", "{\"prompt_version\":true," CF "}", NULL },
    { "version-half", "{\"prompt_version\":1.5," CF "}",
      "[{\"type\":\"union_tag_invalid\",\"loc\":[\"body\"],\"msg\":\"Input tag '1.5' found using 'prompt_version' does "
      "not match any of the expected tags: 1, 2, 3\"}]" },

    /* texts of JSON */
    { "C-VAL-005", "{bad", "[{\"type\":\"json_invalid\",\"loc\":[\"body\",1],\"msg\":\"JSON decode error\"}]" },
    { "C-VAL-006", "", "[{\"type\":\"missing\",\"loc\":[\"body\"],\"msg\":\"Field required\"}]" },
    { "blank", " \r\n\t", "[{\"type\":\"missing\",\"loc\":[\"body\"],\"msg\":\"Field required\"}]" },
    { "null", "null", "[{\"type\":\"missing\",\"loc\":[\"body\"],\"msg\":\"Field required\"}]" },
    { "list", "[1]",
      "[{\"type\":\"model_attributes_type\",\"loc\":[\"body\"],\"msg\":\"Input should be a valid dictionary or object "
      "to "
      "extract fields from\"}]" },
    { "text", "\"x\"",
      "[{\"type\":\"model_attributes_type\",\"loc\":[\"body\"],\"msg\":\"Input should be a valid dictionary or object "
      "to "
      "extract fields from\"}]" },
    { "trailing", "{" CF2 "} x", "[{\"type\":\"json_invalid\",\"loc\":[\"body\",114],\"msg\":\"JSON decode error\"}]" },
    { "trailing-blank", "{" CF2 "} \n", NULL },
    { "C-VAL-012", "{" CF2 ",\"x\":\"\xFF\"}",
      "[{\"type\":\"json_invalid\",\"loc\":[\"body\"],\"msg\":\"JSON decode error: the body is not valid UTF-8 "
      "text\"}]" },
    { "bom", "\xEF\xBB\xBF{" CF2 "}", NULL },
    { "nan", "{" CF2 ",\"unknown\":NaN,\"more\":[Infinity,-Infinity]}", NULL },
    { "nan-int", "{" CF2 ",\"project_id\":NaN}",
      "[{\"type\":\"finite_number\",\"loc\":[\"body\",2,\"project_id\"],\"msg\":\"Input should be a finite "
      "number\"}]" },
    { "duplicate-last-wins", "{\"prompt_version\":9," CF2 "}", NULL },
    { "C-VAL-008", "{" CF2 ",\"zzz\":{\"a\":[{}]},\"telemetry\":[{\"requests\":1,\"accepts\":2,\"errors\":3,\"q\":1}]}",
      NULL },
    { "broken-escape", "{" CF2 ",\"prompt\":\"\\x \\u12 \\ud83d\"}", NULL },
    { "lone-surrogate", "{" CF2 ",\"prompt\":\"\\ud83d\"}", NULL },

    { "comment", "{/* */" CF2 "}", "[{\"type\":\"json_invalid\",\"loc\":[\"body\",1],\"msg\":\"JSON decode error\"}]" },
    { "characters-before-error", "{\"\xC3\xA9\xF0\x9F\x98\x80\":1,]",
      "[{\"type\":\"json_invalid\",\"loc\":[\"body\",8],\"msg\":\"JSON decode error\"}]" },
    { "syntax-wins", "{\"prompt_version\":4,\"current_file\":7,}",
      "[{\"type\":\"json_invalid\",\"loc\":[\"body\",37],\"msg\":\"JSON decode error\"}]" },
    { "escaped-name", "{\"prompt_\\u0076ersion\":1," CF "}", NULL },
    { "nul-in-name", "{" CF2 ",\"stream\\u0000\":7}", NULL },
    { "duplicate-object", "{" CF2 ",\"current_file\":{}," CF "}", NULL },
    { "duplicate-bad-then-null", "{" CF2 ",\"context\":7,\"context\":null}", NULL },
    { "duplicate-last-is-bad", "{" CF2 ",\"stream\":true,\"stream\":\"maybe\"}",
      "[{\"type\":\"bool_parsing\",\"loc\":[\"body\",2,\"stream\"],\"msg\":\"Input should be a valid boolean, unable "
      "to interpret input\"}]" },

    /* fields */
    { "no-file", "{\"prompt_version\":1}",
      "[{\"type\":\"missing\",\"loc\":[\"body\",1,\"current_file\"],\"msg\":\"Field required\"}]" },
    { "file-type", "{\"prompt_version\":1,\"current_file\":[]}",
      "[{\"type\":\"model_attributes_type\",\"loc\":[\"body\",1,\"current_file\"],\"msg\":\"Input should be a valid "
      "dictionary or object to extract fields from\"}]" },
    { "file-empty", "{\"prompt_version\":1,\"current_file\":{}}",
      "[{\"type\":\"missing\",\"loc\":[\"body\",1,\"current_file\",\"file_name\"],\"msg\":\"Field required\"},"
      "{\"type\":\"missing\",\"loc\":[\"body\",1,\"current_file\",\"content_above_cursor\"],\"msg\":\"Field "
      "required\"},"
      "{\"type\":\"missing\",\"loc\":[\"body\",1,\"current_file\",\"content_below_cursor\"],\"msg\":\"Field "
      "required\"}]" },
    { "file-null-content",
      "{\"prompt_version\":1,\"current_file\":{\"file_name\":\"a\",\"content_above_cursor\":null,"
      "\"content_below_cursor\":7}}",
      "[{\"type\":\"string_type\",\"loc\":[\"body\",1,\"current_file\",\"content_above_cursor\"],\"msg\":\"Input "
      "should be "
      "a valid "
      "string\"},{\"type\":\"string_type\",\"loc\":[\"body\",1,\"current_file\",\"content_below_cursor\"],\"msg\":"
      "\"Input should be a valid string\"}]" },
    { "C-VAL-011", "{" CF2 ",\"stream\":\"maybe\"}",
      "[{\"type\":\"bool_parsing\",\"loc\":[\"body\",2,\"stream\"],\"msg\":\"Input should be a valid boolean, unable "
      "to "
      "interpret input\"}]" },
    { "C-VAL-011b", "{" CF2 ",\"stream\":\"true\"}", NULL },
    { "stream-list", "{" CF2 ",\"stream\":[]}",
      "[{\"type\":\"bool_type\",\"loc\":[\"body\",2,\"stream\"],\"msg\":\"Input should be a valid boolean\"}]" },
    { "stream-2", "{" CF2 ",\"stream\":2}",
      "[{\"type\":\"bool_parsing\",\"loc\":[\"body\",2,\"stream\"],\"msg\":\"Input should be a valid boolean, unable "
      "to "
      "interpret input\"}]" },
    { "stream-null", "{" CF2 ",\"stream\":null}", NULL },
    { "C-COMP-017", "{" CF2 ",\"project_id\":\"12\"}", NULL },
    { "id-float", "{" CF2 ",\"project_id\":4.0}", NULL },
    { "id-bool", "{" CF2 ",\"project_id\":true}", NULL },
    { "id-half", "{" CF2 ",\"project_id\":3.5}",
      "[{\"type\":\"int_from_float\",\"loc\":[\"body\",2,\"project_id\"],\"msg\":\"Input should be a valid integer, "
      "got a "
      "number with a fractional part\"}]" },
    { "id-word", "{" CF2 ",\"project_id\":\"1x\"}",
      "[{\"type\":\"int_parsing\",\"loc\":[\"body\",2,\"project_id\"],\"msg\":\"Input should be a valid integer, "
      "unable "
      "to parse string as an integer\"}]" },
    { "id-object", "{" CF2 ",\"project_id\":{}}",
      "[{\"type\":\"int_type\",\"loc\":[\"body\",2,\"project_id\"],\"msg\":\"Input should be a valid integer\"}]" },
    { "id-huge", "{" CF2 ",\"project_id\":99999999999999999999999999999999999999}", NULL },
    { "id-huge-float", "{" CF2 ",\"project_id\":1e300}", NULL },
    { "id-infinite", "{" CF2 ",\"project_id\":1e999}",
      "[{\"type\":\"finite_number\",\"loc\":[\"body\",2,\"project_id\"],\"msg\":\"Input should be a finite "
      "number\"}]" },
    { "choices-count", "{" CF2 ",\"choices_count\":null}", NULL },

    /* prompts */
    { "C-COMP-005a", "{" CF2 ",\"prompt\":null}", NULL },
    { "C-COMP-005b", "{" CF2 ",\"prompt\":\"\"}", NULL },
    { "C-COMP-005c", "{" CF2 ",\"prompt\":\"foo\"}", NULL },
    { "v1-prompt-ignored", "{\"prompt_version\":1," CF ",\"prompt\":[7]}", NULL },
    { "v2-prompt-list", "{" CF2 ",\"prompt\":[]}",
      "[{\"type\":\"string_type\",\"loc\":[\"body\",2,\"prompt\"],\"msg\":\"Input should be a valid string\"}]" },
    { "C-COMP-006", "{\"prompt_version\":3," CF ",\"prompt\":\"x\"}",
      "[{\"type\":\"list_type\",\"loc\":[\"body\",3,\"prompt\"],\"msg\":\"Input should be a valid list\"}]" },
    { "v3-prompt", "{\"prompt_version\":3," CF ",\"prompt\":[{\"role\":\"user\",\"content\":\"x\"}]}", NULL },
    { "v3-role", "{\"prompt_version\":3," CF ",\"prompt\":[{\"role\":\"robot\"}]}",
      "[{\"type\":\"literal_error\",\"loc\":[\"body\",3,\"prompt\",0,\"role\"],\"msg\":\"Input should be 'system', "
      "'user' "
      "or 'assistant'\"},{\"type\":\"missing\",\"loc\":[\"body\",3,\"prompt\",0,\"content\"],\"msg\":\"Field "
      "required\"}]" },

    /* models */
    { "C-COMP-004", "{" CF2 ",\"model_provider\":\"codestral\",\"model_name\":\"dummy_model\"}",
      "[{\"type\":\"value_error\",\"loc\":[\"body\",2,\"model_name\"],\"msg\":\"Value error, model dummy_model is not "
      "supported by use case code completions and provider codestral\"}]" },
    { "C-COMP-015", "{" CF2 ",\"model_provider\":\"anthropic\",\"model_name\":\"claude-2.1\"}",
      "[{\"type\":\"value_error\",\"loc\":[\"body\",2,\"model_name\"],\"msg\":\"Value error, model claude-2.1 is not "
      "supported by use case code completions and provider anthropic\"}]" },
    { "name-null", "{" CF2 ",\"model_provider\":\"vertex-ai\",\"model_name\":null}",
      "[{\"type\":\"value_error\",\"loc\":[\"body\",2,\"model_name\"],\"msg\":\"Value error, model None is not "
      "supported "
      "by use case code completions and provider vertex-ai\"}]" },
    { "name-absent", "{" CF2 ",\"model_provider\":\"vertex-ai\"}", NULL },
    { "name-no-provider", "{" CF2 ",\"model_name\":\"anything\"}", NULL },
    { "name-stripped", "{" CF2 ",\"model_provider\":\"litellm\",\"model_name\":\"  mistral \"}", NULL },
    { "name-general", "{" CF2 ",\"model_provider\":\"litellm\",\"model_name\":\"general\"}", NULL },
    { "name-new-family",
      "{" CF2 ",\"model_provider\":\"litellm\",\"model_name\":\"brand_new\",\"model_endpoint\":\"http://h/v1\"}",
      NULL },
    { "name-new-family-identifier",
      "{" CF2 ",\"model_provider\":\"litellm\",\"model_name\":\"brand_new\",\"model_identifier\":\"bedrock/x\"}",
      NULL },
    { "name-unknown-no-endpoint", "{" CF2 ",\"model_provider\":\"litellm\",\"model_name\":\"brand_new\"}",
      "[{\"type\":\"value_error\",\"loc\":[\"body\",2,\"model_name\"],\"msg\":\"Value error, model brand_new is not "
      "supported by use case code completions and provider litellm\"}]" },
    { "gitlab-empty", "{" CF2 ",\"model_provider\":\"gitlab\",\"model_name\":\"\"}", NULL },
    { "gitlab-vertex", "{" CF2 ",\"model_provider\":\"gitlab\",\"model_name\":\"codestral_2508_vertex\"}", NULL },
    { "fireworks", "{" CF2 ",\"model_provider\":\"fireworks_ai\",\"model_name\":\"codestral-2501\"}", NULL },
    { "provider", "{" CF2 ",\"model_provider\":\"acme\",\"model_name\":\"x\"}",
      "[{\"type\":\"enum\",\"loc\":[\"body\",2,\"model_provider\"],\"msg\":\"Input should be 'anthropic', 'vertex-ai', "
      "'litellm', 'codestral', 'fireworks_ai', 'amazon_q' or 'gitlab'\"}]" },
    { "C-COMP-016",
      "{" CF2 ",\"model_provider\":null,\"model_name\":\"123456789012345678901234567890123456789012345678901\"}",
      "[{\"type\":\"string_too_long\",\"loc\":[\"body\",2,\"model_name\"],\"msg\":\"String should have at most 50 "
      "characters\"}]" },
    { "endpoint-no-url", "{" CF2 ",\"model_provider\":\"litellm\",\"model_endpoint\":\"vllm:8000\"}",
      "[{\"type\":\"url_parsing\",\"loc\":[\"body\",2,\"model_endpoint\"],\"msg\":\"Input should be a valid URL that "
      "begins with http:// or https://\"}]" },

    /* model_metadata */
    { "meta-null", "{" CF2 ",\"model_metadata\":null}", NULL },
    { "meta-good",
      "{" CF2 ",\"model_metadata\":{\"provider\":\"openai\",\"name\":\"mistral\",\"endpoint\":\"http://h:8000/v1\","
      "\"api_key\":null,\"identifier\":\"\"}}",
      NULL },
    { "meta-type", "{" CF2 ",\"model_metadata\":\"x\"}",
      "[{\"type\":\"model_attributes_type\",\"loc\":[\"body\",\"model_metadata\"],\"msg\":\"Input should be a valid "
      "dictionary or object to extract fields from\"}]" },
    { "meta-provider", "{" CF2 ",\"model_metadata\":{\"endpoint\":\"http://h\"}}",
      "[{\"type\":\"missing\",\"loc\":[\"body\",\"model_metadata\",\"provider\"],\"msg\":\"Field required\"}]" },
    { "meta-neither", "{" CF2 ",\"model_metadata\":{\"provider\":\"openai\",\"name\":\"gpt\"}}",
      "[{\"type\":\"value_error\",\"loc\":[\"body\",\"model_metadata\",\"endpoint\"],\"msg\":\"Value error, neither "
      "endpoint nor identifier is given\"}]" },
    { "meta-gitlab", "{" CF2 ",\"model_metadata\":{\"provider\":\"gitlab\",\"identifier\":\"\"}}", NULL },
    { "meta-secret-not-told",
      "{" CF2 ",\"model_metadata\":{\"provider\":\"openai\",\"endpoint\":\"http://h\",\"api_key\":7}}",
      "[{\"type\":\"string_type\",\"loc\":[\"body\",\"model_metadata\",\"api_key\"],\"msg\":\"Input should be a valid "
      "string\"}]" },

    /* lists */
    { "context", "{" CF2 ",\"context\":[{\"type\":\"file\",\"name\":\"a\",\"content\":\"\"}]}", NULL },
    { "context-null", "{" CF2 ",\"context\":null}", NULL },
    { "context-item", "{" CF2 ",\"context\":[7,{\"type\":\"file\",\"name\":\"a\"}]}",
      "[{\"type\":\"model_attributes_type\",\"loc\":[\"body\",2,\"context\",0],\"msg\":\"Input should be a valid "
      "dictionary or object to extract fields "
      "from\"},{\"type\":\"missing\",\"loc\":[\"body\",2,\"context\",1,\"content\"]"
      ",\"msg\":\"Field required\"}]" },
    { "C-COMP-010", "{" CF2 ",\"telemetry\":[{\"requests\":1,\"accepts\":\"2\"}]}",
      "[{\"type\":\"missing\",\"loc\":[\"body\",2,\"telemetry\",0,\"errors\"],\"msg\":\"Field required\"}]" },
    { "C-COMP-010b", "{" CF2 ",\"telemetry\":[1,2,3,4,5,6,7,8,9,10,11]}",
      "[{\"type\":\"too_long\",\"loc\":[\"body\",2,\"telemetry\"],\"msg\":\"List should have at most 10 items after "
      "validation, not 11\"}]" },
};

START_TEST(body_is_judged)
{
    bool is_good = read_body(str(bodies[_i].body));
    aigw_str errors = errors_of_reading();

    if (!bodies[_i].errors) {
        ck_assert_msg(is_good, "%s: refused: %.*s", bodies[_i].id, AIGW_STR_ARG(errors));
    } else {
        ck_assert_msg(!is_good, "%s: accepted", bodies[_i].id);
        ck_assert_msg(cs_str_is(errors, bodies[_i].errors), "%s: errors are %.*s", bodies[_i].id, AIGW_STR_ARG(errors));
    }
}
END_TEST

/** Limits count characters: rows of field, limit, and how a body looks around the text. */
static const struct {
    const char *id, *before, *after;
    size_t max;
} limits[] = {
    { "C-VAL-004",
      "{\"prompt_version\":1,\"current_file\":{\"content_above_cursor\":\"\",\"content_below_cursor\":\"\",\"file_"
      "name\":\"",
      "\"}}", 255 },
    { "above",
      "{\"prompt_version\":1,\"current_file\":{\"file_name\":\"a\",\"content_below_cursor\":\"\",\"content_above_"
      "cursor\":\"",
      "\"}}", 100000 },
    { "below",
      "{\"prompt_version\":1,\"current_file\":{\"file_name\":\"a\",\"content_above_cursor\":\"\",\"content_below_"
      "cursor\":\"",
      "\"}}", 100000 },
    { "language",
      "{\"prompt_version\":1,\"current_file\":{\"file_name\":\"a\",\"content_above_cursor\":\"\",\"content_below_"
      "cursor\":\"\",\"language_identifier\":\"",
      "\"}}", 255 },
    { "project", "{" CF2 ",\"project_path\":\"", "\"}", 255 },
    { "context-name", "{" CF2 ",\"context\":[{\"type\":\"t\",\"content\":\"\",\"name\":\"", "\"}]}", 1024 },
    { "context-type", "{" CF2 ",\"context\":[{\"name\":\"t\",\"content\":\"\",\"type\":\"", "\"}]}", 1024 },
    { "context-content", "{" CF2 ",\"context\":[{\"name\":\"t\",\"type\":\"\",\"content\":\"", "\"}]}", 500000 },
    { "meta-endpoint", "{" CF2 ",\"model_metadata\":{\"provider\":\"p\",\"endpoint\":\"http://h/", "\"}}", 246 },
    { "meta-key", "{" CF2 ",\"model_metadata\":{\"provider\":\"p\",\"identifier\":\"i\",\"api_key\":\"", "\"}}", 2000 },
    { "meta-identifier", "{" CF2 ",\"model_metadata\":{\"provider\":\"p\",\"identifier\":\"", "\"}}", 1000 },
};

static void at_limit(size_t row, size_t characters, bool is_good)
{
    size_t before = strlen(limits[row].before), after = strlen(limits[row].after),
           len = before + 2 * characters + after;
    char *body = malloc(len + 1);

    memcpy(body, limits[row].before, before);
    for (size_t i = 0; i < characters; i++)
        memcpy(body + before + 2 * i, "\xC3\xA9", 2);
    memcpy(body + before + 2 * characters, limits[row].after, after + 1);
    ck_assert_msg(read_body((aigw_str){ body, len }) == is_good, "%s: %zu characters", limits[row].id, characters);
    free(body);
}

START_TEST(longest_text_is_accepted)
{
    at_limit((size_t)_i, limits[_i].max, true);
}
END_TEST

START_TEST(one_character_more_is_refused)
{
    at_limit((size_t)_i, limits[_i].max + 1, false);
}
END_TEST

START_TEST(hundred_and_one_context_items_are_refused) /* C-COMP-009 */
{
    char body[8192] = "{" CF2 ",\"context\":[0";

    for (int i = 0; i < 100; i++)
        strcat(body, ",0");
    strcat(body, "]}");
    ck_assert(!read_body(str(body)));
    ck_assert(
        cs_str_is(errors_of_reading(),
                  "[{\"type\":\"too_long\",\"loc\":[\"body\",2,\"context\"],\"msg\":\"List should have at most 100 "
                  "items after validation, not 101\"}]"));
}
END_TEST

START_TEST(deep_nesting_is_refused_not_followed)
{
    char body[20000];

    memset(body, '[', sizeof body);
    memcpy(body, "{\"a\":", 5);
    body[sizeof body - 1] = '\0';
    ck_assert(!read_body(str(body)));
}
END_TEST

/** Fifteen MiB of zeros: a few kilobytes, wherever they are. */
static const struct {
    const char *id, *before, *after;
    aigw_status status;
} zeros[] = {
    { "unknown", "{" CF2 ",\"x\":[0", "]}", AIGW_OK },
    { "deep in an unknown", "{" CF2 ",\"x\":{\"context\":[[0", "]]}}", AIGW_OK },
    { "in the file", "{" CF2 ",\"current_file\":{\"file_name\":[0", "]}}", AIGW_E_INVALID },
    { "for a string", "{" CF2 ",\"prompt\":[0", "]}", AIGW_E_INVALID },
    { "for an object", "{" CF2 ",\"model_metadata\":[0", "]}", AIGW_E_INVALID },
    { "for a list", "{" CF2 ",\"context\":[0", "]}", AIGW_E_INVALID },
    { "for messages", "{\"prompt_version\":3," CF ",\"prompt\":[0", "]}", AIGW_E_INVALID },
    { "of a number", "{" CF2 ",\"project_id\":[0", "]}", AIGW_E_INVALID },
};

START_TEST(large_bodies_take_little_memory)
{
    size_t before = strlen(zeros[_i].before), after = strlen(zeros[_i].after), fill = (size_t)15 << 20;
    char *body = malloc(before + fill + after);
    aigw_status status;

    memcpy(body, zeros[_i].before, before);
    for (size_t i = 0; i < fill; i += 2)
        memcpy(body + before + i, ",0", 2);
    memcpy(body + before + fill, zeros[_i].after, after);
    memory.left = 50000;
    status = aigw_body_read(&reading, &cs_completion_table, (aigw_str){ body, before + fill + after }, &request);
    ck_assert_msg(status == zeros[_i].status, "%s: %d", zeros[_i].id, status);
    free(body);
}
END_TEST

START_TEST(errors_are_capped)
{
    char body[16384] = "{" CF2 ",\"context\":[0";
    struct json_object *list;

    for (int i = 0; i < 99; i++)
        strcat(body, ",0");
    strcat(body, "]}");
    ck_assert(!read_body(str(body)));
    ck_assert_uint_eq(reading.fault_count, AIGW_BODY_FAULTS);
    list = json_tokener_parse(errors_of_reading().ptr);
    ck_assert_uint_eq(json_object_array_length(list), 50);
    json_object_put(list);
}
END_TEST

START_TEST(values_arrive)
{
    ck_assert(read_body(AIGW_STR(
        "{\"prompt_version\":2,\"current_file\":{\"file_name\":\" dir/x.rb \",\"language_identifier\":\"ruby\","
        "\"content_above_cursor\":\"A\\u0000\\ud83d\",\"content_below_cursor\":\" B \"},\"stream\":\"ON\","
        "\"model_provider\":\"litellm\",\"model_name\":\" codestral \",\"model_endpoint\":\"http://h/v1\","
        "\"model_api_key\":\"sk\",\"model_identifier\":\"custom_openai/x\",\"context\":[]}")));
    ck_assert_int_eq(request.version, 2);
    ck_assert(request.stream);
    ck_assert(cs_str_is(request.file_name, "dir/x.rb"));
    ck_assert(cs_str_is(request.language_identifier, "ruby"));
    ck_assert_uint_eq(request.above.len, 5);
    ck_assert_mem_eq(request.above.ptr, "A\0\xEF\xBF\xBD", 5);
    ck_assert(cs_str_is(request.below, " B "));
    ck_assert(cs_str_is(request.model.provider, "litellm"));
    ck_assert(cs_str_is(request.model.name, "codestral"));
    ck_assert(cs_str_is(request.model.endpoint, "http://h/v1"));
    ck_assert(cs_str_is(request.model.api_key, "sk"));
    ck_assert(cs_str_is(request.model.identifier, "custom_openai/x"));
    ck_assert(request.model.is_adhoc);
    ck_assert_uint_eq(request.context.count, 0);
}
END_TEST

START_TEST(broken_escapes_become_replacement_characters)
{
    ck_assert(
        read_body(AIGW_STR("{\"prompt_version\":1,\"current_file\":{\"file_name\":\"a.py\","
                           "\"content_above_cursor\":\"1\\q2\\u12z3\\\\q\\\"4\\\xC3\xA9\",\"content_below_cursor\":"
                           "\"\\ud83d\\ude00\\ude00\"}}")));
    ck_assert(cs_str_is(request.above, "1\xEF\xBF\xBD"
                                       "2\xEF\xBF\xBD"
                                       "12z3\\q\"4\xEF\xBF\xBD"));
    ck_assert(cs_str_is(request.below, "\xF0\x9F\x98\x80\xEF\xBF\xBD"));
}
END_TEST

START_TEST(metadata_wins_and_its_errors_are_plain)
{
    ck_assert(
        read_body(AIGW_STR("{" CF2 ",\"model_provider\":\"litellm\",\"model_name\":\"gpt\",\"model_endpoint\":"
                           "\"http://flat/v1\",\"model_metadata\":{\"provider\":\"openai\",\"name\":\"brand_new\","
                           "\"endpoint\":\"https://meta/v1\",\"identifier\":\"custom_openai/m\"}}")));
    ck_assert(cs_str_is(request.model.endpoint, "https://meta/v1"));
    ck_assert(cs_str_is(request.model.name, "brand_new"));
    ck_assert_str_eq(plain_of_reading(), "");
    teardown();
    setup();
    ck_assert(!read_body(AIGW_STR("{" CF2 ",\"model_metadata\":{\"provider\":\"openai\",\"endpoint\":\"ftp://x\"}}")));
    ck_assert_ptr_nonnull(strstr(plain_of_reading(), "model_metadata.endpoint: Input should be a valid URL"));
}
END_TEST

TCase *bodies_case(void)
{
    TCase *body = tcase_create("body");

    tcase_set_timeout(body, 60);
    tcase_add_checked_fixture(body, setup, teardown);
    tcase_add_loop_test(body, body_is_judged, 0, (int)COUNT(bodies));
    tcase_add_loop_test(body, longest_text_is_accepted, 0, (int)COUNT(limits));
    tcase_add_loop_test(body, one_character_more_is_refused, 0, (int)COUNT(limits));
    tcase_add_test(body, hundred_and_one_context_items_are_refused);
    tcase_add_test(body, deep_nesting_is_refused_not_followed);
    tcase_add_loop_test(body, large_bodies_take_little_memory, 0, (int)COUNT(zeros));
    tcase_add_test(body, errors_are_capped);
    tcase_add_test(body, values_arrive);
    tcase_add_test(body, broken_escapes_become_replacement_characters);
    tcase_add_test(body, metadata_wins_and_its_errors_are_plain);
    return body;
}
