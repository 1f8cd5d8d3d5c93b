/* The prompts in conf.d/: they load without a problem, and each family's markers, parameters and stop texts are exactly
 * what its models were trained on. */
#include "prompt/prompt.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COMPLETIONS "code_suggestions/completions"
#define UNSET       (-1.0)
#define FIVE        "[INST] [/INST] [PREFIX] [MIDDLE] [SUFFIX]"
#define CODE_VARS   "P{{x}}", "S>&", "a/b.py", "python"

static struct gw_arena arena;
static struct gw_problems problems;
static struct gw_prompts *prompts;

static void setup(void)
{
    static const char *const dirs[] = { CONF_DIR "/prompts" };

    gw_arena_init(&arena, (size_t)64 << 20);
    gw_problems_init(&problems, &arena);
    prompts = gw_prompts_load(&arena, dirs, 1, &problems);
}

static void teardown(void)
{
    gw_arena_done(&arena);
}

START_TEST(all_shipped_prompts_load)
{
    for (const struct gw_problem *p = problems.first; p; p = p->next)
        ck_abort_msg("%s", p->text);
    ck_assert_ptr_nonnull(prompts);
    ck_assert_uint_ge(gw_prompts_count(prompts), 12);
}
END_TEST

static const struct {
    const char *families; /* of the model, best first */
    const char *used;     /* the family that must be found */
    bool has_system;
    const char *user; /* whole user message, or NULL to check only that prefix and suffix are in it */
    double temperature;
    int64_t max_tokens;
    const char *stop; /* separated by blanks; newline pairs as \n\n */
} rows[] = {
    { "codestral mistral base", "codestral", true, "<s>[SUFFIX]S>&[PREFIX]P{{x}}", 0.32, 64, FIVE },
    { "mistral base", "mistral", true, "<s>[SUFFIX]S>&[PREFIX]P{{x}}", UNSET, 64, FIVE },
    { "mixtral mistral base", "mistral", true, "<s>[SUFFIX]S>&[PREFIX]P{{x}}", UNSET, 64, FIVE },
    { "codellama base", "codellama", false, "<PRE> P{{x}} <SUF> S>& <MID>", 0.95, 128, "<PRE> <SUF> <MID> <EOT>" },
    { "codegemma base", "codegemma", false, "<|fim_prefix|>P{{x}}<|fim_suffix|>S>&<|fim_middle|>", 0.95, 128,
      "<|fim_prefix|> <|fim_suffix|> <|fim_middle|> <|file_separator|>" },
    { "deepseekcoder base", "deepseekcoder", false,
      "<\xEF\xBD\x9C"
      "fim\xE2\x96\x81"
      "begin\xEF\xBD\x9C>P{{x}}<\xEF\xBD\x9C"
      "fim\xE2\x96\x81"
      "hole\xEF\xBD\x9C>S>&<\xEF\xBD\x9C"
      "fim\xE2\x96\x81"
      "end\xEF\xBD\x9C>",
      UNSET, 128, "" },
    { "qwen2p5-coder-7b qwen base", "qwen2p5-coder-7b", true, "<|fim_prefix|>P{{x}}<|fim_suffix|>S>&<|fim_middle|>",
      0.95, 48,
      "<|fim_prefix|> <|fim_suffix|> <|fim_middle|> <|fim_pad|> <|repo_name|> <|file_sep|> <|im_start|> <|im_end|> "
      "\\n\\n" },
    { "gpt base", "gpt", true, "Language: python\n<|prefix|>P{{x}}<|suffix|>S>&", UNSET, 64, "" },
    { "llama3 base", "llama3", true, NULL, UNSET, 64, "" },
    { "starcoder base", "starcoder", false, "<fim_prefix>P{{x}}<fim_suffix>S>&<fim_middle>", 0.95, 128,
      "<fim_prefix> <fim_suffix> <fim_middle> <|endoftext|> <file_sep>" },
    { "base", "base", true, NULL, UNSET, 128, "" },
    { "gemini base", "base", true, NULL, UNSET, 128, "" },
    { "qwen base", "base", true, NULL, UNSET, 128, "" },
    { "completion_fim base", "completion_fim", false, "</s>[SUFFIX]S>&[PREFIX]P{{x}}[MIDDLE]", 0.32, 64,
      "[PREFIX] [MIDDLE] [SUFFIX] </s>[SUFFIX]" },
};

static void stop_text(const struct aigw_params *params, struct gw_buf *out)
{
    for (uint32_t i = 0; i < params->stop_count; i++) {
        if (i)
            gw_buf_puts(out, " ");
        if (gw_str_is(params->stop[i], "\n\n"))
            gw_buf_puts(out, "\\n\\n");
        else
            gw_buf_put_str(out, params->stop[i]);
    }
    gw_buf_puts(out, "");
}

