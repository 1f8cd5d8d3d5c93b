/* prompt.c - find the definition for an id, a model's families and a version, and render it. */
#include "prompt/store.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RENDERED_MAX     ((size_t)64 << 20)
#define INPUTS_DEPTH_MAX 64
#define LIST_TEXT_MAX    512u
#define SHOWN_MAX        128u /* of a client's own word in an error text */

static const struct gw_prompt_family *find_family(const struct gw_prompts *prompts, aigw_str id, aigw_str family)
{
    size_t low = 0, high = prompts->family_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct gw_prompt_family *found = &prompts->families[mid];
        int order = gw_prompt_order(id, gw_str(found->id));

        if (!order)
            order = gw_prompt_order(family, gw_str(found->family));
        if (!order)
            return found;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

/** ['1.0.0', '1.1.0'] as Python prints a list; cut short when it grows beyond an error text. */
static void put_names(struct gw_buf *out, const char *const *names, size_t count)
{
    gw_buf_puts(out, "[");
    for (size_t i = 0; i < count; i++)
        gw_buf_printf(out, "%s'%s'", i ? ", " : "", names[i]);
    gw_buf_puts(out, "]");
}

static aigw_status no_version(const struct gw_prompt_family *family, aigw_str version, aigw_status why,
                              struct gw_err *err)
{
    struct gw_buf names;

    gw_buf_init(&names, LIST_TEXT_MAX);
    put_names(&names, family->versions, family->count);
    version = gw_str_cut(version, SHOWN_MAX);
    if (why == AIGW_E_NOT_FOUND)
        gw_err_set(err, why, "No version matching '%.*s' (available: %s)", AIGW_STR_ARG(version),
                   names.data ? names.data : "[]");
    else
        gw_err_set(err, AIGW_E_NOT_FOUND,
                   "Version '%.*s' is not a valid PEP 440 constraint and no exact match found (available: %s)",
                   AIGW_STR_ARG(version), names.data ? names.data : "[]");
    gw_buf_done(&names);
    return AIGW_E_NOT_FOUND;
}

static aigw_status find_def(const struct gw_prompts *prompts, const struct aigw_prompt_query *query,
                            const struct gw_prompt_def **ret_def, struct gw_err *err)
{
    const struct gw_prompt_family *family = NULL;
    aigw_str version = query->version, id = query->id;
    size_t index;
    aigw_status status;

    for (uint32_t i = 0; query->model && i < query->model->family_count && !family; i++)
        family = find_family(prompts, id, query->model->families[i]);
    if (!family)
        family = find_family(prompts, id, AIGW_STR("base"));
    if (!family) {
        id = gw_str_cut(id, SHOWN_MAX);
        return gw_err_set(err, AIGW_E_NOT_FOUND,
                          "Failed to load prompt definition for '%.*s': Prompt definition directory not found: "
                          "prompts/%.*s/base",
                          AIGW_STR_ARG(id), AIGW_STR_ARG(id));
    }
    if (!version.len && family->default_index < family->count) {
        *ret_def = family->defs[family->default_index];
        return AIGW_OK;
    }
    if (!version.len)
        version = AIGW_STR(GW_PROMPT_DEFAULT_VERSION);
    status = gw_version_pick(version, family->versions, family->count, &index);
    if (status < 0)
        return no_version(family, version, status, err);
    *ret_def = family->defs[index];
    return AIGW_OK;
}

/* ---- required variables ---- */

static bool is_given(const struct gw_mustache_vars *vars, const char *name)
{
    for (size_t i = 0; i < vars->pair_count; i++)
        if (gw_str_is(vars->pairs[i].name, name))
            return true;
    return vars->json && json_object_object_get_ex(vars->json, name, NULL);
}

static void put_received(struct gw_buf *out, const struct gw_mustache_vars *vars)
{
    bool is_first = true;

    gw_buf_puts(out, "[");
    if (vars->json) {
        json_object_object_foreach(vars->json, key, value)
        {
            (void)value;
            gw_buf_printf(out, "%s'%s'", is_first ? "" : ", ", key);
            is_first = false;
        }
    }
    for (size_t i = 0; i < vars->pair_count; i++) {
        gw_buf_printf(out, "%s'%.*s'", is_first ? "" : ", ", AIGW_STR_ARG(vars->pairs[i].name));
        is_first = false;
    }
    gw_buf_puts(out, "]");
}

/** The leading quote and the two spaces are the contract's. */
static aigw_status check_required(const struct gw_prompt_def *def, const struct gw_mustache_vars *vars,
                                  struct gw_err *err)
{
    struct gw_buf missing, expected, received;
    size_t count = 0;

    for (size_t i = 0; i < def->required.count; i++)
        count += !is_given(vars, def->required.items[i]);
    if (!count)
        return AIGW_OK;
    gw_buf_init(&missing, LIST_TEXT_MAX / 2);
    gw_buf_init(&expected, LIST_TEXT_MAX / 2);
    gw_buf_init(&received, LIST_TEXT_MAX / 2);
    count = 0;
    for (size_t i = 0; i < def->required.count; i++)
        if (!is_given(vars, def->required.items[i]))
            gw_buf_printf(&missing, "%s'%s'", count++ ? ", " : "", def->required.items[i]);
    put_names(&expected, def->required.items, def->required.count);
    put_received(&received, vars);
    gw_err_set(
        err, AIGW_E_INVALID, "\"Input to ChatPromptTemplate is missing variables {%s}.  Expected: %s Received: %s",
        missing.data ? missing.data : "", expected.data ? expected.data : "[]", received.data ? received.data : "[]");
    gw_buf_done(&missing);
    gw_buf_done(&expected);
    gw_buf_done(&received);
    return AIGW_E_INVALID;
}

/* ---- parameters and messages ---- */

/** The prompt's numbers win over the model's. NULL: out of memory. */
static const struct aigw_params *merge_params(struct gw_arena *arena, const struct aigw_model_info *model,
                                              const struct aigw_params *own)
{
    struct aigw_params *merged = gw_arena_calloc(arena, sizeof *merged);
    struct aigw_params params = { .struct_size = sizeof params };

    if (!merged)
        return NULL;
    if (model && model->defaults)
        params = *model->defaults;
    params.set |= own->set;
    if (own->set & AIGW_PARAM_TEMPERATURE)
        params.temperature = own->temperature;
    if (own->set & AIGW_PARAM_TOP_P)
        params.top_p = own->top_p;
    if (own->set & AIGW_PARAM_TOP_K)
        params.top_k = own->top_k;
    if (own->set & AIGW_PARAM_MAX_TOKENS)
        params.max_tokens = own->max_tokens;
    if (own->stop_count) {
        params.stop = own->stop;
        params.stop_count = own->stop_count;
    }
    *merged = params;
    return merged;
}

static const struct gw_mustache *find_partial(void *user, aigw_str name)
{
    const struct gw_prompt_def *def = user;

    for (const struct gw_prompt_partial *p = def->partials; p; p = p->next)
        if (gw_str_eq(p->name, name))
            return p->tmpl;
    for (const struct gw_prompt_partial *p = def->prompts->partials; p; p = p->next)
        if (gw_str_eq(p->name, name))
            return p->tmpl;
    return NULL;
}

/** All messages go into one block of memory that the arena frees: no text is copied twice. */
static aigw_status render_messages(const struct gw_prompt_def *def, const struct gw_mustache_vars *vars,
                                   struct gw_arena *arena, struct aigw_prompt *prompt, struct gw_err *err)
{
    struct aigw_message *messages = gw_arena_calloc(arena, (def->message_count + 1) * sizeof *messages);
    struct aigw_part *parts = gw_arena_calloc(arena, (def->message_count + 1) * sizeof *parts);
    aigw_status status = AIGW_OK;
    size_t left = arena->limit > arena->used ? arena->limit - arena->used : 0;
    struct gw_buf text;
    size_t start = 0;
    uint32_t count = 0;

    if (!messages || !parts)
        return gw_err_set(err, AIGW_E_NOMEM, "the request's memory budget is spent");
    gw_buf_init(&text, left < RENDERED_MAX ? left : RENDERED_MAX); /* not in the arena, but within its budget */
    for (uint32_t i = 0; i < def->message_count && status == AIGW_OK; i++) {
        const struct gw_prompt_message *message = &def->messages[i];

        status = gw_mustache_render(message->tmpl, vars, find_partial, (void *)(uintptr_t)def, &text, err);
        if (text.len == start && message->role == AIGW_ROLE_SYSTEM)
            continue; /* several servers refuse an empty system message */
        parts[count] = (struct aigw_part){ .struct_size = sizeof *parts,
                                           .type = AIGW_PART_TEXT,
                                           .text = { NULL, text.len - start } };
        messages[count] =
            (struct aigw_message){ .struct_size = sizeof *messages, .role = message->role, .parts = &parts[count] };
        if (count > 0)
            messages[count - 1].next = &messages[count];
        count++;
        start = text.len;
    }
    if (status < 0) {
        gw_buf_done(&text);
        return status;
    }
    start = 0;
    for (uint32_t i = 0; i < count; i++) {
        parts[i].text.ptr = text.data ? text.data + start : "";
        start += parts[i].text.len;
    }
    prompt->messages = count ? messages : NULL;
    if (count && messages[count - 1].role == AIGW_ROLE_ASSISTANT)
        prompt->flags |= AIGW_REQF_PREFILL;
    if (text.data && gw_arena_defer(arena, free, text.data) < 0)
        return gw_err_set(err, AIGW_E_NOMEM, "the request's memory budget is spent");
    return AIGW_OK;
}

static aigw_status parse_inputs(aigw_str inputs, struct json_object **ret_json, struct gw_err *err)
{
    struct json_tokener *tokener;
    struct json_object *json = NULL;
    aigw_status status = AIGW_OK;

    if (inputs.len > INT32_MAX)
        return gw_err_set(err, AIGW_E_LIMIT, "prompt inputs of %zu bytes", inputs.len);
    tokener = json_tokener_new_ex(INPUTS_DEPTH_MAX);
    if (!tokener)
        return gw_err_set(err, AIGW_E_NOMEM, "out of memory");
    json = json_tokener_parse_ex(tokener, inputs.ptr, (int)inputs.len);
    if (!json_object_is_type(json, json_type_object)) {
        json_object_put(json);
        status = gw_err_set(err, AIGW_E_INVALID, "the prompt inputs are not a JSON object");
    } else {
        *ret_json = json;
    }
    json_tokener_free(tokener);
    return status;
}

/* ---- today ---- */

#define DATE_NAME "current_date"

static void put_digits(char *digits, size_t count, int number)
{
    while (count > 0) {
        digits[--count] = (char)('0' + number % 10);
        number /= 10;
    }
}

/** The query's variables and the date of today, which the inputs may not have. */
static aigw_status add_date(struct gw_arena *arena, struct gw_mustache_vars *vars, struct gw_err *err)
{
    static const char *const months[] = { "January", "February", "March",     "April",   "May",      "June",
                                          "July",    "August",   "September", "October", "November", "December" };
    struct aigw_pair *pairs;
    time_t now = (time_t)gw_wall_s();
    struct tm day;
    char month_day[2], year[4];

    if (is_given(vars, DATE_NAME) || !gmtime_r(&now, &day))
        return AIGW_OK;
    /* Once per request, asked for or not: no printf. */
    put_digits(month_day, sizeof month_day, day.tm_mday);
    put_digits(year, sizeof year, day.tm_year + 1900);
    const aigw_str parts[] = { gw_str(months[day.tm_mon]),
                               AIGW_STR(" "),
                               { month_day, sizeof month_day },
                               AIGW_STR(", "),
                               { year, sizeof year } };
    aigw_str text = gw_arena_join(arena, parts, GW_ARRAY_LEN(parts));
    pairs = gw_arena_alloc(arena, (vars->pair_count + 1) * sizeof *pairs);
    if (!text.ptr || !pairs)
        return gw_err_set(err, AIGW_E_NOMEM, "the request's memory budget is spent");
    if (vars->pair_count)
        memcpy(pairs, vars->pairs, vars->pair_count * sizeof *pairs);
    pairs[vars->pair_count++] = (struct aigw_pair){ AIGW_STR(DATE_NAME), text };
    vars->pairs = pairs;
    return AIGW_OK;
}

aigw_status gw_prompts_render(const struct gw_prompts *prompts, struct gw_arena *arena,
                              const struct aigw_prompt_query *query, struct aigw_prompt *ret_prompt,
                              struct gw_err *reterr)
{
    struct gw_mustache_vars vars = { .pairs = query->vars, .pair_count = query->var_count };
    const struct gw_prompt_def *def = NULL;
    struct json_object *json = NULL;
    struct aigw_prompt prompt = { .struct_size = sizeof prompt };
    aigw_status status = find_def(prompts, query, &def, reterr);

    if (status < 0)
        return status;
    prompt.title = def->title;
    prompt.scope = def->scope;
    prompt.family = gw_str(def->family);
    prompt.version = gw_str(def->version);
    prompt.timeout_ms = def->timeout_ms;
    *ret_prompt = prompt; /* who may not use it must not learn what it needs: the scope is known either way */
    if (query->inputs.len)
        status = parse_inputs(query->inputs, &json, reterr);
    vars.json = json;
    if (status == AIGW_OK)
        status = add_date(arena, &vars, reterr);
    if (status == AIGW_OK)
        status = check_required(def, &vars, reterr);
    if (status == AIGW_OK)
        status = render_messages(def, &vars, arena, &prompt, reterr);
    if (status == AIGW_OK) {
        prompt.params = merge_params(arena, query->model, &def->params);
        if (!prompt.params)
            status = gw_err_set(reterr, AIGW_E_NOMEM, "the request's memory budget is spent");
        else
            *ret_prompt = prompt;
    }
    json_object_put(json);
    return status;
}
