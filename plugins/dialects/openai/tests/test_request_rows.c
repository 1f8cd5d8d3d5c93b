/* test_request_rows.c - clients' bodies → canonical requests → bodies again, by the client half: what they were, or
 * what the row says. The differences that are allowed are those of the rows. Then the same bodies cut, changed and read
 * with too little memory. Exit status 0: all is well. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"

/* ---- there and back ---- */

#define CHAT       OPENAI_CHAT, 0
#define OTHER      OPENAI_CHAT, 1 /* a server that is not OpenAI's */
#define COMPLETION OPENAI_COMPLETION, 1
#define EMBEDDING  OPENAI_EMBEDDING, 1

static const struct {
    const char *id;
    uint32_t path;
    int is_other;
    const char *body, *want; /* NULL: the body itself */
} rows[] = {
    { "CL-OAI-01", CHAT, ASK "}", NULL },
    { "CL-OAI-02", CHAT, ASK ",\"stream\":true}", ASK ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}" },
    { "CL-OAI-03", CHAT, ASK ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}", NULL },
    { "stream false", CHAT, ASK ",\"stream\":false}", ASK "}" },
    { "CL-OAI-14", CHAT, ASK ",\"n\":2}", NULL },
    { "n 1", CHAT, ASK ",\"n\":1}", ASK "}" },
    { "CL-OAI-15 one", CHAT, ASK ",\"stop\":\"X\"}", ASK ",\"stop\":[\"X\"]}" },
    { "CL-OAI-15 five", OTHER, ASK ",\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}", NULL },
    { "empty stops", CHAT, ASK ",\"stop\":[\"\",\"a\"]}", ASK ",\"stop\":[\"a\"]}" },
    { "no stops", CHAT, ASK ",\"stop\":[]}", ASK "}" },
    { "CL-OAI-16 both", CHAT, ASK ",\"max_tokens\":90,\"max_completion_tokens\":70}", ASK ",\"max_tokens\":70}" },
    { "CL-OAI-16 turned", CHAT, ASK ",\"max_tokens\":50,\"max_completion_tokens\":70}", ASK ",\"max_tokens\":50}" },
    { "max 100.0", CHAT, ASK ",\"max_tokens\":100.0}", ASK ",\"max_tokens\":100}" },
    { "max as text", CHAT, ASK ",\"max_tokens\":\"100\"}", ASK ",\"max_tokens\":100}" },
    { "max none", CHAT, ASK ",\"max_tokens\":-1}", ASK "}" },
    { "temperature as text", CHAT, ASK ",\"temperature\":\"0.5\"}", ASK ",\"temperature\":0.5}" },
    { "sampling", CHAT,
      ASK ",\"temperature\":0,\"top_p\":0.5,\"presence_penalty\":-2,\"frequency_penalty\":2,\"seed\":-7}", NULL },
    { "sampling of others", OTHER, ASK ",\"top_k\":40,\"min_p\":0.25,\"repetition_penalty\":1.5,\"min_tokens\":3}",
      NULL },
    { "CL-OAI-17", CHAT, ASK ",\"seed\":1,\"logit_bias\":{\"50256\":-100}}", NULL },
    { "CL-OAI-18", CHAT, ASK ",\"logprobs\":true,\"top_logprobs\":3}", NULL },
    { "logprobs false", CHAT, ASK ",\"logprobs\":false,\"top_logprobs\":0}", ASK "}" },
    { "CL-OAI-19", CHAT, ASK ",\"foo\":1,\"b\\u0061r\":{\"deep\":[1.50,null]},\"none\":null}",
      ASK ",\"foo\":1,\"bar\":{\"deep\":[1.5,null]}}" },
    { "CL-OAI-20", CHAT,
      ASK ",\"stream\":null,\"stream_options\":null,\"max_tokens\":null,\"max_completion_tokens\":null,\"temperature\":"
          "null,\"top_p\":null,\"n\":null,\"stop\":null,\"presence_penalty\":null,\"frequency_penalty\":null,\"logit_"
          "bias\":null,\"logprobs\":null,\"top_logprobs\":null,\"seed\":null,\"user\":null,\"safety_identifier\":null,"
          "\"prompt_cache_key\":null,\"prompt_cache_retention\":null,\"response_format\":null,\"tools\":null,\"tool_"
          "choice\":null,\"parallel_tool_calls\":null,\"functions\":null,\"function_call\":null,\"reasoning_effort\":"
          "null,\"reasoning\":null,\"verbosity\":null,\"modalities\":null,\"audio\":null,\"prediction\":null,\"web_"
          "search_options\":null,\"service_tier\":null,\"store\":null,\"metadata\":null,\"moderation\":null}",
      ASK "}" },
    { "words", CHAT,
      ASK ",\"user\":\"u-1\",\"prompt_cache_key\":\"k\",\"reasoning_effort\":\"xhigh\",\"verbosity\":\"low\","
          "\"service_tier\":\"flex\",\"metadata\":{\"a\":\"b\"},\"prediction\":{\"type\":\"content\",\"content\":"
          "\"x\"}}",
      NULL },
    { "safety_identifier", CHAT, ASK ",\"safety_identifier\":\"s\"}", ASK ",\"user\":\"s\"}" },
    { "safety_identifier and user", CHAT, ASK ",\"safety_identifier\":\"s\",\"user\":\"u\"}", NULL },
    { "reasoning effort", CHAT, ASK ",\"reasoning\":{\"effort\":\"high\"}}", ASK ",\"reasoning_effort\":\"high\"}" },
    { "reasoning of others", OTHER,
      ASK ",\"reasoning\":{\"max_tokens\":2000,\"exclude\":true},\"thinking\":{\"type\":\"disabled\"},\"enable_"
          "thinking\":false,\"chat_template_kwargs\":{\"enable_thinking\":false}}",
      ASK ",\"reasoning_effort\":\"none\",\"reasoning\":{\"max_tokens\":2000,\"exclude\":true},"
          "\"chat_template_kwargs\":{\"enable_thinking\":false}}" },
    { "cache and store", CHAT,
      ASK ",\"store\":true,\"prompt_cache_retention\":\"24h\",\"prompt_cache_options\":{\"mode\":\"x\"},\"moderation\":"
          "{}}",
      ASK ",\"prompt_cache_retention\":\"24h\",\"prompt_cache_options\":{\"mode\":\"x\"},\"moderation\":"
          "{}}" },
    { "spoken", CHAT, ASK ",\"modalities\":[\"text\",\"audio\"],\"audio\":{\"voice\":\"v\",\"format\":\"wav\"}}",
      NULL },
    { "not spoken", CHAT, ASK ",\"modalities\":[\"text\"]}", ASK "}" },

    /* messages */
    { "CL-OAI-21 one part", CHAT,
      M "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]}]}", ASK "}" },
    { "CL-OAI-21 two parts", CHAT,
      M "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":"
        "\"b\"}]}]}",
      M "\"messages\":[{\"role\":\"user\",\"content\":\"a\\nb\"}]}" },
    { "parts that are strings", CHAT, M "\"messages\":[{\"role\":\"user\",\"content\":[\"Hi\"]}]}", ASK "}" },
    { "empty content", CHAT,
      M "\"messages\":[{\"role\":\"user\",\"content\":\"\"},{\"role\":\"user\",\"content\":[]}]}",
      M "\"messages\":[{\"role\":\"user\",\"content\":\" \"},{\"role\":\"user\",\"content\":\" \"}]}" },
    { "roles", CHAT,
      M
      "\"messages\":[{\"role\":\"developer\",\"content\":\"d\"},{\"role\":\"system\",\"content\":\"s\",\"name\":\"n\"}"
      ",{\"role\":\"user\",\"content\":\"u\",\"name\":\"bob\"},{\"role\":\"developer\",\"content\":\"later\"},"
      "{\"role\":\"assistant\",\"content\":\"a\"}]}",
      NULL },
    { "developer elsewhere", OTHER,
      M "\"messages\":[{\"role\":\"developer\",\"content\":\"d\"},{\"role\":\"user\",\"content\":\"u\"}]}",
      M "\"messages\":[{\"role\":\"system\",\"content\":\"d\"},{\"role\":\"user\",\"content\":\"u\"}]}" },
    { "CL-OAI-22 empty", CHAT, ASK_CALLS("\"\""), ASK_CALLS("null") },
    { "CL-OAI-22 null", CHAT, ASK_CALLS("null"), NULL },
    { "text and calls", CHAT, ASK_CALLS("\"Let me look.\""), NULL },
    { "echoed answer", CHAT,
      M "\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":null,\"annotations\":[],\"audio\":null,"
        "\"function_call\":null,\"tool_calls\":null},{\"role\":\"user\",\"content\":\"u\"}]}",
      M "\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"u\"}]}" },
    { "audio of an answer", CHAT,
      M "\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"audio\":{\"id\":\"audio_1\"}},{\"role\":\"user\","
        "\"content\":\"u\"}]}",
      NULL },
    { "CL-OAI-23", CHAT,
      M "\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"reasoning_content\":\"because\"},{\"role\":\"user\","
        "\"content\":\"u\"}]}",
      NULL },
    { "reasoning by its other name", CHAT,
      M "\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"reasoning\":\"because\",\"reasoning_details\":[{}]},"
        "{\"role\":\"user\",\"content\":\"u\"}]}",
      M "\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"reasoning_content\":\"because\",\"reasoning_"
        "details\":[{}]},{\"role\":\"user\",\"content\":\"u\"}]}" },
    { "refusal", CHAT,
      M "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\"},{\"role\":\"user\",\"content\":"
        "\"u\"}]}",
      M "\"messages\":[{\"role\":\"assistant\",\"content\":\"no\"},{\"role\":\"user\",\"content\":\"u\"}]}" },
    { "refusal part", CHAT,
      M "\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]},{\"role\":"
        "\"user\",\"content\":\"u\"}]}",
      M "\"messages\":[{\"role\":\"assistant\",\"content\":\"no\"},{\"role\":\"user\",\"content\":\"u\"}]}" },
    { "CL-OAI-24 text", CHAT, ASK_RESULT("[{\"type\":\"text\",\"text\":\"42\"}]"), ASK_RESULT("\"42\"") },
    { "CL-OAI-24 string", CHAT, ASK_RESULT("\"42\""), NULL },
    { "CL-OAI-24 json string", CHAT, ASK_RESULT("\"[{\\\"type\\\":\\\"image-data\\\"}]\""), NULL },
    { "result null", CHAT, ASK_RESULT("null"), ASK_RESULT("\"\"") },
    { "CL-OAI-24 image", CHAT,
      ASK_RESULT("[{\"type\":\"text\",\"text\":\"see\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
                 "\"data:image/png;base64," PNG "\"}}]"),
      ASK_RESULT_THEN("\"see\"", ",{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
                                 "\"data:image/png;base64," PNG "\"}}]}") },
    { "custom call", CHAT,
      M "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"custom\","
        "\"custom\":{\"name\":\"patch\",\"input\":\"*** Begin\\n\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"call_1\","
        "\"content\":\"ok\"}]}",
      NULL },
    { "arguments as an object", CHAT,
      M "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"call_1\",\"function\":{"
        "\"name\":\"f\",\"arguments\":{\"x\":1}}}]},{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"1\"}"
        "]}",
      M "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" CALL "]},{\"role\":\"tool\",\"tool_"
        "call_id\":\"call_1\",\"content\":\"1\"}]}" },
    { "signature of a call", CHAT,
      M "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
        "\"extra_content\":{\"google\":{\"thought_signature\":\"c2ln\"}},\"function\":{\"name\":\"f\",\"arguments\":"
        "\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"1\"}]}",
      NULL },
    { "image", CHAT,
      M "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"what?\"},{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"data:image/png;base64," PNG "\",\"detail\":\"low\"}},{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"https://example.com/a.png\"}}]}]}",
      NULL },
    { "image as a string", CHAT,
      M "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":\"https://example.com/"
        "a.png\"}]}]}",
      M "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
        "\"https://example.com/a.png\"}}]}]}" },
    { "audio", CHAT,
      M "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"" PNG
        "\",\"format\":\"wav\"}},{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"" PNG
        "\",\"format\":\"mp3\"}}]}]}",
      NULL },
    { "file", CHAT,
      M "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/"
        "pdf;base64," PNG "\",\"filename\":\"a.pdf\"}},{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}}]}]}",
      NULL },
    { "file without a data URL", CHAT,
      M "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"file_data\":\"" PNG
        "\",\"filename\":\"a.PDF\"}}]}]}",
      M "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/"
        "pdf;base64," PNG "\",\"filename\":\"a.PDF\"}}]}]}" },
    { "part of another kind", CHAT,
      M "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"audio_url\",\"audio_url\":{\"url\":\"https://x/a\"},"
        "\"n\":null}]}]}",
      NULL },
    { "cache_control", CHAT,
      M
      "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"long\",\"cache_control\":{\"type\":"
      "\"ephemeral\",\"ttl\":\"1h\"}}]}]}",
      NULL },
    { "prompt_cache_breakpoint", CHAT,
      M "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"long\",\"prompt_cache_"
        "breakpoint\":{\"mode\":\"explicit\"}}]}]}",
      NULL },
    { "member of a message", CHAT,
      M "\"messages\":[{\"role\":\"user\",\"content\":\"u\",\"weight\":1},{\"role\":\"assistant\",\"content\":\"a\","
        "\"prefix\":true}]}",
      M
      "\"messages\":[{\"role\":\"user\",\"content\":\"u\",\"weight\":1},{\"role\":\"assistant\",\"content\":\"a\"}]}" },
    { "member of a result", CHAT,
      M "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" CALL "]},{\"role\":\"tool\",\"tool_"
        "call_id\":\"call_1\",\"content\":\"x\",\"is_error\":true}]}",
      NULL },
    { "half an escape", CHAT, M "\"messages\":[{\"role\":\"user\",\"content\":\"a\\ud83d\"}],\"x\":\"\\ud83d\"}",
      M "\"messages\":[{\"role\":\"user\",\"content\":\"a\\ufffd\"}],\"x\":\"\\ufffd\"}" },

    /* tools */
    { "tools", CHAT,
      ASK
      ",\"tools\":[" TOOL ",{\"type\":\"function\",\"function\":{\"name\":\"g\",\"description\":\"d\",\"parameters\":"
      "{\"$schema\":\"s\"},\"strict\":true}},{\"type\":\"function\",\"function\":{\"name\":\"h\",\"strict\":false}}]"
      ",\"parallel_tool_calls\":false}",
      NULL },
    { "parameters null", CHAT,
      ASK ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"h\",\"description\":null,\"parameters\":null,"
          "\"strict\":null}}]}",
      ASK ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"h\"}}]}" },
    { "flat tool", CHAT, ASK ",\"tools\":[{\"type\":\"function\",\"name\":\"h\",\"description\":\"d\"}]}",
      ASK ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"h\",\"description\":\"d\"}}]}" },
    { "tool with a member", CHAT,
      ASK ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"h\"},\"cache_control\":{\"type\":\"ephemeral\"}}"
          "]}",
      NULL },
    { "tool of a server", OTHER, ASK ",\"tools\":[{\"type\":\"web_search\",\"web_search\":{\"enable\":true}}]}", NULL },
    { "CL-OAI-25", CHAT,
      M
      "\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":null,\"function_call\":"
      "{\"name\":\"f\",\"arguments\":\"{}\"}},{\"role\":\"function\",\"name\":\"f\",\"content\":\"42\"}],"
      "\"functions\":[{\"name\":\"f\",\"parameters\":{}}],\"function_call\":{\"name\":\"f\"}}",
      M "\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{"
        "\"id\":\"call_fn1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":"
        "\"tool\",\"tool_call_id\":\"call_fn1\",\"content\":\"42\"}],\"tools\":[{\"type\":\"function\",\"function\":{"
        "\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}}],\"tool_choice\":{\"type\":"
        "\"function\",\"function\":{\"name\":\"f\"}},"
        "\"parallel_tool_calls\":false}" },
    { "CL-OAI-26 auto", CHAT, ASK ",\"tools\":[" TOOL "],\"tool_choice\":\"auto\"}", ASK ",\"tools\":[" TOOL "]}" },
    { "CL-OAI-26 none", CHAT, ASK ",\"tools\":[" TOOL "],\"tool_choice\":\"none\"}", NULL },
    { "CL-OAI-26 required", CHAT, ASK ",\"tools\":[" TOOL "],\"tool_choice\":\"required\"}", NULL },
    { "CL-OAI-26 any", CHAT, ASK ",\"tools\":[" TOOL "],\"tool_choice\":\"any\"}",
      ASK ",\"tools\":[" TOOL "],\"tool_choice\":\"required\"}" },
    { "CL-OAI-26 object", CHAT,
      ASK ",\"tools\":[" TOOL "],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}}", NULL },
    { "CL-OAI-26 flat", CHAT, ASK ",\"tools\":[" TOOL "],\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}}",
      ASK ",\"tools\":[" TOOL "],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}}" },
    { "CL-OAI-26 allowed", CHAT,
      ASK ",\"tools\":[" TOOL "],\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"required\","
          "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}}}",
      NULL },
    { "CL-OAI-27 empty", CHAT, ASK ",\"tools\":[],\"tool_choice\":\"none\"}", ASK "}" },
    { "CL-OAI-27 choice", CHAT, ASK ",\"tool_choice\":\"required\"}", ASK "}" },
    { "CL-OAI-28", CHAT,
      ASK ",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"patch\",\"description\":\"d\",\"format\":{\"type\":"
          "\"grammar\",\"grammar\":{\"syntax\":\"lark\",\"definition\":\"start: /x/\"}}}}],\"tool_choice\":{\"type\":"
          "\"custom\",\"custom\":{\"name\":\"patch\"}}}",
      NULL },
    { "CL-OAI-29", CHAT,
      ASK ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"description\":\"d\","
          "\"schema\":{\"type\":\"object\"},\"strict\":true}}}",
      NULL },
    { "CL-OAI-30", CHAT, ASK ",\"response_format\":{\"type\":\"json_object\"}}", NULL },
    { "format text", CHAT, ASK ",\"response_format\":{\"type\":\"text\"}}", ASK "}" },
    { "schema elsewhere", OTHER,
      ASK ",\"response_format\":{\"type\":\"json_object\",\"schema\":{\"type\":\"object\"}}}",
      ASK ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"answer\",\"schema\":{\"type\":"
          "\"object\"}}}}" },
    { "format of a server", OTHER, ASK ",\"response_format\":{\"type\":\"structural_tag\",\"structures\":[]}}", NULL },

    /* the other two */
    { "completion", COMPLETION,
      M
      "\"prompt\":\"def f(\",\"suffix\":\"return x\",\"max_tokens\":9,\"temperature\":0.5,\"n\":2,\"logprobs\":3,"
      "\"stop\":[\"\\n\"],\"logit_bias\":{\"1\":2},\"seed\":1,\"user\":\"u\",\"best_of\":3,\"echo\":true,\"top_k\":5}",
      NULL },
    { "CL-OAI-40", COMPLETION, M "\"prompt\":[\"x\"],\"suffix\":\"y\",\"stream\":true,\"echo\":false}",
      M "\"prompt\":\"x\",\"suffix\":\"y\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}" },
    { "completion without a prompt", COMPLETION, M "\"prompt\":null,\"logprobs\":null}",
      M "\"prompt\":\"<|endoftext|>\"}" },
    { "CL-OAI-37", EMBEDDING, M "\"input\":[\"a\",\"\",\"c\"],\"dimensions\":3,\"user\":\"u\",\"truncate\":\"END\"}",
      NULL },
    { "CL-OAI-36", EMBEDDING, M "\"input\":\"a\",\"encoding_format\":\"base64\"}", M "\"input\":[\"a\"]}" },
};

