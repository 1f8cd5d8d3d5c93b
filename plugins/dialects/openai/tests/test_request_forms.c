/* test_request_forms.c - what the canonical request of a client's body looks like, what it asks of the answer, and how
 * a body is refused. Exit status 0: all is well. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"

/* ---- what the canonical request and the wishes look like ---- */

static void put_asked(struct aigw_buf *out, const struct openai_asked *asked)
{
    const struct {
        const char *name;
        bool is_set;
    } marks[] = { { "stream", asked->is_stream },
                  { "usage", asked->wants_usage },
                  { "base64", asked->wants_base64 },
                  { "audio", asked->wants_audio },
                  { "echo", asked->wants_echo },
                  { "functions", asked->uses_functions },
                  { "completion_max", asked->uses_completion_max },
                  { "input", asked->has_input },
                  { "raw", (asked->raw.flags & AIGW_RAWF_STREAM) != 0 } };

    server_host.buf_printf(out, "n=%u", asked->choice_count);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (marks[i].is_set)
            server_host.buf_printf(out, " %s", marks[i].name);
    for (uint32_t i = 0; i < asked->prompt_count; i++)
        reading_put_str(out, "prompt", asked->prompts[i]);
    for (uint32_t i = 0; i < asked->free_tool_count; i++)
        reading_put_str(out, "free", asked->free_tools[i]);
}

