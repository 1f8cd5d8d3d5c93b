/* prompts.c - prompts that a test writes: put into a folder of their own, where the core reads them like conf.d's. */
#include "internal.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const roles[] = { "system", "user", "assistant" };

aigw_status aigw_testhost_prompt(struct aigw_testhost *th, const char *id, const char *text)
{
    struct testhost_prompt *prompt = gw_arena_alloc(&th->setup_arena, sizeof *prompt);

    if (!prompt)
        return AIGW_E_NOMEM;
    *prompt =
        (struct testhost_prompt){ .next = th->prompts, .id = testhost_keep(th, id), .text = testhost_keep(th, text) };
    th->prompts = prompt;
    testhost_reconfigure(th);
    return AIGW_OK;
}

void aigw_testhost_prompts(struct aigw_testhost *th, const char *folder)
{
    th->prompt_dir = testhost_keep(th, folder);
    testhost_reconfigure(th);
}

/* The role that a line "role: text" names; the text goes to *ret_text. */
static const char *role_of(aigw_str line, aigw_str *ret_text)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(roles); i++) {
        size_t len = strlen(roles[i]);

        if (line.len >= len + 2 && memcmp(line.ptr, roles[i], len) == 0 && memcmp(line.ptr + len, ": ", 2) == 0) {
            *ret_text = (aigw_str){ line.ptr + len + 2, line.len - len - 2 };
            return roles[i];
        }
    }
    *ret_text = line;
    return NULL;
}

/* A piece of a libconfig string. */
static void put_quoted(FILE *file, aigw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            fputc('\\', file);
        fputc(text.ptr[i], file);
    }
}

/* Lines "role: text", and lines that go on with the message, as a definition of the core's. */
static void write_definition(FILE *file, const struct testhost_prompt *prompt)
{
    aigw_str rest = gw_str(prompt->text), text;
    bool has_any = false;

    fprintf(file, "name = \"%s\"; scope = \"test\";\nmessages = (", prompt->id);
    while (rest.len > 0 || !has_any) {
        const char *role = role_of(testhost_next_line(&rest), &text);

        if (role || !has_any)
            fprintf(file, "%s { role = \"%s\"; text = \"", has_any ? "\"; }," : "", role ? role : "user");
        else
            fputs("\\n", file);
        has_any = true;
        put_quoted(file, text);
    }
    fputs("\"; } );\n", file);
}

/* The folder of path, and those above it. */
static bool make_folders(char *path)
{
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return false;
        *at = '/';
    }
    return true;
}

const char *testhost_write_prompts(struct aigw_testhost *th)
{
    const char *tmp = getenv("TMPDIR");
    char *dir = gw_arena_printf(&th->setup_arena, "%s/aigw-prompts-XXXXXX", tmp && *tmp ? tmp : "/tmp");

    if (!th->prompts)
        return NULL;
    if (!dir || !mkdtemp(dir))
        return NULL;
    th->inline_dir = dir;
    for (const struct testhost_prompt *prompt = th->prompts; prompt; prompt = prompt->next) {
        char *path = gw_arena_printf(&th->setup_arena, "%s/%s/base/1.0.0.conf", dir, prompt->id);
        FILE *file = path && make_folders(path) ? fopen(path, "wx") : NULL; /* the newest of one name is first */

        if (!file)
            continue;
        write_definition(file, prompt);
        fclose(file);
    }
    return dir;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

void testhost_remove_prompts(struct aigw_testhost *th)
{
    if (th->inline_dir)
        nftw(th->inline_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    th->inline_dir = NULL;
}