/* The body's own model name stands at the mark, and members may be put behind the brace. */
static void check_marks(const char *id, const struct reading *r)
{
    const struct aigw_raw *raw = &r->asked.raw;

    if (raw->model_at + raw->model_len > r->len || raw->model_len != 3 ||
        memcmp(r->body + raw->model_at, "\"m\"", 3) != 0 || raw->insert_at == 0 || r->body[raw->insert_at - 1] != '{')
        reading_fail(id, "the marks are wrong", AIGW_STR_NONE);
}

static void check_row(size_t index)
{
    const struct openai_profile *profile = openai_profile(rows[index].is_other ? "plain" : "openai", AIGW_STR_NONE);
    struct openai_quirks quirks = openai_quirks_of(profile, AIGW_STR("m"));
    const char *want = rows[index].want ? rows[index].want : rows[index].body, *id = rows[index].id;
    struct wire_drops drops = { .first = NULL };
    struct reading r;
    aigw_str out = AIGW_STR_NONE;
    aigw_status status = reading_begin(&r, rows[index].path, rows[index].body, strlen(rows[index].body), 0);

    quirks.send_reasoning = true;
    if (status != AIGW_OK) {
        reading_fail(id, "refused", r.refusal.message);
        reading_end(&r);
        return;
    }
    check_marks(id, &r);
    if (r.asked.is_stream)
        r.request.flags |= AIGW_REQF_STREAM; /* as the core does it */
    status = openai_body(&server_host, server_ctx(&r.world), rows[index].path, AIGW_STR("m"), &r.request, &quirks,
                         &drops, &out);
    if (status != AIGW_OK)
        reading_fail(id, "cannot be written again", wire_str(r.world.why));
    else if (!server_same_json(out, wire_str(want)))
        reading_fail(id, "comes back as", out);
    reading_end(&r);
}