static const struct {
    const char *id;
    uint32_t path;
    aigw_status status;
    const char *body, *request, *asked; /* NULL: not looked at */
} forms[] = {
    { "image data", OPENAI_CHAT, AIGW_OK,
      USER("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64," PNG
           "\",\"detail\":\"original\"}}"),
      "user(image type=image/png data=" PNG " detail=original)", NULL },
    { "image data with escapes", OPENAI_CHAT, AIGW_OK,
      USER("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image\\/png;base64,iVB\\/\"}}"),
      "user(image type=image/png data=iVB/)", NULL },
    { "parameters of a media type", OPENAI_CHAT, AIGW_OK,
      USER("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;name=a.png;base64," PNG "\"}}"),
      "user(image type=image/png data=" PNG ")", NULL },
    { "image address", OPENAI_CHAT, AIGW_OK, USER("{\"type\":\"image_url\",\"image_url\":{\"url\":\"gs://b/a.png\"}}"),
      "user(image url=gs://b/a.png)", NULL },
    { "video", OPENAI_CHAT, AIGW_OK, USER("{\"type\":\"video_url\",\"video_url\":{\"url\":\"https://e/a.mp4\"}}"),
      "user(video url=https://e/a.mp4)", NULL },
    { "audio data URL", OPENAI_CHAT, AIGW_OK,
      USER("{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"data:audio/ogg;base64," PNG "\"}}"),
      "user(audio type=audio/ogg data=" PNG ")", NULL },
    { "audio format", OPENAI_CHAT, AIGW_OK,
      USER("{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"" PNG "\",\"format\":\"flac\"}}"),
      "user(audio type=audio/flac data=" PNG ")", NULL },
    { "file by address", OPENAI_CHAT, AIGW_OK,
      USER("{\"type\":\"file\",\"file\":{\"file_data\":\"https://e/a.pdf\",\"filename\":\"a\"}}"),
      "user(document url=https://e/a.pdf title=a)", NULL },
    { "file by id", OPENAI_CHAT, AIGW_OK, USER("{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}}"),
      "user(document file=file-1 origin=openai-chat)", NULL },
    { "cache mark", OPENAI_CHAT, AIGW_OK,
      USER("{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}"),
      "user(text flags=2 ttl=3600 text=a extra={\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}})", NULL },
    { "cache mark of a message", OPENAI_CHAT, AIGW_OK,
      M "\"messages\":[{\"role\":\"system\",\"content\":\"s\",\"cache_control\":{\"type\":\"ephemeral\"}}]}",
      "system extra={\"cache_control\":{\"type\":\"ephemeral\"}}(text flags=2 text=s)", NULL },
    { "breakpoint", OPENAI_CHAT, AIGW_OK,
      USER("{\"type\":\"text\",\"text\":\"a\",\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}}"),
      "user(text flags=2 text=a extra={\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}})", NULL },
    { "unknown part", OPENAI_CHAT, AIGW_OK, USER("{\"type\":\"audio_url\",\"audio_url\":{\"url\":\"u\"}}"),
      "user(opaque text={\"type\":\"audio_url\",\"audio_url\":{\"url\":\"u\"}} origin=openai-chat)", NULL },
    { "empty text beside an image", OPENAI_CHAT, AIGW_OK,
      USER("{\"type\":\"text\",\"text\":\"\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://e/a\"}}"),
      "user(image url=https://e/a)", NULL },
    { "thinking part", OPENAI_CHAT, AIGW_OK, USER("{\"type\":\"thinking\",\"thinking\":\"hm\"}"),
      "user(reasoning text=hm)", NULL },
    { "citations", OPENAI_CHAT, AIGW_OK,
      M "\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"annotations\":[{\"type\":\"url_citation\"}]}]}",
      "assistant(text text=a origin=openai-chat citations=[{\"type\":\"url_citation\"}])", NULL },
    { "signature", OPENAI_CHAT, AIGW_OK,
      M
      "\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":"
      "\"\"},\"extra_content\":{\"google\":{\"thought_signature\":\"c2ln\"}}}]}]}",
      "assistant(call id=c name=f data=c2ln origin=gemini extra={\"extra_content\":{\"google\":{\"thought_signature\":"
      "\"c2ln\"}}})",
      NULL },
    { "free text", OPENAI_CHAT, AIGW_OK,
      M "\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"custom\":{\"name\":\"p\",\"input\":\"x "
        "y\"},\"index\":0}]}],\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"p\"}}]}",
      "assistant(call flags=8 id=c name=p text=x y) tool kind=1 flags=0 name=p origin=openai-chat", "n=1 free=p" },
    { "prefill, Mistral's", OPENAI_CHAT, AIGW_OK,
      M "\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"prefix\":true}]}", "assistant(text text=a) flags=2",
      NULL },
    { "prefill, Moonshot's, not the last", OPENAI_CHAT, AIGW_OK,
      M
      "\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"partial\":true},{\"role\":\"user\",\"content\":\"u\"}"
      "]}",
      "assistant(text text=a) user(text text=u)", NULL },
    { "prefill, vLLM's", OPENAI_CHAT, AIGW_OK,
      M "\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"}],\"continue_final_message\":true}",
      "assistant(text text=a) flags=2 all={\"continue_final_message\":true}", NULL },
    { "functions called twice", OPENAI_CHAT, AIGW_OK,
      M "\"messages\":[{\"role\":\"assistant\",\"function_call\":{\"name\":\"f\",\"arguments\":\"1\"}},{\"role\":"
        "\"function\",\"name\":\"f\",\"content\":\"x\"},{\"role\":\"assistant\",\"function_call\":{\"name\":\"f\","
        "\"arguments\":\"2\"}},{\"role\":\"function\",\"name\":\"f\",\"content\":null}]}",
      "assistant(call id=call_fn0 name=f text=1) tool(result id=call_fn0 name=f text=x) assistant(call id=call_fn2 "
      "name=f text=2) tool(result id=call_fn2 name=f)",
      NULL },
    { "result by parts", OPENAI_CHAT, AIGW_OK,
      M "\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{"
        "\"type\":\"image_url\",\"image_url\":{\"url\":\"https://e/a\"}}],\"name\":\"f\"}]}",
      "tool(result id=c name=f(text text=a)(image url=https://e/a))", NULL },
    { "marked tool", OPENAI_CHAT, AIGW_OK,
      ASK ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":false},\"cache_control\":{}}]}",
      "user(text text=Hi) tool kind=0 flags=10 name=f origin=openai-chat extra={\"cache_control\":{}}", NULL },
    { "server's tool", OPENAI_CHAT, AIGW_OK, ASK ",\"tools\":[{\"type\":\"live_search\",\"x\":1}]}",
      "user(text text=Hi) tool kind=2 flags=0 name=live_search origin=openai-chat extra={\"type\":\"live_search\","
      "\"x\":1}",
      NULL },
    { "wishes", OPENAI_CHAT, AIGW_OK,
      ASK ",\"stream\":true,\"stream_options\":{\"include_usage\":true,\"include_obfuscation\":false},\"n\":3,"
          "\"max_completion_tokens\":5,\"modalities\":[\"audio\"]}",
      NULL, "n=3 stream usage audio completion_max raw" },
    { "functions", OPENAI_CHAT, AIGW_OK, ASK ",\"functions\":[{\"name\":\"f\"}],\"function_call\":\"auto\"}", NULL,
      "n=1 functions" },
    { "CL-OAI-39", OPENAI_COMPLETION, AIGW_OK, M "\"prompt\":[\"a\",\"b\"],\"n\":2,\"echo\":true}", NULL,
      "n=2 echo prompt=a prompt=b" },
    { "prompt of tokens", OPENAI_COMPLETION, AIGW_E_UNSUPPORTED, M "\"prompt\":[1,2],\"stream\":true}", NULL,
      "n=1 stream raw" },
    { "prompts of tokens", OPENAI_COMPLETION, AIGW_E_UNSUPPORTED, M "\"prompt\":[[1],[2]]}", NULL, "n=1" },
    { "CL-OAI-38", OPENAI_EMBEDDING, AIGW_E_UNSUPPORTED, M "\"input\":[[1,2],[3]],\"encoding_format\":\"base64\"}",
      NULL, "n=1 base64" },
    { "CL-OAI-34", OPENAI_CHAT, AIGW_E_INVALID, M "\"input\":\"Hi\",\"stream\":true}", NULL, "n=1 stream input raw" },
};

