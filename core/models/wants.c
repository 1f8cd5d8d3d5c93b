/* wants.c - what a body of any client's dialect says about the target that it needs, found without understanding it:
 * one pass over its top-level members. The body may be anything; a wrong guess costs a better target, never an answer.
 */
#include <string.h>

#include "models/plan.h"

#define BYTES_A_TOKEN 4

struct span {
    const char *at, *end;
};

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

/* Behind the string that begins here: strings are nearly all of a body, so it is quotes that are looked for. */
static const char *skip_string(const char *at, const char *end)
{
    const char *begin = at + 1, *quote = begin;

    while (quote < end && (quote = memchr(quote, '"', (size_t)(end - quote))) != NULL) {
        const char *before = quote;

        while (before > begin && before[-1] == '\\')
            before--;
        quote++;
        if ((quote - 1 - before) % 2 == 0) /* no backslash escapes it, but others */
            return quote;
    }
    return end;
}

static const char *skip_value(const char *at, const char *end)
{
    int depth = 0;

    while (at < end) {
        char c = *at;

        if (depth == 0 && (c == ',' || c == '}' || c == ']'))
            return at;
        if (c == '"') {
            at = skip_string(at, end);
        } else {
            depth += c == '{' || c == '[';
            depth -= c == '}' || c == ']';
            at++;
        }
        if (depth == 0 && (c == '"' || c == '}' || c == ']'))
            return at;
    }
    return end;
}

/* The next element of an array or member of an object; *at stands behind the opening bracket or the last element. */
static bool next(const char **at, const char *end, struct span *ret_key, struct span *ret_value)
{
    const char *p = skip_blanks(*at, end);

    if (p < end && *p == ',')
        p = skip_blanks(p + 1, end);
    if (p >= end || *p == '}' || *p == ']')
        return false;
    if (ret_key) {
        if (*p != '"')
            return false;
        *ret_key = (struct span){ p, skip_string(p, end) };
        p = skip_blanks(ret_key->end, end);
        if (p >= end || *p != ':')
            return false;
        p = skip_blanks(p + 1, end);
    }
    *ret_value = (struct span){ p, skip_value(p, end) };
    *at = ret_value->end;
    return ret_value->end > p;
}

static aigw_str text_of(struct span value)
{
    if (value.end - value.at < 2 || *value.at != '"')
        return AIGW_STR_NONE;
    return (aigw_str){ value.at + 1, (size_t)(value.end - value.at) - 2 };
}

/* As a word of JSON: quotes inside strings are escaped. */
static bool has_word(struct span in, const char *quoted)
{
    size_t len = strlen(quoted);
    const char *at = in.at;

    while ((at = memmem(at, (size_t)(in.end - at), quoted, len)) != NULL) {
        if (at == in.at || at[-1] != '\\')
            return true;
        at += len;
    }
    return false;
}

/* The text of a member of this name, wherever it stands. */
static aigw_str text_of_member(struct span in, const char *quoted)
{
    size_t len = strlen(quoted);
    const char *at = in.at;

    while ((at = memmem(at, (size_t)(in.end - at), quoted, len)) != NULL) {
        const char *p = skip_blanks(at + len, in.end);
        if (p < in.end && *p == ':' && (at == in.at || at[-1] != '\\')) {
            p = skip_blanks(p + 1, in.end);
            return p < in.end && *p == '"' ? text_of((struct span){ p, skip_string(p, in.end) }) : AIGW_STR_NONE;
        }
        at += len;
    }
    return AIGW_STR_NONE;
}

/* Eight bytes at a time: a system prompt can have a hundred thousand. */
static void add_prefix(struct gw_wants *wants, struct span value)
{
    const uint64_t prime = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = wants->prefix + 1, word = 0;
    const char *at = value.at;

    for (; value.end - at >= (ptrdiff_t)sizeof word; at += sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = (hash ^ word) * prime;
        hash ^= hash >> 29;
    }
    hash = gw_hash_more(hash, at, (size_t)(value.end - at));
    wants->prefix = hash ? hash : 1;
}

/* The conversation, up to and including the user's first turn: what later turns of it share. */
static void read_turns(struct gw_wants *wants, struct span turns)
{
    static const struct {
        const char *begins; /* the words do, so that a body without any is searched three times, not six */
        const char *words[3];
    } images[] = { { "\"image", { "\"image_url\"", "\"image\"", "\"image/" } }, /* the last: a file's type */
                   { "\"inline", { "\"inline_data\"", "\"inlineData\"" } },
                   { "\"input_im", { "\"input_image\"" } } };
    const char *at = turns.at + 1;
    struct span turn;

    for (size_t i = 0; i < GW_ARRAY_LEN(images); i++) {
        const char *const *words = images[i].words;

        if (has_word(turns, images[i].begins) &&
            (has_word(turns, words[0]) || (words[1] && has_word(turns, words[1])) ||
             (words[2] && has_word(turns, words[2]))))
            wants->needs |= GW_CAN_IMAGES;
    }
    if (*turns.at != '[') {
        add_prefix(wants, turns);
        return;
    }
    while (next(&at, turns.end, NULL, &turn)) {
        add_prefix(wants, turn);
        if (has_word(turn, "\"user\""))
            return;
    }
}

