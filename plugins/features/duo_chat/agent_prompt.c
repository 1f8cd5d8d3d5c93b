/* agent_prompt.c - the conversation as messages. One prompt has the system text, the question and the beginning of the
 * model's own turn; a second one renders each earlier turn, of which its user and assistant messages are taken. */
#include "duo_chat.h"
#include "tools.h"

#include <stdio.h>

#define INPUTS_MAX  ((size_t)64 << 20)
#define DATE_SIZE   64
#define USER_VARS   7u
#define SYSTEM_VARS (CHAT_TOOLS + 3u)

static const aigw_str default_resources = AIGW_STR_INIT("Merge Requests, Pipelines, Vulnerabilities");

/* ---- variables ---- */

static uint32_t put_user_vars(const struct chat_message *message, struct aigw_pair *vars)
{
    const struct aigw_pair user[USER_VARS] = {
        { AIGW_STR_INIT("content"), message->content },
        { AIGW_STR_INIT("context_type"), message->context_type },
        { AIGW_STR_INIT("context_title"), message->context_title },
        { AIGW_STR_INIT("context_content"), message->context_content },
        { AIGW_STR_INIT("file_path"), message->file_path },
        { AIGW_STR_INIT("file_data"), message->file_data },
        { AIGW_STR_INIT("is_selection"), message->is_selection ? AIGW_STR("true") : AIGW_STR_NONE },
    };

    memcpy(vars, user, sizeof user);
    return USER_VARS;
}

static aigw_str join(struct aigw_ctx *ctx, const struct aigw_host *host, const struct aigw_body_list *list)
{
    const aigw_str *items = list->items;
    aigw_str joined = AIGW_STR_NONE;
    size_t len = 0, at = 0;
    char *text;

    for (size_t i = 0; i < list->count; i++)
        len += items[i].len + 2;
    text = len ? host->alloc(ctx, AIGW_LIFE_BUILD, len) : NULL;
    for (size_t i = 0; text && i < list->count; i++) {
        if (i) {
            memcpy(text + at, ", ", 2);
            at += 2;
        }
        if (items[i].len)
            memcpy(text + at, items[i].ptr, items[i].len);
        at += items[i].len;
    }
    if (text)
        joined = (aigw_str){ text, at };
    return joined;
}

/** "Sunday, November, 22, 2026", the way this prompt has always had it. */
static aigw_str date_of(int64_t now_s, char room[DATE_SIZE])
{
    static const char *const days[] = { "Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday" };
    static const char *const months[] = { "March",     "April",   "May",      "June",     "July",    "August",
                                          "September", "October", "November", "December", "January", "February" };
    int64_t day = now_s / 86400, shifted = day + 719468; /* days since 1 March 0000 */
    int64_t era = shifted / 146097, of_era = shifted % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153; /* 0: March */
    int len = snprintf(room, DATE_SIZE, "%s, %s, %02d, %lld", days[day % 7], months[month],
                       (int)(of_year - (153 * month + 2) / 5 + 1), (long long)(year + era * 400 + (month >= 10)));

    return (aigw_str){ room, (size_t)len };
}

/** Under each tool's name: its name when it is offered; the prompt has the words. */
static uint32_t put_system_vars(struct aigw_ctx *ctx, const struct duo_chat *chat, const struct chat_agent *agent,
                                char date[DATE_SIZE], char *names, struct aigw_pair *vars)
{
    bool has_resources = agent->request.given & CHAT_GIVEN_RESOURCES;
    uint32_t count = 0;
    size_t at = 0;

    for (uint32_t i = 0; i < CHAT_TOOLS; i++) {
        aigw_str name = chat_tool_name(i);

        vars[count++] = (struct aigw_pair){ name, agent->tools & 1u << i ? name : AIGW_STR_NONE };
        if (!(agent->tools & 1u << i))
            continue;
        if (at) {
            memcpy(names + at, ", ", 2);
            at += 2;
        }
        memcpy(names + at, name.ptr, name.len);
        at += name.len;
    }
    vars[count++] = (struct aigw_pair){ AIGW_STR_INIT("tool_names"), { names, at } };
    vars[count++] = (struct aigw_pair){ AIGW_STR_INIT("current_date"), date_of(chat->host->time_s(ctx), date) };
    vars[count++] =
        (struct aigw_pair){ AIGW_STR_INIT("unavailable_resources"),
                            has_resources ? join(ctx, chat->host, &agent->request.resources) : default_resources };
    return count;
}