static void check_form(size_t index)
{
    struct reading r;
    aigw_status status = reading_begin(&r, forms[index].path, forms[index].body, strlen(forms[index].body), 0);
    struct aigw_buf *out = server_host.buf_new(server_ctx(&r.world), AIGW_LIFE_BUILD, SIZE_MAX);
    aigw_str text;

    if (status != forms[index].status)
        reading_fail(forms[index].id, "another status", r.refusal.message);
    if (forms[index].request) {
        reading_put_request(out, &r.request);
        if (server_host.buf_view(out, &text) != AIGW_OK || !wire_is(text, forms[index].request))
            reading_fail(forms[index].id, "reads as", text);
    }
    server_host.buf_clear(out);
    if (forms[index].asked) {
        put_asked(out, &r.asked);
        if (server_host.buf_view(out, &text) != AIGW_OK || !wire_is(text, forms[index].asked))
            reading_fail(forms[index].id, "asks for", text);
    }
    reading_end(&r);
}

/* The model may stand in the path instead of the body; the last of several counts, whatever stands deeper. */
static void test_model(void)
{
    static const char text[] = "{\"model\":\"a\"," HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
                               "\"parameters\":{\"model\":\"no\"}}}],\"mod\\u0065l\": \"b\"}";
    struct reading r;

    if (reading_begin(&r, OPENAI_CHAT, text, sizeof text - 1, 0) != AIGW_OK || !wire_is(r.asked.model, "b"))
        reading_fail("CL-MAP-04", "the model is", r.asked.model);
    if (r.asked.raw.model_len != 3 || memcmp(r.body + r.asked.raw.model_at, "\"b\"", 3) != 0)
        reading_fail("CL-MAP-04", "the mark is elsewhere", AIGW_STR_NONE);
    memset(&r.asked, 0, sizeof r.asked);
    r.asked.model = AIGW_STR("deployment");
    if (openai_read_chat(&server_host, server_ctx(&r.world), AIGW_STR("{" HI "}"), &r.asked, &r.request, &r.refusal) !=
            AIGW_OK ||
        !wire_is(r.asked.model, "deployment") || r.asked.raw.model_len != 0)
        reading_fail("CL-OAI-43", "the model of the path", r.refusal.message);
    reading_end(&r);
}