static int64_t number_of(struct span value)
{
    uint64_t number = 0;
    aigw_str text = { value.at, (size_t)(value.end - value.at) };

    return gw_str_to_u64(gw_str_trim(text), 1000000000, &number) ? (int64_t)number : 0;
}

static bool is_key(struct span key, const char *const *names)
{
    for (; *names; names++)
        if (gw_str_is(text_of(key), *names))
            return true;
    return false;
}

static bool has_element(struct span list)
{
    const char *at = list.at + 1;
    struct span element;

    return next(&at, list.end, NULL, &element);
}

/* null says nothing, as if the member were not there. */
static void read_limit(struct gw_wants *wants, struct span value)
{
    int64_t number = number_of(value);

    if (number > 0)
        wants->answer_tokens = number;
}

/* Dialects that keep the parameters in an object of their own. */
static void read_parameters(struct gw_wants *wants, struct span parameters)
{
    static const char *const limits[] = { "maxOutputTokens", "max_output_tokens", NULL };
    static const char *const schemas[] = { "responseSchema",       "response_schema",     "responseJsonSchema",
                                           "response_json_schema", "_responseJsonSchema", NULL };
    const char *at = parameters.at + 1;
    struct span key, value;

    while (*parameters.at == '{' && next(&at, parameters.end, &key, &value)) {
        if (is_key(key, limits))
            read_limit(wants, value);
        else if (is_key(key, schemas) && *value.at != 'n')
            wants->needs |= GW_CAN_SCHEMA;
    }
}

static void read_member(struct gw_wants *wants, struct span key, struct span value)
{
    static const char *const tools[] = { "tools", "functions", NULL };
    static const char *const formats[] = { "response_format", "output_config", "output_format", "text", NULL };
    static const char *const parameters[] = { "generationConfig", "generation_config", NULL };
    static const char *const limits[] = { "max_tokens", "max_completion_tokens", "max_output_tokens", NULL };
    static const char *const instructions[] = { "system", "instructions", "systemInstruction", "system_instruction",
                                                NULL };
    static const char *const turns[] = { "messages", "input", "contents", "prompt", NULL };
    static const char *const sessions[] = { "prompt_cache_key", NULL }, *const metadata[] = { "metadata", NULL };

    if (is_key(key, tools)) {
        if (*value.at == '[' && has_element(value))
            wants->needs |= GW_CAN_TOOLS;
    } else if (is_key(key, formats)) {
        if (has_word(value, "\"json_schema\""))
            wants->needs |= GW_CAN_SCHEMA;
    } else if (is_key(key, parameters)) {
        read_parameters(wants, value);
    } else if (is_key(key, limits)) {
        read_limit(wants, value);
    } else if (is_key(key, instructions)) {
        add_prefix(wants, value);
    } else if (is_key(key, turns)) {
        read_turns(wants, value);
    } else if (is_key(key, sessions)) {
        wants->session = text_of(value);
    } else if (is_key(key, metadata) && !wants->session.len) {
        wants->session = text_of_member(value, "\"user_id\"");
    }
}

static aigw_str language_of_file(aigw_str name)
{
    static const char *const endings[][2] = {
        { "py", "python" },     { "rb", "ruby" },
        { "js", "javascript" }, { "jsx", "javascript" },
        { "ts", "typescript" }, { "tsx", "typescript" },
        { "go", "go" },         { "rs", "rust" },
        { "c", "c" },           { "h", "c" },
        { "cc", "cpp" },        { "cpp", "cpp" },
        { "hpp", "cpp" },       { "cs", "csharp" },
        { "java", "java" },     { "kt", "kotlin" },
        { "scala", "scala" },   { "swift", "swift" },
        { "php", "php" },       { "sh", "shell" },
        { "sql", "sql" },       { "cob", "cobol" },
        { "cbl", "cobol" },     { "tf", "terraform" },
        { "yml", "yaml" },      { "yaml", "yaml" },
        { "vue", "vue" },       { "lua", "lua" },
        { "pl", "perl" },       { "r", "r" },
        { "dart", "dart" },     { "ex", "elixir" },
    };
    const char *dot = name.len ? memrchr(name.ptr, '.', name.len) : NULL;

    if (!dot)
        return AIGW_STR_NONE;
    aigw_str ending = { dot + 1, name.len - (size_t)(dot + 1 - name.ptr) };
    for (size_t i = 0; i < GW_ARRAY_LEN(endings); i++)
        if (gw_str_eq_ci(ending, gw_str(endings[i][0])))
            return gw_str(endings[i][1]);
    return ending;
}

int64_t gw_wants_prompt_tokens(aigw_str body)
{
    return (int64_t)body.len / BYTES_A_TOKEN;
}

void gw_wants_read(aigw_str body, struct gw_wants *ret_wants)
{
    struct span all = { body.ptr, body.ptr + body.len }, key, value;
    const char *at;

    *ret_wants = (struct gw_wants){ .is_read = true, .prompt_tokens = gw_wants_prompt_tokens(body) };
    if (!body.len)
        return;
    at = skip_blanks(all.at, all.end);
    if (at >= all.end || *at++ != '{')
        return;
    while (next(&at, all.end, &key, &value))
        read_member(ret_wants, key, value);
    ret_wants->language = text_of_member(all, "\"language_identifier\"");
    if (!ret_wants->language.len)
        ret_wants->language = language_of_file(text_of_member(all, "\"file_name\""));
}