/* ---- lists, as JSON ---- */

static void put_member(const struct aigw_host *host, struct aigw_buf *out, const char *before, aigw_str value)
{
    host->buf_put(out, before, strlen(before));
    host->buf_json(out, value.ptr ? value : AIGW_STR(""));
}

static void put_extras(const struct aigw_host *host, struct aigw_buf *out, const struct aigw_body_list *list)
{
    const struct chat_extra *items = list->items;

    for (size_t i = 0; i < list->count; i++) {
        put_member(host, out, i ? ",{\"category\":" : "{\"category\":", items[i].category);
        put_member(host, out, ",\"id\":", items[i].id);
        put_member(host, out, ",\"content\":", items[i].content);
        host->buf_put(out, ",\"metadata\":", 12);
        if (items[i].metadata.len > 2) /* not {} */
            host->buf_put(out, items[i].metadata.ptr, items[i].metadata.len);
        else
            host->buf_put(out, "null", 4);
        host->buf_put(out, "}", 1);
    }
}

static aigw_str unescape(struct aigw_ctx *ctx, const struct aigw_host *host, aigw_str text)
{
    char *copy;

    if (!text.len || !memchr(text.ptr, '\\', text.len))
        return text;
    copy = host->alloc(ctx, AIGW_LIFE_BUILD, text.len);
    return copy ? (aigw_str){ copy, react_unescape(copy, text) } : text;
}

static void put_steps(struct aigw_ctx *ctx, const struct aigw_host *host, struct aigw_buf *out,
                      const struct aigw_body_list *list)
{
    const struct chat_step *items = list->items;

    for (size_t i = 0; i < list->count; i++) {
        put_member(host, out, i ? ",{\"thought\":" : "{\"thought\":", unescape(ctx, host, items[i].thought));
        put_member(host, out, ",\"tool\":", unescape(ctx, host, items[i].tool));
        put_member(host, out, ",\"tool_input\":", items[i].tool_input);
        put_member(host, out, ",\"observation\":", items[i].observation);
        host->buf_put(out, "}", 1);
    }
}

/** additional_context and steps; absent when there are neither. */
static aigw_status make_inputs(struct aigw_ctx *ctx, const struct aigw_host *host, const struct aigw_body_list *extras,
                               const struct aigw_body_list *steps, aigw_str *ret_json)
{
    bool has_extras = extras && extras->count, has_steps = steps && steps->count;
    struct aigw_buf *out;

    *ret_json = AIGW_STR_NONE;
    if (!has_extras && !has_steps)
        return AIGW_OK;
    out = host->buf_new(ctx, AIGW_LIFE_BUILD, INPUTS_MAX);
    if (!out)
        return AIGW_E_NOMEM;
    host->buf_put(out, "{", 1);
    if (has_extras) {
        host->buf_printf(out, "\"additional_context\":[");
        put_extras(host, out, extras);
        host->buf_put(out, "]", 1);
    }
    if (has_steps) {
        host->buf_printf(out, "%s\"steps\":[", has_extras ? "," : "");
        put_steps(ctx, host, out, steps);
        host->buf_put(out, "]", 1);
    }
    host->buf_put(out, "}", 1);
    return host->buf_view(out, ret_json);
}

/* ---- messages ---- */

/* A list under construction. */
struct chain {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct aigw_message *first, *last;
};

/** Append a copy of those messages of a prompt that have this role. */
static aigw_status take(struct chain *chain, const struct aigw_prompt *prompt, uint32_t role)
{
    for (const struct aigw_message *message = prompt->messages; message; message = message->next) {
        struct aigw_message *copy;

        if (message->role != role)
            continue;
        copy = chain->host->alloc(chain->ctx, AIGW_LIFE_BUILD, sizeof *copy);
        if (!copy)
            return AIGW_E_NOMEM;
        *copy = (struct aigw_message){ .struct_size = sizeof *copy, .role = role, .parts = message->parts };
        if (chain->last)
            chain->last->next = copy;
        else
            chain->first = copy;
        chain->last = copy;
    }
    return AIGW_OK;
}