/* However large an attachment is, the request costs the same, and the data stays where it is. */
static void test_memory(void)
{
    static const char before[] = USER("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,");
    enum { SIZE = 4 << 20 };
    size_t at = strlen(before) - strlen("]}]}");
    char *text = malloc(SIZE + 512);
    struct reading r;
    int len;

    if (!text)
        abort();
    memcpy(text, before, at);
    memset(text + at, 'A', SIZE);
    len = snprintf(text + at + SIZE, 200, "\"}}]}],\"unknown\":1}");
    if (reading_begin(&r, OPENAI_CHAT, text, at + SIZE + (size_t)len, 0) != AIGW_OK)
        reading_fail("D42", "refused", r.refusal.message);
    else if (r.request.messages->parts->data.ptr != r.body + at || r.request.messages->parts->data.len != SIZE)
        reading_fail("D42", "the data was copied", AIGW_STR_NONE);
    if (r.world.allocated > 2048)
        reading_fail("D42", "too much memory was taken", AIGW_STR_NONE);
    reading_end(&r);
    free(text);
}

/* ---- refusals ---- */

#define TURN(message) M "\"messages\":[" message "]}"
#define PART(part)    USER(part)
#define CALLS(call)   TURN("{\"role\":\"assistant\",\"tool_calls\":[" call "]}")
#define WITH(members) ASK "," members "}"
#define FUNC          "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"

