/* usage.c - numbers of tokens, as servers write them: as 12, 12.0 or "12", in pieces, as 0 until they are known. */
#include "read.h"

/* No answer has more: a number beyond it is none of tokens, and sums must hold. */
#define TOKENS_MAX INT64_C(1000000000000)

static int64_t tokens_in_text(aigw_str text)
{
    int64_t number = 0;
    size_t i = 1; /* behind the quote */

    for (; i + 1 < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9' && number <= TOKENS_MAX; i++)
        number = number * 10 + (text.ptr[i] - '0');
    return text.len > 2 && i + 1 == text.len ? number : -1;
}

int64_t reader_tokens(const struct aigw_json *value)
{
    int64_t number = value->type == AIGW_JSON_STRING ? tokens_in_text(value->text) : reader_number(value, -1);

    return number >= 0 && number <= TOKENS_MAX ? number : -1;
}

int64_t reader_tokens_in(const struct aigw_json *object, const char *name)
{
    struct aigw_json value;

    aigw_json_member(object, name, &value);
    return reader_tokens(&value);
}

void usage_learn(int64_t *known, int64_t number)
{
    if (number > 0 || (number == 0 && *known < 0))
        *known = number;
}

void usage_merge(struct aigw_usage *known, const struct aigw_usage *told)
{
    usage_learn(&known->input, told->input);
    usage_learn(&known->output, told->output);
    usage_learn(&known->cache_read, told->cache_read);
    usage_learn(&known->cache_write, told->cache_write);
    usage_learn(&known->cache_write_1h, told->cache_write_1h);
    usage_learn(&known->reasoning, told->reasoning);
    usage_learn(&known->audio_input, told->audio_input);
    usage_learn(&known->audio_output, told->audio_output);
    usage_learn(&known->tool_prompt, told->tool_prompt);
}
