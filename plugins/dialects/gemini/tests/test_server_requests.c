/* test_server_requests.c - a client's body is read and written again by the client half: what comes out is what a model
 * would have got from the client itself, but for what the rows say. */
#include "../gemini.h"
#include "../gemini_server.h"
#include "server_host.h"

#include <stdio.h>
#include <string.h>

static struct aigw_host host;
static struct record record;
static int failures;

static struct aigw_ctx *ctx(void)
{
    return (struct aigw_ctx *)(void *)&record;
}

static void fail(const char *what, const char *expected, aigw_str found)
{
    fprintf(stderr, "not ok %s\n  expected %s\n  found    %.*s\n", what, expected, AIGW_STR_ARG(found));
    failures++;
}

static const struct {
    const char *name;
    uint32_t kind;
    const char *model, *body, *expected; /* NULL: the body itself */
} requests[] = {
    { "text", AIGW_CALL_CHAT, "gemini-2.5-flash",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"h\\u00e9\\n\"}]}]}", NULL },
    { "the shortest", AIGW_CALL_CHAT, "gemini-2.5-flash", "{\"contents\":\"hi\",\"system_instruction\":\"be brief\"}",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
      "\"systemInstruction\":{\"parts\":[{\"text\":\"be brief\"}]}}" },
    { "no role, one part", AIGW_CALL_CHAT, "gemini-2.5-flash", "{\"contents\":{\"parts\":{\"text\":\"hi\"}}}",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]}" },
    { "all numbers, both spellings", AIGW_CALL_CHAT, "gemini-2.5-flash",
      "{\"contents\":\"q\",\"generation_config\":{\"temperature\":1,\"top_p\":0.95,\"topK\":64.0,\"max_output_tokens\":"
      "9,"
      "\"candidateCount\":2,\"stop_sequences\":[\"a\",\"b\"],\"seed\":-1,\"presencePenalty\":0.5,\"frequency_penalty\":"
      "1,"
      "\"responseLogprobs\":true,\"logprobs\":3,\"responseModalities\":[\"TEXT\"]}}",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]}],\"generationConfig\":{\"temperature\":1,"
      "\"topP\":0.95,"
      "\"topK\":64,\"maxOutputTokens\":9,\"candidateCount\":2,\"stopSequences\":[\"a\",\"b\"],\"seed\":-1,"
      "\"presencePenalty\":0.5,\"frequencyPenalty\":1,\"responseLogprobs\":true,\"logprobs\":3}}" },
    { "thinking by budget", AIGW_CALL_CHAT, "gemini-2.5-flash",
      "{\"contents\":\"q\",\"generationConfig\":{\"thinkingConfig\":{\"thinking_budget\":2048,\"includeThoughts\":true}"
      "}}",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]}],"
      "\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":2048,\"includeThoughts\":true}}}" },
    { "thinking left to the model", AIGW_CALL_CHAT, "gemini-2.5-flash",
      "{\"contents\":\"q\",\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":-1}}}",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]}],"
      "\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":-1}}}" },
    { "thinking by level", AIGW_CALL_CHAT, "gemini-3-flash-preview",
      "{\"contents\":\"q\",\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"high\"}}}",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]}],"
      "\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"HIGH\"}}}" },
    { "a schema of OpenAPI's form", AIGW_CALL_CHAT, "gemini-2.5-flash",
      "{\"contents\":\"q\",\"generationConfig\":{\"responseMimeType\":\"application/"
      "json\",\"responseSchema\":{\"type\":"
      "\"OBJECT\",\"properties\":{\"a\":{\"type\":\"STRING\",\"nullable\":true},\"nullable\":{\"type\":\"ARRAY\","
      "\"items\":"
      "{\"type\":\"INTEGER\"}}}}}}",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]}],\"generationConfig\":{\"responseMimeType\":"
      "\"application/"
      "json\",\"responseJsonSchema\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":[\"string\",\"null\"]},"
      "\"nullable\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}}}}}" },
    { "keywords of schemas in the other spelling", AIGW_CALL_CHAT, "gemini-2.5-flash",
      "{\"contents\":\"q\",\"tools\":{\"function_declarations\":[{\"name\":\"f\",\"parameters\":{\"any_of\":[{\"type\":"
      "\"STRING\",\"min_length\":1},"
      "{\"type\":\"ARRAY\",\"items\":{\"type\":\"BOOLEAN\"},\"max_items\":2}],\"property_ordering\":[\"a\"]}}]}}",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]}],\"tools\":[{\"functionDeclarations\":[{"
      "\"name\":\"f\",\"parametersJsonSchema\":"
      "{\"anyOf\":[{\"type\":\"string\",\"minLength\":1},{\"type\":\"array\",\"items\":{\"type\":\"boolean\"},"
      "\"maxItems\":2}],"
      "\"propertyOrdering\":[\"a\"]}}]}]}" },
    { "tools, one of them the server's, a choice", AIGW_CALL_CHAT, "gemini-2.5-flash",
      "{\"contents\":\"q\",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"description\":\"d\",\"parameters\":{"
      "\"type\":"
      "\"OBJECT\",\"properties\":{\"x\":{\"type\":\"NUMBER\"}}}},{\"name\":\"g\",\"parameters_json_schema\":{\"type\":"
      "\"object\","
      "\"properties\":{\"y\":{\"$ref\":\"#/$defs/"
      "z\"}},\"$defs\":{\"z\":{\"type\":\"string\"}}},\"behavior\":\"BLOCKING\"}]},"
      "{\"googleSearch\":{}}],\"tool_config\":{\"function_calling_config\":{\"mode\":\"any\",\"allowed_function_"
      "names\":"
      "[\"f\"]},\"retrievalConfig\":{\"languageCode\":\"de\"}}}",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]}],\"tools\":[{\"functionDeclarations\":[{"
      "\"name\":\"f\","
      "\"description\":\"d\",\"parametersJsonSchema\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"number\"}}"
      "}},{\"name\":"
      "\"g\",\"parametersJsonSchema\":{\"type\":\"object\",\"properties\":{\"y\":{\"$ref\":\"#/$defs/"
      "z\"}},\"$defs\":{\"z\":{\"type\":"
      "\"string\"}}},\"behavior\":\"BLOCKING\"}]},{\"googleSearch\":{}}],\"toolConfig\":{\"functionCallingConfig\":{"
      "\"mode\":"
      "\"ANY\",\"allowedFunctionNames\":[\"f\"]},\"retrievalConfig\":{\"languageCode\":\"de\"}}}" },
    { "calls without ids, answered by name and order", AIGW_CALL_CHAT, "gemini-2.5-flash",
      "{\"contents\":[{\"parts\":[{\"text\":\"q\"}]},{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\","
      "\"args\":{\"n\":1}}},"
      "{\"functionCall\":{\"name\":\"g\"}},{\"functionCall\":{\"name\":\"f\",\"args\":{\"n\":2}}}]},{\"role\":"
      "\"function\",\"parts\":["
      "{\"functionResponse\":{\"name\":\"g\",\"response\":{\"x\":1}}},{\"functionResponse\":{\"name\":\"f\","
      "\"response\":{\"result\":"
      "\"one\"}}},{\"functionResponse\":{\"name\":\"f\",\"response\":{\"error\":\"two\"}}}]}]}",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{\"role\":\"model\",\"parts\":[{"
      "\"functionCall\":{\"name\":\"f\","
      "\"id\":\"call_1\",\"args\":{\"n\":1}}},{\"functionCall\":{\"name\":\"g\",\"id\":\"call_2\",\"args\":{}}},{"
      "\"functionCall\":{"
      "\"name\":\"f\",\"id\":\"call_3\",\"args\":{\"n\":2}}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{"
      "\"name\":\"f\",\"id\":"
      "\"call_1\",\"response\":{\"output\":\"one\"}}},{\"functionResponse\":{\"name\":\"g\",\"id\":\"call_2\","
      "\"response\":{\"x\":1}}},"
      "{\"functionResponse\":{\"name\":\"f\",\"id\":\"call_3\",\"response\":{\"error\":\"two\"}}}]}]}" },
    { "results stand before what else is in their turn", AIGW_CALL_CHAT, "gemini-3-flash-preview",
      "{\"contents\":[{\"parts\":[{\"text\":\"q\"}]},{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"a\","
      "\"name\":\"f\"},"
      "\"thoughtSignature\":\"c2ln\"}]},{\"parts\":[{\"text\":\"and\"},{\"functionResponse\":{\"id\":\"a\",\"name\":"
      "\"f\",\"response\":{"
      "\"output\":\"see\"},\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"aGk=\"}}]}}]}]}",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{\"role\":\"model\",\"parts\":[{"
      "\"functionCall\":{\"id\":\"a\","
      "\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"c2ln\"}]},{\"role\":\"user\",\"parts\":[{"
      "\"functionResponse\":{\"id\":\"a\","
      "\"name\":\"f\",\"response\":{\"output\":\"see\"},\"parts\":[{\"inlineData\":{\"mimeType\":\"image/"
      "png\",\"data\":\"aGk=\"}}]}},"
      "{\"text\":\"and\"}]}]}" },
    { "signatures on thoughts and texts, in the other alphabet, and words for none", AIGW_CALL_CHAT, "gemini-2.5-flash",
      "{\"contents\":[{\"parts\":[{\"text\":\"q\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"hm\",\"thought\":true,"
      "\"thoughtSignature\":\"a-_b\"},{\"text\":\"a\",\"thought_signature\":\"c2lnbg\"},{\"functionCall\":{\"name\":"
      "\"f\"},"
      "\"thoughtSignature\":\"skip_thought_signature_validator\"}]},{\"parts\":[{\"functionResponse\":{\"name\":\"f\","
      "\"response\":"
      "{}}}]}]}",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"hm\","
      "\"thought\":true,"
      "\"thoughtSignature\":\"a+/"
      "b\"},{\"text\":\"a\",\"thoughtSignature\":\"c2lnbg==\"},{\"functionCall\":{\"name\":\"f\",\"id\":"
      "\"call_1\",\"args\":{}}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"id\":\"call_"
      "1\",\"response\":{}}}"
      "]}]}" },
    { "media, and what only the vendor knows", AIGW_CALL_CHAT, "gemini-2.5-flash",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"inlineData\":{\"mimeType\":\"image/"
      "png\",\"data\":\"aGk=\"},\"mediaResolution\":"
      "{\"level\":\"HIGH\"}},{\"fileData\":{\"fileUri\":\"gs://b/v\",\"mimeType\":\"video/"
      "mp4\"}},{\"inlineData\":{\"mimeType\":"
      "\"audio/wav\",\"data\":\"aGk=\"}},{\"inlineData\":{\"mimeType\":\"application/"
      "pdf\",\"data\":\"aGk=\"}}]},{\"role\":\"model\","
      "\"parts\":[{\"executableCode\":{\"code\":\"1\"}},{\"inlineData\":{\"mimeType\":\"image/"
      "png\",\"data\":\"aGk=\"},\"thoughtSignature\":\"c2ln\"}]},{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]}]}",
      NULL },
    { "members that are nobody's", AIGW_CALL_CHAT, "gemini-2.5-flash",
      "{\"contents\":\"q\",\"safetySettings\":[{\"category\":\"C\",\"threshold\":\"OFF\"}],\"cachedContent\":\"c/"
      "1\",\"store\":false,"
      "\"model\":\"models/x\",\"serviceTier\":\"flex\",\"tools\":null}",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]}],\"safetySettings\":[{\"category\":\"C\","
      "\"threshold\":\"OFF\"}],"
      "\"cachedContent\":\"c/1\",\"store\":false,\"serviceTier\":\"flex\"}" },
    { "a count", AIGW_CALL_COUNT, "m", "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]}]}",
      "{\"generateContentRequest\":{\"model\":\"models/"
      "m\",\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]}]}}" },
    { "a count of a whole request", AIGW_CALL_COUNT, "m",
      "{\"generateContentRequest\":{\"model\":\"models/"
      "m\",\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]}]}}",
      NULL },
    { "an embedding", AIGW_CALL_EMBEDDING, "e",
      "{\"model\":\"models/"
      "e\",\"content\":{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}]},\"taskType\":\"RETRIEVAL_QUERY\","
      "\"outputDimensionality\":3}",
      "{\"requests\":[{\"model\":\"models/"
      "e\",\"content\":{\"parts\":[{\"text\":\"ab\"}]},\"taskType\":\"RETRIEVAL_QUERY\","
      "\"outputDimensionality\":3}]}" },
    { "embeddings", AIGW_CALL_EMBEDDING, "e",
      "{\"requests\":[{\"model\":\"models/e\",\"content\":{\"parts\":[{\"text\":\"a\"}]}},{\"model\":\"models/"
      "e\",\"content\":{\"parts\":"
      "[{\"text\":\"b\"}]}}]}",
      NULL },
};