static struct aigw_prompt render(const char *family_words)
{
    static const char *const names[] = { "prefix", "suffix", "file_name", "language" };
    static const char *const values[] = { CODE_VARS };
    struct aigw_model_info model = { 0 };
    struct aigw_pair vars[4];
    struct aigw_prompt_query query = { .struct_size = sizeof query, .id = AIGW_STR(COMPLETIONS), .model = &model };
    struct aigw_prompt prompt = { 0 };
    struct gw_err err = { { 0 } };
    static aigw_str families[8];
    char *words = gw_arena_strndup(&arena, family_words, strlen(family_words));

    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        families[model.family_count++] = gw_str(word);
    model.families = families;
    for (size_t i = 0; i < 4; i++)
        vars[i] = (struct aigw_pair){ gw_str(names[i]), gw_str(values[i]) };
    query.vars = vars;
    query.var_count = 4;
    ck_assert_msg(gw_prompts_render(prompts, &arena, &query, &prompt, &err) == AIGW_OK, "%s: %s", family_words,
                  err.text);
    return prompt;
}

START_TEST(completion_prompt_is_exact)
{
    struct aigw_prompt prompt = render(rows[_i].families);
    const struct aigw_message *user = prompt.messages->next ? prompt.messages->next : prompt.messages;
    struct gw_buf stop;

    ck_assert_msg(gw_str_is(prompt.family, rows[_i].used), "%s: used %.*s", rows[_i].families,
                  AIGW_STR_ARG(prompt.family));
    ck_assert(gw_str_is(prompt.version, "1.0.0"));
    ck_assert(gw_str_is(prompt.scope, "complete_code"));
    ck_assert((prompt.messages != user) == rows[_i].has_system && !user->next);
    ck_assert_uint_eq(user->role, AIGW_ROLE_USER);
    if (rows[_i].has_system) {
        aigw_str system = prompt.messages[0].parts[0].text;

        ck_assert_uint_eq(prompt.messages[0].role, AIGW_ROLE_SYSTEM);
        ck_assert_uint_gt(system.len, 20);
        ck_assert_msg(!memmem(system.ptr, system.len, "{{", 2), "%s: unrendered tag", rows[_i].families);
    }
    if (rows[_i].user) {
        ck_assert_msg(gw_str_is(user->parts[0].text, rows[_i].user), "%s: user message is [%.*s]", rows[_i].families,
                      AIGW_STR_ARG(user->parts[0].text));
    } else {
        ck_assert_ptr_nonnull(memmem(user->parts[0].text.ptr, user->parts[0].text.len, "P{{x}}", 6));
        ck_assert_ptr_nonnull(memmem(user->parts[0].text.ptr, user->parts[0].text.len, "S>&", 3));
    }
    ck_assert_int_eq(prompt.timeout_ms, 0);
    ck_assert_int_eq(prompt.params->max_tokens, rows[_i].max_tokens);
    ck_assert_int_eq((prompt.params->set & AIGW_PARAM_TEMPERATURE) != 0, rows[_i].temperature >= 0);
    if (rows[_i].temperature >= 0)
        ck_assert(prompt.params->temperature > rows[_i].temperature - 1e-9 &&
                  prompt.params->temperature < rows[_i].temperature + 1e-9);
    gw_buf_init(&stop, 4096);
    stop_text(prompt.params, &stop);
    ck_assert_str_eq(stop.data, rows[_i].stop);
    gw_buf_done(&stop);
}
END_TEST

START_TEST(raw_completion_parameters)
{
    struct aigw_prompt prompt = render("completion_text base");

    ck_assert(gw_str_is(prompt.family, "completion_text"));
    ck_assert_ptr_null(prompt.messages);
    ck_assert_int_eq(prompt.params->max_tokens, 64);
    ck_assert_uint_eq(prompt.params->stop_count, 1);
    ck_assert(gw_str_is(prompt.params->stop[0], "\n\n"));
}
END_TEST

/* ---- every shipped prompt ---- */

#define INPUTS_MAX ((size_t)64 << 10)

/* How GitLab sends an input that is no text. */
static const struct {
    const char *name, *json, *mark;
} odd_inputs[] = {
    { "identifiers", "[\"CWE-89\",\"CVE-2024-1\"]", "CVE-2024-1" },
    { "documents", "[{\"id\":\"a1\",\"content\":\"<<documents {{x}}>>\"}]", "CNT-IDX-a1" },
    { "contents", "[\"<<contents {{x}}>>\"]", "<<contents {{x}}>>" },
};

static size_t odd_input(const char *name)
{
    size_t i = 0;

    while (i < GW_ARRAY_LEN(odd_inputs) && strcmp(odd_inputs[i].name, name) != 0)
        i++;
    return i;
}