/* ---- bodies that are broken ---- */

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Whatever comes of it: an answer, and a refusal that says something when it is one. */
static void try_body(const char *id, uint32_t path, const char *text, size_t len, size_t budget)
{
    struct reading r;
    aigw_status status = reading_begin(&r, path, text, len, budget);

    if ((status == AIGW_E_INVALID || status == AIGW_E_UNSUPPORTED) &&
        (r.refusal.message.len == 0 || r.refusal.code.len == 0))
        reading_fail(id, "a refusal without words", (aigw_str){ text, len });
    if (status != AIGW_OK && status != AIGW_E_INVALID && status != AIGW_E_UNSUPPORTED && status != AIGW_E_NOMEM)
        reading_fail(id, "an odd status", (aigw_str){ text, len });
    if (status == AIGW_E_NOMEM && budget == 0)
        reading_fail(id, "no memory", (aigw_str){ text, len });
    reading_end(&r);
}

static void test_prefixes(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t len = 0; len < strlen(rows[i].body); len++)
            try_body(rows[i].id, rows[i].path, rows[i].body, len, 0);
}

static void test_little_memory(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reading r;
        size_t needed;

        reading_begin(&r, rows[i].path, rows[i].body, strlen(rows[i].body), 0);
        needed = r.world.allocated;
        reading_end(&r);
        for (size_t budget = 1; budget < needed; budget += 1 + needed / 100)
            try_body(rows[i].id, rows[i].path, rows[i].body, strlen(rows[i].body), budget);
    }
}