static void test_request(const char *name, uint32_t kind, const char *model, const char *body, const char *expected)
{
    struct names names = { NULL };
    const struct gemini_quirks quirks = { .names = &names };
    struct aigw_model_request request = { .struct_size = sizeof request };
    struct wire_drops drops = { .status = AIGW_OK };
    struct gemini_refusal refusal = { .http_status = 0 };
    struct gemini_asked asked;
    aigw_str written = AIGW_STR_NONE;

    if (gemini_read_request(&host, ctx(), kind, wire_str(body), &asked, &request, &refusal) != AIGW_OK) {
        fail(name, "a request", refusal.message);
        server_host_free(&record);
        return;
    }
    wire_later_read(&asked.later);
    if (gemini_body(&host, ctx(), wire_str(model), &request, &quirks, &drops, &written) != AIGW_OK) {
        fail(name, "a body", (aigw_str){ record.text, record.len });
    } else if (!server_same_json(written, wire_str(expected ? expected : body))) {
        fail(name, expected ? expected : body, written);
    }
    server_host_free(&record);
}

static const struct {
    uint32_t kind;
    const char *body, *message;
} refusals[] = {
    { AIGW_CALL_CHAT, "{", "the body is not JSON" },
    { AIGW_CALL_CHAT, "[]", "the body: must be a JSON object" },
    { AIGW_CALL_CHAT, "{}", "contents: is missing or no list" },
    { AIGW_CALL_CHAT, "{\"contents\":[]}", "contents: is missing or no list" },
    { AIGW_CALL_CHAT, "{\"contents\":[1]}", "contents[0]: must be an object" },
    { AIGW_CALL_CHAT, "{\"contents\":[{\"role\":\"system\"}]}", "contents[0].role: must be user or model" },
    { AIGW_CALL_CHAT, "{\"contents\":[{\"parts\":1}]}", "contents[0].parts: must be a list" },
    { AIGW_CALL_CHAT, "{\"contents\":[{\"parts\":[1]}]}", "contents[0].parts[0]: must be an object" },
    { AIGW_CALL_CHAT, "{\"contents\":[{\"parts\":[{\"text\":1}]}]}", "contents[0].parts[0].text: must be a string" },
    { AIGW_CALL_CHAT, "{\"contents\":[{\"parts\":[{\"text\":\"a\",\"thought\":1}]}]}",
      "contents[0].parts[0].thought: must be true or false" },
    { AIGW_CALL_CHAT, "{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"a/b\"}}]}]}",
      "contents[0].parts[0].data: is missing" },
    { AIGW_CALL_CHAT, "{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{}}]}]}",
      "contents[0].parts[0].functionCall.name: is missing" },
    { AIGW_CALL_CHAT, "{\"contents\":[{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":[]}}]}]}",
      "contents[0].parts[0].functionCall.args: must be an object" },
    { AIGW_CALL_CHAT, "{\"contents\":[{\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{}}}]}]}",
      "contents[0].parts[0].functionResponse: answers no functionCall of the turn before it" },
    { AIGW_CALL_CHAT, "{\"contents\":\"q\",\"systemInstruction\":{\"parts\":[{\"inlineData\":{}}]}}",
      "systemInstruction: must be text" },
    { AIGW_CALL_CHAT, "{\"contents\":\"q\",\"generationConfig\":[]}", "generationConfig: must be an object" },
    { AIGW_CALL_CHAT, "{\"contents\":\"q\",\"generationConfig\":{\"temperature\":\"x\"}}",
      "generationConfig.temperature: must be a number" },
    { AIGW_CALL_CHAT, "{\"contents\":\"q\",\"generationConfig\":{\"maxOutputTokens\":1.5}}",
      "generationConfig.maxOutputTokens: must be a whole number" },
    { AIGW_CALL_CHAT, "{\"contents\":\"q\",\"generationConfig\":{\"candidateCount\":9}}",
      "generationConfig.candidateCount: must be 1 to 8" },
    { AIGW_CALL_CHAT,
      "{\"contents\":\"q\",\"generationConfig\":{\"stopSequences\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]}}",
      "generationConfig.stopSequences: must be a list of at most 5 strings" },
    { AIGW_CALL_CHAT, "{\"contents\":\"q\",\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"lots\"}}}",
      "generationConfig.thinkingConfig.thinkingLevel: must be MINIMAL" },
    { AIGW_CALL_CHAT, "{\"contents\":\"q\",\"tools\":[{\"functionDeclarations\":[{}]}]}",
      "tools[0].functionDeclarations[0].name: is missing" },
    { AIGW_CALL_CHAT,
      "{\"contents\":\"q\",\"tools\":[{\"googleSearch\":{}},{\"functionDeclarations\":[{\"name\":\"f\"},1]}]}",
      "tools[1].functionDeclarations[1]: must be an object" },
    { AIGW_CALL_CHAT, "{\"contents\":\"q\",\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"SOME\"}}}",
      "functionCallingConfig.mode: must be AUTO" },
    { AIGW_CALL_CHAT, "{\"contents\":\"q\",\"safetySettings\":{}}", "safetySettings: must be a list" },
    { AIGW_CALL_EMBEDDING, "{}", "content: is missing" },
    { AIGW_CALL_EMBEDDING, "{\"requests\":[]}", "requests: must be a list of 1 to 2048 requests" },
    { AIGW_CALL_EMBEDDING, "{\"content\":{\"parts\":[{\"x\":1}]}}", "content: must be text" },
    { AIGW_CALL_EMBEDDING, "{\"content\":\"a\",\"outputDimensionality\":0}",
      "outputDimensionality: must be a positive number" },
};

static void test_refusal(uint32_t kind, const char *body, const char *message)
{
    struct aigw_model_request request = { .struct_size = sizeof request };
    struct gemini_refusal refusal = { .http_status = 0 };
    struct gemini_asked asked;
    aigw_status status = gemini_read_request(&host, ctx(), kind, wire_str(body), &asked, &request, &refusal);

    if (status != AIGW_E_INVALID || refusal.http_status != 400 || !wire_has_prefix(refusal.message, message))
        fail(body, message, refusal.message);
    server_host_free(&record);
}

int main(void)
{
    host = server_host();
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        test_request(requests[i].name, requests[i].kind, requests[i].model, requests[i].body, requests[i].expected);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        test_refusal(refusals[i].kind, refusals[i].body, refusals[i].message);
    return failures > 0;
}