/** {"a":"<<a {{x}}>>",…} without the skip-th. */
static aigw_str inputs_of(const struct gw_prompt_entry *entry, size_t skip)
{
    struct gw_buf out;
    aigw_str text;

    gw_buf_init(&out, INPUTS_MAX);
    gw_buf_puts(&out, "{\"none of them\":1");
    for (size_t i = 0; i < entry->required.count; i++) {
        const char *name = entry->required.items[i];
        size_t odd = odd_input(name);

        if (i == skip)
            continue;
        if (odd < GW_ARRAY_LEN(odd_inputs))
            gw_buf_printf(&out, ",\"%s\":%s", name, odd_inputs[odd].json);
        else
            gw_buf_printf(&out, ",\"%s\":\"<<%s {{x}}>>\"", name, name);
    }
    gw_buf_puts(&out, "}");
    text = gw_arena_str(&arena, gw_buf_str(&out));
    gw_buf_done(&out);
    return text;
}

static aigw_status render_entry(const struct gw_prompt_entry *entry, aigw_str inputs, struct aigw_prompt *ret_prompt,
                                struct gw_err *err)
{
    const aigw_str family = gw_str(entry->family);
    const struct aigw_model_info model = { .families = &family, .family_count = 1 };
    const struct aigw_prompt_query query = { .struct_size = sizeof query,
                                             .id = gw_str(entry->id),
                                             .version = gw_str(entry->version),
                                             .model = &model,
                                             .inputs = inputs };

    return gw_prompts_render(prompts, &arena, &query, ret_prompt, err);
}

/** All messages' texts, and no tag but those of the inputs. */
static aigw_str whole_text(const struct aigw_prompt *prompt)
{
    struct gw_buf out;
    aigw_str text;

    gw_buf_init(&out, INPUTS_MAX);
    for (const struct aigw_message *m = prompt->messages; m; m = m->next)
        gw_buf_put_str(&out, m->parts->text);
    text = gw_arena_str(&arena, gw_buf_str(&out));
    gw_buf_done(&out);
    return text;
}

static void check_text(const struct gw_prompt_entry *entry, aigw_str text)
{
    for (const char *at = memmem(text.ptr, text.len, "{{", 2); at;
         at = memmem(at + 1, text.len - (size_t)(at + 1 - text.ptr), "{{", 2))
        ck_assert_msg(memcmp(at, "{{x}}>>", 7) == 0, "%s: unrendered tag %.20s", entry->path, at);
    /* Those routes bring all of their inputs to each family, whatever it makes of them. */
    if (strncmp(entry->id, "code_suggestions/", strlen("code_suggestions/")) == 0 || !strcmp(entry->id, "chat/react"))
        return;
    for (size_t i = 0; i < entry->required.count; i++) {
        const char *name = entry->required.items[i];
        size_t odd = odd_input(name);
        const char *mark =
            odd < GW_ARRAY_LEN(odd_inputs) ? odd_inputs[odd].mark : gw_arena_printf(&arena, "<<%s {{x}}>>", name);

        ck_assert_msg(memmem(text.ptr, text.len, mark, strlen(mark)) != NULL, "%s: %s is required and not used: %.*s",
                      entry->path, name, AIGW_STR_ARG(text));
    }
}

START_TEST(every_version_of_every_family_renders_and_names_what_it_needs)
{
    struct gw_prompt_entry entry;
    size_t count = 0;

    for (; gw_prompts_entry(prompts, count, &entry); count++) {
        struct aigw_prompt prompt = { 0 };
        struct gw_err err = { { 0 } };

        ck_assert_msg(render_entry(&entry, inputs_of(&entry, SIZE_MAX), &prompt, &err) == AIGW_OK, "%s: %s", entry.path,
                      err.text);
        ck_assert_msg(gw_str_is(prompt.version, entry.version) && gw_str_is(prompt.family, entry.family), "%s",
                      entry.path);
        ck_assert_msg(entry.scope.len && entry.title.len, "%s: no scope or no name", entry.path);
        if (!prompt.messages) { /* parameters for a raw prompt */
            ck_assert_msg(strstr(entry.path, "/completion_text/") != NULL, "%s: no messages", entry.path);
            continue;
        }
        check_text(&entry, whole_text(&prompt));
        for (size_t i = 0; i < entry.required.count; i++) {
            const char *name = gw_arena_printf(&arena, "missing variables {'%s'}.", entry.required.items[i]);

            if (strcmp(entry.required.items[i], "current_date") == 0) /* always there */
                continue;
            ck_assert_msg(render_entry(&entry, inputs_of(&entry, i), &prompt, &err) == AIGW_E_INVALID &&
                              strstr(err.text, name) != NULL,
                          "%s: %s may be left out: %s", entry.path, entry.required.items[i], err.text);
        }
    }
    ck_assert_uint_eq(count, gw_prompts_count(prompts));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shipped prompts");
    TCase *tc = tcase_create("completions");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, all_shipped_prompts_load);
    tcase_add_loop_test(tc, completion_prompt_is_exact, 0, (int)GW_ARRAY_LEN(rows));
    tcase_add_test(tc, raw_completion_parameters);
    tcase_add_test(tc, every_version_of_every_family_renders_and_names_what_it_needs);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