static const struct {
    uint32_t path;
    const char *body, *param, *code; /* param "": none */
} refusals[] = {
    { OPENAI_CHAT, "", "", "invalid_json" },
    { OPENAI_CHAT, " \n", "", "invalid_json" },
    { OPENAI_CHAT, "{", "", "invalid_json" },
    { OPENAI_CHAT, "[]", "", "invalid_type" },
    { OPENAI_CHAT, "\"x\"", "", "invalid_type" },
    { OPENAI_CHAT, ASK ",\"temperature\":NaN}", "", "invalid_json" },
    { OPENAI_CHAT, ASK "}x", "", "invalid_json" },
    { OPENAI_CHAT, ASK ",\"x\":\"\xff\"}", "", "invalid_json" },
    { OPENAI_CHAT, "{" HI "}", "model", "missing_required_parameter" },
    { OPENAI_CHAT, "{\"model\":\"\"," HI "}", "model", "missing_required_parameter" },
    { OPENAI_CHAT, "{\"model\":null," HI "}", "model", "missing_required_parameter" },
    { OPENAI_CHAT, "{\"model\":5," HI "}", "model", "invalid_type" },
    { OPENAI_CHAT, WITH("\"stream\":\"yes\""), "stream", "invalid_type" },
    { OPENAI_CHAT, WITH("\"stream_options\":true"), "stream_options", "invalid_type" },
    { OPENAI_CHAT, WITH("\"stream_options\":{\"include_usage\":1}"), "stream_options.include_usage", "invalid_type" },
    { OPENAI_CHAT, "{\"model\":\"m\"}", "messages", "missing_required_parameter" },
    { OPENAI_CHAT, M "\"messages\":null}", "messages", "missing_required_parameter" },
    { OPENAI_CHAT, M "\"messages\":\"Hi\"}", "messages", "invalid_type" },
    { OPENAI_CHAT, M "\"messages\":{}}", "messages", "invalid_type" },
    { OPENAI_CHAT, M "\"messages\":[]}", "messages", "empty_array" },
    { OPENAI_CHAT, TURN("7"), "messages[0]", "invalid_type" },
    { OPENAI_CHAT, TURN("{\"content\":\"x\"}"), "messages[0].role", "missing_required_parameter" },
    { OPENAI_CHAT, TURN("{\"role\":1,\"content\":\"x\"}"), "messages[0].role", "invalid_type" },
    { OPENAI_CHAT, TURN("{\"role\":\"robot\",\"content\":\"x\"}"), "messages[0].role", "invalid_value" },
    { OPENAI_CHAT, TURN("{\"role\":\"user\"}"), "messages[0].content", "missing_required_parameter" },
    { OPENAI_CHAT, TURN("{\"role\":\"user\",\"content\":null}"), "messages[0].content", "invalid_type" },
    { OPENAI_CHAT, TURN("{\"role\":\"user\",\"content\":5}"), "messages[0].content", "invalid_type" },
    { OPENAI_CHAT, TURN("{\"role\":\"system\",\"content\":{}}"), "messages[0].content", "invalid_type" },
    { OPENAI_CHAT, TURN("{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"a\",\"name\":[]}"),
      "messages[1].name", "invalid_type" },
    { OPENAI_CHAT, PART("5"), "messages[0].content[0]", "invalid_type" },
    { OPENAI_CHAT, PART("{\"text\":\"x\"}"), "messages[0].content[0].type", "missing_required_parameter" },
    { OPENAI_CHAT, PART("{\"type\":7}"), "messages[0].content[0].type", "invalid_type" },
    { OPENAI_CHAT, PART("{\"type\":\"text\"}"), "messages[0].content[0].text", "missing_required_parameter" },
    { OPENAI_CHAT, PART("\"a\",{\"type\":\"text\",\"text\":{}}"), "messages[0].content[1].text", "invalid_type" },
    { OPENAI_CHAT, PART("{\"type\":\"image_url\"}"), "messages[0].content[0].image_url", "missing_required_parameter" },
    { OPENAI_CHAT, PART("{\"type\":\"image_url\",\"image_url\":[]}"), "messages[0].content[0].image_url",
      "invalid_type" },
    { OPENAI_CHAT, PART("{\"type\":\"image_url\",\"image_url\":{\"url\":\"\"}}"),
      "messages[0].content[0].image_url.url", "missing_required_parameter" },
    { OPENAI_CHAT, PART("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,a b\"}}"),
      "messages[0].content[0].image_url.url", "invalid_value" },
    { OPENAI_CHAT, PART("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:;base64,AAAA\"}}"),
      "messages[0].content[0].image_url.url", "invalid_value" },
    { OPENAI_CHAT, PART("{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://e\",\"detail\":1}}"),
      "messages[0].content[0].image_url.detail", "invalid_type" },
    { OPENAI_CHAT, PART("{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\"}}"),
      "messages[0].content[0].input_audio.format", "missing_required_parameter" },
    { OPENAI_CHAT, PART("{\"type\":\"input_audio\",\"input_audio\":{\"format\":\"wav\"}}"),
      "messages[0].content[0].input_audio.data", "missing_required_parameter" },
    { OPENAI_CHAT, PART("{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"?\",\"format\":\"wav\"}}"),
      "messages[0].content[0].input_audio.data", "invalid_value" },
    { OPENAI_CHAT, PART("{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\",\"format\":\"w v\"}}"),
      "messages[0].content[0].input_audio.format", "invalid_value" },
    { OPENAI_CHAT, PART("{\"type\":\"file\"}"), "messages[0].content[0].file", "missing_required_parameter" },
    { OPENAI_CHAT, PART("{\"type\":\"file\",\"file\":{}}"), "messages[0].content[0].file.file_data",
      "missing_required_parameter" },
    { OPENAI_CHAT, PART("{\"type\":\"file\",\"file\":{\"file_data\":\"AAAA\"}}"),
      "messages[0].content[0].file.file_data", "invalid_value" },
    { OPENAI_CHAT, TURN("{\"role\":\"assistant\",\"tool_calls\":{}}"), "messages[0].tool_calls", "invalid_type" },
    { OPENAI_CHAT, CALLS("1"), "messages[0].tool_calls[0]", "invalid_type" },
    { OPENAI_CHAT, CALLS("{\"id\":\"c\",\"type\":\"function\"}"), "messages[0].tool_calls[0].function",
      "missing_required_parameter" },
    { OPENAI_CHAT, CALLS("{\"id\":\"c\",\"type\":\"retrieval\"}"), "messages[0].tool_calls[0].type", "invalid_value" },
    { OPENAI_CHAT, CALLS("{\"id\":\"c\",\"function\":{\"arguments\":\"\"}}"), "messages[0].tool_calls[0].function.name",
      "missing_required_parameter" },
    { OPENAI_CHAT, CALLS("{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":[]}}"),
      "messages[0].tool_calls[0].function.arguments", "invalid_type" },
    { OPENAI_CHAT, CALLS("{\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"f\",\"input\":{}}}"),
      "messages[0].tool_calls[0].custom.input", "invalid_type" },
    { OPENAI_CHAT, TURN("{\"role\":\"assistant\",\"function_call\":{}}"), "messages[0].function_call.name",
      "missing_required_parameter" },
    { OPENAI_CHAT, TURN("{\"role\":\"assistant\",\"reasoning_content\":5}"), "messages[0].reasoning_content",
      "invalid_type" },
    { OPENAI_CHAT, TURN("{\"role\":\"tool\",\"content\":\"x\"}"), "messages[0].tool_call_id",
      "missing_required_parameter" },
    { OPENAI_CHAT, TURN("{\"role\":\"function\",\"content\":\"x\"}"), "messages[0].name",
      "missing_required_parameter" },
    { OPENAI_CHAT, TURN("{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":true}"), "messages[0].content",
      "invalid_type" },
    { OPENAI_CHAT, WITH("\"temperature\":2.1"), "temperature", "decimal_above_max_value" },
    { OPENAI_CHAT, WITH("\"temperature\":-0.1"), "temperature", "decimal_below_min_value" },
    { OPENAI_CHAT, WITH("\"temperature\":\"hot\""), "temperature", "invalid_type" },
    { OPENAI_CHAT, WITH("\"temperature\":1e999"), "temperature", "decimal_above_max_value" },
    { OPENAI_CHAT, WITH("\"temperature\":true"), "temperature", "invalid_type" },
    { OPENAI_CHAT, WITH("\"top_p\":1.5"), "top_p", "decimal_above_max_value" },
    { OPENAI_CHAT, WITH("\"presence_penalty\":3"), "presence_penalty", "decimal_above_max_value" },
    { OPENAI_CHAT, WITH("\"frequency_penalty\":-3"), "frequency_penalty", "decimal_below_min_value" },
    { OPENAI_CHAT, WITH("\"max_tokens\":0"), "max_tokens", "integer_below_min_value" },
    { OPENAI_CHAT, WITH("\"max_tokens\":-2"), "max_tokens", "integer_below_min_value" },
    { OPENAI_CHAT, WITH("\"max_completion_tokens\":1.5"), "max_completion_tokens", "invalid_type" },
    { OPENAI_CHAT, WITH("\"n\":0"), "n", "integer_below_min_value" },
    { OPENAI_CHAT, WITH("\"n\":129"), "n", "integer_above_max_value" },
    { OPENAI_CHAT, WITH("\"seed\":\"x\""), "seed", "invalid_type" },
    { OPENAI_CHAT, WITH("\"stop\":5"), "stop", "invalid_type" },
    { OPENAI_CHAT, WITH("\"stop\":[\"a\",5]"), "stop[1]", "invalid_type" },
    { OPENAI_CHAT, WITH("\"logit_bias\":[]"), "logit_bias", "invalid_type" },
    { OPENAI_CHAT, WITH("\"logprobs\":3"), "logprobs", "invalid_type" },
    { OPENAI_CHAT, WITH("\"top_logprobs\":2"), "top_logprobs", "invalid_value" },
    { OPENAI_CHAT, WITH("\"logprobs\":true,\"top_logprobs\":21"), "top_logprobs", "integer_above_max_value" },
    { OPENAI_CHAT, WITH("\"user\":{}"), "user", "invalid_type" },
    { OPENAI_CHAT, WITH("\"reasoning_effort\":1"), "reasoning_effort", "invalid_type" },
    { OPENAI_CHAT, WITH("\"metadata\":\"x\""), "metadata", "invalid_type" },
    { OPENAI_CHAT, WITH("\"prediction\":\"x\""), "prediction", "invalid_type" },
    { OPENAI_CHAT, WITH("\"modalities\":\"text\""), "modalities", "invalid_type" },
    { OPENAI_CHAT, WITH("\"parallel_tool_calls\":0"), "parallel_tool_calls", "invalid_type" },
    { OPENAI_CHAT, WITH("\"tools\":{}"), "tools", "invalid_type" },
    { OPENAI_CHAT, WITH("\"tools\":[1]"), "tools[0]", "invalid_type" },
    { OPENAI_CHAT, WITH("\"tools\":[{\"type\":1}]"), "tools[0].type", "invalid_type" },
    { OPENAI_CHAT, WITH("\"tools\":[{\"type\":\"function\"}]"), "tools[0].function", "missing_required_parameter" },
    { OPENAI_CHAT, WITH("\"tools\":[{\"type\":\"function\",\"function\":{}}]"), "tools[0].function.name",
      "missing_required_parameter" },
    { OPENAI_CHAT, WITH("\"tools\":[{\"type\":\"custom\",\"custom\":{}}]"), "tools[0].custom.name",
      "missing_required_parameter" },
    { OPENAI_CHAT, WITH("\"tools\":[{\"function\":{\"name\":\"f\",\"parameters\":\"x\"}}]"),
      "tools[0].function.parameters", "invalid_type" },
    { OPENAI_CHAT, WITH("\"tools\":[{\"function\":{\"name\":\"f\",\"strict\":\"x\"}}]"), "tools[0].function.strict",
      "invalid_type" },
    { OPENAI_CHAT, WITH(FUNC ",\"tool_choice\":\"some\""), "tool_choice", "invalid_value" },
    { OPENAI_CHAT, WITH(FUNC ",\"tool_choice\":5"), "tool_choice", "invalid_type" },
    { OPENAI_CHAT, WITH(FUNC ",\"tool_choice\":{\"type\":\"function\"}"), "tool_choice.function",
      "missing_required_parameter" },
    { OPENAI_CHAT, WITH(FUNC ",\"tool_choice\":{\"type\":\"function\",\"function\":{}}"), "tool_choice.function.name",
      "missing_required_parameter" },
    { OPENAI_CHAT, WITH(FUNC ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"g\"}}"), "tool_choice",
      "invalid_value" },
    { OPENAI_CHAT, WITH(FUNC ",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\"}}"),
      "tool_choice.allowed_tools.tools", "missing_required_parameter" },
    { OPENAI_CHAT,
      WITH(FUNC ",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"x\",\"tools\":"
                "[]}}"),
      "tool_choice.allowed_tools.mode", "invalid_value" },
    { OPENAI_CHAT, WITH("\"functions\":[{}]"), "functions[0].function", "missing_required_parameter" },
    { OPENAI_CHAT, WITH("\"functions\":[{\"name\":\"f\"}],\"function_call\":{\"name\":\"g\"}"), "function_call",
      "invalid_value" },
    { OPENAI_CHAT, WITH("\"response_format\":\"json\""), "response_format", "invalid_type" },
    { OPENAI_CHAT, WITH("\"response_format\":{}"), "response_format.type", "missing_required_parameter" },
    { OPENAI_CHAT, WITH("\"response_format\":{\"type\":\"json_schema\"}"), "response_format.json_schema",
      "missing_required_parameter" },
    { OPENAI_CHAT, WITH("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\"}}"),
      "response_format.json_schema.schema", "missing_required_parameter" },
    { OPENAI_CHAT, WITH("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":[]}}"),
      "response_format.json_schema.schema", "invalid_type" },
    { OPENAI_COMPLETION, M "\"prompt\":[]}", "prompt", "empty_array" },
    { OPENAI_COMPLETION, M "\"prompt\":{}}", "prompt", "invalid_type" },
    { OPENAI_COMPLETION, M "\"prompt\":[\"a\",1]}", "prompt[1]", "invalid_type" },
    { OPENAI_COMPLETION, M "\"prompt\":\"a\",\"logprobs\":6}", "logprobs", "integer_above_max_value" },
    { OPENAI_COMPLETION, M "\"prompt\":\"a\",\"suffix\":1}", "suffix", "invalid_type" },
    { OPENAI_COMPLETION, M "\"prompt\":\"a\",\"echo\":\"x\"}", "echo", "invalid_type" },
    { OPENAI_COMPLETION, "{\"prompt\":[1]}", "model", "missing_required_parameter" },
    { OPENAI_EMBEDDING, "{\"model\":\"m\"}", "input", "missing_required_parameter" },
    { OPENAI_EMBEDDING, M "\"input\":[]}", "input", "empty_array" },
    { OPENAI_EMBEDDING, M "\"input\":true}", "input", "invalid_type" },
    { OPENAI_EMBEDDING, M "\"input\":[\"a\",null]}", "input[1]", "invalid_type" },
    { OPENAI_EMBEDDING, M "\"input\":\"a\",\"dimensions\":0}", "dimensions", "integer_below_min_value" },
    { OPENAI_EMBEDDING, M "\"input\":\"a\",\"encoding_format\":\"int8\"}", "encoding_format", "invalid_value" },
};