static bool is_user(const struct chat_message *message)
{
    return chat_str_is(message->role, "user");
}

/** One earlier turn: `user` or `assistant` may be NULL. */
static aigw_status add_turn(struct chain *chain, const struct duo_chat *chat, const struct aigw_model_info *target,
                            const struct chat_message *user, const struct chat_message *assistant)
{
    static const struct chat_message nobody = { 0 };
    struct aigw_pair vars[USER_VARS + 1];
    struct aigw_prompt_query query = { .struct_size = sizeof query,
                                       .id = { chat->turn_prompt, strlen(chat->turn_prompt) },
                                       .model = target,
                                       .vars = vars };
    struct aigw_prompt prompt = { .struct_size = sizeof prompt };
    aigw_status status;

    query.var_count = put_user_vars(user ? user : &nobody, vars);
    vars[query.var_count++] =
        (struct aigw_pair){ AIGW_STR_INIT("final_answer"), assistant ? assistant->content : AIGW_STR_NONE };
    status = make_inputs(chain->ctx, chain->host, user ? &user->extras : NULL, assistant ? &assistant->steps : NULL,
                         &query.inputs);
    if (status == AIGW_OK)
        status = chain->host->prompt(chain->ctx, &query, &prompt);
    if (status == AIGW_OK && user)
        status = take(chain, &prompt, AIGW_ROLE_USER);
    if (status == AIGW_OK && assistant)
        status = take(chain, &prompt, AIGW_ROLE_ASSISTANT);
    return status;
}

static aigw_status add_history(struct chain *chain, const struct duo_chat *chat, const struct chat_talk *talk,
                               const struct aigw_model_info *target)
{
    const struct chat_message *user = NULL;
    aigw_status status = AIGW_OK;

    for (size_t i = 0; i < talk->last && status == AIGW_OK; i++) {
        const struct chat_message *message = &talk->messages[i];

        if (is_user(message)) {
            if (user)
                status = add_turn(chain, chat, target, user, NULL);
            user = message;
        } else if (message->content.ptr) {
            status = add_turn(chain, chat, target, user, message);
            user = NULL;
        }
    }
    if (status == AIGW_OK && user)
        status = add_turn(chain, chat, target, user, NULL);
    return status;
}

aigw_status chat_agent_render(struct aigw_ctx *ctx, const struct duo_chat *chat, const struct chat_agent *agent,
                              const struct aigw_model_info *target, struct aigw_prompt *ret_prompt)
{
    const struct chat_talk *talk = &agent->talk;
    const struct chat_message *question = &talk->messages[talk->last];
    struct chain chain = { .host = chat->host, .ctx = ctx };
    struct aigw_pair vars[SYSTEM_VARS + USER_VARS];
    struct aigw_prompt_query query = {
        .struct_size = sizeof query, .id = { chat->prompt, strlen(chat->prompt) }, .model = target, .vars = vars
    };
    char date[DATE_SIZE], names[CHAT_TOOLS * 32];
    aigw_status status;

    query.var_count = put_system_vars(ctx, chat, agent, date, names, vars);
    query.var_count += put_user_vars(question, vars + query.var_count);
    status = make_inputs(ctx, chat->host, &question->extras, talk->steps, &query.inputs);
    if (status == AIGW_OK)
        status = chat->host->prompt(ctx, &query, ret_prompt);
    if (status == AIGW_OK)
        status = take(&chain, ret_prompt, AIGW_ROLE_SYSTEM);
    if (status == AIGW_OK)
        status = add_history(&chain, chat, talk, target);
    if (status == AIGW_OK)
        status = take(&chain, ret_prompt, AIGW_ROLE_USER);
    if (status == AIGW_OK)
        status = take(&chain, ret_prompt, AIGW_ROLE_ASSISTANT);
    ret_prompt->messages = chain.first;
    return status;
}