/* A value put where another one stood keeps the text good JSON more often than a byte does. */
static size_t change(char *text, size_t len, size_t size, uint32_t *seed)
{
    static const char *const values[] = { "null",        "1", "\"\"", "[]", "{}",  "true", "-1.5e3", "[[]]",
                                          "\"\\ud83d\"", ",", "\"",   "}",  "{\"", ":",    "\x80" };
    size_t at = next(seed) % len, count = next(seed) % 4;
    const char *value = values[next(seed) % (sizeof values / sizeof *values)];
    size_t value_len = strlen(value);

    while (at > 0 && next(seed) % 2 && text[at - 1] != ':' && text[at - 1] != ',')
        at--;
    if (count > len - at)
        count = len - at;
    if (len - count + value_len > size)
        return len;
    memmove(text + at + value_len, text + at + count, len - at - count);
    memcpy(text + at, value, value_len);
    return len - count + value_len;
}

static void test_changes(uint32_t rounds)
{
    uint32_t seed = 1;

    for (uint32_t round = 0; round < rounds && reading_failures < 5; round++) {
        size_t index = next(&seed) % (sizeof rows / sizeof *rows), len = strlen(rows[index].body);
        char text[4096];

        memcpy(text, rows[index].body, len);
        for (uint32_t n = 1 + next(&seed) % 3; n > 0 && len > 0; n--) {
            if (next(&seed) % 2)
                text[next(&seed) % len] ^= (char)(1u << next(&seed) % 8);
            else
                len = change(text, len, sizeof text, &seed);
        }
        try_body(rows[index].id, rows[index].path, text, len, 0);
    }
}

int main(int argc, char **argv)
{
    uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(i);
    test_prefixes();
    test_little_memory();
    test_changes(rounds);
    printf("%zu rows, %u rounds, %d failures\n", sizeof rows / sizeof *rows, rounds, reading_failures);
    return reading_failures > 0;
}