static void check_refusal(size_t index)
{
    struct reading r;
    aigw_status status = reading_begin(&r, refusals[index].path, refusals[index].body, strlen(refusals[index].body), 0);

    if (status != AIGW_E_INVALID)
        reading_fail(refusals[index].body, "is not refused", AIGW_STR_NONE);
    else if (!wire_is(r.refusal.param, refusals[index].param) || !wire_is(r.refusal.code, refusals[index].code))
        reading_fail(refusals[index].body, "is refused by", r.refusal.message);
    else if (r.refusal.param.len > 0 && !wire_contains(r.refusal.message, refusals[index].param))
        reading_fail(refusals[index].body, "is not named in", r.refusal.message);
    reading_end(&r);
}

/* Containers inside one another beyond the reader's limit are refused, not followed. */
static void test_depth(void)
{
    char text[2 * AIGW_JSON_DEPTH + 64];
    size_t len = (size_t)snprintf(text, sizeof text, "{\"model\":\"m\",\"x\":");
    struct reading r;

    for (uint32_t i = 0; i <= AIGW_JSON_DEPTH; i++)
        text[len++] = '[';
    for (uint32_t i = 0; i <= AIGW_JSON_DEPTH; i++)
        text[len++] = ']';
    text[len++] = '}';
    if (reading_begin(&r, OPENAI_CHAT, text, len, 0) != AIGW_E_INVALID || !wire_is(r.refusal.code, "invalid_json"))
        reading_fail("depth", "is not refused", r.refusal.message);
    reading_end(&r);
}

/* The shortest parts are refused before they take much more memory than the body has. */
static void test_many(void)
{
    enum { COUNT = 100001 };
    static char text[64 + COUNT * 4];
    size_t len = (size_t)snprintf(text, sizeof text, M "\"messages\":[{\"role\":\"user\",\"content\":[\"a\"");
    struct reading r;

    for (uint32_t i = 0; i < COUNT; i++) {
        memcpy(text + len, ",\"a\"", 4);
        len += 4;
    }
    memcpy(text + len, "]}]}", 4);
    if (reading_begin(&r, OPENAI_CHAT, text, len + 4, 0) != AIGW_E_INVALID ||
        !wire_is(r.refusal.code, "array_above_max_length") || !wire_is(r.refusal.param, "messages[0].content[99999]"))
        reading_fail("many parts", "are refused by", r.refusal.message);
    reading_end(&r);
}

int main(void)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        check_form(i);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        check_refusal(i);
    test_model();
    test_memory();
    test_depth();
    test_many();
    printf("%zu forms, %zu refusals, %d failures\n", sizeof forms / sizeof *forms, sizeof refusals / sizeof *refusals,
           reading_failures);
    return reading_failures > 0;
}
